"""The management API as an ASGI application: paths, and the form of every refusal."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gainstage.errors import (
    ConfigurationError,
    DataUnusable,
    UnknownName,
    UnknownReplay,
    UnknownRequest,
    UnknownSource,
    UsageError,
)
from gainstage.ingest.body import Disconnected
from gainstage.log.contract import LogUnavailable
from gainstage.management.access import Access
from gainstage.management.answers import UNAVAILABLE_SECONDS, Problem
from gainstage.management.views import Status, Views, told
from gainstage.sqlite import StorageUnavailable

View = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger("gainstage.management")


class Management:
    """Answers below `/api` whoever `access` lets pass."""

    def __init__(self, data: Path, status: Status, access: Access) -> None:
        self._access = access
        views = Views(data, status)
        one = "/api/destinations/{name}"
        #: Every path of the management API.
        self.routes = [
            _at("/api/status", GET=views.status),
            _at("/api/events", GET=views.events),
            _at("/api/events/{message_id:path}", GET=views.event),
            _at("/api/names", GET=views.names, DELETE=views.forget_names),
            _at("/api/dead", GET=views.dead),
            _at("/api/dead/summary", GET=views.summary),
            _at("/api/dead/retry", POST=views.retry),
            _at("/api/dead/edit", POST=views.edit),
            _at("/api/dead/purge", POST=views.purge),
            _at("/api/dead/export", GET=views.export_dead),
            _at("/api/forget", GET=views.forgetting.receipts, POST=views.forgetting.forget),
            _at("/api/forget/find", POST=views.forgetting.find),
            _at("/api/forget/{request}", GET=views.forgetting.receipt),
            _at("/api/forget/{request}/lift", POST=views.forgetting.lift),
            _at("/api/replays", GET=views.replays, POST=views.begin_replay),
            _at("/api/replays/dry-run", POST=views.rehearse_replay),
            _at("/api/replays/{id:int}", GET=views.replay),
            _at("/api/replays/{id:int}/pause", POST=views.pause_replay),
            _at("/api/replays/{id:int}/resume", POST=views.resume_replay),
            _at("/api/replays/{id:int}/cancel", POST=views.cancel_replay),
            _at("/api/check", POST=views.check),
            _at("/api/destinations", GET=views.destinations),
            _at(f"{one}/check", POST=views.check_destination),
            _at(f"{one}/fields", GET=views.fields, PUT=views.upload_fields, DELETE=views.forget_fields),
            _at(f"{one}/fields/read", POST=views.read_fields),
            _at(f"{one}/preview", POST=views.preview),
            _at("/api/configuration", GET=views.configuration, PUT=views.configure),
        ]
        self._application = Starlette(
            routes=self.routes, exception_handlers={404: _not_found, 405: _wrong_method}
        )
        self._application.router.redirect_slashes = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                self._access.check(scope)
            except Problem as problem:
                await problem.answer()(scope, receive, send)
                return
        await self._application(scope, receive, send)


def _at(path: str, **views: View) -> Route:
    """A path with its methods; whatever goes wrong in a view is answered in JSON."""

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        try:
            return await views[method](request)
        except Problem as problem:
            return problem.answer()
        except Disconnected:
            return Response()  # nobody reads it
        except Exception as error:
            return _problem(error).answer()

    return Route(path, answer, methods=list(views))


def _problem(error: Exception) -> Problem:
    """What went wrong below, as it is told."""
    match error:
        case UnknownSource():
            return Problem(404, "source_unknown", str(error))
        case UnknownRequest():
            return Problem(404, "request_unknown", str(error))
        case UnknownName():
            return Problem(404, "destination_unknown", str(error))
        case UnknownReplay():
            return Problem(404, "replay_unknown", str(error))
        case ConfigurationError():
            return Problem(409, "configuration_unusable", *told(error))
        case DataUnusable() | StorageUnavailable() | LogUnavailable():
            _log.error("%s", error)
            message = "The data cannot be read or written now: the server's log says why."
            return Problem(503, "unavailable", message, retry_after=str(UNAVAILABLE_SECONDS))
        case UsageError():
            return Problem(422, "unusable", str(error))
    _log.error("%s in the management API", type(error).__name__, exc_info=error)
    return Problem(500, "fault", "This is a fault of gainstage: the server's log has the details.")


async def _not_found(request: Request, error: Exception) -> Response:
    return Problem(404, "not_found", f"Nothing is at {request.url.path}.").answer()


async def _wrong_method(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException) and error.headers is not None
    names: Mapping[str, str] = error.headers
    allowed = ", ".join(sorted(name.strip() for name in names["Allow"].split(",")))
    return Problem(405, "method_not_allowed", f"Use {allowed}.", allow=allowed).answer()
