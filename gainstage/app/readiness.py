"""Whether events are taken and delivered now: what `/ready`, `gainstage_ready` and the alerts say.

That a log can be read says nothing of writing: a full disk gives everything back. So an append that failed
is a problem until one succeeds. Who is not ready is sent nothing, and would never append again: until then
something is written to the log every few seconds, to find out.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from gainstage.app.reporting import DeliveryWatch
from gainstage.ingest.appends import Appends
from gainstage.ingest.pressure import Pressure
from gainstage.ingest.probes import DELIVERY
from gainstage.log.contract import Log, LogUnavailable
from gainstage.log.file import FILE_NAME, opened, translated
from gainstage.log.mending import NOTE_NAME
from gainstage.management.aside import Aside
from gainstage.sqlite import StorageUnavailable, exclusively, explained
from gainstage.store.store import Store

#: How long after a failure, and after a try that failed, the next one is made.
EVERY_SECONDS = 2.0
CACHE_KIB = 64

logger = structlog.get_logger(__name__)


class Readiness:
    """What stands in the way of events. `attempt` writes to the log, in a thread, or raises."""

    def __init__(
        self,
        store: Store,
        log: Log,
        pressure: Pressure,
        watch: DeliveryWatch,
        attempt: Callable[[], None],
    ) -> None:
        self._store, self._log, self._pressure, self._watch = store, log, pressure, watch
        self._attempt = attempt
        self._aside = Aside(1)
        #: What those who append tell.
        self.appends = Appends()

    async def problems(self) -> Mapping[str, str]:
        """What stands in the way and why; empty when nothing does."""
        delivery = {DELIVERY: told} if (told := self._watch.problem) else {}
        return {**self._store_problem(), **await self._log_problem(), **self._pressure.problems, **delivery}

    def _store_problem(self) -> Mapping[str, str]:
        try:
            # It never waits for a writer: this is the loop that answers SDKs.
            with self._store.reading() as reading:
                reading.revision()
        except StorageUnavailable as error:
            return {"store": str(error)}
        return {}

    async def _log_problem(self) -> Mapping[str, str]:
        if self.appends.problem:
            return {"log": self.appends.problem}
        try:
            await self._log.read(0, 0, 1)
        except LogUnavailable as error:
            return {"log": str(error)}
        return {}

    async def follow(self) -> None:
        """Find out again and again, until cancelled, whether a log that failed takes events again."""
        while True:
            try:
                await self.look()
            except Exception as error:  # a defect here must not leave a server unready for ever
                logger.error("log_not_tried", reason=type(error).__name__, exc_info=error)
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Try once, where the newest append failed."""
        if not self.appends.problem:
            return
        failures = self.appends.failures
        try:
            await self._aside.run(self._attempt)
        except LogUnavailable as error:
            self.appends.failed(str(error))
            return
        if self.appends.failures == failures:  # else an append failed meanwhile, which is newer
            self.appends.succeeded()
            logger.info("log_writable_again")


def try_to_write(folder: Path) -> None:
    """Have the log's file written and brought to disk as by an append, with nothing in it changed.

    The file itself, since another one on the same disk would say nothing of damage, of a lock or of leave to
    write. Setting the file's version number writes its first page, whatever the number was.

    Raises:
        LogUnavailable: it cannot be written.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise LogUnavailable(f"{path} is gone; put it back and restart the server.")
    if (folder / NOTE_NAME).exists():
        raise LogUnavailable(f"{path} is damaged; restart the server, which mends it.")
    connection = opened(path, cache_kib=CACHE_KIB)
    try:
        with translated(), explained(path), exclusively(connection):
            version = connection.execute("PRAGMA user_version").get
            connection.execute(f"PRAGMA user_version = {int(version):d}")
    finally:
        connection.close(force=True)  # on a failing disk closing may fail as well
