"""What delivery makes of a vendor that refuses, limits and fails, over real sockets."""

import itertools
from typing import Any

import pytest

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import group, identify, track
from tests.world import World, clickstream, configured, counts_of, cs, px, wait_for

#: A few: the calls that may find out that credentials are refused, and that they are good again.
A_FEW = 8


def calls(sandbox: Running, *, api: str | None = None, path: str = "") -> list[Any]:
    """The calls that the sandbox saw."""
    return [one for one in sandbox.state.journal.entries(0, api, None) if path in one.raw_path]


def settled(world: World, destination: str, **wanted: int) -> dict[str, Any]:
    """Wait until the counts of a destination are these."""

    seen: list[dict[str, Any]] = []

    def reached() -> bool:
        seen[:] = [row for row in world.status()["connections"] if row["destination"] == destination]
        return bool(seen) and all(seen[0][word] == n for word, n in wanted.items())

    try:
        wait_for(reached, 30)
    except AssertionError:
        raise AssertionError(f"wanted {wanted}, not {seen}") from None
    return seen[0]


def blocked(world: World, destination: str) -> dict[str, Any]:
    """Wait until the destination is shown as blocked; how."""
    rows = wait_for(
        lambda: [row for row in world.status()["blocked"] if row["destination"] == destination], 20
    )
    return dict(rows[0])


@pytest.mark.parametrize("destination", ["cs", "px", "clickstream"])
def test_refused_credentials_cost_a_few_calls_and_correcting_them_resumes(
    make_world: MakeWorld, sandbox: Running, destination: str
) -> None:
    made = {"cs": cs, "px": px, "clickstream": clickstream}[destination]
    key = "api_key" if destination == "px" else "access_key"
    sandbox.state.behaviour.set({"refused_keys": ["wrong-key"]})
    world = make_world(configured(made(sandbox.url, **{key: "wrong-key"})))
    world.start()
    world.take(*(identify(f"u{number}") for number in range(40)))
    assert blocked(world, destination)["reason"] == "credentials_refused"
    counts = settled(world, destination, pending=40)
    assert counts["failed"] == counts["parked"] == 0
    assert 1 <= len(calls(sandbox)) <= A_FEW
    world.apply(configured(made(sandbox.url)))
    settled(world, destination, delivered=40)
    assert not world.status()["blocked"]
    refused = [call for call in calls(sandbox) if call.status == 401]
    assert len(refused) <= A_FEW
    arrived = [call for call in calls(sandbox) if call.status in (200, 201, 204)]
    assert len(arrived) == 40


def test_a_missing_setting_parks_only_the_types_that_need_it(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(cs(sandbox.url, shared_secret=None)))
    world.start()
    world.take(
        identify("u1"), group("u1", "Acme"), track("u1", message_id="t1"), track("u1", message_id="t2")
    )
    settled(world, "cs", delivered=2, parked=2)
    (one, two) = world.report("dead", "list")
    assert {one["message_id"], two["message_id"]} == {"t1", "t2"}
    assert one["reason"] == "setting_missing"
    assert "shared_secret" in one["detail"]
    world.apply(configured(cs(sandbox.url)))
    settled(world, "cs", delivered=4, parked=0)
    assert len(sandbox.state.snapshot()["cs"]["events"]) == 2


def test_an_access_key_that_is_missing_parks_people_and_lets_events_go(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(cs(sandbox.url, access_key=None)))
    world.start()
    world.take(identify("u1"), group("u1", "Acme"), track("u1"))
    settled(world, "cs", delivered=1, parked=2)
    world.apply(configured(cs(sandbox.url)))
    settled(world, "cs", delivered=3, parked=0)
    assert len(sandbox.state.snapshot()["cs"]["associations"]) == 1


def test_a_limit_with_retry_after_pauses_without_spending_attempts(
    make_world: MakeWorld, sandbox: Running
) -> None:
    sandbox.state.faults.add(
        {"fault": "status", "api": "cs", "status": 429, "headers": {"Retry-After": "3"}, "times": 1}
    )
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    world.take(*(track(f"u{number}") for number in range(20)))
    settled(world, "cs", delivered=20)
    answers = calls(sandbox, api="cs")
    (limited,) = [call for call in answers if call.status == 429]
    under_way = [call for call in answers if call.n != limited.n and call.at < limited.at + 2.5]
    assert len(under_way) < A_FEW, "nothing starts while the vendor's limit holds"
    assert all(attempt["status"] in (200, 429) for attempt in _attempts(world, "cs"))
    assert counts_of(world.status(), "cs")["failed"] == 0


def _attempts(world: World, destination: str) -> list[dict[str, Any]]:
    """Every attempt of the first message that was posted here."""
    world.take(track("u-traced", message_id="traced"))
    settled(world, destination, pending=0)
    trace = world.report("trace", "traced")
    return [dict(attempt) for row in trace["destinations"] for attempt in row["attempts"]]


def test_server_errors_are_retried_after_about_1_2_and_4_seconds(
    make_world: MakeWorld, sandbox: Running
) -> None:
    sandbox.state.faults.add({"fault": "status", "api": "cs", "status": 500, "times": 3})
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    world.take(track("u1", message_id="t1"))
    settled(world, "cs", delivered=1)
    moments = [call.at for call in calls(sandbox, api="cs")]
    assert len(moments) == 4
    waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
    # A busy machine may be late, never early; and each wait is longer than the one before.
    assert [wait > 0.85 * wanted for wait, wanted in zip(waits, (1, 2, 4), strict=True)] == [True] * 3
    assert waits == sorted(waits)
    (row,) = world.report("trace", "t1")["destinations"]
    assert [attempt["status"] for attempt in row["attempts"]] == [500, 500, 500, 200]


def test_a_poison_identify_among_merged_ones_fails_alone(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(cs(sandbox.url, person_fields={"poison": "No_Such__gc"})))
    sandbox.state.faults.add(
        {
            "fault": "status", "api": "cs", "status": 400, "contains": "No_Such__gc", "times": None,
            "answer": {"result": False, "errorCode": "GSOBJ_1001", "errorDesc": "Something is wrong."},
        }
    )  # fmt: skip
    world.start()
    messages = [identify("u1", f"i{number}", comments=f"comment {number}") for number in range(20)]
    messages[7]["traits"] |= {"poison": "x", "location": "never"}
    messages[3]["traits"] |= {"location": "Paris"}
    world.take(*messages)
    settled(world, "cs", delivered=19, failed=1)
    (dead,) = world.report("dead", "list")
    assert dead["message_id"] == "i7"
    (person,) = sandbox.state.snapshot()["cs"]["people"]
    assert (person["Comments"], person["Location"]) == ("comment 19", "Paris")


def test_one_bad_company_in_a_batch_of_50_fails_alone(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    messages = [group(f"u{number}", f"Company {number}", f"g{number}", employees=1) for number in range(50)]
    messages[31]["traits"]["renewalDate"] = "no date at all"
    for number, message in enumerate(messages):
        message["traits"].setdefault("renewalDate", f"2030-01-{1 + number % 28:02d}")
    world.take(*messages)
    settled(world, "cs", delivered=49, failed=1)
    (dead,) = world.report("dead", "list")
    assert dead["message_id"] == "g31"
    state = sandbox.state.snapshot()["cs"]
    assert len(state["companies"]) == len(state["associations"]) == 49
    assert "u31@world.example" not in {person["Email"] for person in state["people"]}
    writes = [call for call in calls(sandbox, api="cs") if call.raw_path.endswith("/objects/Company")]
    assert len(writes) <= 2 + 2 * 6, "narrowed, not tried one by one"


def test_an_event_without_an_email_waits_whole_and_then_goes_with_its_own_time(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    early = identify("u1", "early", email=None, comments="older", location="Rome")
    early["timestamp"] = "2024-01-01T00:00:00Z"
    world.take(early, group("u1", "Acme", "g", known=False), identify("u2", "other"))
    settled(world, "cs", delivered=1, parked=2)
    assert sandbox.state.snapshot()["cs"]["companies"] == []
    late = identify("u1", "late", comments="newer")
    late["timestamp"] = "2024-02-01T00:00:00Z"
    world.take(late)
    settled(world, "cs", delivered=4, parked=0)
    people = {person["Email"]: person for person in sandbox.state.snapshot()["cs"]["people"]}
    assert people["u1@world.example"]["Comments"] == "newer"
    assert people["u1@world.example"]["Location"] == "Rome"
    assert [link["Company_Name"] for link in sandbox.state.snapshot()["cs"]["associations"]] == ["Acme"]


def test_a_hundred_groups_for_one_new_company_create_it_once(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    world.take(*(group(f"u{number}", "Acme", employees=number) for number in range(100)))
    settled(world, "cs", delivered=100)
    state = sandbox.state.snapshot()["cs"]
    (company,) = state["companies"]
    assert company["Employees"] == 99
    assert len(state["associations"]) == 100
    creating = [
        call
        for call in calls(sandbox, api="cs")
        if call.method == "POST" and call.raw_path.endswith("/objects/Company")
    ]
    assert len(creating) == 1


def test_an_unknown_track_fails_and_goes_when_it_is_mapped_and_retried(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    world.take(track("u1", "Opened", message_id="t1"), track("u1", message_id="t2"))
    settled(world, "cs", delivered=1, failed=1)
    (dead,) = world.report("dead", "list")
    assert (dead["message_id"], dead["reason"]) == ("t1", "event_unmapped")
    assert "Opened" in dead["detail"]
    events = {name: {"name": name.lower(), "version": "1"} for name in ("Used", "Opened")}
    world.apply(configured(cs(sandbox.url, events=events)))
    assert world.run("dead", "retry").returncode == 0
    settled(world, "cs", delivered=2, failed=0)
    assert [event["eventName"] for event in sandbox.state.snapshot()["cs"]["events"]] == ["used", "opened"]


def test_a_refused_company_takes_its_link_along_and_the_users_other_events_go_on(
    make_world: MakeWorld, sandbox: Running
) -> None:
    sandbox.state.faults.add(
        {
            "fault": "status", "api": "cs", "status": 400, "contains": "Refused Inc", "method": "POST",
            "path": "*/objects/Company", "times": None,
            "answer": {"result": False, "errorCode": "GSOBJ_1001", "errorDesc": "No such company, please."},
        }
    )  # fmt: skip
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    world.take(
        group("u1", "Refused Inc", "bad"),
        identify("u1", "i1", comments="still here"),
        track("u1", message_id="t1"),
        group("u1", "Good Inc", "good"),
    )
    settled(world, "cs", delivered=3, failed=1)
    (dead,) = world.report("dead", "list")
    assert dead["message_id"] == "bad"
    state = sandbox.state.snapshot()["cs"]
    assert [link["Company_Name"] for link in state["associations"]] == ["Good Inc"]
    assert [person["Comments"] for person in state["people"]] == ["still here"]
    assert len(state["events"]) == 1


def test_a_users_events_keep_their_order_when_the_settings_change_while_they_wait(
    make_world: MakeWorld, sandbox: Running
) -> None:
    sandbox.state.behaviour.set({"refused_keys": ["wrong-secret"]})
    world = make_world(configured(cs(sandbox.url, shared_secret="wrong-secret")))
    world.start()
    world.take(*(track("u1", n=number) for number in range(5)))
    blocked(world, "cs")
    # The server is stopped, so that the change and the next events are met by one turn.
    world.stop()
    world.apply(configured(cs(sandbox.url)))
    world.start()
    world.take(*(track("u1", n=number) for number in range(5, 10)))
    settled(world, "cs", delivered=10)
    events = sandbox.state.snapshot()["cs"]["events"]
    assert [event["properties"]["n"] for event in events] == list(range(10))


def test_a_hanging_vendor_holds_back_nobody_else_and_no_restart(
    make_world: MakeWorld, sandbox: Running
) -> None:
    sandbox.state.faults.add({"fault": "hang", "api": "clickstream", "seconds": 8, "times": None})
    world = make_world(configured(clickstream(sandbox.url), px(sandbox.url)))
    world.start()
    world.take(*(identify(f"u{number}") for number in range(10)))
    settled(world, "px", delivered=10)
    assert counts_of(world.status(), "clickstream")["pending"] == 10
    world.kill()
    world.start()
    world.take(identify("u-new"))
    settled(world, "px", delivered=11)
