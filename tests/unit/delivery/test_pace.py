"""How quickly a vendor answers decides when calls of a short window count as made, and how many go."""

import asyncio
import random
from pathlib import Path

import pytest

from gainstage.clock import SECOND_US
from gainstage.delivery.engine import Engine
from gainstage.delivery.pace import Pace
from gainstage.destination import Budget, Request, Response
from gainstage.log.contract import Entry
from gainstage.testing.clock import VirtualClock
from gainstage_sandbox.limits import Limits
from tests.benchmarks.px_calls import PxWorld
from tests.benchmarks.virtual import MONDAY_US, most_within

SECOND = Budget("acme", "px", "second", 1, 200)
MINUTE = Budget("acme", "px", "minute", 60, 200)
NOW_US = MONDAY_US


def test_a_call_counts_by_three_quarters_of_what_the_quickest_took_before_its_answer() -> None:
    pace = Pace()
    assert pace.counts_us(SECOND, NOW_US, NOW_US) == NOW_US, "nothing is known yet"
    for took_us in (90_000, 40_000, 70_000):
        pace.note([SECOND], took_us, NOW_US, answered=True)
    assert pace.counts_us(SECOND, NOW_US, NOW_US) == NOW_US - 30_000
    pace.note([SECOND], 1, NOW_US, answered=False)
    assert pace.counts_us(SECOND, NOW_US, NOW_US) == NOW_US - 30_000, "a call without an answer tells nothing"
    assert pace.counts_us(MINUTE, NOW_US, NOW_US) == NOW_US, "a long window does without"
    late_us = NOW_US + 61 * SECOND_US
    assert pace.counts_us(SECOND, late_us, late_us) == late_us, "it was too long ago"


def test_never_more_than_a_small_part_of_a_window_is_gained() -> None:
    pace = Pace()
    pace.note([SECOND], 10 * SECOND_US, NOW_US, answered=True)
    assert pace.counts_us(SECOND, NOW_US, NOW_US) == NOW_US - SECOND_US // 25


def test_a_clock_set_back_makes_it_forget() -> None:
    pace = Pace()
    pace.note([SECOND], 40_000, NOW_US, answered=True)
    assert pace.counts_us(SECOND, NOW_US - SECOND_US, NOW_US - SECOND_US) == NOW_US - SECOND_US


def test_a_fifth_more_than_the_calls_that_keep_a_limit_busy_go_side_by_side() -> None:
    pace = Pace()
    assert pace.side_by_side([SECOND, MINUTE]) is None
    pace.note([SECOND], 100_000, NOW_US, answered=True)
    assert pace.side_by_side([SECOND, MINUTE]) == 24
    for _ in range(200):
        pace.note([SECOND], 1_000, NOW_US, answered=True)
    assert pace.side_by_side([SECOND]) == 8
    pace.note([SECOND], 15 * SECOND_US, NOW_US, answered=False)
    assert (pace.side_by_side([SECOND]) or 0) > 150, "calls that hang do not hold the others back"
    assert pace.side_by_side([MINUTE]) is None


class Vendor:
    """Answers after 45 to 65 ms, and counts each call on the way: as it comes, at its end, or somewhere."""

    def __init__(self, clock: VirtualClock, algorithm: str, counts: str) -> None:
        self.limits = Limits()
        self.limits.change({"px": {"per_second": 200}, "algorithm": algorithm})
        self.met: list[float] = []
        self.refused = 0
        self._clock, self._counts, self._chance = clock, counts, random.Random(1)

    async def send(self, request: Request) -> Response:
        seconds = self._chance.uniform(0.045, 0.065)
        parts = {"at its arrival": 0.02, "at its end": 0.98, "somewhere": self._chance.random()}
        first = seconds * parts[self._counts]
        await self._clock.sleep(first)
        now = self._clock.now_us() / SECOND_US
        self.met.append(now)
        refused = self.limits.take("px", "key", now) is not None
        self.refused += refused
        await self._clock.sleep(seconds - first)
        return Response(429 if refused else 201, {}, b"{}")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("algorithm", "counts"),
    [("fixed_window", "at its arrival"), ("fixed_window", "at its end"), ("leaky_bucket", "somewhere")],
)
def test_two_hundred_a_second_are_nearly_used_and_never_exceeded(
    tmp_path: Path, algorithm: str, counts: str
) -> None:
    """However the vendor aligns its seconds, and whenever it counts a call of about 50 ms."""
    settings = {"api_key": "key", "product_tag_key": "AP-ABC-2", "budget": {"reserve_percent": 0}}
    world = PxWorld(tmp_path, settings, 1)
    vendor = Vendor(world.clock, algorithm, counts)
    engine = Engine(world.store, world.log, world.clock, vendor, world._configuration, random.Random(1))
    stop, count = asyncio.Event(), 1_800

    async def live() -> None:
        bodies = (
            b'{"type":"track","messageId":"m-%d","userId":"u-%d","event":"e"}' % (n, n % 600)
            for n in range(count)
        )
        await world.log.append(
            [Entry("app", "", world.clock.now_us(), n, b"", b) for n, b in enumerate(bodies)]
        )
        running = asyncio.create_task(engine.run(stop))
        while len(vendor.met) < count and not running.done():
            await world.clock.sleep(0.5)
        stop.set()
        await running

    world.clock.run(live())
    world.close()
    assert vendor.refused == 0
    assert 1_400 / (vendor.met[1_600] - vendor.met[200]) >= 190
    assert most_within(vendor.met, 1.0) <= 200
