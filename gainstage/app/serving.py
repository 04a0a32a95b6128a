"""`gainstage serve`: the tracking API in this process, delivery in a second one beside it.

Two processes, so that answering an SDK never waits for mapping or for a vendor. The second one ends when
the first does, however that ends: it reads a pipe that only the first holds open.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog
import uvloop

from gainstage.app import descriptors
from gainstage.app.configuring import configurer, in_force, seal_anew
from gainstage.app.folder import held, open_parts
from gainstage.app.reports import Reports
from gainstage.app.sealing import seal_of
from gainstage.clock import SystemClock
from gainstage.connection import Configuration, Source
from gainstage.dashboard.application import pages
from gainstage.ingest.application import TrackingApi
from gainstage.ingest.counts import Counts
from gainstage.ingest.front import Front
from gainstage.ingest.server import serve as listen
from gainstage.ingest.token_secret import KeptSecret
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.management import Access, Management, read_token
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import Document
from gainstage.store.store import Store

__all__ = ["Front", "read_token", "serve"]

TOKEN_SECRET_NAME = "oauth.secret"
RELOAD_SECONDS = 1.0
#: How long delivery may take to finish its calls: their time limit and a little.
STOP_SECONDS = 20.0
RESTART_SECONDS = 1.0

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
    on_started: Callable[[str], None],
) -> None:
    """Take events and deliver them until SIGINT or SIGTERM; everything accepted is kept. Who has the `token`
    may use the management API; without one nobody may.

    Raises:
        UsageError: configuration, data folder or port cannot be used.
    """
    descriptors.raise_limit()
    with held(data):
        store, log = open_parts(data)
        try:
            seal = seal_of(data, make=True)
            seal_anew(store, seal)
            configuration, warnings = in_force(store, config, seal)
            for warning in warnings:
                logger.warning("configuration_warning", warning=warning)
            if not configuration.sources:
                logger.warning(
                    "no_sources",
                    remedy="Add sources to gainstage.yaml; until then every write key is unknown.",
                )
            sources = Sources(store, configuration, configurer(data))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                parts = _Parts(store, log, sources, data.absolute(), front or Front(), token)
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

    def api(self) -> TrackingApi:
        """Everything that it answers."""
        counts, clock = Counts(), SystemClock()
        reports = Reports(self.store, self.log)
        access = Access(self.token, clock, self.front.proxies.client, counts.refused)
        return TrackingApi(
            log=self.log,
            clock=clock,
            sources=self.sources.current,
            complete=self.sources.complete,
            front=self.front,
            counts=counts,
            ready=Readiness(self.store, self.log).problems,
            fallback=pages(reports, counts, Management(self.data, reports, access)),
            token_secret=KeptSecret(self.data / TOKEN_SECRET_NAME),
        )


async def _serve(parts: _Parts, host: str, port: int, on_started: Callable[[str], None]) -> None:
    delivery = asyncio.create_task(supervise(parts.data))
    followed = [asyncio.create_task(parts.sources.follow()), asyncio.create_task(descriptors.watch())]
    listening = asyncio.create_task(listen(parts.api(), host, port, started=on_started))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, listening.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    finally:
        for task in (*followed, delivery):
            task.cancel()
        await asyncio.gather(*followed, delivery, return_exceptions=True)


class Readiness:
    """Whether log and store can be used now."""

    def __init__(self, store: Store, log: LocalLog) -> None:
        self._store, self._log = store, log

    async def problems(self) -> Mapping[str, str]:
        """The parts that cannot be used and why; empty when all can."""
        try:
            with (
                self._store.reading() as reading
            ):  # never waits for a writer: this is the loop that answers SDKs
                reading.revision()
        except StorageUnavailable as error:
            return {"store": str(error)}
        try:
            await self._log.read(0, 0, 1)
        except LogUnavailable as error:
            return {"log": str(error)}
        return {}


class Sources:
    """The sources in force; follows changes of the configuration."""

    def __init__(self, store: Store, configuration: Configuration, configure: Configure) -> None:
        self._store = store
        self._configuration = configuration
        self._configure = configure
        self._revision = self._current_revision()

    def current(self) -> Mapping[str, Source]:
        """By name."""
        return self._configuration.sources

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

    def _current_revision(self) -> int:
        with self._store.reading() as reading:
            return reading.revision()


async def supervise(data: Path) -> None:
    """Keep the delivery process running until cancelled; then let it finish its calls."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gainstage.app.worker", str(data), stdin=asyncio.subprocess.PIPE
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        logger.error("delivery_ended", exit_code=code, remedy="It is started again.")
        await asyncio.sleep(RESTART_SECONDS)


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), deadline - time.monotonic())
        return
    process.kill()
    await process.wait()
