"""A replay under way: paused, cancelled, continued after a restart, and shared by processes."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gainstage.delivery import replaying
from gainstage.delivery.engine import Engine
from gainstage.destination import Planned
from gainstage.event import Event, Identity
from gainstage.operation import Append, Record
from gainstage.store.replay import CANCELLED, PAUSED, RUNNING
from tests.unit.delivery.replays import FAR_US, USED, begin, change, people, state, told, waiting
from tests.unit.delivery.workshop import Settings, Workshop, opened, plan, status, with_type

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


async def test_pausing_takes_back_what_has_not_gone_and_resuming_sends_it(shop: Workshop) -> None:
    number = await waiting(shop)
    assert shop.counts_of("new") == {"pending": 21, "parked": 1}
    assert shop.counts_of("shop") == {"pending": 21, "parked": 1}
    assert change(shop, number, PAUSED) and not change(shop, number, PAUSED)
    await shop.deliver(3)
    assert shop.column("SELECT count(*) FROM operation") == [0]
    assert shop.outcomes("m-2") == {"new": ("pending", "replay_paused"), "shop": ("pending", "replay_paused")}
    shop.paused.clear()
    shop.configure()
    shop.vendor.requests.clear()
    await shop.deliver(5)
    assert shop.vendor.requests == []
    assert (told(shop).open, told(shop).held) == (0, 42)
    assert change(shop, number, RUNNING)
    await shop.deliver(60)
    assert shop.counts_of("new") == {"delivered": 21, "parked": 1}
    assert shop.counts_of("shop") == {"delivered": 21, "parked": 1}
    assert state(shop) == "done"


@pytest.mark.parametrize("then", [RUNNING, CANCELLED])
async def test_what_a_replay_has_tried_waits_as_the_vendor_asked_though_it_is_paused_meanwhile(
    shop: Workshop, then: int
) -> None:
    shop.vendor.script = [status(400)]
    await shop.take(USED)
    await shop.deliver()
    number = begin(shop)
    shop.vendor.script = [status(500, retry_after="300")]
    shop.vendor.requests.clear()
    await shop.deliver(10)
    assert len(shop.vendor.requests) == 1
    assert change(shop, number, PAUSED)
    await shop.deliver(3)
    assert change(shop, number, then)
    await shop.deliver(280)
    assert len(shop.vendor.requests) == 1
    await shop.deliver(60)
    assert len(shop.vendor.requests) == 2
    assert shop.counts_of("shop") == {"delivered": 1}


@pytest.mark.parametrize("paused_first", [False, True])
async def test_cancelling_leaves_everything_as_it_was(shop: Workshop, paused_first: bool) -> None:
    number = await waiting(shop)
    if paused_first:
        change(shop, number, PAUSED)
        await shop.deliver(3)
    assert change(shop, number, CANCELLED) and not change(shop, number, RUNNING)
    await shop.deliver(3)
    assert shop.counts_of("shop") == {"delivered": 20, "failed": 1, "parked": 1}
    assert shop.outcomes("m-1")["shop"] == ("failed", "refused")
    assert shop.counts_of("new") == {"filtered": 21, "parked": 1}
    assert shop.outcomes("m-2")["new"] == ("filtered", "replay_cancelled")
    assert shop.column("SELECT count(*) FROM operation") == [0]
    assert shop.column("SELECT count(*) FROM lane") == [0]
    assert shop.column("SELECT count(*) FROM replayed") == [0]
    assert shop.column("SELECT count(*) FROM body") == [2], "of what failed and of what is parked"


async def test_what_was_parked_still_waits_for_its_news_after_a_cancelled_replay(shop: Workshop) -> None:
    await shop.take({"type": "track", "event": "Parked", "userId": "u-9"})
    await shop.deliver()

    def anybody(settings: Settings, event: Event, identity: Identity, schema: Any = None) -> Planned:
        if event.kind == "track" and not identity.email:
            return Planned((Append(Record("person", "email:nobody"), {"name": "nobody"}),))
        return plan(settings, event, identity, schema)

    with_type(shop, plan=anybody)
    shop.paused.add("shop")
    shop.configure()
    number = begin(shop)
    await shop.deliver(3)
    assert shop.counts == {"pending": 1}
    with_type(shop, plan=plan)
    shop.configure(shop=Settings(resend_unchanged_after=8_000_000))
    shop.paused.clear()
    change(shop, number, CANCELLED)
    shop.configure()
    await shop.deliver(3)
    assert shop.outcome("m-1") == ("parked", "email_missing")
    await shop.take({"type": "identify", "userId": "u-9", "traits": {"email": "nine@x.example"}})
    await shop.deliver(20)
    assert shop.counts == {"delivered": 2}
    assert shop.vendor.events == [{"name": "Parked"}]


async def test_what_is_under_way_when_a_replay_is_cancelled_ends_as_it_ends(shop: Workshop) -> None:
    await shop.take(*people(1))
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    begin(shop, destinations=("new",))
    shop.vendor.gate = asyncio.Event()
    shop.vendor.requests.clear()
    await shop.deliver(5)
    assert len(shop.vendor.requests) == 1
    change(shop, 1, CANCELLED)
    await shop.deliver(3)
    assert shop.counts_of("new") == {"pending": 1}
    shop.vendor.gate.set()
    await shop.deliver(3)
    assert shop.counts_of("new") == {"delivered": 1}
    assert told(shop).tally["delivered"] == 1


async def test_a_restart_goes_on_where_it_was(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "SLICE", 5)
    monkeypatch.setattr(replaying, "OPEN_AT_MOST", 5)
    await shop.take(*people(23), *[{**USED, "event": f"Used {n}"} for n in range(5)])
    await shop.deliver(20)
    shop.configure(new=Settings(tenant="other"))
    shop.vendor.events.clear()
    begin(shop, destinations=("new",))
    for _ in range(200):
        await shop.turn()
        shop.clock.forward(0.5)
        shop.engine = shop.new_engine()
        await shop.turn()
        if state(shop) == "done":
            break
    await shop.deliver(120)
    assert state(shop) == "done"
    assert shop.counts_of("new") == {"delivered": 28}
    assert [event["name"] for event in shop.vendor.events] == [f"Used {n}" for n in range(5)]


async def test_no_more_than_so_much_is_on_its_way_at_once(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "SLICE", 10)
    monkeypatch.setattr(replaying, "OPEN_AT_MOST", 20)
    await shop.take(*people(100))
    await shop.deliver(30)
    shop.configure(new=Settings(tenant="other"))
    shop.paused.add("new")
    shop.configure()
    begin(shop, destinations=("new",))
    await shop.deliver(20)
    assert shop.counts_of("new") == {"pending": 20}
    shop.paused.clear()
    shop.configure()
    await shop.deliver(120)
    assert shop.counts_of("new") == {"delivered": 100}


async def test_of_two_processes_that_read_one_slice_one_plans_it(shop: Workshop) -> None:
    await shop.take(*people(3))
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    await shop.deliver(3)
    begin(shop, destinations=("new",))
    shop.engine, other = shop.new_engine(), shop.new_engine()
    read = [await engine._replaying.read([0]) for engine in (shop.engine, other)]
    assert read[0] == read[1] is not None

    async def again(partitions: Sequence[int]) -> Any:
        return read[0]

    for engine in (shop.engine, other):
        engine._replaying.read = again  # type: ignore[method-assign]
        await engine.turn([0])
    assert told(shop).tally == {"events": 3, "planned": 3}
    await end(shop, other)


async def end(shop: Workshop, other: Engine) -> None:
    """Let one of two engines go on alone."""
    for task in tuple(other._calls):
        await task
    shop.engine = shop.new_engine()
    with shop.store.transaction() as transaction:
        transaction.records.expire(FAR_US)
    await shop.deliver(20)


async def test_an_outcome_counts_for_its_replay_also_where_another_sends_the_event_at_once(
    shop: Workshop,
) -> None:
    await shop.take(*people(2))
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    first, second = begin(shop, destinations=("new",)), 0
    shop.vendor.script = [status(400)] * 2
    for _ in range(40):
        await shop.turn()
        shop.clock.forward(0.1)
        if not second and shop.counts_of("new").get("failed"):
            second = begin(shop, destinations=("new",), outcomes=("failed",))
    await shop.deliver(60)
    assert (state(shop, first), state(shop, second)) == ("done", "done")
    assert told(shop, first).tally == {"events": 2, "planned": 2, "failed": 2}
    assert told(shop, second).tally == {"events": 2, "planned": 2, "delivered": 2}
