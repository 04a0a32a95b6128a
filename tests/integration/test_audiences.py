"""Audiences and computed traits through the whole server: from events to values at Gainsight."""

import contextlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gainstage.computed import COMPUTED_SOURCE
from gainstage.destinations.registry import load
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import group, identify, track
from tests.world import World, clickstream, configured, cs, px, wait_for

BUYERS = {
    "name": "Order Completed Last 30days",
    "for": "user",
    "where": {
        "all": [
            {
                "event": "Order Completed",
                "count": {"at_least": 1},
                "where": [{"property": "revenue", "operator": "greater_than", "value": 0}],
                "within": "30d",
            },
            {"trait": "plan", "operator": "equals", "value": "enterprise"},
        ]
    },
    "destinations": ["cs", "px", "clickstream"],
}
REVENUE = {
    "name": "Revenue 90 days",
    "for": "user",
    "event": "Order Completed",
    "aggregate": "sum",
    "property": "revenue",
    "within": "90d",
    "destinations": ["cs"],
}
BUSY = {
    "name": "Busy accounts",
    "for": "account",
    "quantifier": "any",
    "where": {"all": [{"event": "Order Completed", "within": "30d"}]},
    "destinations": ["cs"],
}
KEY = "order_completed_last_30days"
PEOPLE = {KEY: "Buyer__gc", "revenue_90_days": "Revenue__gc"}


def everything(sandbox: Running, *audiences: dict[str, Any], traits: Any = (REVENUE,)) -> dict[str, Any]:
    """All three destinations, and PX with the attribute that the audience is mapped to."""
    sandbox.state.px.attributes["user"].append({"apiName": "buyer", "type": "BOOLEAN", "name": "Buyer"})
    found = configured(
        cs(sandbox.url, person_fields=PEOPLE, company_fields={"busy_accounts": "Busy__gc"}),
        px(sandbox.url, user_attributes={KEY: "buyer"}),
        clickstream(sandbox.url),
    )
    return {**found, "audiences": list(audiences), "computed_traits": list(traits)}


def people(sandbox: Running) -> dict[str, dict[str, Any]]:
    return {row["Email"]: row for row in sandbox.state.cs.people.rows.values()}


def eventually(what: Callable[[], Any], wanted: Any) -> None:
    """Wait until something is so; where it never is, say what it is."""
    with contextlib.suppress(AssertionError):
        wait_for(lambda: what() == wanted, 40)
    assert what() == wanted


def test_values_follow_events_to_every_destination(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(everything(sandbox, BUYERS, BUSY))
    world.start()
    world.take(
        identify("u1", plan="enterprise"),
        identify("u2", plan="enterprise"),
        group("u1", "Acme"),
        track("u1", "Order Completed", revenue=12),
        track("u2", "Order Completed", revenue=0),
    )
    eventually(lambda: people(sandbox).get("u1@world.example", {}).get("Buyer__gc"), True)
    eventually(lambda: people(sandbox)["u1@world.example"].get("Revenue__gc"), 12)
    eventually(lambda: people(sandbox)["u2@world.example"].get("Revenue__gc"), 0)
    eventually(lambda: [row.get("Busy__gc") for row in sandbox.state.cs.companies.rows.values()], [True])
    assert "Buyer__gc" not in people(sandbox)["u2@world.example"], "nobody else hears of it"
    eventually(lambda: sandbox.state.px.users["u1"].get("customAttributes"), {"buyer": True})
    assert "customAttributes" not in sandbox.state.px.users["u2"]
    eventually(lambda: len(told(sandbox)), 1)
    [message] = told(sandbox)
    assert message["traits"] == {KEY: True, "email": "u1@world.example"}
    assert message["context"]["personas"]["computation_key"] == KEY
    eventually(lambda: status_of(world, "px")["pending"], 0)
    row = status_of(world, "px")
    assert (row["delivered"], row["filtered"], row["failed"]) == (1, row["received"] - 1, 0)


def test_a_destination_hears_of_everybody_once_a_key_is_mapped_there(
    make_world: MakeWorld, sandbox: Running
) -> None:
    buyers = {**BUYERS, "destinations": ["cs"]}
    unmapped = {**configured(cs(sandbox.url)), "audiences": [buyers]}
    world = make_world(unmapped)
    world.start()
    world.take(identify("u1", plan="enterprise"), track("u1", "Order Completed", revenue=12))
    eventually(lambda: listed(world)["size"], 1)
    assert listed(world)["warnings"] and listed(world)["fields"] == {"cs": []}
    world.apply({**configured(cs(sandbox.url, person_fields=PEOPLE)), "audiences": [buyers]})
    eventually(lambda: people(sandbox)["u1@world.example"].get("Buyer__gc"), True)
    rows = [row for row in world.status()["connections"] if row["source"] == COMPUTED_SOURCE]
    assert [(row["destination"], row["received"]) for row in rows] == [("cs", 1)], "nothing was said in vain"
    assert listed(world)["fields"] == {"cs": ["Buyer__gc"]}


def listed(world: World) -> dict[str, Any]:
    [audience] = world.report("audiences", "list")["audiences"]
    return dict(audience)


def told(sandbox: Running) -> list[dict[str, Any]]:
    """What Segment's destination was told by computations."""
    messages = sandbox.state.messages
    return [message for message in messages if message.get("context", {}).get("personas")]


def test_a_person_who_is_forgotten_leaves_nothing_behind_in_what_was_computed(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everything(sandbox, BUYERS))
    world.start()
    world.take(
        identify("u-secret", plan="enterprise"),
        identify("u2", plan="enterprise"),
        track("u-secret", "Order Completed", revenue=12),
        track("u2", "Order Completed", revenue=5),
    )
    eventually(lambda: people(sandbox).get("u-secret@world.example", {}).get("Buyer__gc"), True)
    eventually(lambda: people(sandbox).get("u2@world.example", {}).get("Buyer__gc"), True)
    world.report("forget", "person", "u-secret", "--yes")
    eventually(lambda: traces(world.data, b"u-secret"), [])
    assert people(sandbox)["u-secret@world.example"]["Buyer__gc"] is True, "Gainsight is another matter"
    world.take(track("u2", "Order Completed", revenue=6))
    eventually(lambda: people(sandbox)["u2@world.example"].get("Revenue__gc"), 11)


def test_without_a_server_too_nothing_is_left_of_a_forgotten_person_in_what_was_computed(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everything(sandbox, BUYERS))
    messages = [
        identify("u-secret", plan="enterprise"),
        identify("u2", plan="enterprise"),
        track("u-secret", "Order Completed", revenue=12),
        track("u2", "Order Completed", revenue=5),
    ]
    given = "\n".join(json.dumps(one) for one in messages).encode()
    world.report("send", "--config", str(world.config), "-", given=given)
    assert world.report("audiences", "run")["done"]
    assert traces(world.data, b"u-secret")
    assert world.report("forget", "person", "u-secret", "--yes")["state"] == "done"
    assert traces(world.data, b"u-secret") == []
    sample = world.report("audiences", "preview", KEY)["sample"]
    assert [one["user_id"] for one in sample] == ["u2"]


def traces(data: Path, text: bytes) -> list[str]:
    """The files of a data folder in which a text stands."""
    found = []
    for path in data.rglob("*"):
        try:
            if path.is_file() and text in path.read_bytes():
                found.append(path.name)
        except FileNotFoundError:  # it went meanwhile
            continue
    return found


def test_a_kill_in_the_middle_of_the_first_run_tells_every_member_and_none_twice_but_those_in_flight(
    make_world: MakeWorld, sandbox: Running
) -> None:
    """Server, delivery and computing are killed as soon as the first members were told."""
    members = {f"u{number}" for number in range(120)}
    given = everything(sandbox, {**BUYERS, "destinations": ["clickstream"]}, traits=())
    world = make_world(given)
    world.start()
    world.take(*(identify(user, plan="enterprise") for user in sorted(members)))
    world.take(*(track(user, "Order Completed", revenue=1) for user in sorted(members)))
    wait_for(lambda: told(sandbox), 60)
    world.kill()
    subprocess.run(["pkill", "-9", "-f", f"gainstage.app.(computing|worker) {world.data}"], check=False)
    before = len(told(sandbox))
    world.start()
    eventually(lambda: {message["userId"] for message in told(sandbox)}, members)
    eventually(lambda: status_of(world, "clickstream")["pending"], 0)
    assert status_of(world, "clickstream")["delivered"] == len(members)
    again = len(told(sandbox)) - len(members)
    assert again <= load("gainsight").concurrency, f"of {before} before the kill"


def status_of(world: World, destination: str) -> dict[str, Any]:
    """What became of computations' calls at a destination."""
    rows = world.status()["connections"]
    [row] = [one for one in rows if (one["source"], one["destination"]) == (COMPUTED_SOURCE, destination)]
    return row
