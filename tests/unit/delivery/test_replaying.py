"""History is sent again: what goes, and what stays as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.destination import Planned
from gainstage.event import Event, Identity
from gainstage.operation import Append, Record
from gainstage.store.rows import HISTORY
from tests.unit.delivery.replays import ANN, USED, begin, people, state, told
from tests.unit.delivery.workshop import Settings, Workshop, opened, plan, status, with_type

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


async def test_history_goes_to_a_destination_that_was_added_later(shop: Workshop) -> None:
    await shop.take(ANN, USED, {"type": "page"}, {"type": "nonsense"})
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    await shop.deliver(5)
    assert shop.counts_of("new") == {}
    begin(shop, destinations=("new",))
    await shop.deliver()
    assert shop.counts_of("new") == {"delivered": 2, "filtered": 1}, "received there for the first time"
    assert shop.counts_of("shop") == {"delivered": 2, "filtered": 1}
    assert shop.vendor.events == [{"name": "Used"}] * 2
    assert state(shop) == "done"
    assert told(shop).tally == {
        "events": 3, "planned": 2, "filtered": 1, "delivered": 2, "skipped_refused": 1,
    }  # fmt: skip


async def test_what_was_delivered_is_not_sent_again_by_itself(shop: Workshop) -> None:
    """Appends are skipped, values are there already; and nothing is received twice."""
    await shop.take(ANN, USED)
    await shop.deliver()
    calls = len(shop.vendor.requests)
    begin(shop)
    await shop.deliver()
    assert len(shop.vendor.requests) == calls
    assert shop.counts == {"delivered": 2}
    assert told(shop).tally == {"events": 2, "unchanged": 1, "skipped_delivered": 1}


async def test_appends_that_were_delivered_are_sent_again_where_that_is_asked_for(shop: Workshop) -> None:
    await shop.take(ANN, USED, {**USED, "event": "Left"})
    await shop.deliver()
    begin(shop, resend_events=True, names=("Used",))
    await shop.deliver()
    assert [event["name"] for event in shop.vendor.events] == ["Used", "Left", "Used"]
    assert shop.counts == {"delivered": 3}


async def test_a_newer_value_stays(shop: Workshop) -> None:
    """The same person at another tenant, which knows the newer city only."""
    await shop.take(ANN)
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    await shop.deliver(2)
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "city": "Rome"}})
    await shop.deliver()
    shop.vendor.requests.clear()
    begin(shop)
    await shop.deliver()
    assert shop.vendor.persons["ann@x.example"]["city"] == "Rome"
    assert shop.vendor.requests == [], "nothing older needs a call"
    assert shop.outcomes("m-1")["new"] == ("delivered", "unchanged")


async def test_a_newer_value_that_waits_stays(shop: Workshop) -> None:
    """Old and new wait side by side: the vendor sees the newer one alone."""
    await shop.take(ANN)
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    shop.paused.add("new")
    shop.configure()
    await shop.deliver(2)
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "city": "Rome"}})
    begin(shop, destinations=("new",))
    await shop.deliver()
    assert shop.counts_of("new") == {"pending": 2}
    shop.vendor.requests.clear()
    shop.paused.clear()
    shop.configure()
    await shop.deliver(20)
    assert shop.vendor.bodies() == [{"email": "ann@x.example", "city": "Rome"}]
    assert shop.counts_of("new") == {"delivered": 2}


async def test_what_failed_goes_through_todays_settings(shop: Workshop) -> None:
    shop.vendor.script = [status(400)]
    await shop.take(ANN)
    await shop.deliver()
    assert shop.counts == {"failed": 1}
    begin(shop, outcomes=("failed",))
    await shop.deliver()
    assert shop.counts == {"delivered": 1}
    assert told(shop).tally == {"events": 1, "planned": 1, "delivered": 1}


async def test_what_was_filtered_goes_where_todays_rules_let_it(shop: Workshop) -> None:
    def generous(settings: Settings, event: Event, identity: Identity, schema: Any = None) -> Planned:
        if event.kind == "page":
            return Planned((Append(Record("person", "email:x"), {"name": "page"}),))
        return plan(settings, event, identity, schema)

    await shop.take(ANN, {"type": "page"}, {"type": "page"})
    await shop.deliver()
    with_type(shop, plan=generous)
    shop.configure(shop=Settings(calls=0, window_seconds=61))
    begin(shop, outcomes=("filtered",))
    await shop.deliver()
    assert shop.counts == {"delivered": 3}
    assert shop.vendor.events == [{"name": "page"}] * 2


async def test_what_was_delivered_stays_so_where_today_nothing_would_be_asked(shop: Workshop) -> None:
    await shop.take(ANN, USED)
    await shop.deliver()
    shop.configure(shop=Settings(track=False))
    begin(shop, resend_events=True)
    await shop.deliver()
    assert shop.counts == {"delivered": 2}
    assert told(shop).tally["skipped_settings"] == 1


async def test_what_was_given_up_or_is_on_its_way_is_left_alone(shop: Workshop) -> None:
    shop.vendor.script = [status(400)]
    await shop.take(ANN)
    await shop.deliver()
    with shop.store.transaction() as transaction:
        assert transaction.ledger.give_up(1, 1, "Given up.", shop.clock.now_us())
    shop.paused.add("shop")
    shop.configure()
    await shop.take(USED)
    await shop.deliver()
    begin(shop)
    await shop.deliver()
    assert shop.counts == {"failed": 1, "pending": 1}
    assert told(shop).tally == {"events": 2, "skipped_given_up": 1, "skipped_pending": 1}


async def test_an_append_whose_answer_was_lost_is_not_repeated_unless_asked_for(shop: Workshop) -> None:
    await shop.take(ANN, USED)
    await shop.deliver()
    shop.store._connection.execute(
        "UPDATE delivery SET word = 3, code = 'answer_lost', kept = 1 WHERE event_id = 2"
    )
    shop.store._connection.execute("UPDATE counter SET n = 1 WHERE word = 0 AND destination_id = 1")
    shop.store._connection.execute("INSERT INTO counter VALUES (1, 1, 3, 1)")
    begin(shop)
    await shop.deliver()
    assert shop.outcome("m-2") == ("parked", "answer_lost")
    begin(shop, resend_events=True, outcomes=("parked",))
    await shop.deliver()
    assert shop.outcome("m-2") == ("delivered", "")
    assert len(shop.vendor.events) == 2


async def test_only_what_fits_every_filter_goes(shop: Workshop) -> None:
    await shop.take(ANN, USED, {**USED, "event": "Left"}, {**USED, "userId": "u-2"})
    middle_us = shop.clock.now_us() + 1
    shop.clock.forward(60)
    await shop.take(USED)
    await shop.deliver()
    for asked, events in (
        ({"kinds": ("identify",)}, 1),
        ({"names": ("Used",)}, 3),
        ({"names": ("Used",), "to_us": middle_us}, 2),
        ({"from_us": middle_us}, 1),
        ({"user": "u-2", "ids": ("u-2",)}, 1),
        ({"user": "ann", "emails": ("ann@x.example",)}, 5),
        ({"sources": ("web",)}, 0),
        ({"outcomes": ("failed",)}, 0),
    ):  # fmt: skip
        number = begin(shop, **asked)
        await shop.deliver(3)
        assert told(shop, number).tally.get("events", 0) == events, asked
        assert state(shop, number) == "done"


async def test_the_user_is_forgotten_when_a_replay_ends(shop: Workshop) -> None:
    number = begin(shop, user="ann@x.example", ids=("u-1",), emails=("ann@x.example",))
    await shop.deliver(3)
    assert told(shop, number).asked.user == "***"
    assert b"ann" not in shop.column("SELECT asked FROM replay")[0]


async def test_it_uses_what_was_resolved_when_the_event_was_routed(shop: Workshop) -> None:
    await shop.take(ANN, {"type": "track", "event": "Used"})
    await shop.take({"type": "identify", "traits": {"email": "new@x.example"}})
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    begin(shop, destinations=("new",), kinds=("track",))
    await shop.deliver()
    with shop.store.reading() as reading:
        (attempt,) = reading.attempts(2, "new")
    assert "email:ann@x.example" in attempt["request"]


async def test_a_corrected_event_goes_as_it_was_corrected(shop: Workshop) -> None:
    await shop.take(ANN)
    await shop.deliver()
    with shop.store.reading() as reading:
        (row,) = reading.events("m-1")
    (stored,) = await shop.log.read(0, 0, 1)
    body = stored.entry.body.replace(b"Bern", b"Rome")
    corrected = msgspec.structs.replace(stored.entry, body=body)
    with shop.store.transaction() as transaction:
        transaction.intake.edit(row["id"], msgspec.msgpack.encode(corrected), shop.clock.now_us())
    shop.configure(new=Settings(tenant="other"))
    begin(shop, destinations=("new",))
    await shop.deliver()
    assert shop.vendor.persons["ann@x.example"]["city"] == "Rome"


async def test_a_duplicate_in_the_log_is_no_event_of_its_own(shop: Workshop) -> None:
    await shop.take({**USED, "messageId": "one"}, ANN, {**USED, "messageId": "one"})
    await shop.deliver()
    begin(shop, resend_events=True)
    await shop.deliver()
    assert len(shop.vendor.events) == 2
    assert told(shop).tally["events"] == 2


async def test_names_are_not_counted_again(shop: Workshop) -> None:
    await shop.take(USED, {"type": "identify", "traits": {"email": "ann@x.example", "_x": 1}})
    await shop.deliver()
    begin(shop, resend_events=True)
    await shop.deliver()
    with shop.store.reading() as reading:
        assert [name.n for name in reading.vocabulary.names("app")] == [1]
        assert reading.unmapped() == {"shop": {"_x": 1}}


async def test_it_goes_as_history_and_live_events_first(shop: Workshop) -> None:
    await shop.take(*people(3))
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    shop.paused.add("new")
    shop.configure()
    begin(shop, destinations=("new",))
    await shop.deliver(3)
    assert shop.column("SELECT DISTINCT priority FROM lane") == [HISTORY]
    shop.configure(new=Settings(tenant="other", resend_unchanged_after=8_000_000))
    await shop.deliver(3)
    assert shop.column("SELECT DISTINCT priority FROM operation") == [HISTORY], "planned anew, still history"
    with shop.store.reading() as reading:
        assert reading.oldest_pending_us() is None, "it was on time once"


async def test_a_change_of_settings_sends_no_delivered_append_again(shop: Workshop) -> None:
    """What waits for the replay is planned anew, and still knows that it was delivered once."""

    def both(settings: Settings, event: Event, identity: Identity, schema: Any = None) -> Planned:
        planned = plan(settings, event, identity, schema)
        if event.kind != "identify" or not isinstance(planned.plan, tuple):
            return planned
        return Planned((*planned.plan, Append(Record("person", "email:ann@x.example"), {"name": "seen"})))

    with_type(shop, plan=both)
    await shop.take(ANN)
    await shop.deliver()
    assert len(shop.vendor.events) == 1
    shop.store._connection.execute("UPDATE record SET state = NULL")
    shop.paused.add("shop")
    shop.configure()
    begin(shop)
    await shop.deliver(3)
    assert shop.counts == {"pending": 1}
    shop.paused.clear()
    shop.configure(shop=Settings(resend_unchanged_after=8_000_000))
    await shop.deliver()
    assert shop.counts == {"delivered": 1}
    assert len(shop.vendor.events) == 1


async def test_an_event_that_is_refused_now_counts_as_failed(shop: Workshop) -> None:
    await shop.take(ANN)
    await shop.deliver()
    shop.store._connection.execute("UPDATE record SET state = NULL")
    shop.vendor.script = [status(400)]
    begin(shop)
    await shop.deliver()
    assert shop.counts == {"failed": 1}
    assert told(shop).tally == {"events": 1, "planned": 1, "failed": 1}
