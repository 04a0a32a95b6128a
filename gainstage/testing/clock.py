"""A clock whose time passes only while everybody waits: hours of waiting run in no time, the same each time.

Within `run`, the event loop's own time is this clock's: `asyncio.sleep`, timeouts and `call_later` obey it.
Whoever is due earlier wakes earlier, in the same order in every run. Threads and sockets have no place under
it: nobody really waits for them.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from gainstage.clock import SECOND_US

Result = TypeVar("Result")

#: 2026-01-01T12:00:00Z, where nothing else is asked for.
START_US = 1_767_268_800_000_000


class VirtualClock:
    """Implements `gainstage.clock.Clock`."""

    def __init__(self, start_us: int = START_US) -> None:
        self._start_us = start_us
        self._elapsed_us = 0
        self._set_by_us = 0

    def now_us(self) -> int:
        return self._start_us + self._elapsed_us + self._set_by_us

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @property
    def elapsed_us(self) -> int:
        """Time passed since the start, whatever the clock was set to."""
        return self._elapsed_us

    def advance(self, seconds: float) -> None:
        """Let time pass. Whoever waits under `run` wakes when the loop comes round."""
        self._elapsed_us += max(0, round(seconds * SECOND_US))

    def jump(self, seconds: float) -> None:
        """Set the clock forward or back, as a person or a time server does: no time passes."""
        self._set_by_us += round(seconds * SECOND_US)

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """Run `main` to its end in an event loop under this clock."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(main)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that asks a virtual clock for the time."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Selector(clock))
        self._virtual = clock

    def time(self) -> float:
        return self._virtual.elapsed_us / SECOND_US


class _Selector(selectors.SelectSelector):
    """Instead of waiting for the next timer, lets the time pass."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("Everybody waits for something that never comes.")
        if not ready and timeout:
            # At least a microsecond: a shorter wait would leave the timer undue for ever.
            self._clock.advance(max(timeout, 1 / SECOND_US))
        return ready
