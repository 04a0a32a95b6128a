"""Dead letters counted, corrected and given up, on a store that the engine filled."""

import asyncio
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage.app.dead import Dead
from gainstage.app.editing import Change
from gainstage.app.reports import Reports
from gainstage.app.spreadsheet import COLUMNS, csv_lines
from gainstage.destination import Request
from gainstage.errors import UsageError
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status


def answer(request: Request) -> Answer:
    """Refuse what says so."""
    return status(400, b'{"said": "no"}') if b'"bad"' in request.body else None


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path, {"shop": Settings(calls=500)}) as workshop:
        workshop.vendor.answer = answer
        yield workshop


@pytest.fixture
def reports(shop: Workshop) -> Reports:
    return Reports(shop.store, shop.log)  # type: ignore[arg-type]


@pytest.fixture
def dead(reports: Reports) -> Dead:
    return reports.dead


def take(shop: Workshop, *messages: dict[str, Any], seconds: float = 10) -> None:
    async def run() -> None:
        await shop.take(*messages)
        await shop.deliver(seconds)

    asyncio.run(run())


def go_on(shop: Workshop, seconds: float = 10) -> None:
    asyncio.run(shop.deliver(seconds))


def identify(message_id: str, user: str = "u1", **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": message_id, "traits": traits}


def track(message_id: str, user: str = "u1") -> dict[str, Any]:
    return {"type": "track", "event": "Used", "userId": user, "messageId": message_id}


def counts(reports: Reports, shop: Workshop) -> dict[str, int]:
    """The equation of the one connection, which must balance."""
    (found,) = reports.status(shop.clock.now_us())["connections"]
    words = {name: found[name] for name in ("delivered", "filtered", "failed", "parked", "pending")}
    assert sum(words.values()) == found["received"]
    return {name: n for name, n in words.items() if n}


class TestEdit:
    def test_a_corrected_event_is_delivered_and_its_trace_says_what_was_corrected(
        self, shop: Workshop, reports: Reports, dead: Dead
    ) -> None:
        take(shop, identify("i1", email="ann@x.example", v="bad"))
        assert shop.outcome("i1")[0] == "failed"
        found = dead.edit("i1", Change({"traits.v": "good", "traits.deep.er": [1]}, ("traits.none",)))
        assert (found["message_id"], found["destinations"]) == ("i1", ["shop"])
        go_on(shop)
        assert shop.outcome("i1") == ("delivered", "")
        assert b'"good"' in shop.vendor.requests[-1].body
        traced = reports.trace("i1")
        assert traced is not None
        assert traced["event"]["traits"]["v"] == "good"
        (note,) = [note for note in traced["notes"] if "by hand" in note]
        assert "traits.v, traits.deep.er, traits.none" in note
        assert counts(reports, shop) == {"delivered": 1}

    def test_every_correction_is_told(self, shop: Workshop, reports: Reports, dead: Dead) -> None:
        take(shop, identify("i1", email="ann@x.example", v="bad"))
        dead.edit("i1", Change({"traits.w": 1}))
        go_on(shop)
        dead.edit("i1", Change(message=identify("i1", email="ann@x.example", v="good")))
        go_on(shop)
        traced = reports.trace("i1")
        assert traced is not None
        assert [note.rpartition(": ")[2] for note in traced["notes"]] == ["traits.w.", "the whole message."]

    def test_an_e_mail_put_in_sets_free_what_waits_for_it(
        self, shop: Workshop, reports: Reports, dead: Dead
    ) -> None:
        take(shop, identify("i1", v=1), track("t1"), track("t2", "u2"))
        assert counts(reports, shop) == {"parked": 3}
        dead.edit("i1", Change({"traits.email": "ann@x.example"}))
        go_on(shop)
        assert [shop.outcome(one)[0] for one in ("i1", "t1", "t2")] == ["delivered", "delivered", "parked"]

    def test_a_corrected_value_is_as_old_as_its_event(self, shop: Workshop, dead: Dead) -> None:
        take(shop, identify("i1", email="ann@x.example", v="bad"))
        take(shop, identify("i2", email="ann@x.example", v="new"))
        calls = len(shop.vendor.requests)
        dead.edit("i1", Change({"traits.v": "old"}))
        go_on(shop)
        assert shop.outcome("i1")[0] == "delivered"
        assert not any(b'"old"' in request.body for request in shop.vendor.requests[calls:])

    def test_a_correction_does_not_give_a_device_back_to_whom_it_was_taken_from(
        self, shop: Workshop, reports: Reports, dead: Dead
    ) -> None:
        first = {**identify("i1", "u1", email="ann@x.example", v="bad"), "anonymousId": "d"}
        second = {**identify("i2", "u2", email="bea@x.example"), "anonymousId": "d"}
        take(shop, first, second)
        dead.edit("i1", Change({"traits.v": "good"}))
        go_on(shop)
        take(shop, {**track("t1"), "userId": None, "anonymousId": "d"})
        traced = reports.trace("t1")
        assert traced is not None
        assert traced["resolved"]["user_id"] == "u2"

    def test_a_refused_message_that_is_one_by_now_meets_its_destinations(
        self, shop: Workshop, reports: Reports, dead: Dead
    ) -> None:
        take(shop, {**identify("i1", email="ann@x.example"), "type": "nonsense"})
        assert counts(reports, shop) == {}
        assert dead.edit("i1", Change({"type": "identify"}))["destinations"] == ["shop"]
        go_on(shop)
        assert shop.outcome("i1")[0] == "delivered"
        assert counts(reports, shop) == {"delivered": 1}
        assert list(dead.rows()) == []

    @pytest.mark.parametrize(
        ("message_id", "change", "said"),
        [
            ("i1", Change(), "what is to be changed"),
            ("i1", Change({"type": "nonsense"}), "would be refused"),
            ("i1", Change({"messageId": "other"}), "messageId cannot be changed"),
            ("i1", Change({"traits.v.w": 1}), "leads through v, which is no object"),
            ("i1", Change({"traits..w": 1}), "is no path"),
            ("i1", Change(unset=("",)), "is no path"),
            ("none", Change({"traits.v": 1}), "There is no event none"),
            ("fine", Change({"traits.v": 1}), "there is nothing to correct"),
        ],
    )
    def test_what_cannot_be_done_is_said_and_changes_nothing(
        self, shop: Workshop, reports: Reports, dead: Dead, message_id: str, change: Change, said: str
    ) -> None:
        take(
            shop, identify("i1", email="ann@x.example", v="bad"), identify("fine", "u2", email="b@x.example")
        )
        before = reports.trace("i1")
        with pytest.raises(UsageError, match=said):
            dead.edit(message_id, change)
        assert reports.trace("i1") == before


class TestPurge:
    def test_what_is_given_up_counts_as_failed_and_is_listed_and_tried_no_more(
        self, shop: Workshop, reports: Reports, dead: Dead
    ) -> None:
        take(shop, identify("i1", email="ann@x.example", v="bad"), identify("i2", "u2", v=1))
        take(shop, {**identify("i3", email="ann@x.example"), "type": "nonsense"})
        assert counts(reports, shop) == {"failed": 1, "parked": 1}
        assert dead.count() == 3
        assert (dead.purge(), dead.purge(), dead.retry(), dead.count()) == (3, 0, 0, 0)
        assert list(dead.rows()) == []
        assert counts(reports, shop) == {"failed": 2}
        take(shop, identify("i4", "u2", email="bea@x.example"))
        assert shop.outcome("i2") == ("failed", "given_up")
        traced = reports.trace("i2")
        assert traced is not None
        assert "it was parked with email_missing" in traced["destinations"][0]["detail"]
        refused = reports.trace("i3")
        assert refused is not None
        assert refused["destinations"][0]["reason"] == "given_up"
        with pytest.raises(UsageError, match="there is nothing to correct"):
            dead.edit("i2", Change({"traits.email": "b@x.example"}))

    def test_only_what_fits_is_given_up(self, shop: Workshop, dead: Dead) -> None:
        take(shop, identify("i1", email="ann@x.example", v="bad"), identify("i2", "u2", v=1))
        assert dead.purge(outcome="parked") == 1
        assert dead.purge(["i2", "none"]) == 0
        assert [row["message_id"] for row in dead.rows()] == ["i1"]

    def test_bodies_of_what_was_given_up_are_let_go(self, shop: Workshop, dead: Dead) -> None:
        take(shop, identify("i1", v=1), {"type": "nonsense", "messageId": "i3", "userId": "u"})
        dead.purge()
        with shop.store.reading() as reading:
            assert [reading.body(event["id"]) for one in ("i1", "i3") for event in reading.events(one)] == [
                None,
                None,
            ]


def test_the_summary_counts_people_and_events_by_reason(shop: Workshop, dead: Dead) -> None:
    take(shop, *(identify(f"i{n}", f"u{n % 2}", v=n) for n in range(5)))
    take(shop, identify("bad", "u9", email="ann@x.example", v="bad"), {"type": "no", "messageId": "r"})
    found = [(row["title"], row["people"], row["events"], row["destination"]) for row in dead.summary()]
    assert found == [
        ("no e-mail", 2, 5, "shop"),
        ("refused by Gainsight", 1, 1, "shop"),
        ("unknown type", 0, 1, None),
    ]
    assert [row["reason"] for row in dead.summary(outcome="failed")] == ["refused", "type_unknown"]


def test_a_spreadsheet_has_plain_words_and_no_formulas(shop: Workshop, dead: Dead) -> None:
    take(shop, identify("i1", '=HYPERLINK("x")', v=1), {"type": "nonsense", "messageId": "@r", "userId": "u"})
    head, *rows = csv.reader(io.StringIO("".join(csv_lines(dead.exported()))))
    assert tuple(head) == COLUMNS
    first, second = (dict(zip(head, row, strict=True)) for row in rows)
    assert first["problem"] == "no e-mail"
    assert first["what to do"].startswith("Identify the user")
    assert first["user"] == '\'=HYPERLINK("x")'
    assert (second["message id"], second["destination"]) == ("'@r", "")


def test_a_spreadsheet_has_what_earlier_events_told_of_somebody(shop: Workshop, dead: Dead) -> None:
    take(
        shop,
        identify("i1", "u1", email="ann@x.example"),
        {"type": "group", "messageId": "g1", "userId": "u1", "groupId": "acme"},
        {"type": "track", "messageId": "t1", "userId": "u1", "event": "Unmapped"},
    )
    head, *rows = csv.reader(io.StringIO("".join(csv_lines(dead.exported(kind="track")))))
    (row,) = (dict(zip(head, row, strict=True)) for row in rows)
    assert (row["user"], row["e-mail"], row["company"]) == ("u1", "ann@x.example", "acme")


def test_what_failed_is_found_by_user_type_and_name(shop: Workshop, reports: Reports) -> None:
    async def live() -> None:
        await shop.take(
            {"type": "identify", "userId": "u-1", "traits": {"email": "Ann@x.example", "v": "bad"}},
            {"type": "track", "event": "Unmapped", "userId": "u-1"},
            {"type": "track", "event": "Unmapped", "userId": "u-2"},
            {"type": "track", "event": "Parked", "userId": "u-3"},
            {"type": "nonsense", "userId": "u-1"},
        )
        await shop.deliver()

    asyncio.run(live())
    for filters, ids in (
        ({"user": "u-1"}, ["m-1", "m-2"]),
        ({"user": "ann@x.example"}, ["m-1", "m-2"]),
        ({"user": "u-2", "kind": "track"}, ["m-3"]),
        ({"kind": "identify"}, ["m-1"]),
        ({"name": "Unmapped"}, ["m-2", "m-3"]),
        ({"name": "unmapped"}, []),
        ({}, ["m-1", "m-2", "m-3", "m-4", "m-5"]),
    ):
        assert [row["message_id"] for row in reports.dead.rows(**filters)] == ids
        assert [row["message_id"] for row in reports.dead.page(10, **filters)["events"]] == ids
        assert reports.dead.count(None, **filters) == len(ids)
    assert reports.dead.retry(user="u-1", kind="track") == 1
    assert reports.dead.purge(None, name="Parked") == 1
    assert [row["message_id"] for row in reports.dead.rows()] == ["m-1", "m-3", "m-5"]
