"""Status, trace, dead and retry on a store that the engine filled, with a vendor inside the process."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.app.reports import Reports
from gainstage.destination import Request
from gainstage.log.contract import Entry
from tests.unit.delivery.workshop import (
    SECRET,
    START_US,
    Answer,
    Settings,
    Workshop,
    opened,
    status,
    with_type,
)

ANN = {"type": "identify", "traits": {"email": "ann@x.example", "_odd": 1}}


def answer(request: Request) -> Answer:
    """Refuse what says so, and fail for a while where that is said."""
    if b'"bad"' in request.body:
        return status(400, b'{"said": "workshop-secret-key is fine, the value is not"}')
    return status(503) if b'"later"' in request.body else None


async def fill(shop: Workshop) -> None:
    """One event of each outcome, a duplicate and a refused message."""
    shop.vendor.answer = answer
    await shop.take({**ANN, "messageId": "ok"}, {"type": "page", "messageId": "filtered"})
    await shop.take({**ANN, "messageId": "ok"}, {"type": "nonsense", "messageId": "refused"})
    await shop.take({"type": "track", "event": "Used", "userId": "nobody", "messageId": "parked"})
    await shop.deliver(5)
    await shop.take({"type": "identify", "traits": {"email": "b@x.example", "v": "bad"}, "messageId": "bad"})
    await shop.deliver(5)
    await shop.take(
        {"type": "identify", "traits": {"email": "c@x.example", "v": "later"}, "messageId": "later"}
    )
    await shop.deliver(5)
    await shop.take({**ANN, "messageId": "behind"})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with opened(tmp_path_factory.mktemp("reports"), {"shop": Settings(calls=500)}) as workshop:
        asyncio.run(fill(workshop))
        yield workshop


@pytest.fixture
def reports(shop: Workshop) -> Reports:
    return Reports(shop.store, shop.log)  # type: ignore[arg-type]


def test_status_counts_every_connection_and_what_stands_behind_the_offset(
    shop: Workshop, reports: Reports
) -> None:
    found = reports.status(shop.clock.now_us())
    assert found["connections"] == [
        {
            "source": "app",
            "destination": "shop",
            "received": 6,
            "delivered": 1,
            "filtered": 1,
            "failed": 1,
            "parked": 1,
            "pending": 2,
        }
    ]
    assert found["sources"] == {"app": {"refused": 1, "duplicates": 1}}
    assert found["unmapped"] == {"shop": {"_odd": 1}}
    assert 4 <= found["oldest_pending_seconds"] <= 7


def test_status_says_what_a_budget_has_left(shop: Workshop, reports: Reports) -> None:
    (budget,) = reports.status(shop.clock.now_us())["budgets"]
    assert budget.keys() == {
        "account", "family", "window", "limit", "used", "resets_at", "usable", "ends_at", "alert_percent",
        "alert_since", "stopped_until", "lowered",
    }  # fmt: skip
    assert (budget["account"], budget["limit"]) == ("acme", 500)
    assert budget["used"] == len(shop.vendor.requests)
    assert budget["resets_at"].endswith("Z")


def test_status_says_what_is_blocked_and_why(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.vendor.answer = lambda request: status(401)
        asyncio.run(_take(shop, ANN))
        found = Reports(shop.store, shop.log).status(shop.clock.now_us())  # type: ignore[arg-type]
        (blocked,) = found["blocked"]
        assert (blocked["destination"], blocked["reason"]) == ("shop", "credentials_refused")
        assert blocked["since"].endswith("Z")
        assert found["connections"][0]["pending"] == 1


def test_a_destination_is_blocked_for_as_long_as_its_settings_cannot_be_used(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        reports = Reports(shop.store, shop.log)  # type: ignore[arg-type]
        shop.unusable.add("shop")
        shop.configure()
        asyncio.run(_take(shop, ANN))
        (blocked,) = reports.status(shop.clock.now_us())["blocked"]
        assert (blocked["destination"], blocked["reason"]) == ("shop", "configuration_invalid")
        assert (blocked["detail"], blocked["next_try_at"]) == ("A variable is missing.", None)
        assert blocked["since"].endswith("Z")
        shop.unusable.clear()
        shop.configure()
        asyncio.run(shop.deliver(3))
        assert reports.status(shop.clock.now_us())["blocked"] == []


def test_a_destination_that_was_removed_is_blocked_no_more(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.vendor.answer = lambda request: status(401)
        asyncio.run(_take(shop, ANN))
        shop.given = {"other": Settings()}
        shop.configure()
        asyncio.run(shop.deliver(3))
        assert Reports(shop.store, shop.log).status(shop.clock.now_us())["blocked"] == []  # type: ignore[arg-type]


def test_what_waits_for_usable_settings_is_pending_and_has_an_age(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        with_type(shop, tenant=lambda settings: "")
        shop.given["shop"] = None  # type: ignore[assignment]
        with shop.store.transaction() as transaction:
            transaction.documents.replace([], "file")
        asyncio.run(_take(shop, ANN))
        found = Reports(shop.store, shop.log).status(shop.clock.now_us())  # type: ignore[arg-type]
        assert found["connections"][0]["pending"] == 1
        assert found["oldest_pending_seconds"] > 0


async def _take(shop: Workshop, *messages: Any) -> None:
    await shop.take(*messages)
    await shop.deliver(5)


@pytest.mark.parametrize(
    ("message_id", "outcome", "reason"),
    [
        ("ok", "delivered", ""),
        ("filtered", "filtered", "event_not_listed"),
        ("parked", "parked", "email_missing"),
        ("bad", "failed", "refused"),
        ("later", "pending", "vendor_error"),
    ],
)
def test_trace_tells_each_outcome(reports: Reports, message_id: str, outcome: str, reason: str) -> None:
    found = reports.trace(message_id)
    assert found is not None
    (destination,) = found["destinations"]
    assert (destination["destination"], destination["outcome"]) == ("shop", outcome)
    assert destination["reason"] == reason
    assert bool(destination["detail"]) == bool(reason)


def test_trace_tells_every_call_that_carried_the_event(reports: Reports) -> None:
    found = reports.trace("bad")
    assert found is not None
    assert found["message_id"] == "bad" and found["source"] == "app"
    assert found["event"]["traits"]["v"] == "bad"
    ((attempt,),) = [one["attempts"] for one in found["destinations"]]
    assert attempt.keys() == {"at", "method", "url", "status", "request", "response"}
    assert (attempt["method"], attempt["status"]) == ("POST", 400)
    assert attempt["request"]["headers"]["authorization"] == "***"
    assert attempt["request"]["body"][0]["fields"]["v"] == "bad"
    assert attempt["response"] == {"said": "*** is fine, the value is not"}
    later = reports.trace("later")
    assert later is not None and len(later["destinations"][0]["attempts"]) >= 2


def test_no_secret_shows_in_any_report(shop: Workshop, reports: Reports) -> None:
    said = [reports.trace(name) for name in ("ok", "bad", "later")]
    said += [reports.status(shop.clock.now_us()), list(reports.dead.rows())]
    assert SECRET.encode() not in msgspec.json.encode(said)


def test_trace_of_a_refused_message_says_why(reports: Reports) -> None:
    found = reports.trace("refused")
    assert found is not None
    (destination,) = found["destinations"]
    assert (destination["destination"], destination["outcome"]) == (None, "failed")
    assert destination["reason"] == "type_unknown"
    assert found["event"] == {"messageId": "refused", "userId": "u-1", "type": "nonsense"}


def test_trace_of_a_stranger_is_nothing(reports: Reports) -> None:
    assert reports.trace("no such event") is None


def test_dead_lists_what_failed_or_is_parked_oldest_first(reports: Reports) -> None:
    rows = list(reports.dead.rows())
    assert [(row["message_id"], row["destination"], row["outcome"], row["reason"]) for row in rows] == [
        ("refused", None, "failed", "type_unknown"),
        ("parked", "shop", "parked", "email_missing"),
        ("bad", "shop", "failed", "refused"),
    ]
    assert (rows[1]["type"], rows[1]["event"], rows[1]["user_id"]) == ("track", "Used", "nobody")


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"destination": "shop"}, ["parked", "bad"]),
        ({"reason": "refused"}, ["bad"]),
        ({"outcome": "parked"}, ["parked"]),
        ({"outcome": "failed"}, ["refused", "bad"]),
        ({"since_us": START_US + 10**9}, []),
        ({"until_us": START_US}, []),
        ({"limit": 2}, ["refused", "parked"]),
        ({"limit": 0}, []),
        ({"destination": "other"}, []),
    ],
)
def test_dead_is_narrowed_by_what_is_asked(
    reports: Reports, chosen: dict[str, Any], found: list[str]
) -> None:
    assert [row["message_id"] for row in reports.dead.rows(**chosen)] == found


def test_long_lists_are_read_page_by_page(
    shop: Workshop, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(reports.dead.rows())
    for rows in (1, 2, 3):
        monkeypatch.setattr("gainstage.app.dead.ROWS_A_PAGE", rows)
        assert list(reports.dead.rows()) == whole


def test_retry_has_events_planned_again_once(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        asyncio.run(fill(shop))
        reports = Reports(shop.store, shop.log)  # type: ignore[arg-type]
        assert reports.dead.retry(message_ids=["ok", "refused", "no such event"]) == 0
        assert reports.dead.retry(reason="refused") == 1
        assert reports.dead.retry(reason="refused") == 0
        shop.vendor.answer = lambda request: None
        asyncio.run(shop.deliver(30))
        assert shop.outcome("bad") == ("delivered", "")
        assert [row["message_id"] for row in reports.dead.rows()] == ["refused", "parked"]
        assert reports.dead.retry() == 1
        asyncio.run(shop.deliver(3))
        assert shop.outcome("parked") == ("parked", "email_missing")


async def _refuse_one_message_of_two_sources(shop: Workshop) -> None:
    for source in ("app", "other"):
        body = msgspec.json.encode({"type": "nonsense", "messageId": "same", "userId": f"of {source}"})
        await shop.log.append([Entry(source, "", shop.clock.now_us(), 0, b"", body)])
    await shop.deliver(5)


def test_a_message_id_that_two_sources_sent_is_told_apart_by_the_source(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        asyncio.run(_refuse_one_message_of_two_sources(shop))
        reports = Reports(shop.store, shop.log)  # type: ignore[arg-type]
        newest, older = reports.trace("same"), reports.trace("same", "app")
        assert newest is not None and older is not None
        assert (newest["source"], newest["also_sent_by"]) == ("other", ["app"])
        assert (older["source"], older["also_sent_by"]) == ("app", ["other"])
        assert reports.trace("same", "absent") is None
        assert [row["message"]["userId"] for row in reports.dead.exported()] == ["of app", "of other"]


def test_a_page_ends_with_the_place_where_the_next_one_begins(reports: Reports) -> None:
    everything = list(reports.dead.rows())
    assert reports.dead.page(len(everything)) == {"events": everything, "next": None}
    found, after = [], (0, 0)
    while after:
        page = reports.dead.page(1, after)
        found += page["events"]
        after = page["next"]
    assert found == everything
    assert reports.dead.page(5, outcome="parked")["events"] == list(reports.dead.rows(outcome="parked"))
