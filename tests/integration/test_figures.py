"""The figures of a real server over time, and what it says needs somebody."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage import app
from gainstage.app.taking import record
from gainstage_sandbox import Running
from tests.messages import group, identify, track
from tests.world import WORDS, World, configured, cs, px, wait_for


@pytest.fixture
def world(sandbox: Running, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, sandbox.url, configured(cs(sandbox.url), px(sandbox.url)))
    try:
        world.start()
        yield world
    finally:
        world.close()


def counts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Without what says nothing of numbers."""
    return [
        (row["source"], row["destination"], *(row[word] for word in ("received", *WORDS))) for row in rows
    ]


def settled(world: World, received: int) -> None:
    def is_settled() -> bool:
        now = app.figures(world.data, app.Period("1h"))["now"]["connections"]
        return len(now) == 2 and all(row["received"] == received and not row["pending"] for row in now)

    wait_for(is_settled)


def test_figures_agree_with_the_status_to_the_event_before_and_after_a_kill(
    world: World, sandbox: Running
) -> None:
    world.take(identify("u1", "i1", plan="pro"), group("u1", "Acme", "g1"), track("u1"), track("u2"))
    world.take(track("u1", message_id="again"), track("u1", message_id="again"))
    settled(world, 5)
    found = app.figures(world.data, app.Period("1h"))
    assert found["problem"] is None and found["since"] is not None
    said = world.status()
    assert counts(found["now"]["connections"]) == counts(said["connections"])
    assert counts(found["connections"]) == counts(said["connections"]), "the server was there from the start"
    totals = found["totals"]
    assert totals["duplicates"] == 1 and totals["received"] == 10
    calls = len(sandbox.state.journal.entries())
    assert totals["calls"] == calls and totals["calls_saved"] == max(0, totals["delivered"] - calls)
    assert sum(row["calls"] for row in found["destinations"]) == calls

    world.kill()
    record(world.data, {}, time.time_ns() // 1_000)
    world.start()
    world.take(track("u3"), track("u4"))
    settled(world, 7)
    again = app.figures(world.data, app.Period("1h"))
    assert again["totals"]["received"] == 14
    for step in again["steps"]:
        if step["received"] is not None:
            assert step["received"] == sum(step[word] for word in WORDS) >= 0
    assert sum(step["received"] or 0 for step in again["steps"]) == 14


def test_what_needs_somebody_is_told_with_what_to_do_and_where(world: World, sandbox: Running) -> None:
    world.take(identify("u1", "i1", plan="pro"), track("u1", "Unknown"))
    world.take(group("nobody", "Acme", "g1", known=False))

    def items() -> dict[tuple[str, str], Any]:
        found = app.attention(world.data)["items"]
        return {(one["kind"], one["where"].get("reason", "")): one for one in found}

    failed = wait_for(lambda: items().get(("failed", "event_unmapped")))
    parked = wait_for(lambda: items().get(("parked", "email_missing")))
    assert (failed["severity"], failed["count"]) == ("error", 1) and failed["remedy"] and failed["since"]
    assert failed["where"] == {"page": "fixes", "destination": "cs", "reason": "event_unmapped"}
    assert (parked["severity"], parked["where"]["destination"]) == ("warning", "cs")
    unmapped = items()["unmapped", ""]
    assert "plan" in unmapped["detail"] and unmapped["where"]["page"] == "mapping"
    sandbox.state.faults.add({"fault": "status", "status": 401, "api": "cs", "times": None})
    world.take(identify("u2", "i2"))
    blocked = wait_for(lambda: items().get(("blocked", "")))
    assert blocked["severity"] == "error" and blocked["where"] == {"page": "destination", "name": "cs"}
    assert app.attention(world.data)["items"][0]["severity"] == "error", "the most severe first"


def test_a_server_tells_how_much_it_keeps_and_for_how_long_and_no_secret(world: World) -> None:
    world.take(identify("u1", "i1"))
    settled(world, 1)
    about = app.about(world.data)
    sizes = {one["part"]: one["bytes"] for one in about["storage"]}
    assert sizes["log"] > 0 and sizes["ledger"] > 0 and sizes["figures"] > 0
    assert about["retention"]["ledger"]["days"] == 90 and about["alerts"]["webhook"] is False
    assert str(world.data) not in str(about)
    (day,) = (
        one
        for one in app.budget_use(world.data)["budgets"]
        if (one["family"], one["window"]) == ("cs", "day")
    )
    assert (
        day["used"] == day["used_by"]["live"] == sum(one["calls"] for one in day["used_by"]["destinations"])
    )
    assert day["outlook"]["used_today"] == day["used"]
