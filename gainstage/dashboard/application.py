"""The pages of a server: metrics for Prometheus, the status as JSON, the description of all of HTTP.

Whatever goes wrong here is answered in JSON too.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gainstage import __version__
from gainstage.dashboard import description
from gainstage.dashboard.metrics import Figures, Intake, Vitals
from gainstage.dashboard.open_status import open_status
from gainstage.dashboard.site import Site
from gainstage.dashboard.visit import wants_json
from gainstage.log.contract import LogUnavailable
from gainstage.store import StorageUnavailable

#: When to come again where the figures cannot be read, in seconds.
UNAVAILABLE_SECONDS = 5

_log = logging.getLogger("gainstage.dashboard")


class Status(Protocol):
    """Where the figures come from."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        """The document of `gainstage status --json`."""
        ...


Ready = Callable[[], Awaitable[Mapping[str, str]]]


def pages(
    status: Status,
    intake: Intake,
    management: ASGIApp | None = None,
    vitals: Vitals | None = None,
    ready: Ready | None = None,
    prefix: str = "",
    *,
    demo: bool = False,
) -> Starlette:
    """The application that answers what the tracking API does not; `management` answers below `/api`, and
    stands behind the dashboard. `prefix` is the path under which a proxy offers this server. Each
    page of a `demo` says that nothing of it stays.
    """

    async def index(request: Request) -> Response:
        if management is not None and not wants_json(request):
            return RedirectResponse(f"{prefix}/overview", 303, {"Vary": "Accept"})
        return JSONResponse(
            {
                "name": "gainstage",
                "version": __version__,
                "status": "/status",
                "metrics": "/metrics",
                "openapi": description.PATH,
            }
        )

    def openapi(request: Request) -> Response:  # no coroutine: made the first time in a thread
        return Response(description.encoded(), media_type="application/json")

    async def show_status(request: Request) -> Response:
        return JSONResponse(open_status(await _figures_of(status)))

    async def metrics(request: Request) -> Response:
        registry = CollectorRegistry()
        is_ready = None if ready is None else not await ready()
        registry.register(Figures(await _figures_of(status), intake, vitals, is_ready))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    routes: list[BaseRoute] = [
        Route("/", index),
        Route("/status", show_status),
        Route("/metrics", metrics),
        Route(description.PATH, openapi),
    ]
    if management is not None:
        routes.append(_Management(management))
        routes.append(_Rest(Site(management, prefix, demo=demo), _paths(routes)))
    application = Starlette(routes=routes, exception_handlers=_HANDLERS)
    application.router.redirect_slashes = False  # nothing here redirects
    return application


async def _figures_of(status: Status) -> dict[str, Any]:
    try:
        return await status.status_now(_now_us())
    except (StorageUnavailable, LogUnavailable) as error:
        _log.error("data_unavailable", extra={"problem": str(error)})
        raise HTTPException(503) from error
    except Exception as error:
        _log.error("status_failed", extra={"reason": type(error).__name__}, exc_info=error)
        raise HTTPException(503) from error


async def _not_found(request: Request, error: Exception) -> Response:
    return JSONResponse({"code": "not_found", "message": f"nothing is at {request.url.path}"}, 404)


async def _wrong_method(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException) and error.headers is not None
    allowed = ", ".join(sorted(name.strip() for name in error.headers["Allow"].split(",")))
    refused = {"code": "method_not_allowed", "message": f"use {allowed}"}
    return JSONResponse(refused, 405, headers={"Allow": allowed})


async def _unavailable(request: Request, error: Exception) -> Response:
    refused = {"code": "unavailable", "message": "the figures cannot be read now"}
    return JSONResponse(refused, 503, headers={"Retry-After": str(UNAVAILABLE_SECONDS)})


class _Management(BaseRoute):
    """Gives everything below `/api` away but the description, which is for everybody."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is one of them."""
        path = scope["path"] if scope["type"] == "http" else ""
        given_away = path == "/api" or (path.startswith("/api/") and path != description.PATH)
        return (Match.FULL if given_away else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request away."""
        await self._application(scope, receive, send)


def _paths(routes: list[BaseRoute]) -> frozenset[str]:
    return frozenset(route.path for route in routes if isinstance(route, Route))


class _Rest(BaseRoute):
    """Gives everything else to the dashboard: what is none of these paths."""

    def __init__(self, application: ASGIApp, others: frozenset[str]) -> None:
        self._application, self._others = application, others

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it is such a request."""
        is_ours = scope["type"] == "http" and scope["path"] not in self._others
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request away."""
        await self._application(scope, receive, send)


_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    404: _not_found,
    405: _wrong_method,
    503: _unavailable,
}


def _now_us() -> int:
    return time.time_ns() // 1_000
