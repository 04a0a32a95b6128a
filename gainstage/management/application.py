"""The management API as an ASGI application: paths, and the form of every refusal."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gainstage import app
from gainstage.accounts import Caller, Passwords
from gainstage.errors import (
    ConfigurationError,
    DataUnusable,
    KeyReplaced,
    LastAdmin,
    NameTaken,
    NotAllowed,
    OwnedByFile,
    UnknownComputation,
    UnknownKey,
    UnknownName,
    UnknownReplay,
    UnknownRequest,
    UnknownSection,
    UnknownSession,
    UnknownSource,
    UnknownToken,
    UnknownUser,
    UsageError,
)
from gainstage.ingest.body import Disconnected
from gainstage.log.contract import LogUnavailable
from gainstage.management.access import Access
from gainstage.management.accounts import AccountViews
from gainstage.management.answers import UNAVAILABLE_SECONDS, Problem, told
from gainstage.management.aside import READERS, Aside
from gainstage.management.entrance import EntranceViews, Hashing, Invitation
from gainstage.management.journal import CALLER, Journal, caller_of
from gainstage.management.permissions import OPEN, Rule, rule_of
from gainstage.management.questions import Bodies
from gainstage.management.sandbox import Sandbox, SandboxViews
from gainstage.management.views import Status, Views
from gainstage.sqlite import StorageUnavailable

View = Callable[[Request], Awaitable[Response]]

#: Notes that are written at once.
NOTERS = 2

_log = logging.getLogger("gainstage.management")


class Management:
    """Answers below `/api` whoever `access` lets pass."""

    def __init__(
        self,
        data: Path,
        status: Status,
        access: Access,
        passwords: Passwords | None = None,
        invitation: Invitation | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        """`invitation` makes the first admin; without one only the command line does."""
        self._access, self._data = access, data
        self._noting = Aside(NOTERS)
        self._journal = Journal(data, self._noting, access.address)
        views, hashing, bodies = Views(data, status), Hashing(passwords or Passwords()), Bodies()
        entrance = EntranceViews(data, access, hashing, bodies, invitation or Invitation())
        accounts = AccountViews(data, access, hashing, Aside(READERS), bodies)
        computing, computed, trial = views.audiences, "/api/audiences/{key}", SandboxViews(sandbox)
        _at, one = self._at, "/api/destinations/{name}"
        #: Every path of the management API.
        self.routes = [
            _at("/api/setup", GET=entrance.setup_needed, POST=entrance.set_up),
            _at("/api/session", GET=entrance.session, POST=entrance.log_in, DELETE=entrance.log_out),
            _at("/api/session/password", PUT=entrance.change_password),
            _at("/api/sessions", GET=accounts.sessions, DELETE=accounts.end_sessions),
            _at("/api/sessions/{id:int}", DELETE=accounts.end_session),
            _at("/api/users", GET=accounts.users, POST=accounts.add_user),
            _at("/api/users/{name}", PUT=accounts.change_user, DELETE=accounts.remove_user),
            _at("/api/tokens", GET=accounts.tokens, POST=accounts.add_token),
            _at("/api/tokens/{name}", DELETE=accounts.remove_token),
            _at("/api/audit", GET=accounts.audit),
            _at("/api/status", GET=views.status),
            _at("/api/events", GET=views.looking.events),
            *(_at(path, GET=view) for path, view in views.figures.by_path.items()),
            _at("/api/sandbox", GET=trial.show, POST=trial.start, DELETE=trial.stop),
            _at("/api/events/{message_id:path}", GET=views.event),
            _at("/api/test", POST=views.looking.try_event),
            _at("/api/test/send", POST=views.looking.send_event),
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
            _at("/api/audiences", GET=computing.list),
            _at("/api/audiences/preview", POST=computing.preview),
            _at(computed, GET=computing.show, PUT=computing.define, DELETE=computing.remove),
            _at(f"{computed}/run", POST=computing.run),
            _at(f"{computed}/pause", POST=computing.pause),
            _at(f"{computed}/resume", POST=computing.resume),
            _at("/api/replays", GET=views.replays, POST=views.begin_replay),
            _at("/api/replays/dry-run", POST=views.rehearse_replay),
            _at("/api/replays/{id:int}", GET=views.replay),
            _at("/api/replays/{id:int}/pause", POST=views.pause_replay),
            _at("/api/replays/{id:int}/resume", POST=views.resume_replay),
            _at("/api/replays/{id:int}/cancel", POST=views.cancel_replay),
            _at("/api/check", POST=views.check),
            *self._of_connections(views),
            _at(f"{one}/check", GET=views.newest_check, POST=views.check_destination),
            _at(f"{one}/fields", GET=views.fields, PUT=views.upload_fields, DELETE=views.forget_fields),
            _at(f"{one}/fields/read", POST=views.read_fields),
            _at(f"{one}/preview", POST=views.preview),
            _at("/api/configuration", GET=views.configuration, PUT=views.configure),
        ]
        self._application = _answering(self.routes)

    def _of_connections(self, views: Views) -> list[Route]:
        """The paths of the catalog, and of single sources and destinations."""
        connections, _at = views.connections, self._at
        one, source = "/api/destinations/{name}", "/api/sources/{name}"
        return [
            _at("/api/catalog", GET=connections.catalog),
            _at("/api/catalog/{type}", GET=connections.type),
            _at("/api/traits", GET=connections.traits),
            _at("/api/server", GET=views.server.sections),
            _at("/api/server/{section}", PUT=views.server.change, DELETE=views.server.reset),
            _at("/api/sources", GET=connections.sources, POST=connections.add_source),
            _at(
                source,
                GET=connections.source,
                PUT=connections.change_source,
                DELETE=connections.remove_source,
            ),
            _at(f"{source}/rotate", POST=connections.rotate_key),
            _at(f"{source}/keys/{{key}}", DELETE=connections.remove_key),
            _at(f"{source}/history", GET=connections.source_history),
            _at("/api/destinations", GET=views.destinations, POST=connections.add_destination),
            _at(
                one,
                GET=connections.destination,
                PUT=connections.change_destination,
                DELETE=connections.remove_destination,
            ),
            _at(f"{one}/preview-change", POST=connections.preview_change),
            _at(f"{one}/history", GET=connections.destination_history),
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not _is_open(scope):
            try:
                scope[CALLER] = await self._known(scope)
            except Exception as error:
                await _told(error).answer()(scope, receive, send)
                return
        await self._application(scope, receive, send)

    async def _known(self, scope: Any) -> Caller:
        """Who asks; that they did is written down now and then."""
        known = self._access.check(scope)
        if known.is_news:
            caller, now_us = known.caller, self._access.now_us()
            with contextlib.suppress(UsageError):  # nothing depends on it now
                await self._noting.run(lambda: app.note_use(self._data, caller, now_us))
        return known.caller

    def _at(self, path: str, **views: View) -> Route:
        """A path with its methods; whatever goes wrong in a view is answered in JSON. No view is asked by
        somebody whose role is not enough, and none that changes something without a note of it.
        """
        rules = {method: rule_of(path, method) for method in views}

        async def answer(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            rule = rules[method]

            async def view() -> Response:
                try:
                    self._refuse(request, rule)
                    return await views[method](request)
                except Disconnected:
                    return Response()  # nobody reads it
                except Exception as error:
                    return _told(error).answer()

            if rule.action is None:
                return await view()
            try:
                return await self._journal.around(rule.action, request, view)
            except Exception as error:  # it could not be noted, so it was not done
                return _told(error).answer()

        return Route(path, answer, methods=list(views))

    def _refuse(self, request: Request, rule: Rule) -> None:
        if rule.role is None:
            return
        caller = caller_of(request)
        if not caller.may(rule.role):
            raise Problem(
                403,
                "role_insufficient",
                f"This needs the role {rule.role}, and {caller.words} has the role {caller.role}.",
            )


def _answering(routes: list[Route]) -> Starlette:
    application = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _wrong_method})
    application.router.redirect_slashes = False
    return application


def _is_open(scope: Any) -> bool:
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    return (method, scope["path"]) in OPEN


def _told(error: Exception) -> Problem:
    return error if isinstance(error, Problem) else _problem(error)


def _problem(error: Exception) -> Problem:
    """What went wrong below, as it is told."""
    match error:
        case UnknownKey():
            return Problem(404, "key_unknown", str(error))
        case UnknownSection():
            return Problem(404, "section_unknown", str(error))
        case UnknownSource():
            return Problem(404, "source_unknown", str(error))
        case UnknownUser():
            return Problem(404, "user_unknown", str(error))
        case UnknownToken():
            return Problem(404, "token_unknown", str(error))
        case UnknownSession():
            return Problem(404, "session_unknown", str(error))
        case KeyReplaced():
            return Problem(409, "key_replaced", str(error))
        case NameTaken():
            return Problem(409, "name_taken", str(error))
        case LastAdmin():
            return Problem(409, "last_admin", str(error))
        case NotAllowed():
            return Problem(403, "role_insufficient", str(error))
        case UnknownRequest():
            return Problem(404, "request_unknown", str(error))
        case UnknownComputation():
            return Problem(404, "computation_unknown", str(error))
        case OwnedByFile():
            return Problem(409, "owned_by_file", str(error))
        case UnknownName():
            return Problem(404, "destination_unknown", str(error))
        case UnknownReplay():
            return Problem(404, "replay_unknown", str(error))
        case ConfigurationError():
            return Problem(409, "configuration_unusable", *told(error))
        case DataUnusable() | StorageUnavailable() | LogUnavailable():
            _log.error("data_unavailable", extra={"problem": str(error)})
            message = "The data cannot be read or written now: the server's log says why."
            return Problem(503, "unavailable", message, retry_after=str(UNAVAILABLE_SECONDS))
        case UsageError():
            return Problem(422, "unusable", str(error))
    _log.error("api_request_failed", extra={"reason": type(error).__name__}, exc_info=error)
    return Problem(500, "fault", "This is a fault of gainstage: the server's log has the details.")


async def _not_found(request: Request, error: Exception) -> Response:
    return Problem(404, "not_found", f"Nothing is at {request.url.path}.").answer()


async def _wrong_method(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException) and error.headers is not None
    names: Mapping[str, str] = error.headers
    allowed = ", ".join(sorted(name.strip() for name in names["Allow"].split(",")))
    return Problem(405, "method_not_allowed", f"Use {allowed}.", allow=allowed).answer()
