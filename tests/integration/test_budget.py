"""The budget in days of virtual time: real engine and store, the sandbox with each kind of limit."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.clock import SECOND_US
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings
from gainstage.store.rows import DELIVERED, HISTORY
from tests.benchmarks.virtual import MONDAY_US, World, most_within

HOUR, DAY = 3_600.0, 86_400.0


def settings(per_minute: int, per_day: int, reserve_percent: int = 0) -> dict[str, Any]:
    """A destination for events alone: one call each."""
    return {
        "domain": "acme.gainsightcloud.com",
        "access_key": "k" * 36,
        "shared_secret": "s" * 20,
        "tenant_id": "t",
        "topic_name": "topic",
        "events": {"Used": {"name": "Used", "version": "v1"}},
        "budget": {"per_minute": per_minute, "per_day": per_day, "reserve_percent": reserve_percent},
    }


def track(number: int, user: str) -> bytes:
    return msgspec.json.encode(
        {
            "type": "track", "event": "Used", "messageId": f"t-{number}", "userId": user,
            "context": {"traits": {"email": f"{user}@x.example"}}, "properties": {"number": number},
        }
    )  # fmt: skip


def tracks(count: int, seconds: float, chance: random.Random) -> Iterator[tuple[float, bytes]]:
    """Events of 40 people at random moments, some in bursts."""
    moments = []
    while len(moments) < count:
        at = chance.uniform(0, seconds)
        moments.extend([at] * min(chance.choice((1, 1, 2, 25)), count - len(moments)))
    for number, at in enumerate(sorted(moments)):
        yield at, track(number, f"u{chance.randrange(40)}")


async def rest(world: World, seconds: float) -> None:
    """Nothing comes; what waits may go."""
    until = world.seconds + seconds
    while world.seconds < until:
        await world.clock.sleep(600)
        world.check()


def words(world: World) -> dict[int, int]:
    return dict(world.rows("SELECT word, count(*) FROM delivery GROUP BY 1"))


@pytest.mark.parametrize(
    ("algorithm", "offset_seconds", "day_starts_at_hour"),
    [
        ("fixed_window", 0.0, 0), ("fixed_window", 17.3, 7), ("fixed_window", 1_867.9, 23),
        ("leaky_bucket", 0.0, 0), ("leaky_bucket", 41.9, 0),
    ],
)  # fmt: skip
def test_neither_fixed_windows_at_any_alignment_nor_a_leaky_bucket_are_ever_exceeded(
    tmp_path: Path, algorithm: str, offset_seconds: float, day_starts_at_hour: int
) -> None:
    chance = random.Random(f"{algorithm} {offset_seconds} {day_starts_at_hour}")
    start_us = MONDAY_US + int(offset_seconds * SECOND_US)
    world = World(tmp_path, settings(10, 300), 1, start_us)
    limits = world.transport.sandbox.state.limits
    limits.change({
        "cs": {"per_minute": 10, "per_day": 300}, "algorithm": algorithm,
        "day_starts_at_hour": day_starts_at_hour,
    })  # fmt: skip

    async def live() -> None:
        world.start()
        await world.live(tracks(700, DAY, chance), DAY, [0.1 * DAY, 0.3 * DAY, 0.31 * DAY])
        await rest(world, 2 * DAY)
        await world.stop()

    world.clock.run(live())
    world.open()
    assert world.transport.statuses[429] == 0
    assert words(world) == {DELIVERED: 700}
    met = sorted(world.transport.met)
    assert (most_within(met, 60.0), most_within(met, DAY)) == (10, 300), "and all of it was used"
    world.close()


def test_a_package_smaller_than_configured_is_found_out_at_the_cost_of_few_calls(tmp_path: Path) -> None:
    world = World(tmp_path, settings(100, 50_000), 1)
    world.transport.sandbox.state.limits.change({"cs": {"per_minute": 30, "per_day": 50_000}})

    async def live() -> None:
        world.start()
        await world.live(((n * 0.5, track(n, f"u{n % 40}")) for n in range(2_000)), HOUR, [])
        await rest(world, HOUR)
        await world.stop()

    world.clock.run(live())
    world.open()
    assert words(world) == {DELIVERED: 2_000}
    assert 0 < world.transport.statuses[429] < 30
    assert world.rows("SELECT max(attempts) FROM lane") == [(None,)]
    world.close()


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_day_that_others_used_up_costs_few_calls_and_no_attempts(tmp_path: Path, retry_after: bool) -> None:
    world = World(tmp_path, settings(100, 50_000), 1)
    state = world.transport.sandbox.state
    state.limits.change({"cs": {"per_minute": 100, "per_day": 2_000}, "retry_after": retry_after})

    async def live() -> None:
        world.start()
        await world.live(((n * 40.0, track(n, f"u{n % 40}")) for n in range(300)), 0.5 * DAY, [])
        assert words(world) == {DELIVERED: 300}
        account = state.limits.describe(world.clock.now_us() / SECOND_US)["used"][0]["account"]
        for _ in range(1_700):
            state.limits.take("cs", account, world.clock.now_us() / SECOND_US)
            await world.clock.sleep(1)
        await world.live(
            ((n * 20.0, track(1_000 + n, f"u{n % 40}")) for n in range(500)), 0.3 * DAY, [0.1 * DAY]
        )
        assert world.rows("SELECT max(attempts) FROM lane") == [(0,)], "none was spent"
        refused = world.transport.statuses[429]
        await rest(world, DAY)
        await world.stop()
        assert refused <= (3 if retry_after else 20)

    world.clock.run(live())
    world.open()
    assert words(world) == {DELIVERED: 800}
    assert world.transport.statuses[429] <= (4 if retry_after else 24)
    world.close()


async def backfill(world: World, count: int, people: int) -> None:
    """A history file of so many events is let in at once."""
    around = Surroundings(priority=HISTORY).encoded()
    now_us = world.clock.now_us()
    entries = [
        Entry("app", "", now_us, place, around, track(1_000_000 + place, f"h{place % people}"))
        for place in range(count)
    ]
    await world.log.append(entries)


def delays(world: World) -> list[float]:
    """Seconds from acceptance to delivery of every live event, ascending."""
    rows = world.rows(
        "SELECT (at_us - received_us) / 1e6 FROM delivery JOIN event ON event.id = event_id "
        "WHERE word = 0 AND CAST(substr(message_id, 3) AS INTEGER) < 1000000 ORDER BY 1"
    )
    return [row[0] for row in rows]


def lived(folder: Path, history: int) -> tuple[World, list[float]]:
    """Two days with live events by day, and with a history file let in at the first midnight."""
    world, chance = World(folder, settings(40, 2_000, 20), 1), random.Random(1)
    moments = [day * DAY + 8 * HOUR + chance.uniform(0, 10 * HOUR) for day in (0, 1) for _ in range(400)]

    async def live() -> None:
        world.start()
        await backfill(world, history, 500)
        told = ((at, track(n, f"u{n % 40}")) for n, at in enumerate(sorted(moments)))
        await world.live(told, 2 * DAY, [0.2 * DAY, 1.4 * DAY])
        await world.stop()

    world.clock.run(live())
    world.open()
    return world, delays(world)


def test_live_events_wait_no_longer_while_history_is_sent(tmp_path: Path) -> None:
    alone, without = lived(tmp_path / "alone", 0)
    beside, with_history = lived(tmp_path / "beside", 3_000)
    p99 = [found[int(len(found) * 0.99)] for found in (without, with_history)]
    assert len(without) == len(with_history) == 800
    assert p99[1] <= p99[0] + 1
    assert beside.transport.statuses[429] == 0
    assert words(beside)[DELIVERED] > 800 + 1_500, "history went on meanwhile"
    for world in (alone, beside):
        world.close()
