"""What events are called, through the whole server: limits of PX, near misses, repeats."""

from typing import Any

import pytest

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.test_vendor_faults import calls, settled
from tests.messages import identify, track
from tests.world import clickstream, configured, fetch, px


def events(sandbox: Running) -> list[str]:
    return [event["eventName"] for event in sandbox.state.px.events]


def warnings(world: Any) -> list[str]:
    return [one["message"] for one in world.report("check")["findings"] if one["level"] == "warning"]


def test_names_over_the_limit_of_px_fail_are_warned_of_before_and_go_after_a_fix(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(px(sandbox.url, event_names=4)))
    world.start()
    world.take(*(track("u1", f"Name {number}", f"n{number}") for number in (1, 2, 1, 3)))
    settled(world, "px", delivered=3)
    assert not [row for row in world.status()["event_names"] if row["runs_out"]]
    assert warnings(world) == []
    world.take(track("u1", "Name 4", "n4"), track("u1", "Name 5", "n5"), track("u1", "Name 1", "again"))
    settled(world, "px", delivered=5, failed=1)
    assert events(sandbox) == ["Name 1", "Name 2", "Name 3", "Name 4", "Name 1"]
    (row,) = world.status()["event_names"]
    assert (row["used"], row["limit"], row["runs_out"]) == (4, 4, True)
    (warning,) = warnings(world)
    assert warning.startswith("4 of the 4 distinct event names that Gainsight PX keeps are in use;")
    assert b"4 of 4 event names are in use" in b" ".join(world.run("status").stdout.split())
    [traced] = world.report("trace", "n5")["destinations"]
    assert (traced["reason"], traced["attempts"]) == ("event_limit", [])
    assert "'Name 5' would be one more" in traced["detail"] and "`event_names`" in traced["detail"]
    world.kill()
    world.start()
    world.report("dead", "retry", "n5")
    world.take(track("u1", "Name 2", "after"))
    settled(world, "px", delivered=6, failed=1)
    world.apply(configured(px(sandbox.url, event_names=5)))
    world.report("dead", "retry", "n5")
    settled(world, "px", delivered=7, failed=0)
    assert events(sandbox)[-1] == "Name 5"
    names = world.report("names")["names"]
    assert {(one["name"], one["count"]) for one in names} == {
        ("Name 1", 2), ("Name 2", 2), ("Name 3", 1), ("Name 4", 1), ("Name 5", 1),
    }  # fmt: skip
    assert {one["outcome"] for name in names for one in name["destinations"]} == {"sent"}


@pytest.mark.parametrize(("word", "arrived"), [("ignore", 2), ("deduplicate", 1)])
def test_a_px_event_whose_answer_was_lost_goes_again_under_the_same_event_id(
    make_world: MakeWorld, sandbox: Running, word: str, arrived: int
) -> None:
    sandbox.state.behaviour.set({"px_event_id": word})
    fault = {"fault": "lost_answer", "api": "px", "path": "/v1/events/custom", "times": 1}
    fetch(f"{sandbox.url}/__sandbox__/faults", fault)
    world = make_world(configured(px(sandbox.url)))
    world.start()
    world.take(track("u1", "Used", "once"))
    settled(world, "px", delivered=1)
    made = calls(sandbox, path="/v1/events/custom")
    assert len(made) == 2
    assert [event["eventId"] for event in sandbox.state.px.events] == ["once"] * arrived


def test_near_misses_and_keys_that_differ_by_case_show_wherever_one_would_look(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(px(sandbox.url), clickstream(sandbox.url, track_events=["Used"])))
    world.start()
    world.take(
        {**track("u1", "Used", "near", plan="a", Plan="b"), "integrations": {"gainsight": False}},
        {**identify("u1", "off"), "integrations": {"Gainsight": False, "All": True}},
        {**track("u1", "used", "unlisted"), "integrations": {"GAINSIGHT": True, "All": True}},
    )
    settled(world, "clickstream", delivered=1, filtered=2)
    settled(world, "px", delivered=3)
    assert [message["messageId"] for message in sandbox.state.messages] == ["near"]
    notes = world.report("trace", "near")["notes"]
    assert len(notes) == 2
    assert "'gainsight'" in notes[0] and "'Gainsight'" in notes[0]
    assert "'plan' and 'Plan'" in notes[1]
    assert world.report("trace", "off")["notes"] == []
    met = {one["destination"]: one for one in world.report("trace", "unlisted")["destinations"]}
    assert met["clickstream"]["detail"] == (
        "`track_events` does not list 'used'; it has 'Used', and letter case and blanks count."
    )
    seen = {(one["source"], one["key"], one["meant"], one["count"]) for one in world.status()["near_misses"]}
    assert seen == {("site", "gainsight", "Gainsight", 1), ("site", "GAINSIGHT", "Gainsight", 1)}
    shown = " ".join(world.run("status").stdout.decode().split())
    assert "site sent the key 'gainsight' in `integrations` (events: 1)" in shown
    told = warnings(world)
    assert len([one for one in told if "in `integrations`" in one]) == 2
    assert len([one for one in told if "'Plan' and 'plan'" in one]) == 1
    (used, *_) = world.report("names", "--source", "site")["names"]
    assert used["differ_by_case"] == [["Plan", "plan"]]
    assert {one["name"]: one["count"] for one in world.report("names")["names"]} == {"Used": 1, "used": 1}
