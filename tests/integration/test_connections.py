"""What a connection lets through and when: paused, disabled, and budgets that destinations share."""

import time
from typing import Any

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import identify, track
from tests.world import World, clickstream, configured, counts_of, cs, wait_for

LIMIT = 10
BUDGET = {"per_minute": LIMIT, "per_day": 10_000, "reserve_percent": 0}


def routed(world: World, destination: str, received: int) -> None:
    """Wait until the delivery process has taken so many events in."""

    wait_for(lambda: world.counts(destination)["received"] >= received, 30)


def delivered(world: World, destination: str, wanted: int) -> None:
    wait_for(
        lambda: world.counts(destination)["delivered"] == wanted, 30, f"{wanted} delivered to {destination}"
    )


def test_a_paused_destination_keeps_events_and_a_disabled_one_receives_nothing(
    make_world: MakeWorld, sandbox: Running
) -> None:
    paused = {**clickstream(sandbox.url), "name": "waits", "paused": True}
    disabled = {**clickstream(sandbox.url), "name": "absent", "enabled": False}
    works = clickstream(sandbox.url)
    world = make_world(configured(works, paused, disabled))
    world.start()
    world.take(*(track(f"u{number}") for number in range(5)))
    delivered(world, "clickstream", 5)
    counts = counts_of(world.status(), "waits")
    assert (counts["received"], counts["pending"]) == (5, 5)
    assert [row["reason"] for row in world.status()["blocked"] if row["destination"] == "waits"] == ["paused"]
    assert not [row for row in world.status()["connections"] if row["destination"] == "absent"]
    assert len(sandbox.state.messages) == 5
    world.apply(configured(works, {**paused, "paused": False}, {**disabled, "enabled": True}))
    delivered(world, "waits", 5)

    def disabled_again_receives() -> bool:
        world.take(track("u-late"))
        return bool(world.counts("absent")["received"])

    wait_for(disabled_again_receives)
    assert counts_of(world.status(), "absent")["received"] < 5, "events from before are not its own"


def _two_of_one_tenant(sandbox: Running) -> dict[str, Any]:
    first = cs(sandbox.url, budget=BUDGET)
    second = {**cs(sandbox.url, budget={**BUDGET, "per_minute": 1_000}), "name": "cs-too"}
    return configured(first, second)


def test_destinations_of_one_tenant_share_the_lowest_budget_and_a_kill_does_not_renew_it(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(_two_of_one_tenant(sandbox))
    world.start()
    began = time.monotonic()
    world.take(*(track(f"u{number}") for number in range(30)))
    wait_for(lambda: sandbox.state.journal.total >= LIMIT)
    world.kill()
    world.start()
    world.take(*(track(f"v{number}") for number in range(30)))
    routed(world, "cs", 60)
    wait_for(lambda: {row["reason"] for row in world.status()["blocked"]} == {"out_of_budget"}, 20)
    used = {
        row["used"]
        for row in world.status()["budgets"]
        if row["family"] == "cs" and row["window"] == "minute"
    }
    if time.monotonic() - began < 55:  # a slower machine sees the window renewed, rightly
        assert sandbox.state.journal.total == LIMIT
        assert used == {LIMIT}
    for name in ("cs", "cs-too"):
        counts = counts_of(world.status(), name)
        assert counts["received"] == counts["delivered"] + counts["pending"] == 60


def test_two_destinations_of_one_tenant_confirm_a_value_for_each_other(
    make_world: MakeWorld, sandbox: Running
) -> None:
    second = {**cs(sandbox.url), "name": "cs-too"}
    world = make_world(configured(cs(sandbox.url), second))
    world.start()
    world.take(identify("u1", "i1", name="Ann"))
    delivered(world, "cs", 1)
    delivered(world, "cs-too", 1)
    assert sandbox.state.journal.total == 1
    outcomes = {row["destination"]: row["reason"] for row in world.report("trace", "i1")["destinations"]}
    assert sorted(outcomes.values()) == ["", "unchanged"]
