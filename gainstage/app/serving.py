"""`gainstage serve`: the tracking API in this process, delivery in a second one, computing in a third.

So answering an SDK never waits for mapping or for a vendor, and none of them for an audience. The others end
when the first does, however that ends: they read a pipe that only the first holds open.
"""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog
import uvloop

from gainstage.app import descriptors, supervising
from gainstage.app.alerting import Alerting
from gainstage.app.auditing import noted_in_force
from gainstage.app.beginning import Beginner, prepared
from gainstage.app.canaries import Canaries
from gainstage.app.configuring import configurer, seal_anew
from gainstage.app.entering import Credentials
from gainstage.app.folder import held, open_parts
from gainstage.app.logging import Style
from gainstage.app.pressing import Pressing
from gainstage.app.readiness import Readiness, try_to_write
from gainstage.app.recording import Recording
from gainstage.app.reporting import DeliveryWatch
from gainstage.app.reports import Reports
from gainstage.app.sealing import seal_of
from gainstage.app.spans import follow_traces
from gainstage.app.trial import Beside, Trial
from gainstage.clock import SystemClock
from gainstage.connection import Configuration, Source
from gainstage.dashboard.application import pages
from gainstage.dashboard.metrics import Vitals
from gainstage.ingest.application import TrackingApi
from gainstage.ingest.counts import Counts
from gainstage.ingest.front import Front
from gainstage.ingest.server import serve as listen
from gainstage.ingest.token_secret import KeptSecret
from gainstage.log.local import LocalLog
from gainstage.management import Access, Cookies, Invitation, Management, read_token
from gainstage.management.aside import Aside
from gainstage.operating import CANARY_SOURCE, Alerts, Canary, Limits
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import Document
from gainstage.store.store import Store
from gainstage.tracing import Tracing

__all__ = ["Front", "read_token", "serve"]

TOKEN_SECRET_NAME = "oauth.secret"
RELOAD_SECONDS = 1.0

Configure = Callable[[Sequence[Document], int], Configuration]

logger = structlog.get_logger(__name__)


def serve(
    data: Path,
    config: Path | None,
    host: str,
    port: int,
    *,
    front: Front | None = None,
    token: str | None = None,
    style: Style = Style(),  # noqa: B008 - it cannot be changed
    demo: str | None = None,
    on_started: Callable[[str, str | None], None],
) -> None:
    """Take events and deliver them until SIGINT or SIGTERM; everything accepted is kept. Who has the `token`
    may do everything over the management API. `on_started` is told the address, and the token that makes the
    first admin while there is no user. `demo` is where the sandbox of a demo answers:
    the pages say that this server is a part of it.

    Raises:
        UsageError: configuration, data folder or port cannot be used.
    """
    descriptors.raise_limit()
    arguments = (str(data.absolute()), *style)
    programs = (supervising.DELIVERY, supervising.COMPUTING)
    with prepared(arguments, *programs) as (delivery, computing), held(data):
        store, log = open_parts(data)
        try:
            seal = seal_of(data, make=True)
            seal_anew(store, seal)
            configuration, warnings = noted_in_force(store, config, seal)
            for warning in warnings:
                logger.warning("configuration_warning", warning=warning)
            if not configuration.sources:
                logger.warning(
                    "no_sources",
                    remedy="Add sources to gainstage.yaml; until then every write key is unknown.",
                )
            sources = Sources(store, configuration, configurer(data))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                folder = data.absolute()
                pressing = Pressing(folder, store, log, sources.limits, SystemClock())
                watch = DeliveryWatch()
                attempt = partial(try_to_write, folder)
                parts = _Parts(
                    store,
                    log,
                    sources,
                    folder,
                    front or Front(),
                    token,
                    pressing,
                    watch,
                    Readiness(store, log, pressing.pressure, watch, attempt),
                    (delivery, computing),
                    Invitation(),
                    Beside(demo) if demo else Trial(folder),
                )
                runner.run(_serve(parts, host, port, on_started))
        finally:
            asyncio.run(log.close())
            store.close()


class _Parts(NamedTuple):
    """What a server is made of."""

    store: Store
    log: LocalLog
    sources: "Sources"
    data: Path
    front: Front
    token: str | None
    pressing: Pressing
    watch: DeliveryWatch
    ready: Readiness
    beside: tuple[Beginner, Beginner]
    invitation: Invitation
    trial: Trial | Beside

    def invite(self) -> str | None:
        """The token that makes the first admin; None where there is a user."""
        return None if Credentials(self.store).any_user() else self.invitation.give()

    def api(self, vitals: Vitals) -> TrackingApi:
        """Everything that it answers."""
        counts, clock, pressure = Counts(), SystemClock(), self.pressing.pressure
        reports = Reports(self.store, self.log, self.data, pressure)
        ready = self.ready.problems
        access = Access(
            self.token, clock, self.front.proxies.client, counts.refused,
            Credentials(self.store), Cookies(self.front.public_address),
        )  # fmt: skip
        management = Management(self.data, reports, access, invitation=self.invitation, sandbox=self.trial)
        prefix = self.front.public_address.prefix if self.front.public_address else ""
        return TrackingApi(
            log=self.log,
            clock=clock,
            sources=self.sources.current,
            complete=self.sources.complete,
            front=self.front,
            counts=counts,
            ready=ready,
            appends=self.ready.appends,
            fallback=pages(
                reports, counts, management, vitals, ready, prefix, demo=isinstance(self.trial, Beside)
            ),
            token_secret=KeptSecret(self.data / TOKEN_SECRET_NAME),
            pressure=pressure,
            tracing=self.sources.tracing,
        )

    def alerting(self, canaries: Canaries) -> Alerting:
        """Who is told when something needs a person."""
        reports = Reports(self.store, self.log, self.data, self.pressing.pressure)
        with self.store.reading() as reading:
            rows = reading.alerts()
        return Alerting(
            self.data,
            rows,
            reports.status_now,
            self.ready.problems,
            canaries.late,
            self.sources.alerts,
            SystemClock(),
        )

    def vitals(self, alerting: Alerting, canaries: Canaries) -> Vitals:
        """What this process knows beside the store."""
        return Vitals(self.watch, self.log.load, self._disk, alerting.meter, canaries.arrived)

    def _disk(self) -> tuple[int, int] | None:
        reading = self.pressing.pressure.reading
        return (reading.free_bytes, reading.disk_bytes) if reading is not None else None


async def _serve(parts: _Parts, host: str, port: int, on_started: Callable[[str, str | None], None]) -> None:
    begun = asyncio.Event()

    def started(address: str) -> None:
        canaries.address = address
        begun.set()
        on_started(address, parts.invite())

    async def supervised(work: Callable[..., Coroutine[Any, Any, None]], *given: Any) -> None:
        await begun.wait()  # a server that cannot listen delivers nothing either
        await work(*given)

    await parts.pressing.look()
    delivery = asyncio.create_task(supervised(supervising.supervise, parts.beside[0], parts.watch))
    computing = asyncio.create_task(supervised(supervising.supervise_computing, parts.beside[1]))
    canaries = Canaries(parts.store, parts.sources.canary, parts.sources.canary_key, SystemClock())
    alerting = parts.alerting(canaries)
    vitals = parts.vitals(alerting, canaries)
    works = (
        parts.sources.follow(), parts.pressing.follow(), parts.ready.follow(), alerting.follow(),
        canaries.follow(), descriptors.watch(), parts.trial.follow(),
        Recording(parts.data, lambda: parts.watch.meter, SystemClock()).follow(),
    )  # fmt: skip
    beside = [asyncio.create_task(one) for one in works]
    listening = asyncio.create_task(listen(parts.api(vitals), host, port, started=started))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, listening.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    finally:
        if parts.sources.tracing.spans is not None:
            await Aside(1).run(parts.sources.tracing.spans.close)
        for task in (*beside, computing, delivery):
            task.cancel()
        await asyncio.gather(*beside, computing, delivery, return_exceptions=True)


class Sources:
    """The sources in force; follows changes of the configuration."""

    def __init__(self, store: Store, configuration: Configuration, configure: Configure) -> None:
        self._store = store
        self._configuration = configuration
        self._configure = configure
        self._revision = self._current_revision()
        #: With it this process sends the canary; nobody else ever learns it.
        self.canary_key = secrets.token_urlsafe(24)
        self._sources = self._with_canary()
        #: What of accepted events is traced now.
        self.tracing = Tracing()
        self._trace = follow_traces(self.tracing, "tracking")
        self._trace(configuration.traces)

    def current(self) -> Mapping[str, Source]:
        """By name; the canary's is one of them where there is one."""
        return self._sources

    def canary(self) -> Canary | None:
        """Where and how often a canary is sent; None for never."""
        return self._configuration.canary

    def _with_canary(self) -> Mapping[str, Source]:
        sources = self._configuration.sources
        if self._configuration.canary is None:
            return sources
        return {**sources, CANARY_SOURCE: Source(CANARY_SOURCE, "server", self.canary_key)}

    def limits(self) -> Limits:
        """When senders are asked to wait."""
        return self._configuration.limits

    def alerts(self) -> Alerts:
        """Whom to tell when something needs a person."""
        return self._configuration.alerts

    def complete(self) -> bool:
        """Whether these are all that are configured; one may name a variable that is not set here."""
        return not self._configuration.unusable_sources

    async def follow(self) -> None:
        """Look for a new configuration until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            with contextlib.suppress(StorageUnavailable):
                if self._current_revision() != self._revision:
                    self._reload()

    def _reload(self) -> None:
        with self._store.reading() as reading:
            documents, revision = reading.documents(), reading.revision()
        self._configuration = self._configure(documents, revision)
        self._revision = revision
        self._sources = self._with_canary()
        self._trace(self._configuration.traces)

    def _current_revision(self) -> int:
        with self._store.reading() as reading:
            return reading.revision()
