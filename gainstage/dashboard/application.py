"""The pages of a server: metrics for Prometheus, the status as JSON, the description of all of HTTP.

Whatever goes wrong here is answered in JSON too.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gainstage import __version__
from gainstage.dashboard import description
from gainstage.log.contract import LogUnavailable
from gainstage.store import StorageUnavailable

#: When to come again where the figures cannot be read, in seconds.
UNAVAILABLE_SECONDS = 5
WORDS = ("received", "delivered", "filtered", "failed", "parked", "pending")

_log = logging.getLogger("gainstage.dashboard")


class Status(Protocol):
    """Where the figures come from."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        """The document of `gainstage status --json`."""
        ...


class Intake(Protocol):
    """What the tracking API counted since the process started."""

    @property
    def accepted(self) -> Mapping[str, int]: ...

    @property
    def refused(self) -> Mapping[tuple[str, str], int]: ...

    @property
    def old_keys(self) -> Mapping[str, int]: ...


def pages(status: Status, intake: Intake, management: ASGIApp | None = None) -> Starlette:
    """The application that answers what the tracking API does not; `management` answers below `/api`."""

    async def index(request: Request) -> Response:
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
        return JSONResponse(await _figures_of(status))

    async def metrics(request: Request) -> Response:
        registry = CollectorRegistry()
        registry.register(_Figures(await _figures_of(status), intake))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    routes: list[BaseRoute] = [
        Route("/", index),
        Route("/status", show_status),
        Route("/metrics", metrics),
        Route(description.PATH, openapi),
    ]
    if management is not None:
        routes.append(_Management(management))
    application = Starlette(routes=routes, exception_handlers=_HANDLERS)
    application.router.redirect_slashes = False  # nothing here redirects
    return application


async def _figures_of(status: Status) -> dict[str, Any]:
    try:
        return await status.status_now(_now_us())
    except (StorageUnavailable, LogUnavailable) as error:
        _log.error("%s", error)
        raise HTTPException(503) from error
    except Exception as error:
        _log.error("%s while reading the figures", type(error).__name__, exc_info=error)
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


_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    404: _not_found,
    405: _wrong_method,
    503: _unavailable,
}


class _Figures(Collector):
    """One reading of the status, as metrics."""

    def __init__(self, status: Mapping[str, Any], intake: Intake) -> None:
        self._status, self._intake = status, intake

    def collect(self) -> list[Metric]:
        events = GaugeMetricFamily(
            "gainstage_events",
            "Events by connection and word of the ledger.",
            labels=("source", "destination", "word"),
        )
        for row in self._status["connections"]:
            for word in WORDS:
                events.add_metric((row["source"], row["destination"], word), row[word])
        used = GaugeMetricFamily(
            "gainstage_budget_used_calls", "Calls used in the window.", labels=("account", "family", "window")
        )
        limit = GaugeMetricFamily(
            "gainstage_budget_limit_calls",
            "Calls allowed in the window.",
            labels=("account", "family", "window"),
        )
        usable = GaugeMetricFamily(
            "gainstage_budget_usable_calls",
            "Calls used in the window at most: for a while below the limit after the vendor refused one.",
            labels=("account", "family", "window"),
        )
        alert = GaugeMetricFamily(
            "gainstage_budget_alert_percent",
            "The alert that stands (50, 70 or 90 percent used), else 0.",
            labels=("account", "family", "window"),
        )
        ends = GaugeMetricFamily(
            "gainstage_budget_ends_timestamp_seconds",
            "When the budget is used up at the rate of the last hour; absent where it is not.",
            labels=("account", "family", "window"),
        )
        for row in self._status["budgets"]:
            names = (row["account"], row["family"], row["window"])
            used.add_metric(names, row["used"])
            limit.add_metric(names, row["limit"])
            usable.add_metric(names, row["usable"])
            alert.add_metric(names, row["alert_percent"] or 0)
            if row["ends_at"] is not None:
                ends.add_metric(names, datetime.fromisoformat(row["ends_at"]).timestamp())
        blocked = GaugeMetricFamily(
            "gainstage_destination_blocked", "1 where nothing is sent now.", labels=("destination", "reason")
        )
        for row in self._status["blocked"]:
            blocked.add_metric((row["destination"], row["reason"] or ""), 1)
        oldest = GaugeMetricFamily(
            "gainstage_oldest_pending_seconds", "Age of the oldest pending event, 0 if none."
        )
        oldest.add_metric((), self._status["oldest_pending_seconds"] or 0)
        return [events, used, limit, usable, alert, ends, blocked, oldest, *self._taken()]

    def _taken(self) -> list[Metric]:
        accepted = CounterMetricFamily(
            "gainstage_accepted_messages", "Messages accepted since the start.", labels=("source",)
        )
        for source, n in self._intake.accepted.items():
            accepted.add_metric((source,), n)
        refused = CounterMetricFamily(
            "gainstage_refused_requests", "Requests turned away since the start.", labels=("code", "source")
        )
        for (code, source), n in self._intake.refused.items():
            refused.add_metric((code, source), n)
        old_keys = CounterMetricFamily(
            "gainstage_old_write_key_requests",
            "Requests with a former write key since the start.",
            labels=("source",),
        )
        for source, n in self._intake.old_keys.items():
            old_keys.add_metric((source,), n)
        return [accepted, refused, old_keys]


def _now_us() -> int:
    return time.time_ns() // 1_000
