"""Live events before audiences before history: who goes first, and who is held back for whom."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage.store.rows import AUDIENCE, HISTORY, LIVE
from tests.unit.delivery.workshop import Settings, Workshop, opened, with_type

pytestmark = pytest.mark.anyio


def track(user: str, **properties: Any) -> dict[str, Any]:
    """An event of a user, which is a call of its own."""
    return {
        "type": "track", "event": "Used", "userId": user, "properties": properties,
        "context": {"traits": {"email": f"{user}@x.example"}},
    }  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


def priorities(shop: Workshop) -> list[int]:
    """Those of the lanes, in the order of their records."""
    return shop.column("SELECT priority FROM lane ORDER BY record_id")


async def test_live_goes_before_audiences_and_these_before_history(shop: Workshop) -> None:
    with_type(shop, concurrency=1)
    shop.configure()
    for name, priority in (("h", HISTORY), ("a", AUDIENCE), ("l", LIVE)):
        await shop.take(*(track(f"{name}{n}", of=name) for n in range(2)), priority=priority)
    await shop.work(40)
    assert [event["of"] for event in shop.vendor.events] == ["l", "l", "a", "a", "h", "h"]


async def test_a_lane_is_as_urgent_as_the_most_urgent_of_what_waits_in_it(shop: Workshop) -> None:
    shop.paused.add("shop")
    shop.configure()
    await shop.take(track("ann"), track("bob"), priority=HISTORY)
    await shop.work()
    assert priorities(shop) == [HISTORY, HISTORY]
    await shop.take(track("ann"), priority=AUDIENCE)
    await shop.work()
    assert priorities(shop) == [AUDIENCE, HISTORY]
    await shop.take(track("ann"))
    await shop.work()
    assert priorities(shop) == [LIVE, HISTORY]


async def test_a_lane_whose_urgent_events_are_done_is_urgent_no_more(shop: Workshop) -> None:
    with_type(shop, concurrency=1)
    shop.paused.add("shop")
    shop.configure()
    await shop.take(track("ann", of="live"))
    await shop.take(*(track("ann", of="history") for _ in range(3)), priority=HISTORY)
    await shop.take(track("bob", of="audience"), priority=AUDIENCE)
    await shop.work()
    shop.paused.clear()
    shop.configure()
    await shop.work(40)
    assert [event["of"] for event in shop.vendor.events][:2] == ["live", "audience"]


async def test_an_event_planned_again_is_as_urgent_as_before(shop: Workshop) -> None:
    parked = {"type": "track", "event": "Used", "userId": "ann"}
    await shop.take(parked, priority=HISTORY)
    await shop.work()
    assert shop.outcome("m-1") == ("parked", "email_missing")
    shop.paused.add("shop")
    shop.configure()
    await shop.take({"type": "identify", "userId": "ann", "traits": {"email": "ann@x.example"}}, priority=2)
    await shop.work()
    assert priorities(shop) == [HISTORY]


async def test_history_leaves_of_a_window_what_live_events_may_need(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20)}) as shop:
        await shop.take(*(track(f"h{n}") for n in range(40)), priority=HISTORY)
        await shop.deliver(30)
        assert len(shop.vendor.events) == 10, "nothing is known yet of what live events need"
        assert shop.outcome("m-40") == ("pending", "held_back")
        await shop.take(*(track(f"l{n}", live=n) for n in range(10)))
        await shop.work(30)
        assert sum("live" in event for event in shop.vendor.events) == 10, "none of them waited"
        await shop.deliver(600)
        assert shop.counts == {"delivered": 50}


async def test_what_is_held_back_says_when_it_may_go(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20)}) as shop:
        await shop.take(*(track(f"h{n}") for n in range(40)), priority=HISTORY)
        await shop.deliver(30)
        with shop.store.reading() as reading:
            (event,) = reading.events("m-40")
            (row,) = reading.deliveries(event["id"], shop.clock.now_us())
        assert row.moves_us is not None
        assert 20_000_000 < row.moves_us - shop.clock.now_us() < 62_000_000


async def test_one_call_more_than_history_takes_is_free_for_live_events(shop: Workshop) -> None:
    await shop.take(track("first"))
    await shop.work()
    shop.vendor.gate = asyncio.Event()
    await shop.take(*(track(f"h{n}") for n in range(9)), priority=HISTORY)
    await shop.work()
    assert len(shop.vendor.requests) == 1 + 3
    await shop.take(track("live"))
    await shop.work()
    assert len(shop.vendor.requests) == 1 + 4
    shop.vendor.gate.set()
    await shop.work(20)
    assert shop.counts == {"delivered": 11}


async def test_history_goes_also_where_calls_go_one_at_a_time(shop: Workshop) -> None:
    await shop.take(track("h"), priority=HISTORY)
    await shop.work()
    assert shop.counts == {"delivered": 1}
