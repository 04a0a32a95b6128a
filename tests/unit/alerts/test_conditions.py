"""What needs a person, by what a server knows of itself."""

from typing import Any

from gainstage.alerts.conditions import Arrival, conditions
from gainstage.operating import Alerts

NOW_US = 1_764_000_000_000_000
SINCE = "2025-11-24T15:59:00.000Z"  # a minute ago
WELL: dict[str, Any] = {"budgets": [], "blocked": [], "oldest_pending_seconds": None, "limits": []}


def keys(
    status: dict[str, Any] | None = None, problems: Any = None, late: Any = (), **settings: Any
) -> set[str]:
    return set(conditions({**WELL, **(status or {})}, problems or {}, late, Alerts(**settings), NOW_US))


def test_nothing_stands_while_all_is_well() -> None:
    assert keys() == set()


def test_every_mark_of_a_budget_that_was_reached_stands() -> None:
    row = {"account": "acme", "family": "cs", "window": "day", "alert_percent": 70, "used": 7, "usable": 10}
    found = keys({"budgets": [row, {**row, "window": "minute", "alert_percent": None}]})
    assert found == {"budget acme cs day 50", "budget acme cs day 70"}


def blocked(reason: str = "credentials_refused", since: str | None = SINCE) -> dict[str, Any]:
    return {"blocked": [{"destination": "cs", "reason": reason, "detail": "ann@acme.com", "since": since}]}


def test_a_destination_is_told_once_it_has_been_blocked_for_long_enough() -> None:
    assert keys(blocked(), blocked_after_seconds=60) == {"blocked cs"}
    assert keys(blocked(), blocked_after_seconds=61) == set()
    assert keys(blocked("paused")) == set()


def test_a_sentence_holds_the_remedy_and_nothing_that_a_vendor_said() -> None:
    found = conditions({**WELL, **blocked()}, {}, (), Alerts(blocked_after_seconds=0), NOW_US)
    sentence = found["blocked cs"].sentence
    assert "credentials_refused" in sentence and "ann@acme.com" not in sentence
    assert len(sentence) > 80


def test_the_age_of_what_waits_counts_from_the_setting_on() -> None:
    waiting = {"oldest_pending_seconds": 100.0}
    assert keys(waiting, oldest_pending_seconds=99) == {"oldest_pending"}
    assert keys(waiting, oldest_pending_seconds=100) == set()
    assert keys(waiting, oldest_pending_seconds=0) == set()


def test_a_disk_is_told_before_senders_are_asked_to_wait() -> None:
    limit = {"limit": "free_disk", "at": 1000, "value": 1999, "reached": False, "detail": ""}
    assert keys({"limits": [limit]}) == {"disk"}
    assert keys({"limits": [{**limit, "value": 2000}]}) == set()
    reached = {**limit, "value": 1, "reached": True, "detail": "Free some space."}
    assert keys({"limits": [reached]}) == {"disk", "limit free_disk"}


def test_what_keeps_a_server_from_being_ready_stands_and_limits_only_once() -> None:
    problems = {"log": "Full.", "delivery": "Still.", "waiting_events": "Many."}
    assert keys(problems=problems) == {"unusable log", "delivery"}


def test_a_canary_that_did_not_arrive_stands_for_its_destination() -> None:
    assert keys(late=[Arrival("px", 400)]) == {"canary px"}
