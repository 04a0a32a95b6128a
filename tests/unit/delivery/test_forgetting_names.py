"""Who is one person when somebody is forgotten: what earlier events told, devices, aliases, corrections."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.computed import COMPUTED_SOURCE
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings
from gainstage.store.forgetting_rows import Phase
from tests.unit.delivery.test_forgetting import ADA, ANN, EMAIL, ask, done, held, receipt, rows
from tests.unit.delivery.workshop import Workshop, status

OLD_EMAIL = "old@first.example"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.store.close()


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
