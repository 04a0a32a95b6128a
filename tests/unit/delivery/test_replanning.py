"""After a change of settings: every waiting event is planned anew, in order, before anything is sent."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gainstage.delivery.replanning import REPLANNED_A_TURN
from gainstage.destination import CallFailed, Planned, Request
from gainstage.event import Event, Identity
from gainstage.operation import Record, Upsert
from gainstage.outcome import Filtered
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status, with_type

WRONG = Settings(tenant="wrong")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path, {"shop": WRONG}) as found:
        yield found


def track(user: int, place: int) -> dict[str, object]:
    email = f"u{user}@x.example"
    return {
        "type": "track",
        "event": f"{user}/{place}",
        "userId": f"u-{user}",
        "context": {"traits": {"email": email}},
    }


def in_order(shop: Workshop) -> None:
    """Every user's events arrived once, in the order of their places."""
    places = defaultdict(list)
    for event in shop.vendor.events:
        user, place = event["name"].split("/")
        places[user].append(int(place))
    assert places
    for user, found in places.items():
        assert found == sorted(set(found)), f"user {user}: {found}"


def refuse_the_wrong(request: Request) -> Answer:
    return status(401) if request.headers["authorization"] == "wrong-key" else None


async def blocked(shop: Workshop, users: int, places: int) -> None:
    """Events that wait while their credentials are refused."""
    shop.configure(shop=Settings(tenant="wrong", key="wrong-key"))  # type: ignore[arg-type]
    shop.vendor.answer = refuse_the_wrong
    for place in range(places):
        await shop.take(*(track(user, place) for user in range(users)))
    await shop.work()
    assert shop.vendor.events == []


async def test_events_that_waited_under_a_wrong_key_go_before_newer_ones(shop: Workshop) -> None:
    """A corrected key is another tenant, with other lanes."""
    users, places = 10, REPLANNED_A_TURN // 10 * 2 + 3
    await blocked(shop, users, places)
    shop.configure(shop=Settings())
    await shop.take(*(track(user, places) for user in range(users)))
    await shop.deliver(200)
    assert shop.counts == {"delivered": users * (places + 1)}
    in_order(shop)


async def test_events_routed_while_settings_were_unusable_go_before_newer_ones(shop: Workshop) -> None:
    shop.unusable = {"shop"}
    shop.configure()
    places = REPLANNED_A_TURN + 2
    await shop.take(*(track(1, place) for place in range(places)))
    await shop.work()
    shop.unusable = set()
    shop.configure()
    await shop.take(track(1, places))
    await shop.deliver(200)
    assert shop.counts == {"delivered": places + 1}
    in_order(shop)


async def test_a_process_that_ends_while_planning_anew_is_continued_by_the_next(shop: Workshop) -> None:
    users, places = 4, REPLANNED_A_TURN // 2
    await blocked(shop, users, places)
    shop.configure(shop=Settings())
    await shop.turn()
    assert shop.vendor.events == []
    shop.engine = shop.new_engine()
    await shop.take(*(track(user, places) for user in range(users)))
    await shop.deliver(200)
    assert shop.counts == {"delivered": users * (places + 1)}
    in_order(shop)


async def test_an_event_whose_call_failed_during_the_change_goes_before_newer_ones(shop: Workshop) -> None:
    """Its lane of the old tenant waits after a failure, while that of the new tenant could go at once."""
    shop.vendor.gate = asyncio.Event()
    await shop.take(track(1, 0))
    await shop.work()
    shop.configure(shop=Settings())
    await shop.work()
    shop.vendor.script = [status(503)]
    shop.vendor.gate.set()
    await shop.work()
    await shop.take(track(1, 1))
    await shop.deliver()
    assert shop.counts == {"delivered": 2}
    in_order(shop)


async def test_what_is_under_way_when_settings_change_is_not_sent_again(shop: Workshop) -> None:
    shop.vendor.gate = asyncio.Event()
    await shop.take(track(1, 0), track(1, 1))
    await shop.work()
    assert len(shop.vendor.requests) == 1
    shop.configure(shop=Settings())
    await shop.work()
    assert len(shop.vendor.requests) == 1, "nothing starts before the answer is known"
    shop.vendor.gate.set()
    await shop.deliver()
    assert [event["name"] for event in shop.vendor.events] == ["1/0", "1/1"]
    in_order(shop)


async def test_a_call_that_waits_for_budget_is_given_back_when_settings_change(shop: Workshop) -> None:
    """Else it would hold the new settings back until the budget renews."""
    shop.configure(shop=Settings(tenant="wrong", calls=1, window_seconds=80.0))
    await shop.take(track(1, 0))
    await shop.work()
    await shop.take(track(2, 0))
    await shop.work()
    assert len(shop.vendor.events) == 1
    shop.configure(shop=Settings())
    await shop.work()
    assert len(shop.vendor.events) == 2
    assert shop.counts == {"delivered": 2}


async def test_an_older_link_goes_over_no_newer_one_that_may_have_arrived_and_waits_again(
    shop: Workshop,
) -> None:
    """Planned anew, the newer link follows its team once more, while the older one's team is settled."""

    def moves(settings: Settings, event: Event, identity: Identity, schema: object) -> Planned:
        team = Record("team", f"name:{event.group_id}")
        person = Record("person", "email:ann@x.example")
        named = Upsert(team, {"name": event.group_id, **event.traits})
        return Planned((named, Upsert(person, {"email": "ann@x.example", "home": event.group_id}, (team,))))

    with_type(shop, plan=moves)

    def answer(request: Request) -> Answer:
        lost = CallFailed("timeout", "No answer.", sent=True)
        return status(503) if b"gold" in request.body else lost if "person" in request.url else None

    shop.vendor.answer = answer
    await shop.take({"type": "group", "groupId": "old"}, {"type": "group", "groupId": "new"})
    await shop.deliver(4)
    assert shop.vendor.persons["ann@x.example"]["home"] == "new"
    await shop.take({"type": "group", "groupId": "new", "traits": {"tier": "gold"}})
    await shop.turn()
    shop.configure(shop=Settings(tenant="wrong", park_for=timedelta(days=1)))
    await shop.deliver(40)
    homes = [body["home"] for body in shop.vendor.bodies() if "home" in body]
    assert set(homes) == {"new"}, homes
    shop.vendor.answer = lambda request: None
    await shop.deliver(600)
    assert shop.counts == {"delivered": 3}


OLDER, NEWER, OTHER = {"grade": "old"}, {"grade": "new"}, {"city": "Bern"}


def maps_to(shop: Workshop, field: str, days: int) -> None:
    """Let the trait `grade` go to another field."""

    def mapped(settings: Settings, event: Event, identity: Identity, schema: object) -> Planned:
        traits = dict(event.traits)
        if "grade" in traits:
            traits[field] = traits.pop("grade")
        return Planned(
            (Upsert(Record("person", "email:ann@x.example"), {"email": "ann@x.example", **traits}),)
        )

    with_type(shop, plan=mapped)
    shop.configure(shop=Settings(park_for=timedelta(days=days)))


async def lost_and_mapped_to_another_field(shop: Workshop) -> None:
    """The answer to the newest grade is lost, and it goes to another field before it is known."""
    maps_to(shop, "tier", 1)
    await shop.take({"type": "identify", "traits": OTHER})
    await shop.deliver()
    shop.vendor.answer = lambda request: CallFailed("timeout", "No answer.", sent=True)
    now = {"type": "identify", "timestamp": "2026-01-01T11:59:59Z"}
    await shop.take({**now, "traits": NEWER})
    await shop.deliver(4)
    maps_to(shop, "plan", 2)
    await shop.work()
    shop.vendor.answer = lambda request: None
    await shop.deliver(60)
    assert shop.vendor.persons["ann@x.example"]["plan"] == "new"


async def test_what_may_have_arrived_under_other_settings_is_overwritten_by_nothing_older(
    shop: Workshop,
) -> None:
    """It is said again instead, as soon as something older is to go to that field."""
    await lost_and_mapped_to_another_field(shop)
    before = len(shop.vendor.bodies())
    maps_to(shop, "tier", 3)
    await shop.take({"type": "identify", "traits": OLDER, "timestamp": "2026-01-01T11:00:00Z"})
    await shop.deliver()
    assert shop.vendor.bodies()[before:] == [{"tier": "new"}]
    assert shop.outcome("m-3") == ("delivered", "superseded")
    await shop.take({"type": "identify", "traits": OLDER, "timestamp": "2026-01-01T11:30:00Z"})
    await shop.deliver()
    assert len(shop.vendor.bodies()) == before + 1, "by now it is confirmed"
    assert shop.counts == {"delivered": 4}


async def test_what_may_have_arrived_under_other_settings_gives_way_to_anything_newer(shop: Workshop) -> None:
    await lost_and_mapped_to_another_field(shop)
    before = len(shop.vendor.bodies())
    maps_to(shop, "tier", 3)
    await shop.take({"type": "identify", "traits": OLDER})
    await shop.deliver()
    assert shop.vendor.bodies()[before:] == [{"tier": "old"}]
    await shop.take({"type": "identify", "traits": {"grade": "older"}, "timestamp": "2026-01-01T11:30:00Z"})
    await shop.deliver()
    assert shop.vendor.persons["ann@x.example"]["tier"] == "old"


async def test_what_is_refused_when_it_is_said_again_is_no_fault_of_the_event_that_brought_it_up(
    shop: Workshop,
) -> None:
    await lost_and_mapped_to_another_field(shop)
    maps_to(shop, "tier", 3)
    refusal = status(200, b'["tier"]')
    shop.vendor.answer = lambda request: refusal if b'"tier":"new"' in request.body else None
    await shop.take({"type": "identify", "traits": OLDER, "timestamp": "2026-01-01T11:00:00Z"})
    await shop.deliver()
    assert shop.vendor.persons["ann@x.example"]["tier"] == "old"
    assert shop.counts == {"delivered": 3}


def refuse(shop: Workshop, text: bytes) -> None:
    """The vendor names no field."""
    shop.vendor.answer = lambda request: status(400) if text in request.body else None


async def test_a_refusal_for_something_else_lets_nothing_older_go_over_what_may_have_arrived(
    shop: Workshop,
) -> None:
    await lost_and_mapped_to_another_field(shop)
    before = len(shop.vendor.bodies())
    maps_to(shop, "tier", 3)
    refuse(shop, b"poison")
    old = {**OLDER, "mood": "poison"}
    await shop.take({"type": "identify", "traits": old, "timestamp": "2026-01-01T11:00:00Z"})
    await shop.deliver()
    assert shop.vendor.bodies()[before:] == [{"tier": "new", "mood": "poison"}, {"mood": "poison"}]
    await shop.take({"type": "identify", "traits": OLDER, "timestamp": "2026-01-01T11:10:00Z"})
    await shop.deliver()
    assert shop.vendor.bodies()[before + 2 :] == [{"tier": "new"}], "it is said again with the next one"
    assert shop.counts == {"delivered": 3, "failed": 1}


async def test_what_was_refused_for_what_it_said_again_goes_without_it_and_then_as_it_was(
    shop: Workshop,
) -> None:
    await lost_and_mapped_to_another_field(shop)
    before = len(shop.vendor.bodies())
    maps_to(shop, "tier", 3)
    refuse(shop, b'"tier":"new"')
    old = {**OLDER, "mood": "good"}
    await shop.take({"type": "identify", "traits": old, "timestamp": "2026-01-01T11:00:00Z"})
    await shop.deliver()
    assert shop.vendor.bodies()[before:] == [
        {"tier": "new", "mood": "good"},
        {"mood": "good"},
        {"tier": "old"},
    ]
    assert shop.counts == {"delivered": 3}


async def test_what_the_new_settings_filter_is_not_said_again(shop: Workshop) -> None:
    """Its event does not count as delivered, so what comes next counts."""
    maps_to(shop, "tier", 1)
    shop.vendor.answer = lambda request: CallFailed("timeout", "No answer.", sent=True)
    await shop.take({"type": "identify", "traits": NEWER})
    await shop.deliver(4)
    with_type(shop, plan=lambda *_: Planned(Filtered("event_not_listed", "Not listed.")))
    shop.configure(shop=Settings(park_for=timedelta(days=2)))
    await shop.work()
    assert shop.outcome("m-1") == ("filtered", "event_not_listed")
    shop.vendor.answer = lambda request: None
    maps_to(shop, "tier", 3)
    await shop.take({"type": "identify", "traits": OLDER, "timestamp": "2026-01-01T11:00:00Z"})
    await shop.deliver()
    assert shop.vendor.persons["ann@x.example"]["tier"] == "old"


async def test_waiting_values_are_sent_as_the_new_settings_say(shop: Workshop) -> None:
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "plan": "pro"}})
    await shop.turn()
    shop.configure(shop=Settings())
    await shop.deliver()
    assert shop.vendor.persons == {"ann@x.example": {"email": "ann@x.example", "plan": "pro"}}
    assert shop.column("SELECT name FROM tenant JOIN record ON tenant.id = tenant_id WHERE state IS NOT NULL")
    assert shop.column("SELECT count(*) FROM lane") == [0]


async def test_settings_that_come_back_leave_an_event_alone_with_what_it_says(tmp_path: Path) -> None:
    """It asks for its values itself again: once it failed, nobody is to say them for it."""
    with opened(tmp_path) as shop:
        shop.vendor.answer = lambda request: status(500)
        older = {"type": "identify", "timestamp": "2025-01-01T00:00:00Z"}
        await shop.take({**older, "traits": {"email": "ann@x.example", "city": "Rome"}})
        bad = {"email": "ann@x.example", "city": "Oslo", "title": "poison"}
        await shop.take({"type": "identify", "traits": bad})
        await shop.deliver(2)
        for tenant in ("other", "acme"):
            shop.paused = {"shop"}
            shop.configure(shop=Settings(tenant=tenant))
            await shop.deliver(2)
        assert shop.column("SELECT abandoned FROM record WHERE tenant_id = 1") == [None]
        shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else None
        shop.paused = set()
        shop.configure()
        await shop.deliver(600)
        assert shop.vendor.persons == {"ann@x.example": {"email": "ann@x.example", "city": "Rome"}}
        assert shop.counts == {"delivered": 1, "failed": 1}
