"""How full the disk is and how much waits, looked at again and again: what `Pressure` decides by."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from gainstage.app.room import read
from gainstage.clock import Clock
from gainstage.ingest.pressure import Pressure
from gainstage.log.contract import Log, LogUnavailable
from gainstage.management.aside import Aside
from gainstage.operating import Limits
from gainstage.sqlite import StorageUnavailable
from gainstage.store.contract import Store

EVERY_SECONDS = 1.0

logger = structlog.get_logger(__name__)


class Pressing:
    """Keeps a server's `Pressure` up to date."""

    def __init__(
        self, data: Path, store: Store, log: Log, limits: Callable[[], Limits], clock: Clock
    ) -> None:
        self._data, self._store, self._log, self._limits, self._clock = data, store, log, limits, clock
        self._disk = Aside(1)
        self.pressure = Pressure()

    async def follow(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Look once. Where nothing can be read, what is known stands: the log says no by itself."""
        try:
            reading = await read(self._data, self._store, self._log, self._disk)
        except (StorageUnavailable, LogUnavailable, OSError):
            return
        if not self.pressure.weigh(self._limits(), reading, self._clock.now_us()):
            return
        if self.pressure.refusal is None:
            logger.info("events_taken_again")
        for name, sentence in self.pressure.problems.items():
            logger.error("events_turned_away", limit=name, problem=sentence)
