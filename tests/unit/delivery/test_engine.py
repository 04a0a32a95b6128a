"""The engine's promises, with a vendor inside the process and a clock that stands still."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from gainstage.destination import CallFailed, Exchange, Request, Settled, Work
from gainstage.log.contract import Entry
from gainstage.outcome import Delivered, Retry, Unknown
from gainstage.store.rows import PENDING, NewDelivery
from tests.unit.delivery.workshop import OK, VENDOR, Settings, Workshop, opened, status, with_type

pytestmark = pytest.mark.anyio
ANN = {"type": "identify", "traits": {"email": "ann@x.example", "city": "Bern"}}


def people(count: int) -> list[dict[str, Any]]:
    """An identify of each of so many people."""
    return [{"type": "identify", "traits": {"email": f"p{n}@x.example", "n": n}} for n in range(count)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


async def test_an_event_arrives_and_is_counted(shop: Workshop) -> None:
    await shop.take(ANN)
    await shop.deliver()
    assert shop.vendor.persons == {"ann@x.example": {"email": "ann@x.example", "city": "Bern"}}
    assert shop.counts == {"delivered": 1}


async def test_upserts_of_one_record_travel_in_one_call(shop: Workshop) -> None:
    more = [{"type": "identify", "traits": {"email": "ann@x.example", "n": n}} for n in range(9)]
    await shop.take(ANN, *more)
    await shop.deliver()
    assert shop.vendor.bodies() == [{"email": "ann@x.example", "city": "Bern", "n": 8}]
    assert shop.counts == {"delivered": 10}


async def test_a_duplicate_is_taken_off(shop: Workshop) -> None:
    await shop.take({**ANN, "messageId": "one"}, {**ANN, "messageId": "one"})
    await shop.deliver()
    assert shop.counts == {"delivered": 1}
    with shop.store.reading() as reading:
        assert reading.met_none() == {"app": {"refused": 0, "duplicates": 1}}


async def test_two_destinations_of_a_tenant_share_its_budget(tmp_path: Path) -> None:
    settings = Settings(calls=3)
    with opened(tmp_path, {"one": settings, "two": settings}) as shop:
        await shop.take(*people(20))
        await shop.deliver(30)
        assert len(shop.vendor.requests) == 3


async def test_a_call_counts_until_a_window_after_its_answer(tmp_path: Path) -> None:
    """The vendor may have counted it at any moment between."""
    with opened(tmp_path, {"shop": Settings(calls=1, window_seconds=60)}) as shop:
        shop.vendor.gate = asyncio.Event()
        await shop.take(*people(2))
        await shop.deliver(10)
        assert len(shop.vendor.requests) == 1
        shop.vendor.gate.set()
        await shop.deliver(57)
        assert len(shop.vendor.requests) == 1, "answered after 10 s: the window ends 70 s after the start"
        await shop.deliver(10)
        assert len(shop.vendor.requests) == 2


async def test_the_lowest_limit_of_a_shared_budget_wins(tmp_path: Path) -> None:
    with opened(tmp_path, {"one": Settings(calls=50), "two": Settings(calls=2)}) as shop:
        await shop.take(*people(20))
        await shop.deliver(30)
        assert len(shop.vendor.requests) == 2


async def test_waiting_for_budget_is_no_failed_attempt(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=1)}) as shop:
        await shop.take(*people(3))
        await shop.deliver(50)
        assert shop.counts == {"delivered": 1, "pending": 2}
        assert shop.column("SELECT max(attempts) FROM lane") == [0]
        assert shop.outcome("m-3") == ("pending", "out_of_budget")
        await shop.deliver(150)
        assert shop.counts == {"delivered": 3}


def of_two_calls(settings: Settings, works: Sequence[Work]) -> Exchange:
    """Asks before it writes."""
    yield Request("GET", "https://vendor.example/me", {}, b"[]", (0,), True, (), "writes")
    yield from VENDOR.exchange(settings, works)


async def test_a_limit_that_comes_with_another_destination_holds_for_what_is_under_way(
    tmp_path: Path,
) -> None:
    """The destinations share a budget, and the lower limit holds for both from the first call on."""
    with opened(tmp_path, {"shop": Settings(calls=100), "other": Settings(calls=1)}) as shop:
        shop.paused = {"other"}
        shop.configure()
        with_type(shop, exchange=of_two_calls)
        shop.configure()
        shop.vendor.gate = asyncio.Event()
        await shop.take(ANN)
        await shop.deliver(6)
        shop.paused = set()
        shop.configure()
        await shop.work()
        shop.vendor.gate.set()
        await shop.work()
        assert len(shop.vendor.requests) == 1, "the limit of one call was used up"
        await shop.deliver(150)
        assert len(shop.vendor.requests) == 2
        assert shop.counts_of("shop") == {"delivered": 1}


async def test_a_destination_that_was_removed_is_not_called_again(tmp_path: Path) -> None:
    """A conversation under way ends with the call that is being made; back again, it begins anew."""
    with opened(tmp_path, {"shop": Settings(), "other": Settings(tenant="another")}) as shop:
        with_type(shop, exchange=of_two_calls)
        shop.paused = {"other"}
        shop.configure()
        shop.vendor.gate = asyncio.Event()
        await shop.take(ANN)
        await shop.deliver(6)
        removed = shop.given.pop("shop")
        shop.configure()
        await shop.work()
        shop.vendor.gate.set()
        await shop.deliver(100)
        assert len(shop.vendor.requests) == 1
        shop.configure(shop=removed)
        await shop.deliver(10)
        assert len(shop.vendor.requests) == 3
        assert shop.counts_of("shop") == {"delivered": 1}


async def test_a_value_that_may_have_arrived_is_overwritten_by_the_one_before(shop: Workshop) -> None:
    """The vendor answers 503, having perhaps written: going back to the old value must be said."""
    person = {"type": "identify", "traits": {"email": "ann@x.example"}}
    await shop.take({**person, "traits": {"email": "ann@x.example", "city": "Bern"}})
    await shop.deliver()
    shop.vendor.script = [status(503)]
    await shop.take({**person, "traits": {"email": "ann@x.example", "city": "Rome"}})
    await shop.work()
    shop.clock.forward(2)
    await shop.work()
    await shop.take({**person, "traits": {"email": "ann@x.example", "city": "Bern"}})
    await shop.deliver(20)
    assert shop.vendor.bodies()[-1] == {"city": "Bern"}
    assert shop.counts == {"delivered": 3}


async def test_a_record_stays_in_doubt_until_an_answer_confirms_it(shop: Workshop) -> None:
    await shop.take(ANN)
    shop.vendor.script = [CallFailed("timeout", "No answer.", sent=True), status(429, retry_after="100")]
    await shop.deliver(10)
    assert shop.column("SELECT in_doubt FROM record") == [1]
    await shop.deliver(110)
    assert shop.column("SELECT in_doubt FROM record") == [0]
    assert shop.counts == {"delivered": 1}


async def test_an_expired_lease_with_a_call_in_flight_counts_as_unknown(shop: Workshop) -> None:
    await shop.take(ANN)
    await shop.deliver()
    shop.vendor.gate = asyncio.Event()
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "city": "Rome"}})
    await shop.deliver(3)
    assert len(shop.vendor.requests) == 2
    gate, shop.vendor.gate = shop.vendor.gate, None
    shop.engine = shop.new_engine()
    shop.clock.forward(100)  # the answer does not come while the first engine's lease lasts
    await shop.work()
    gate.set()
    await shop.deliver()
    assert shop.vendor.bodies()[-1] == {"email": "ann@x.example", "city": "Rome"}
    assert len(shop.vendor.requests) == 3
    assert shop.counts == {"delivered": 2}


async def test_a_team_goes_before_its_members(shop: Workshop) -> None:
    await shop.take(ANN)
    await shop.take({"type": "group", "groupId": "Acme", "traits": {"size": 3},
                     "context": {"traits": {"email": "ann@x.example"}}})  # fmt: skip
    await shop.deliver()
    urls = [request.url.rsplit("/", 1)[1] for request in shop.vendor.requests]
    assert urls == ["person", "team", "person"]
    assert shop.counts == {"delivered": 2}


async def test_a_refused_team_is_not_linked(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(400) if request.url.endswith("team") else None
    await shop.take({"type": "group", "groupId": "Acme", "context": {"traits": {"email": "ann@x.example"}}})
    await shop.deliver()
    assert shop.counts == {"failed": 1}
    assert shop.vendor.persons == {}


async def test_appends_go_after_the_person_and_in_order(shop: Workshop) -> None:
    ann = {"traits": {"email": "ann@x.example"}}
    events = [{"type": "track", "event": f"e{n}", "context": ann} for n in range(5)]
    await shop.take(*events, ANN)
    await shop.deliver()
    assert [request.url.split("/")[3] for request in shop.vendor.requests] == ["upsert", *["append"] * 5]
    assert [event["name"] for event in shop.vendor.events] == [f"e{n}" for n in range(5)]


async def test_an_append_waits_for_a_person_who_waits_for_a_team(shop: Workshop) -> None:
    ann = {"traits": {"email": "ann@x.example"}}
    track = {"type": "track", "event": "e", "context": ann}
    await shop.take({"type": "group", "groupId": "Acme", "context": ann}, track)
    await shop.deliver(1)
    assert shop.vendor.requests == []
    await shop.deliver()
    assert [request.url.rsplit("/", 1)[1] for request in shop.vendor.requests][:2] == ["team", "person"]
    assert [event["name"] for event in shop.vendor.events] == ["e"]
    shop.vendor.answer = lambda request: status(500) if request.url.endswith("team") else None
    await shop.take({"type": "group", "groupId": "Other", "context": ann}, track)
    await shop.deliver(20)
    assert len(shop.vendor.events) == 2, "who is there already need not wait for another team"


async def test_an_append_goes_when_the_team_that_its_person_waits_for_is_refused(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(400) if request.url.endswith("team") else None
    ann = {"traits": {"email": "ann@x.example"}}
    track = {"type": "track", "event": "e", "context": ann}
    await shop.take({"type": "group", "groupId": "Acme", "context": ann}, track)
    await shop.deliver()
    assert len(shop.vendor.events) == 1
    assert shop.counts == {"failed": 1, "delivered": 1}


async def test_refused_credentials_keep_events_and_resume_with_new_settings(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(401)
    await shop.take(*people(20))
    await shop.deliver(10)
    assert shop.counts == {"pending": 20}
    assert len(shop.vendor.requests) <= 8
    shop.vendor.answer = lambda request: OK
    shop.configure(shop=Settings(key=SecretStr("another-secret")))
    await shop.deliver(3)
    assert shop.counts == {"delivered": 20}


async def test_new_settings_end_the_waits_after_failures(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(500)
    await shop.take(ANN)
    await shop.deliver(600)
    assert shop.column("SELECT attempts FROM lane")[0] >= 6
    shop.vendor.answer = lambda request: OK
    shop.configure(shop=Settings(tenant="acme", repeatable=False))
    await shop.work()
    assert shop.counts == {"delivered": 1}


async def test_a_defect_of_a_destination_holds_back_its_own_work_only(shop: Workshop) -> None:
    def exchange(settings, works):  # type: ignore[no-untyped-def]
        raise ZeroDivisionError
        yield

    with_type(shop, exchange=exchange)
    await shop.take(ANN)
    await shop.deliver(3)
    assert shop.outcome("m-1") == ("pending", "internal_error")


async def test_work_that_an_answer_left_unknown_is_in_doubt_when_it_goes_again(shop: Workshop) -> None:
    seen: list[bool] = []

    def exchange(settings: Settings, works: Sequence[Work]) -> Exchange:
        yield Request("POST", "https://vendor.example/append/event", {}, b"[]", (0,), family="writes")
        seen.append(works[0].in_doubt)
        yield Settled(0, Delivered() if works[0].in_doubt else Unknown("answer_unreadable", "No word."))

    with_type(shop, exchange=exchange)
    await shop.take({"type": "track", "event": "Used", "context": {"traits": {"email": "ann@x.example"}}})
    await shop.deliver(10)
    assert seen == [False, True]
    assert shop.counts == {"delivered": 1}


async def test_a_record_that_is_gone_is_no_outage_of_the_destination(shop: Workshop) -> None:
    def exchange(settings: Settings, works: Sequence[Work]) -> Exchange:
        yield Request("POST", "https://vendor.example/append/event", {}, b"[]", (0,), family="writes")
        yield Settled(0, Retry("record_gone", "The company is gone."))

    with_type(shop, exchange=exchange)
    await shop.take({"type": "track", "event": "Used", "context": {"traits": {"email": "ann@x.example"}}})
    await shop.deliver(20)
    with shop.store.reading() as reading:
        assert reading.destination_states()["shop"].failures == 0
    assert shop.outcome("m-1") == ("pending", "record_gone")


async def test_an_event_that_counts_as_refused_by_now_fails_when_it_is_planned_again(shop: Workshop) -> None:
    await shop.take({"type": "track", "event": "Unmapped", "context": {"traits": {"email": "ann@x.example"}}})
    await shop.deliver(1)
    refused = msgspec.msgpack.encode(Entry("app", "", shop.clock.now_us(), 0, b"", b"[]"))
    with shop.store.transaction() as transaction:
        transaction.intake.keep_bodies([(1, refused)])
        again = NewDelivery(1, transaction.names.destination("shop"), 1, PENDING, "queued")
        transaction.ledger.change(again, shop.clock.now_us())
    await shop.deliver(1)
    assert shop.outcome("m-1") == ("failed", "event_not_object")
