"""History sent again by the real program: what a dry run told is what happens, across a stop and a pause."""

import json
from contextlib import closing
from typing import Any

from gainstage.app import open_store
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import group, identify, track
from tests.world import World, configured, cs, fetch, px, wait_for

#: Few calls a second, so that there is time to stop in the middle.
SLOW = {"per_second": 6, "per_day": 100_000, "reserve_percent": 0}
PEOPLE, EVENTS = 8, 6
#: Works that a stop may give back between two calls.
GIVEN_BACK = 8


def requests(sandbox: Running, path: str) -> list[dict[str, Any]]:
    """The requests that the sandbox was sent at addresses with this in them."""
    found = fetch(f"{sandbox.url}/__sandbox__/requests")
    rows = found["requests"] if isinstance(found, dict) else found
    return [row for row in rows if path in row["path"]]


def of_px(sandbox: Running) -> list[dict[str, Any]]:
    return [row for path in ("/v1/users", "/v1/accounts", "/v1/events") for row in requests(sandbox, path)]


def fill(world: World) -> None:
    """A history of people, some of whom changed, companies and events, all delivered."""
    people = [f"user{number}" for number in range(PEOPLE)]
    world.take(*(identify(user, firstName="First", title="Old") for user in people))
    world.take(*(group(user, f"acme{place % 3}") for place, user in enumerate(people)))
    world.take(*(identify(user, title="New") for user in people))
    world.take(*(track(people[number % PEOPLE], "Used", seq=number) for number in range(EVENTS)))
    everything = 3 * PEOPLE + EVENTS
    wait_for(lambda: world.counts("cs")["delivered"] == everything, what=str(world.status()))


def replay(world: World, *arguments: str) -> Any:
    return world.report("replay", *arguments)


def test_what_a_dry_run_tells_is_what_a_replay_does_across_a_stop_and_a_pause(
    sandbox: Running, make_world: MakeWorld
) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    fill(world)
    world.apply(configured(cs(sandbox.url), px(sandbox.url, budget=SLOW)))
    wait_for(lambda: len(world.status()["connections"]) == 2)
    told = replay(world, "--from", "1d", "--destination", "px", "--dry-run")
    assert told["found"] == told["planned"] == 3 * PEOPLE + EVENTS
    assert set(told["calls"]) == {"px"} and told["finishes_at"]["px"] is not None
    assert not of_px(sandbox) and world.counts("px")["received"] == 0

    number = replay(world, "--from", "1d", "--destination", "px")["id"]
    wait_for(lambda: len(of_px(sandbox)) >= 5)
    world.stop()
    assert len(of_px(sandbox)) < told["calls"]["px"], "stopped in the middle"
    assert shown(world, number)["state"] == "running"
    before = world.counts("px")
    assert before["received"] == told["planned"] == before["delivered"] + before["pending"]
    world.start()
    wait_for(lambda: len(of_px(sandbox)) >= 15)

    replay(world, "pause", str(number))
    held = wait_for(lambda: _all_held(world, number))
    calls = len(of_px(sandbox))
    (listed,) = world.status()["replays"]
    assert (listed["state"], listed["held"]) == ("paused", held["held"])
    live = identify("live", firstName="Live")
    world.take(live)
    wait_for(lambda: world.counts("px")["delivered"] > before["delivered"] and _delivered(world, live))
    world.kill()
    world.start()
    again = identify("live", lastName="Again")
    world.take(again)
    wait_for(lambda: _delivered(world, again))
    assert shown(world, number)["state"] == "paused", "also after an end without a word"
    assert len(of_px(sandbox)) <= calls + 4, "of a paused replay nothing is sent"

    assert replay(world, "resume", str(number))["state"] == "running"
    done = wait_for(lambda: _done(world, number))
    made = len([row for row in of_px(sandbox) if "live" not in json.dumps(row)])
    # What a stop gives back had been looked for and was not written yet: it is looked for again.
    assert told["calls"]["px"] <= made <= told["calls"]["px"] + GIVEN_BACK
    assert done["ended"]["delivered"] + done["unchanged"] == told["planned"]
    counts = world.counts("px")
    assert counts["received"] == counts["delivered"] == told["planned"] + 2
    assert world.counts("cs")["received"] == told["planned"] + 2, "nothing was received again"
    users = fetch(f"{sandbox.url}/__sandbox__/state")["px"]["users"]
    assert {user["title"] for name, user in _named(users).items() if name != "live"} == {"New"}

    again = replay(world, "--from", "1d", "--dry-run")
    assert again["calls"] == {}
    assert again["skipped"]["delivered"] == 2 * EVENTS, "delivered events are not sent twice"


def test_what_failed_for_a_missing_name_goes_once_it_is_mapped(
    sandbox: Running, make_world: MakeWorld
) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    world.take(identify("ann"), track("ann", "Unheard Of"), track("ann", "Used"), track("bob", "Unheard Of"))
    wait_for(lambda: world.counts("cs")["failed"] == 2 and world.counts("cs")["delivered"] == 2)
    events = {
        "Used": {"name": "used", "version": "1.0.0"},
        "Unheard Of": {"name": "heard", "version": "1.0.0"},
    }
    world.apply(configured(cs(sandbox.url, events=events)))
    asked = ("--from", "1h", "--event", "Unheard Of", "--outcome", "failed", "--user", "ann")
    told = replay(world, *asked, "--dry-run")
    number = replay(world, *asked)["id"]
    done = wait_for(lambda: _done(world, number))
    assert told["calls"] == {"cs": 1}
    assert (done["found"], done["planned"], done["user"]) == (1, 1, "***")
    assert world.counts("cs")["failed"] == 1
    assert len(requests(sandbox, "eventManager")) == 2
    number = replay(world, "--from", "1h", "--type", "track", "--resend-events")["id"]
    wait_for(lambda: _done(world, number))
    assert len(requests(sandbox, "eventManager")) == 5
    assert world.counts("cs")["delivered"] == world.counts("cs")["received"] == 4


def shown(world: World, number: int) -> dict[str, Any]:
    """What `replay show` says, read in this process."""
    with closing(open_store(world.data)) as reports:
        return reports.replays.show(number)


def _done(world: World, number: int) -> Any:
    found = shown(world, number)
    return found if found["state"] == "done" else None


def _all_held(world: World, number: int) -> Any:
    found = shown(world, number)
    return found if found["held"] and not found["pending"] else None


def _delivered(world: World, message: dict[str, Any]) -> bool:
    with closing(open_store(world.data)) as reports:
        found = reports.trace(message["messageId"])
    return found is not None and all(row["outcome"] == "delivered" for row in found["destinations"])


def _named(users: Any) -> dict[str, Any]:
    return users if isinstance(users, dict) else {user["identifyId"]: user for user in users}
