"""What follows from each outcome: who is at fault, what is taken apart, what waits and for how long."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.destination import CallFailed, Exchange, Planned, Request, Response, Settled
from gainstage.event import Event
from gainstage.operation import Record, Upsert
from gainstage.outcome import Blocked, Delivered, Filtered, Parked, Retry, Unknown
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status, with_type

pytestmark = pytest.mark.anyio
MAIL = "ann@x.example"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


def ann(**traits: Any) -> dict[str, Any]:
    """An identify of the one person that these tests are about."""
    return {"type": "identify", "traits": {"email": MAIL, **traits}}


def refuses(shop: Workshop, bad: str, *, named: bool) -> None:
    """Have the vendor refuse every call in which a value is `bad`, naming the field or not."""

    def answer(request: Request) -> Answer:
        for one in msgspec.json.decode(request.body):
            wrong = [name for name, value in one["fields"].items() if value == bad]
            if wrong:
                return Response(200, {}, msgspec.json.encode(wrong if named else []))
        return None

    shop.vendor.answer = answer


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
async def test_a_refused_upsert_is_taken_apart_down_to_the_bad_event(shop: Workshop, named: bool) -> None:
    refuses(shop, "bad", named=named)
    await shop.take(*(ann(**{f"f{n}": "bad" if n == 5 else "good", "n": n}) for n in range(9)))
    await shop.deliver()
    assert shop.counts == {"delivered": 8, "failed": 1}
    assert shop.outcome("m-6") == ("failed", "value_invalid")
    assert shop.vendor.persons[MAIL] == {"email": MAIL, "n": 8} | {
        f"f{n}": "good" for n in range(9) if n != 5
    }
    if named:
        assert len(shop.vendor.requests) == 2
    else:
        assert len(shop.vendor.requests) <= 11


async def test_an_event_at_fault_fails_whole(shop: Workshop) -> None:
    """Its good fields are not sent either, also when a later event was merged with it."""
    refuses(shop, "bad", named=True)
    await shop.take(ann(city="bad", title="cto"), ann(n=1))
    await shop.deliver()
    assert shop.vendor.persons[MAIL] == {"email": MAIL, "n": 1}
    assert shop.counts == {"delivered": 1, "failed": 1}


async def test_an_overtaken_bad_value_does_no_harm(shop: Workshop) -> None:
    refuses(shop, "bad", named=True)
    await shop.take(ann(city="bad"), ann(city="Bern"))
    await shop.deliver()
    assert shop.counts == {"delivered": 2}


async def test_after_a_success_lanes_take_more_again(shop: Workshop) -> None:
    refuses(shop, "bad", named=False)
    await shop.take(*(ann(**{f"f{n}": "bad" if n == 0 else "good"}) for n in range(64)))
    await shop.deliver(20)
    assert shop.counts == {"delivered": 63, "failed": 1}
    assert len(shop.vendor.requests) <= 14


async def test_a_refused_event_is_sent_again_when_a_person_retries_it(shop: Workshop) -> None:
    refuses(shop, "bad", named=True)
    await shop.take(ann(city="bad"))
    await shop.deliver(5)
    assert shop.counts == {"failed": 1}
    shop.vendor.answer = lambda request: None
    with shop.store.transaction() as transaction:
        assert transaction.ledger.retry(1, 1, shop.clock.now_us())
        assert not transaction.ledger.retry(1, 1, shop.clock.now_us())
    await shop.deliver(5)
    assert shop.vendor.persons[MAIL]["city"] == "bad"
    assert shop.counts == {"delivered": 1}


@pytest.mark.parametrize(
    ("outcome", "word", "code"),
    [
        (Filtered("nothing_mapped"), "filtered", "nothing_mapped"),
        (Parked("company_ambiguous", "Two match."), "parked", "company_ambiguous"),
        (Unknown("timeout", "No answer.", hold=True), "parked", "answer_lost"),
    ],
    ids=["filtered", "parked", "held"],
)
async def test_an_outcome_becomes_the_word_of_its_events(
    shop: Workshop, outcome: Any, word: str, code: str
) -> None:
    def exchange(settings: Any, works: Any) -> Exchange:
        yield Request("POST", "https://vendor.example/upsert/person", {}, b"[]", (0,))
        yield Settled(0, outcome)

    with_type(shop, exchange=exchange)
    await shop.take(ann(), ann(n=1))
    await shop.deliver(5)
    assert [shop.outcome("m-1"), shop.outcome("m-2")] == [(word, code)] * 2


async def test_an_append_that_was_perhaps_sent_is_marked(shop: Workshop) -> None:
    shop.given["shop"] = Settings(repeatable=False)
    seen: list[tuple[str, bool]] = []
    original = shop.type.exchange

    def exchange(settings: Any, works: Any) -> Exchange:
        seen.extend((work.kind, work.in_doubt) for work in works)
        return original(settings, works)

    with_type(shop, exchange=exchange)
    shop.vendor.script = [CallFailed("timeout", "No answer.", sent=True)]
    shop.vendor.gate = asyncio.Event()
    await shop.take({"type": "track", "event": "Used", "context": {"traits": {"email": MAIL}}})
    await shop.work()
    await shop.take(ann())  # comes while the append's answer is awaited
    await shop.deliver(3)
    shop.vendor.gate.set()
    await shop.deliver(5)
    assert shop.counts == {"delivered": 2}
    assert [doubt for kind, doubt in seen if kind == "append"] == [False, True]


async def test_an_operation_withdrawn_while_in_flight_settles_nothing_else(shop: Workshop) -> None:
    """Its number is never given again, so a late answer cannot be taken for a newer event's."""

    def plan(settings: Any, event: Event, identity: Any, schema: Any) -> Planned:
        team = Upsert(Record("team", "name:t"), {"v": event.message_id})
        person = Upsert(Record("person", f"email:{event.name or 'p'}"), {"v": event.message_id})
        return Planned((person,) if event.kind == "track" else (person, team))

    with_type(shop, plan=plan)
    await shop.take({"type": "track", "event": "warm", "messageId": "warm"})
    await shop.deliver(4)
    shop.vendor.answer = lambda request: status(400) if request.url.endswith("team") else None
    gate = asyncio.Event()
    send = shop.vendor.send

    async def held(request: Request) -> Response:
        if request.url.endswith("person"):
            await gate.wait()
        return await send(request)

    shop.vendor.send = held  # type: ignore[method-assign]
    await shop.take({"type": "identify", "messageId": "both"})
    await shop.deliver(4)
    assert shop.outcome("both")[0] == "failed"
    await shop.take({"type": "track", "event": "p", "messageId": "later"})
    await shop.work(2)
    gate.set()
    await shop.deliver(5)
    assert shop.outcome("later") == ("delivered", "")
    assert shop.vendor.persons["p"] == {"v": "later"}


async def test_an_answer_to_a_plan_of_old_settings_counts_once(shop: Workshop) -> None:
    """The event was planned anew while its old operation was in flight: it still ends once."""
    gate, asked = asyncio.Event(), []
    send = shop.vendor.send

    async def held(request: Request) -> Response:
        asked.append(request.url)
        if request.url.endswith("team") and len(asked) <= 2:
            await gate.wait()
        return await send(request)

    def plan(settings: Settings, event: Event, identity: Any, schema: Any) -> Planned:
        if event.name == "warm":
            return Planned((Upsert(Record("person", "email:warm"), {"v": 1}),))
        team, person = Record("team", "name:t"), Record("person", "email:p")
        if settings.resend_unchanged_after.days == 1:
            return Planned((Upsert(team, {"v": 2}),))
        return Planned((Upsert(team, {"v": 1}), Upsert(person, {"v": 1})))

    with_type(shop, plan=plan, concurrency=1)
    await shop.take({"type": "track", "event": "warm"})
    await shop.deliver(4)
    shop.vendor.send = held  # type: ignore[method-assign]
    await shop.take({"type": "track", "event": "both"})
    await shop.deliver(3)
    assert len(asked) == 1
    shop.configure(shop=Settings(resend_unchanged_after=timedelta(days=1)))
    with_type(shop, concurrency=4)
    await shop.deliver(2)
    gate.set()
    await shop.deliver(10)
    assert shop.counts == {"delivered": 2}
    assert shop.vendor.teams == {"t": {"v": 2}}


async def test_what_was_learnt_of_a_followed_record_is_kept(shop: Workshop) -> None:
    team = Record("team", "name:Acme")
    known: list[Any] = []

    def exchange(settings: Any, works: Any) -> Exchange:
        known.append(works[0].after.get(team))
        yield Request("POST", "https://vendor.example/upsert/person", {}, b"[]", (0,))
        yield Settled(0, Delivered(), learnt={team: {"gsid": "1P0"}} if known[-1] == {} else {})

    with_type(shop, exchange=exchange)
    link = {"type": "group", "groupId": "Acme", "context": {"traits": {"email": MAIL}}}
    await shop.take(link)
    await shop.deliver(6)
    shop.clock.forward(8 * 86_400)
    await shop.take(link)
    await shop.deliver(6)
    assert known == [None, {}, None, {"gsid": "1P0"}]


async def test_a_record_that_is_gone_is_written_again_whole_also_where_news_of_it_wait(
    shop: Workshop,
) -> None:
    """Somebody has made it anew meanwhile, with nothing but its name: what we know of it is said again."""
    team = Record("team", "name:Acme")
    original, gone = shop.type.exchange, [True]

    def exchange(settings: Any, works: Any) -> Exchange:
        if works[0].record.object == "person" and gone:
            gone.clear()
            yield Settled(0, Retry("record_gone", "It is gone."), learnt={team: None})
            return
        yield from original(settings, works)

    ann = {"context": {"traits": {"email": MAIL}}}
    await shop.take({"type": "group", "groupId": "Acme", "traits": {"size": 3, "city": "Bern"}, **ann})
    gone.clear()
    with_type(shop, exchange=exchange)
    await shop.deliver(8)
    shop.vendor.teams["Acme"] = {"name": "Acme"}
    gone.append(True)
    await shop.take(
        {"type": "identify", "traits": {"email": MAIL, "city": "Rome"}},
        {"type": "group", "groupId": "Acme", "traits": {"size": 4}, **ann},
    )
    await shop.work()
    with shop.store.transaction() as transaction:
        number = transaction.records.record_number(1, team)
        transaction.lanes.postpone(1, number, shop.clock.now_us() + 4_000_000, "", "", attempt=False)
    await shop.deliver(30)
    assert not gone
    assert shop.vendor.teams == {"Acme": {"name": "Acme", "size": 4, "city": "Bern"}}
    assert shop.counts == {"delivered": 3}


def finds_gone(shop: Workshop) -> list[bool]:
    """Have the next write of a person find the team gone, once something is in the list that comes back."""
    team, original, gone = Record("team", "name:Acme"), shop.type.exchange, list[bool]()

    def exchange(settings: Any, works: Any) -> Exchange:
        if works[0].record.object == "person" and gone:
            gone.clear()
            yield Settled(0, Retry("record_gone", "It is gone."), learnt={team: None})
            return
        yield from original(settings, works)

    with_type(shop, exchange=exchange)
    return gone


async def test_a_record_found_gone_while_a_call_for_it_is_under_way_is_written_again_whole(
    shop: Workshop,
) -> None:
    """The call's answer tells nothing of what was confirmed before: that went with the record."""
    ann = {"context": {"traits": {"email": MAIL}}}
    await shop.take({"type": "group", "groupId": "Acme", "traits": {"size": 3, "city": "Bern"}, **ann})
    gone = finds_gone(shop)
    await shop.deliver(8)
    shop.vendor.teams.clear()
    shop.vendor.gate = asyncio.Event()
    await shop.take({"type": "group", "groupId": "Acme", "traits": {"size": 4}, **ann})
    await shop.deliver(6)
    gone.append(True)
    await shop.take({"type": "identify", "traits": {"email": "b@x.example", "v": 1}})
    await shop.deliver(6)
    assert not gone
    shop.vendor.gate.set()
    shop.vendor.gate = None
    await shop.deliver(200)
    assert shop.vendor.teams == {"Acme": {"name": "Acme", "size": 4, "city": "Bern"}}
    assert shop.counts == {"delivered": 3}


@pytest.mark.parametrize("code", [429, 503])
async def test_what_a_vendor_asks_for_holds_though_the_record_of_the_call_is_found_gone_meanwhile(
    shop: Workshop, code: int
) -> None:
    gone = finds_gone(shop)
    await shop.take(ann())
    await shop.deliver(6)
    gone.append(True)
    shop.vendor.gate, shop.vendor.script = asyncio.Event(), [status(code, retry_after="200")]
    await shop.take({"type": "group", "groupId": "Acme", "context": {"traits": {"email": MAIL}}})
    await shop.deliver(6)
    await shop.take({"type": "identify", "traits": {"email": "b@x.example", "v": 1}})
    await shop.deliver(6)
    assert not gone
    shop.vendor.gate.set()
    shop.vendor.gate = None
    made = len(shop.vendor.requests)
    await shop.deliver(190)
    assert len(shop.vendor.requests) == made
    await shop.deliver(60)
    assert shop.counts == {"delivered": 3}


async def test_a_followed_record_that_is_gone_is_written_again_first(shop: Workshop) -> None:
    """A link's team was deleted at the vendor: it is made anew from what is known, then linked."""
    team = Record("team", "name:Acme")
    original, gone = shop.type.exchange, [True]

    def exchange(settings: Any, works: Any) -> Exchange:
        if works[0].record.object == "person" and "team[name:Acme]" in works[0].fields and gone:
            gone.clear()
            yield Settled(0, Retry("record_gone", "It is gone."), learnt={team: None})
            return
        yield from original(settings, works)

    await shop.take({"type": "group", "groupId": "Acme", "traits": {"size": 3, "city": "Bern"},
                     "context": {"traits": {"email": "bob@x.example"}}})  # fmt: skip
    await shop.deliver(8)
    with_type(shop, exchange=exchange)
    shop.configure(shop=Settings(repeatable=False))
    shop.vendor.teams.clear()
    await shop.take({"type": "group", "groupId": "Acme", "context": {"traits": {"email": MAIL}}})
    await shop.deliver(12)
    assert shop.vendor.teams == {"Acme": {"name": "Acme", "size": 3, "city": "Bern"}}
    assert shop.vendor.persons[MAIL] == {"team[name:Acme]": True}
    assert shop.counts == {"delivered": 2}


async def test_of_what_is_filtered_only_an_answer_ends_a_block(shop: Workshop) -> None:
    """A destination may learn by a call that an event is not to be sent, or know it without one."""

    def exchange(settings: Any, works: Any) -> Exchange:
        if works[0].fields.get("asks"):
            response = yield Request("GET", "https://vendor.example/asked", {}, b"[]", (0,))
            assert response is not None
            if response.status == 401:
                yield Settled(0, Blocked("credentials_refused", "No."))
                return
        yield Settled(0, Filtered("user_denied", "Denied."))

    def blocked() -> bool:
        with shop.store.transaction() as transaction:
            return transaction.destinations.get("shop").blocked

    with_type(shop, exchange=exchange)
    shop.vendor.answer = lambda request: status(401)
    asking = {"event": "A", "properties": {"asks": True}, "context": {"traits": {"email": MAIL}}}
    await shop.take({"type": "track", **asking})
    await shop.deliver(3)
    assert blocked()
    other = {"event": "B", "context": {"traits": {"email": "b@x.example"}}}
    await shop.take({"type": "track", "userId": "u-2", **other})
    await shop.deliver(20)
    assert shop.outcome("m-2") == ("filtered", "user_denied") and blocked()
    shop.vendor.answer = lambda request: None
    await shop.deliver(600)
    assert shop.outcome("m-1") == ("filtered", "user_denied") and not blocked()
