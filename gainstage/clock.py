"""Time, handed in from outside so that tests and simulations can own it.

All instants inside gainstage are integers: microseconds since the Unix epoch, UTC (`..._us`).
"""

import asyncio
import time
from typing import Protocol

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 86_400 * SECOND_US


class Clock(Protocol):
    """Where the engine gets its time from."""

    def now_us(self) -> int:
        """The current instant in microseconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock's time."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
