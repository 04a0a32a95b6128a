"""Forgetting a person, turn by turn: calls under way, others concerned, the vendor, ends in between."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.clock import DAY_US
from gainstage.computed import COMPUTED_SOURCE
from gainstage.destination import CallFailed, Deletion, Person, Request
from gainstage.log.contract import Entry, Erased, LogUnavailable
from gainstage.log.memory import MemoryLog
from gainstage.normalise import Surroundings
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


OLD_EMAIL = "old@first.example"


def told(user: str, email: str, **given: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": {"email": email}, **given}


async def test_by_an_e_mail_that_was_told_earlier_the_person_is_found_whole(shop: Workshop) -> None:
    await shop.take(told("user-ada", OLD_EMAIL), {"type": "identify", **ADA, "anonymousId": "phone-ada"})
    await shop.take({"type": "track", "userId": "user-ada", "event": "Used"}, {"type": "identify", **ANN})
    await shop.take({"type": "track", "userId": None, "anonymousId": "phone-ada", "event": "Used"})
    await shop.deliver()
    ended = await done(shop, ask(shop, OLD_EMAIL))
    assert ended.counts["log_entries"] == ended.counts["events"] == 4
    assert [name for name in (b"ada", b"first.example") if name in await held(shop)] == []
    assert (rows(shop)["event"], rows(shop)["identity"]) == (1, 1)
    await shop.take({"type": "track", "userId": "user-ada", "event": "Used", "messageId": "later"})
    await shop.deliver()
    assert shop.outcome("later") == ("filtered", "suppressed")


async def test_a_device_that_told_the_e_mail_and_is_anothers_by_now_keeps_that_ones_events(
    shop: Workshop,
) -> None:
    await shop.take(told("", OLD_EMAIL, anonymousId="tablet"))
    await shop.take(told("user-ada", OLD_EMAIL), {"type": "identify", **ADA})
    await shop.take({"type": "identify", **ANN, "anonymousId": "tablet"})
    await shop.take({"type": "track", "event": "Used", "userId": "user-ann", "messageId": "stays"})
    await shop.deliver()
    await done(shop, ask(shop, OLD_EMAIL))
    assert (rows(shop)["event"], shop.outcome("stays")[0]) == (2, "delivered")
    assert b"first.example" not in await held(shop)


async def test_both_e_mails_of_one_message_lead_to_who_told_them(shop: Workshop) -> None:
    await shop.take(told("user-ada", "second@first.example", context={"traits": {"email": OLD_EMAIL}}))
    await shop.take(told("user-ada", EMAIL), told("user-bea", "second@first.example"))
    await shop.take(told("user-bea", "bea@first.example"), {"type": "identify", **ANN})
    await shop.deliver()
    ended = await done(shop, ask(shop, OLD_EMAIL))
    assert ended.counts["log_entries"] == ended.counts["events"] == 4
    assert b"first.example" not in await held(shop)


async def test_what_a_device_told_before_anybody_signed_in_leads_to_nobody_else(shop: Workshop) -> None:
    for email in (OLD_EMAIL, "two@first.example", "three@first.example"):
        await shop.take(told("", email, anonymousId="kiosk"))
    await shop.take(told("user-two", "two@first.example", messageId="stays"))
    await shop.deliver()
    ended = await done(shop, ask(shop, OLD_EMAIL))
    assert (ended.counts["log_entries"], shop.outcome("stays")[0]) == (1, "delivered")
    assert OLD_EMAIL.encode() not in await held(shop)


async def test_who_signs_in_on_a_device_is_not_one_with_whoever_used_it_before(shop: Workshop) -> None:
    await shop.take(told("", OLD_EMAIL, anonymousId="tablet"))
    await shop.take(told("user-bob", OLD_EMAIL, anonymousId="tablet"))
    await shop.take({"type": "identify", **ADA, "anonymousId": "tablet"})
    await shop.take({"type": "track", "event": "Used", "userId": "user-bob", "messageId": "stays"})
    await shop.deliver()
    await done(shop, ask(shop, "user-ada"))
    assert shop.outcome("stays")[0] == "delivered" and b"user-ada" not in await held(shop)


async def test_an_event_of_another_that_waits_with_the_e_mail_of_a_device_stays(shop: Workshop) -> None:
    await shop.take(told("", OLD_EMAIL, anonymousId="tablet"))
    await shop.deliver()
    shop.vendor.answer = lambda request: status(503)
    await shop.take({"type": "identify", **ANN, "anonymousId": "tablet", "messageId": "waits"})
    await shop.work()
    await done(shop, ask(shop, OLD_EMAIL))
    assert shop.outcome("waits")[0] == "pending" and b"first.example" not in await held(shop)
    shop.vendor.answer = lambda request: None
    await shop.deliver(seconds=120)
    assert shop.outcome("waits")[0] == "delivered"


async def test_an_e_mail_that_a_device_lent_to_another_leaves_that_ones_calls(shop: Workshop) -> None:
    await shop.take(told("", OLD_EMAIL, anonymousId="tablet"))
    lent = {"type": "identify", "userId": "user-ann", "anonymousId": "tablet", "traits": {"plan": "gold"}}
    await shop.take({**lent, "messageId": "stays"})
    await shop.deliver()
    await shop.take({"type": "identify", **ANN, "anonymousId": "tablet"})
    await shop.deliver()
    await done(shop, ask(shop, OLD_EMAIL))
    assert shop.outcome("stays")[0] == "delivered"
    assert b"first.example" not in await held(shop)


async def test_what_a_computation_repeats_leads_to_nobody(shop: Workshop) -> None:
    await shop.take(told("user-ada", OLD_EMAIL), {"type": "identify", **ADA})
    await shop.take(told("user-ann", OLD_EMAIL), source=COMPUTED_SOURCE)
    await shop.take({"type": "track", "event": "Used", "userId": "user-ann", "messageId": "stays"})
    await shop.deliver()
    await done(shop, ask(shop, EMAIL))
    assert shop.outcome("stays") == ("parked", "email_missing") and b"first.example" not in await held(shop)


async def test_whom_an_alias_joins_is_found_by_it(shop: Workshop) -> None:
    joins = {"type": "alias", "userId": "user-two", "previousId": "user-one"}
    await shop.take({**joins, "context": {"traits": {"email": OLD_EMAIL}}}, {**joins, "userId": "user-three"})
    await shop.take(told("user-four", OLD_EMAIL), told("user-four", EMAIL), {"type": "identify", **ANN})
    await shop.deliver()
    ended = await done(shop, ask(shop, "user-one"))
    assert ended.counts["log_entries"] == 4 and rows(shop)["event"] == 1


async def test_what_comes_after_the_request_ends_it_all_the_same(shop: Workshop) -> None:
    await shop.take({"type": "identify", **ADA})
    await shop.deliver()
    number = ask(shop, EMAIL)
    for fresh in range(60):
        await shop.take(told(f"fresh-{fresh}", EMAIL), told("user-ada", f"{fresh}@first.example"))
        await shop.turn()
        shop.clock.forward(1)
    assert receipt(shop, number).done_us is not None


async def test_a_message_that_was_corrected_leads_by_its_correction_alone(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(400)
    await shop.take({**told("user-bob", EMAIL), "messageId": "wrong"})
    await shop.deliver()
    shop.vendor.answer = lambda request: None
    await shop.take({"type": "track", "event": "Used", "userId": "user-bob", "messageId": "stays"})
    with shop.store.transaction() as transaction:
        (event,) = transaction.reading.events("wrong")
        body = msgspec.json.encode(told("user-bob", "bob@x.example", messageId="wrong"))
        around = Surroundings(edits=("Corrected by hand",)).encoded()
        entry = Entry("app", "", shop.clock.now_us(), 0, around, body)
        transaction.intake.edit(event["id"], msgspec.msgpack.encode(entry), shop.clock.now_us())
        transaction.ledger.retry_all(event["id"], shop.clock.now_us())
    await shop.take({"type": "identify", **ADA}, told("user-bob", "bob@x.example"))
    await shop.deliver()
    await done(shop, ask(shop, "user-ada"))
    assert shop.outcome("stays")[0] == "delivered" and EMAIL.encode() not in await held(shop)


async def test_a_name_that_is_found_later_is_suppressed_at_once(shop: Workshop) -> None:
    await shop.take(told("user-ada", OLD_EMAIL), {"type": "identify", **ADA})
    await shop.deliver()
    number = ask(shop, OLD_EMAIL)
    while receipt(shop, number).counts.get("log_entries", 0) < 1:
        await shop.turn()
    await shop.take({"type": "track", "event": "Used", "userId": "user-ada", "messageId": "later"})
    await shop.work(1)
    assert receipt(shop, number).phase == Phase.LOG
    assert shop.outcome("later") == ("filtered", "suppressed")


async def test_capitals_beyond_ascii_hide_nobody(shop: Workshop) -> None:
    await shop.take(told("user-eva", "\u00c9VA@first.example"), told("user-eva", EMAIL))
    await shop.deliver()
    ended = await done(shop, ask(shop, "\u00e9va@first.example"))
    assert ended.counts["log_entries"] == 2 and rows(shop)["event"] == 0


async def test_an_e_mail_that_a_message_of_the_store_alone_tells_leads_to_the_person(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(503)
    await shop.take(told("user-ada", OLD_EMAIL), {"type": "identify", **ADA})
    await shop.work()
    await shop.log.erase(0, [1, 2])
    await done(shop, ask(shop, OLD_EMAIL))
    assert [rows(shop)[name] for name in ("event", "body", "identity", "operation")] == [0, 0, 0, 0]


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
