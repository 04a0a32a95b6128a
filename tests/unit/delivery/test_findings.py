"""What the simulation found, each as a small story of its own."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gainstage.delivery.engine import Engine
from gainstage.destination import CallFailed, Exchange, Planned
from gainstage.event import Event, Identity
from gainstage.operation import Record, Upsert
from gainstage.outcome import Filtered
from tests.unit.delivery.workshop import Settings, Workshop, opened, plan, status, with_type

pytestmark = pytest.mark.anyio
ANN = {"type": "identify", "traits": {"email": "ann@x.example", "city": "Bern"}}
ROME = {"type": "identify", "traits": {"email": "ann@x.example", "city": "Rome"}}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


async def test_a_clock_set_forward_makes_no_second_call_for_a_record(shop: Workshop) -> None:
    shop.vendor.gate = asyncio.Event()
    await shop.take(ANN)
    await shop.deliver(3)
    shop.clock.forward(3600)
    await shop.take(ROME)
    await shop.deliver(5)
    assert len(shop.vendor.requests) == 1
    shop.vendor.gate.set()
    await shop.deliver(5)
    assert shop.vendor.persons == {"ann@x.example": {"email": "ann@x.example", "city": "Rome"}}
    assert shop.counts == {"delivered": 2}


async def test_a_restart_frees_records_that_were_leased_before_the_clock_was_set_back(
    shop: Workshop,
) -> None:
    shop.vendor.gate = asyncio.Event()
    await shop.take(ANN)
    await shop.deliver(3)
    shop.vendor.gate = None
    shop.clock.forward(-86_400)
    shop.engine = shop.new_engine()
    stop = asyncio.Event()
    running = asyncio.create_task(shop.engine.run(stop))
    await asyncio.sleep(0)
    stop.set()
    await running
    assert shop.column("SELECT count(*) FROM record WHERE leased_until_us > 0") == [0]


async def test_a_withdrawn_event_leaves_no_lane_behind(shop: Workshop) -> None:
    """Its person's lane had no turn of its own: it waited for the team."""

    def filters(settings: Settings, event: Event, identity: Identity, schema: object) -> Planned:
        if settings.park_for.days == 1:
            return Planned(Filtered("event_not_listed", "Not any more."))
        return plan(settings, event, identity)

    with_type(shop, plan=filters)
    await shop.take({"type": "group", "groupId": "t", "context": {"traits": {"email": "ann@x.example"}}})
    await shop.turn()
    shop.configure(shop=Settings(park_for=timedelta(days=1)))
    await shop.deliver(5)
    assert shop.counts == {"filtered": 1}
    assert shop.column("SELECT count(*) FROM lane") == [0]


async def test_taking_apart_sends_no_older_value_over_one_that_may_have_arrived(shop: Workshop) -> None:
    shop.vendor.script = [CallFailed("timeout", "No answer.", sent=True)]
    await shop.take(ANN, ROME)
    await shop.deliver(2)
    assert shop.vendor.persons["ann@x.example"]["city"] == "Rome"  # it did arrive
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "title": "poison"}})
    await shop.deliver(20)
    assert [body.get("city") for body in shop.vendor.bodies()] == ["Rome", "Rome", "Rome", None]
    assert shop.counts == {"delivered": 2, "failed": 1}


async def test_taking_apart_begins_with_what_made_the_record(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
    made = {"type": "identify", "traits": {"email": "ann@x.example", "title": "cto"}}
    bad = {"type": "identify", "traits": {"email": "ann@x.example", "title": "poison"}}
    await shop.take(made, bad, ROME)
    await shop.deliver(20)
    sent = [{name: body.get(name) for name in ("title", "city")} for body in shop.vendor.bodies()]
    assert sent[1] == {"title": "cto", "city": None}
    assert [shop.outcome(f"m-{number}")[0] for number in (1, 2, 3)] == ["delivered", "failed", "delivered"]


async def test_an_exchange_is_told_what_older_events_say_while_what_may_have_arrived_is_sent_again(
    shop: Workshop,
) -> None:
    seen: list[dict[str, object]] = []
    original = shop.type.exchange

    def exchange(settings: Any, works: Any) -> Exchange:
        seen.extend(work.behind for work in works)
        return original(settings, works)

    with_type(shop, exchange=exchange)
    shop.vendor.script = [CallFailed("timeout", "No answer.", sent=True)]
    await shop.take(ROME)
    await shop.deliver(2)
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
    late = {"email": "ann@x.example", "title": "poison"}
    await shop.take({"type": "identify", "timestamp": "2020-01-01T00:00:00Z", "traits": late})
    await shop.deliver(20)
    assert seen == [{}, {}, late, {}]


async def test_what_may_have_arrived_from_several_calls_goes_in_the_parts_that_they_carried(
    shop: Workshop,
) -> None:
    """A part that no call carried could put an older value over a newer one."""
    bad = {"type": "identify", "traits": {"email": "ann@x.example", "title": "poison", "city": "Oslo"}}
    lost = CallFailed("timeout", "No answer.", sent=True)
    shop.vendor.script = [lost, lost]
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
    await shop.take(ANN, ROME)
    await shop.deliver(2)
    await shop.take(bad)
    await shop.deliver(2)
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "city": "Paris"}})
    await shop.deliver(40)
    sent = [(body.get("city"), body.get("title")) for body in shop.vendor.bodies()]
    lost_or_refused = [("Rome", None), ("Oslo", "poison"), ("Paris", "poison")]
    taken_apart = [("Oslo", "poison"), ("Rome", None), ("Paris", "poison"), ("Oslo", "poison")]
    assert sent == [*lost_or_refused, *taken_apart, ("Paris", None)]
    assert shop.vendor.persons["ann@x.example"]["city"] == "Paris"
    assert shop.counts == {"delivered": 3, "failed": 1}


def chooses(settings: Settings, event: Event, identity: Identity, schema: object) -> Planned:
    """An event says for which of two destinations of one tenant it is."""
    if event.context.get("for") != settings.key.get_secret_value():
        return Planned(Filtered("event_not_listed", "For the other one."))
    return plan(settings, event, identity)


def city(name: str, for_: str, day: int) -> dict[str, object]:
    """What somebody said on a day."""
    at, traits = f"2025-12-0{day}T00:00:00Z", {"email": "ann@x.example", "city": name}
    return {"type": "identify", "timestamp": at, "traits": traits, "context": {"for": for_}}


TWO = {name: Settings(key=SecretStr(name)) for name in ("one", "two")}


async def test_nothing_older_goes_over_what_a_destination_that_is_removed_may_have_written(
    tmp_path: Path,
) -> None:
    """Nobody knows whether it comes back: the other one does not wait, and says what it may have said."""
    with opened(tmp_path, TWO) as shop:
        with_type(shop, plan=chooses)
        shop.vendor.answer = lambda request: CallFailed("timeout", "No answer.", sent=True)
        await shop.take(city("Rome", "one", 2))
        await shop.deliver(2)
        shop.vendor.answer = lambda request: None
        shop.given = {"two": TWO["two"]}
        shop.configure()
        await shop.take(city("Bern", "two", 1))
        await shop.deliver(10)
        cities = [body["city"] for body in shop.vendor.bodies() if "city" in body]
        assert set(cities) == {"Rome"}
        assert shop.outcomes("m-2")["two"][0] == "delivered"
        calls = len(cities)
        shop.given = dict(TWO)
        shop.configure()
        await shop.deliver(30)
        assert shop.outcomes("m-1")["one"][0] == "delivered"
        assert len([body for body in shop.vendor.bodies() if "city" in body]) == calls
        await shop.take(city("Wien", "two", 3))
        await shop.deliver(10)
        assert shop.vendor.persons["ann@x.example"]["city"] == "Wien"


async def test_another_destination_of_the_tenant_writes_nothing_older_over_what_may_have_arrived(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, TWO) as shop:
        with_type(shop, plan=chooses)
        shop.vendor.script = [CallFailed("timeout", "No answer.", sent=True)]
        await shop.take(city("Rome", "one", 2))
        await shop.deliver(2)
        assert shop.vendor.persons["ann@x.example"]["city"] == "Rome"  # it did arrive
        shop.vendor.script = [status(503), status(503)]
        await shop.take(city("Bern", "two", 1))
        await shop.deliver(30)
        cities = [body["city"] for body in shop.vendor.bodies() if "city" in body]
        assert set(cities) == {"Rome"}
        assert shop.outcomes("m-2")["two"] == ("delivered", "superseded")


async def test_news_of_an_email_reach_events_at_a_destination_without_usable_settings(
    shop: Workshop,
) -> None:
    await shop.take({"type": "identify", "traits": {"city": "Bern"}})
    await shop.deliver(3)
    assert shop.counts == {"parked": 1}
    usable = dict(shop.given)
    shop.unusable.add("shop")
    shop.configure()
    await shop.take({"type": "page", "context": {"traits": {"email": "ann@x.example"}}})
    await shop.deliver(3)
    shop.unusable.clear()
    shop.configure(**usable)
    await shop.deliver(5)
    assert shop.vendor.persons == {"ann@x.example": {"email": "ann@x.example", "city": "Bern"}}


async def test_an_event_planned_anew_stays_in_doubt(shop: Workshop) -> None:
    """Other settings do not tell whether it arrived."""
    await shop.take({"type": "track", "event": "Used", "context": {"traits": {"email": "ann@x.example"}}})
    shop.vendor.script = [CallFailed("timeout", "No answer.", sent=True)]
    await shop.work()
    assert shop.column("SELECT in_doubt FROM operation") == [1]
    shop.vendor.gate = asyncio.Event()
    shop.configure(shop=Settings(park_for=timedelta(days=1)))
    await shop.deliver(5)
    assert shop.column("SELECT plan FROM operation") == [2]
    assert shop.column("SELECT in_doubt FROM operation") == [1]


async def killed_in_a_call(shop: Workshop) -> None:
    """The process ends while a call is under way; the vendor takes it all the same."""
    gate = shop.vendor.gate = asyncio.Event()
    await shop.deliver(2)
    gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    shop.vendor.gate = None
    shop.engine = shop.new_engine()
    over = asyncio.Event()
    over.set()
    await Engine.run(shop.engine, over)


async def test_a_kill_leaves_in_doubt_what_its_call_carried_and_not_what_an_earlier_one_did(
    shop: Workshop,
) -> None:
    """Taken to have gone together, they would be refused together, and an older value would go next."""
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
    email = {"email": "ann@x.example"}
    await shop.take({"type": "identify", "traits": {**email, "n": 1}})
    await shop.take({"type": "identify", "traits": {**email, "title": "poison"}})
    await killed_in_a_call(shop)
    await shop.take(city("Rome", "ann", 2))
    while len(shop.vendor.requests) < 3:  # refused with all, and again as the first call was
        await shop.turn()
    await killed_in_a_call(shop)
    assert shop.vendor.persons["ann@x.example"] == {**email, "city": "Rome"}
    await shop.take(city("Oslo", "ann", 1))
    await shop.deliver(20)
    assert "Oslo" not in [body.get("city") for body in shop.vendor.bodies()]
    assert shop.vendor.persons["ann@x.example"] == {**email, "city": "Rome", "n": 1}
    assert shop.counts == {"delivered": 3, "failed": 1}


async def test_an_event_that_fails_for_one_record_says_nothing_of_another_where_it_asked_for_no_change(
    shop: Workshop,
) -> None:
    """Its link was there already. What an older event says of the link counts: nothing newer arrived."""

    def links(settings: Settings, event: Event, identity: Identity, schema: object) -> Planned:
        team, person = Record("team", f"name:{event.group_id}"), Record("person", "email:ann@x.example")
        return Planned((Upsert(team, dict(event.traits)), Upsert(person, {"team": event.group_id}, (team,))))

    def joins(team: str, day: int, stage: str) -> dict[str, Any]:
        at = f"2025-12-0{day}T00:00:00Z"
        return {"type": "group", "timestamp": at, "groupId": team, "traits": {"stage": stage}}

    with_type(shop, plan=links)
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
    await shop.take(joins("a", 1, "new"))
    await shop.deliver(5)
    await shop.take(joins("a", 3, "poison"))
    await shop.deliver(5)
    await shop.take(joins("b", 2, "new"))
    await shop.deliver(5)
    assert shop.vendor.persons == {"ann@x.example": {"team": "b"}}
    assert shop.counts == {"delivered": 2, "failed": 1}
