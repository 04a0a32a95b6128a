"""Forgetting a person, turn by turn: calls under way, others concerned, the vendor, ends in between."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gainstage.clock import DAY_US
from gainstage.destination import CallFailed, Deletion, Person, Request
from gainstage.log.contract import Erased, LogUnavailable
from gainstage.log.memory import MemoryLog
from gainstage.outcome import Blocked, Delivered
from gainstage.pseudonym import Pseudonyms
from gainstage.store.forgetting import TAKEN_OUT
from gainstage.store.forgetting_rows import ForgettingRow, Phase, Someone
from tests.unit.delivery.workshop import START_US, Workshop, status, with_type

EMAIL = "ada@lovelace.example"
ADA = {"userId": "user-ada", "traits": {"email": EMAIL}}
ANN = {"userId": "user-ann", "traits": {"email": "ann@x.example"}}
RECORDS = (("person", "email:{email}"),)
#: Tables with a row for each event, and what else is a person's.
TABLES = ("event", "delivery", "body", "operation", "call", "call_event", "identity", "record", "parked")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.store.close()


def ask(shop: Workshop, name: str, *destinations: str) -> int:
    """Ask for a person to be forgotten, and deleted at the destinations."""
    pseudonyms = Pseudonyms(b"")
    with shop.store.transaction() as transaction:
        emails = [name] if "@" in name else []
        keys, emails_known = transaction.reading.receipts.someone([f"u:{name}", f"a:{name}"], emails)
        someone = Someone(keys, emails_known, RECORDS)
        vendors = {name: {"outcome": "waiting", "reason": ""} for name in destinations}
        digests = [pseudonyms.of(one) for one in someone.names]
        return transaction.forgetting.ask(b"asked", someone, digests, vendors, shop.clock.now_us())


def receipt(shop: Workshop, number: int) -> ForgettingRow:
    with shop.store.reading() as reading:
        row = reading.receipts.get(number)
    assert row is not None
    return row


async def done(shop: Workshop, number: int) -> ForgettingRow:
    """Turns until the request is done."""
    for _ in range(60):
        await shop.turn()
        await asyncio.sleep(0)
        shop.clock.forward(1)
        if receipt(shop, number).done_us is not None:
            return receipt(shop, number)
    raise AssertionError(receipt(shop, number))


def rows(shop: Workshop) -> dict[str, int]:
    return {table: shop.column(f"SELECT count(*) FROM {table}")[0] for table in TABLES}


async def held(shop: Workshop) -> bytes:
    """Everything that log and files hold."""
    entries = [entry for _, entry in await shop.log.read(0, 0, 1_000)]
    return b"".join(entry.body for entry in entries) + b"".join(
        path.read_bytes() for path in sorted(Path(shop.store._path).parent.glob("store.db*"))
    )


async def test_of_what_was_delivered_waits_or_failed_nothing_is_left_and_the_counters_stay(
    shop: Workshop,
) -> None:
    shop.vendor.answer = lambda request: status(400) if b"bad" in request.body else None
    await shop.take({"type": "identify", **ADA}, {"type": "track", "event": "Parked", "userId": "someone"})
    await shop.deliver()
    await shop.take({"type": "identify", **ADA, "traits": {"email": EMAIL, "x": "bad"}})
    await shop.deliver()
    shop.vendor.answer = lambda request: status(503)
    await shop.take({"type": "identify", **ADA, "traits": {"email": EMAIL, "x": "waits"}})
    await shop.deliver()
    assert shop.counts == {"delivered": 1, "failed": 1, "parked": 1, "pending": 1}
    ended = await done(shop, ask(shop, EMAIL))
    assert shop.counts == {"delivered": 1, "failed": 1, "parked": 1, "filtered": 1}
    assert (ended.counts["events"], ended.counts["log_entries"], ended.person) == (3, 3, None)
    assert rows(shop)["event"] == rows(shop)["parked"] == 1
    assert [rows(shop)[name] for name in ("operation", "call", "call_event", "identity")] == [0, 0, 0, 0]
    assert b"lovelace" not in await held(shop) and b"user-ada" not in await held(shop)


async def test_a_call_under_way_is_waited_for_and_none_is_begun(shop: Workshop) -> None:
    shop.vendor.gate = asyncio.Event()
    await shop.take({"type": "identify", **ADA})
    await shop.work()
    shop.clock.forward(5)
    await shop.work()
    assert len(shop.vendor.requests) == 1
    await shop.take({"type": "identify", **ADA, "traits": {"email": EMAIL, "plan": "later"}})
    await shop.work()
    number = ask(shop, "user-ada")
    await shop.work(20)
    assert receipt(shop, number).phase == Phase.PURGE and "under way" in receipt(shop, number).detail
    shop.vendor.gate.set()
    await done(shop, number)
    assert len(shop.vendor.requests) == 1
    assert shop.counts == {"delivered": 1, "filtered": 1}


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
async def test_whoever_comes_next_goes_on_where_forgetting_was_cut_short(shop: Workshop, turns: int) -> None:
    await shop.take(*({"type": "identify", **ADA, "traits": {"email": EMAIL, "n": n}} for n in range(30)))
    await shop.take({"type": "identify", **ANN})
    await shop.deliver()
    number = ask(shop, EMAIL)
    await shop.work(turns)
    for _ in range(4):
        shop.engine = shop.new_engine()
        shop.clock.forward(1)
        await shop.work(4)
    ended = await done(shop, number)
    assert ended.counts["events"] == ended.counts["log_entries"] == 30
    assert shop.counts == {"delivered": 31}
    assert rows(shop)["event"] == rows(shop)["identity"] == rows(shop)["record"] == 1
    assert b"lovelace" not in await held(shop)


async def test_of_calls_that_carried_others_too_what_was_said_is_taken_out(shop: Workshop) -> None:
    await shop.take({"type": "identify", **ADA}, {"type": "identify", **ANN})
    await shop.deliver()
    group = {"type": "group", "groupId": "Engines"}
    await shop.take({**group, "userId": "user-ada"}, {**group, "userId": "user-ann", "messageId": "stays"})
    await shop.deliver()
    await done(shop, ask(shop, EMAIL))
    with shop.store.reading() as reading:
        (event,) = reading.events("stays")
        said = [one["request"] for one in reading.attempts(event["id"], "shop")]
    assert TAKEN_OUT in said and any("ann@x.example" in one for one in said)
    assert shop.counts == {"delivered": 4}


async def test_another_user_of_a_device_keeps_their_events(shop: Workshop) -> None:
    await shop.take({"type": "identify", **ADA, "anonymousId": "tablet"})
    await shop.take({"type": "identify", **ANN, "anonymousId": "tablet", "messageId": "stays"})
    await shop.deliver()
    await done(shop, ask(shop, EMAIL))
    await shop.take({"type": "identify", **ANN, "anonymousId": "tablet", "messageId": "passes"})
    await shop.take({"type": "identify", **ADA, "anonymousId": "tablet", "messageId": "hidden"})
    await shop.deliver()
    assert shop.outcome("stays")[0] == shop.outcome("passes")[0] == "delivered"
    assert shop.outcome("hidden") == ("filtered", "suppressed")


async def test_an_e_mail_that_the_person_had_before_is_found_in_the_history(shop: Workshop) -> None:
    await shop.take({"type": "identify", "userId": "user-ada", "traits": {"email": "old@first.example"}})
    await shop.take({"type": "identify", **ADA})
    await shop.deliver()
    assert set(shop.vendor.persons) == {"old@first.example", EMAIL}
    await done(shop, ask(shop, EMAIL))
    assert rows(shop)["record"] == 0
    assert b"first.example" not in await held(shop)
    await shop.take({"type": "identify", "userId": "new-id", "traits": {"email": "OLD@first.example"}})
    await shop.deliver()
    assert shop.counts == {"delivered": 2, "filtered": 1}


async def test_no_number_of_what_was_purged_is_given_again(shop: Workshop) -> None:
    await shop.take({"type": "identify", **ADA})
    await shop.deliver()
    before = shop.column("SELECT max(id) FROM event") + shop.column("SELECT max(id) FROM call")
    await done(shop, ask(shop, EMAIL))
    await shop.take({"type": "identify", **ANN})
    await shop.deliver()
    after = shop.column("SELECT max(id) FROM event") + shop.column("SELECT max(id) FROM call")
    assert [one + 1 for one in before] == after


def deleting(settings: Any, person: Person) -> Deletion:
    response = yield Request("DELETE", "https://vendor.example/person", {}, b"[]", family="writes")
    assert response is not None
    return Delivered() if response.status == 200 else Blocked("credentials_refused", "No.")


async def test_the_vendor_is_asked_until_it_has_deleted_the_person(shop: Workshop) -> None:
    with_type(shop, delete=deleting)
    shop.configure()
    shop.engine = shop.new_engine()
    shop.vendor.script = [CallFailed("timeout", "", sent=True), status(403)]
    number = ask(shop, EMAIL, "shop", "gone")
    ended = await done(shop, number)
    assert ended.vendors["shop"]["outcome"] == "deleted" and ended.vendors["shop"]["attempts"] == 3
    assert ended.vendors["gone"]["outcome"] == "failed"


async def test_a_vendor_that_never_answers_is_given_up_after_seven_days(shop: Workshop) -> None:
    with_type(shop, delete=deleting)
    shop.configure()
    shop.engine = shop.new_engine()
    shop.vendor.answer = lambda request: CallFailed("timeout", "", sent=True)
    number = ask(shop, EMAIL, "shop")
    await shop.work(20)
    assert receipt(shop, number).vendors["shop"]["outcome"] == "waiting"
    shop.clock.forward(7 * DAY_US / 1_000_000)
    ended = await done(shop, number)
    assert (ended.vendors["shop"]["outcome"], ended.vendors["shop"]["reason"]) == ("failed", "timeout")


@pytest.mark.parametrize("how", ["paused", "unusable"])
async def test_a_destination_that_cannot_be_asked_is_waited_for_seven_days_and_says_why(
    shop: Workshop, how: str
) -> None:
    with_type(shop, delete=deleting)
    await shop.take({"type": "identify", **ADA})
    await shop.deliver(3)
    getattr(shop, how).add("shop")
    shop.configure()
    number = ask(shop, EMAIL, "shop")
    await shop.deliver(20)
    told = receipt(shop, number).vendors["shop"]
    reason = {"paused": "paused", "unusable": "configuration_invalid"}[how]
    assert (told["outcome"], told["reason"]) == ("waiting", reason)
    shop.clock.forward(7 * DAY_US / 1_000_000)
    ended = await done(shop, number)
    assert (ended.vendors["shop"]["outcome"], ended.vendors["shop"]["reason"]) == ("failed", reason)
    assert b"lovelace" not in await held(shop)


async def test_a_destination_that_works_again_in_time_is_asked_to_delete_the_person(shop: Workshop) -> None:
    with_type(shop, delete=deleting)
    shop.paused.add("shop")
    shop.configure()
    number = ask(shop, EMAIL, "shop")
    await shop.deliver(3)
    shop.clock.forward(6 * DAY_US / 1_000_000)
    shop.paused.clear()
    shop.configure()
    ended = await done(shop, number)
    assert (ended.vendors["shop"]["outcome"], ended.vendors["shop"]["reason"]) == ("deleted", "")


class Broker(MemoryLog):
    """A log that takes no single entries out."""

    async def erase(self, partition: int, offsets: Sequence[int]) -> Erased:
        return Erased(0, START_US + 30 * DAY_US)


async def test_where_the_log_erases_nothing_the_receipt_says_when_it_has_lost_it(shop: Workshop) -> None:
    shop.log = Broker()
    shop.engine = shop.new_engine()
    await shop.take({"type": "identify", **ADA})
    await shop.deliver()
    ended = await done(shop, ask(shop, EMAIL))
    assert ended.log_gone_us == START_US + 30 * DAY_US


async def test_lifting_lets_events_in_again_and_is_done_once(shop: Workshop) -> None:
    number = ask(shop, "user-ada")
    with shop.store.transaction() as transaction:
        assert not transaction.forgetting.lift(number, 1)
    await done(shop, number)
    await shop.take({"type": "identify", **ADA, "messageId": "hidden"})
    await shop.work()
    with shop.store.transaction() as transaction:
        assert transaction.forgetting.lift(number, 1)
        assert not transaction.forgetting.lift(number, 2)
    await shop.take({"type": "identify", **ADA, "messageId": "passes"})
    await shop.deliver()
    assert shop.outcome("hidden") == ("filtered", "suppressed")
    assert shop.outcome("passes")[0] == "delivered"


async def test_another_id_that_the_person_takes_later_is_suppressed_too(shop: Workshop) -> None:
    await shop.take({"type": "identify", **ANN, "anonymousId": "shared"})
    await shop.deliver()
    await done(shop, ask(shop, EMAIL))
    again = {"type": "identify", "userId": "ada-again", "traits": {"email": EMAIL}}
    await shop.take({**again, "anonymousId": "new-device"}, {**again, "anonymousId": "shared"})
    tracks = [{"userId": "ada-again"}, {"anonymousId": "new-device"}, {"anonymousId": "shared"}]
    context = {"traits": {"email": "other@x.example"}}
    for number, who in enumerate(tracks):
        whole = {"userId": None, **who, "type": "track", "event": "Used", "context": context}
        await shop.take({**whole, "messageId": f"t-{number}"})
    await shop.take({"type": "alias", "userId": "ada-third", "previousId": "ada-again"})
    await shop.take({"type": "track", "event": "Used", "userId": "ada-third", "messageId": "t-3"})
    await shop.deliver()
    words = [shop.outcome(f"t-{number}")[0] for number in range(4)]
    assert words == ["filtered", "filtered", "delivered", "filtered"]


class Away(MemoryLog):
    """A log that cannot be used for a while."""

    tries, away = 0, True

    async def erase(self, partition: int, offsets: Sequence[int]) -> Erased:
        self.tries += 1
        if self.away:
            raise LogUnavailable("The disk is away.")
        return await super().erase(partition, offsets)


async def test_while_the_log_cannot_erase_delivery_goes_on_and_it_is_tried_now_and_then(
    shop: Workshop,
) -> None:
    shop.log = log = Away()
    shop.engine = shop.new_engine()
    await shop.take({"type": "identify", **ADA})
    await shop.deliver()
    number = ask(shop, EMAIL)
    await shop.work(50)
    await shop.take({"type": "identify", **ANN})
    await shop.deliver()
    assert shop.counts == {"delivered": 2} and log.tries == 1
    log.away = False
    shop.clock.forward(60)
    assert (await done(shop, number)).counts["events"] == 1
    assert b"lovelace" not in await held(shop)
