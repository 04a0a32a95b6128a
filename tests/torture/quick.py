"""Time that runs faster than ours, and vendors that answer within some milliseconds of it."""

import asyncio
import json
import random
import time
from typing import Any

from gainstage.clock import SECOND_US
from gainstage.destination import Request, Response
from tests.benchmarks.virtual import SandboxTransport
from tests.torture.disk import Disk
from tests.torture.vendors import identification, refusals

#: So many seconds of theirs pass in one of ours.
SPEED = 20.0


class FastClock:
    """The system's clock, on which time passes faster, and which is set forward and back at times."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._start_us = time.time_ns() // 1_000
        self._set_by_us = 0

    def now_us(self) -> int:
        passed_us = round((time.monotonic() - self._began) * SPEED * SECOND_US)
        return self._start_us + passed_us + self._set_by_us

    def jump(self, seconds: float) -> None:
        """Set it, as a person or a time server does."""
        self._set_by_us += round(seconds * SECOND_US)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


class QuickTransport(SandboxTransport):
    """The sandbox, which answers within some milliseconds of ours while the disk has power.

    `doubled`: so many calls are made twice without need, which must be noticed.
    """

    def __init__(
        self, clock: FastClock, chance: random.Random, disk: Disk, *, keyed: bool, doubled: float
    ) -> None:
        super().__init__(clock, chance)  # type: ignore[arg-type]
        self._disk, self._doubled = disk, doubled
        vendors = self.sandbox.state
        vendors.limits.change({"enabled": False})
        vendors.behaviour.set(identification(keyed))
        vendors.faults.add(refusals())
        #: Path, body and time of what came, by a clock that nobody sets.
        self.came: list[tuple[str, Any, float]] = []

    async def send(self, request: Request) -> Response:
        path, _, query = request.url.partition("://")[2].partition("/")[2].partition("?")
        await asyncio.sleep(self._chance.uniform(0.0, 0.004))
        response = await self._arrive(request, path, query)
        if self._doubled and self._chance.random() < self._doubled:
            response = await self._arrive(request, path, query)
        await asyncio.sleep(self._chance.uniform(0.0, 0.004))
        return response

    async def _arrive(self, request: Request, path: str, query: str) -> Response:
        if self._disk.off:  # and with it the machine: nothing leaves it any more
            await asyncio.Event().wait()
        body = json.loads(request.body) if request.body else None
        self.came.append((f"/{path}", body, time.monotonic()))
        return await self._ask(request, f"/{path}", query)
