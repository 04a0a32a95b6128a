"""A server keeps its figures: each minute what runs on in the store, and how long events took to arrive.

In a thread of its own, once a minute: nothing waits for it, and what it could not keep is part of the next
reading, save delays, which are lost with the process.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from gainstage.app.taking import Standing, record
from gainstage.clock import SECOND_US, Clock
from gainstage.figures.ages import MINUTE_US
from gainstage.figures.sample import DELAY, Series
from gainstage.management.aside import Aside
from gainstage.meter import Meter
from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import NoStore

#: After so many readings what is too old is let go.
THIN_AFTER = 60

logger = structlog.get_logger(__name__)


class Recording:
    """Takes readings of one data folder. `meter` has what delivery processes told of delays."""

    def __init__(self, data: Path, meter: Callable[[], Meter], clock: Clock) -> None:
        self._data, self._meter, self._clock = data, meter, clock
        self._aside = Aside(1)
        self._told: Standing = {}
        self._taken = 0

    async def follow(self) -> None:
        """Take a reading now, at each full minute, and one at the end."""
        try:
            while True:
                await self.take()
                await asyncio.sleep((MINUTE_US - self._clock.now_us() % MINUTE_US) / SECOND_US)
        finally:
            await self.take()

    async def take(self) -> None:
        """Take one reading; where it cannot be kept that is told, and the next one has it."""
        measured = _measured(self._meter())
        news = {series: _since(counts, self._told.get(series)) for series, counts in measured.items()}
        thin = self._taken % THIN_AFTER == 0
        try:
            await self._aside.run(lambda: record(self._data, news, self._clock.now_us(), thin=thin))
        except (StorageUnavailable, NoStore) as error:
            logger.warning("figures_not_kept", reason=str(error))
        except Exception as error:  # a defect here must not end all figures
            logger.error("figures_not_kept", reason=type(error).__name__, exc_info=error)
        else:
            self._told, self._taken = measured, self._taken + 1


def _measured(meter: Meter) -> Standing:
    return {
        Series(DELAY, destination=destination, priority=priority): tuple(histogram.counts)
        for (destination, priority), histogram in meter.measured("delivery").items()
    }


def _since(counts: tuple[int, ...], before: tuple[int, ...] | None) -> tuple[int, ...]:
    return tuple(now - was for now, was in zip(counts, before or (0,) * len(counts), strict=True))
