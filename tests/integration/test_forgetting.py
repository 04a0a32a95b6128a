"""A person is forgotten, through the whole server: no byte of them is left, and nothing of others is lost."""

import json
from pathlib import Path
from typing import Any

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.test_vendor_faults import settled
from tests.messages import group, identify, track
from tests.world import World, clickstream, configured, cs, fetch, px, wait_for

EMAIL, OLD_EMAIL = "Ada.Lovelace@Analytical.example", "ada@first-home.example"
USER, DEVICE, BEFORE = "user-ada-0042", "device-5f0c-ada", "visitor-ada-7"
NAME, SECRET_WORD = "Ada King of Lovelace", "Bernoulli-numbers-note-G"
#: Everything by which bytes of the person would be known.
TRACES = [EMAIL, OLD_EMAIL, USER, DEVICE, BEFORE, NAME, SECRET_WORD]


def life() -> list[dict[str, Any]]:
    """What the person did: before they were known, under an older e-mail, on a device, in a company."""
    numbers = iter(range(1, 100))

    def one(kind: str, **given: Any) -> dict[str, Any]:
        return {"type": kind, "messageId": f"lovelace-message-{next(numbers)}", **given}

    return [
        one("track", anonymousId=DEVICE, event="Used", properties={"note": SECRET_WORD}),
        one("identify", userId=BEFORE, traits={"email": OLD_EMAIL, "name": NAME}),
        one("alias", userId=USER, previousId=BEFORE),
        one("identify", userId=USER, anonymousId=DEVICE, traits={"email": EMAIL, "name": NAME}),
        one(
            "group",
            userId=USER,
            groupId="Engines",
            traits={"name": "Engines"},
            context={"traits": {"email": EMAIL}},
        ),
        one("track", userId=USER, event="Unheard Of", properties={"note": SECRET_WORD}),
        one(
            "track",
            userId=USER,
            event="Used",
            context={"traits": {"email": EMAIL}},
            properties={"n": SECRET_WORD},
        ),
        one("track", anonymousId=BEFORE, event="Used"),
        one("identify", userId=USER, traits={"email": 7, "name": NAME}),
        one("group", userId=USER, traits=["broken", NAME]),
    ]


def traces_in(folder: Path) -> dict[str, list[str]]:
    """The files that hold something of the person in any form, in any letter case."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes().lower() if path.is_file() else b""
        for text in TRACES:
            forms = {text, json.dumps(text)[1:-1], text.replace("@", "\\u0040"), text.replace("@", "%40")}
            if any(form.lower().encode() in content for form in forms):
                found.setdefault(path.name, []).append(text)
    return found


def forgotten(world: World, *arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = world.report("forget", "person", *arguments, "--yes")
    assert report["state"] == "done", report
    return report


def everything(sandbox: Running) -> dict[str, Any]:
    return configured(cs(sandbox.url), px(sandbox.url), clickstream(sandbox.url))


def test_no_byte_of_a_person_is_left_or_comes_back_and_everybody_else_is_there(
    make_world: MakeWorld, sandbox: Running
) -> None:
    name = EMAIL.lower()
    world = make_world(everything(sandbox))
    world.start()
    world.take(*life(), identify("ann", "a1"), group("ann", "Engines", "a2"), track("ann", "Used", "a3"))
    wait_for(lambda: world.status()["oldest_pending_seconds"] is None, what="the settling of everything")
    before = {one["destination"]: one for one in world.status()["connections"]}
    assert {"log.db", "store.db"} <= {file.removesuffix("-wal") for file in traces_in(world.data)}
    found = world.report("forget", "person", name, "--dry-run")
    assert {USER, DEVICE, BEFORE} <= set(found["ids"]) and EMAIL.lower() in found["emails"]
    receipt = forgotten(world, name)
    assert traces_in(world.data) == {}
    assert receipt["purged"]["log_entries"] == len(life()) and receipt["purged"]["events"] == len(life())
    assert (receipt["left_in_log"], receipt["left_in_store"], receipt["mentioned_by_others"]) == (0, 0, 0)
    after = {one["destination"]: one for one in world.status()["connections"]}
    for destination, counts in after.items():
        assert counts["received"] == before[destination]["received"]
        assert counts["delivered"] == before[destination]["delivered"]
        assert counts["parked"] == counts["pending"] == 0
    assert world.report("trace", "a1")["event"]["userId"] == "ann"
    assert [one["attempts"] for one in world.report("trace", "a3")["destinations"]]
    assert not [one for one in world.report("dead", "list") if one["message_id"].startswith("lovelace")]
    assert world.report("trace", "--user", name)["events"] == []
    assert NAME not in world.said() and EMAIL.lower() not in world.said().lower()
    assert_later_events_leave_no_byte(world, sandbox, receipt)


def test_by_an_e_mail_of_earlier_everything_of_the_person_goes_as_was_told_beforehand(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everything(sandbox))
    world.start()
    world.take(
        *life(), {**life()[3], "messageId": "lovelace-message-n", "traits": {"email": "ada@new.example"}}
    )
    world.take({**identify("ann", "a1"), "traits": {"email": "ann@x.example"}}, track("ann", "Used", "a2"))
    wait_for(lambda: world.status()["oldest_pending_seconds"] is None, what="the settling of everything")
    wait_for(
        lambda: (world.status()["kept"]["history"] or {}).get("behind") == 0,
        what="the archiving of everything",
    )
    found = world.report("forget", "person", OLD_EMAIL, "--dry-run")
    assert {USER, DEVICE, BEFORE} <= set(found["ids"])
    assert {EMAIL.lower(), OLD_EMAIL, "ada@new.example"} == set(found["emails"])
    receipt = forgotten(world, OLD_EMAIL)
    assert {name: receipt["purged"][name] for name in ("log_entries", "events", "archived_events")} == {
        name: found[name] for name in ("log_entries", "events", "archived_events")
    }
    assert traces_in(world.data) == {}
    assert world.report("trace", "a2")["event"]["userId"] == "ann"


def assert_later_events_leave_no_byte(world: World, sandbox: Running, receipt: dict[str, Any]) -> None:
    """They are filtered, until that is lifted."""
    calls = sandbox.state.journal.total
    filtered = world.counts("cs")["filtered"]
    world.take(*life(), {**life()[3], "messageId": "lovelace-message-x"}, identify("bob", "b1"))
    settled(world, "cs", filtered=filtered + len(life()))
    wait_for(lambda: traces_in(world.data) == {}, what="the erasing of what came later")
    traced = world.report("trace", "lovelace-message-x")["destinations"]
    assert {one["reason"] for one in traced} == {"suppressed"}
    said = [str(one).lower() for one in sandbox.state.journal.entries() if one.n > calls]
    assert said and not [one for one in said if any(text.lower() in one for text in TRACES)]
    assert [row["request"] for row in world.report("forget", "list", EMAIL.upper())] == [receipt["request"]]
    assert world.report("forget", "list", "somebody else") == []
    assert world.report("forget", "lift", str(receipt["request"]))["suppressed"] is False
    world.take({**identify(USER, "again"), "traits": {"email": EMAIL}})
    settled(world, "cs", delivered=world.counts("cs")["delivered"] + 1)
    assert world.report("forget", "show", str(receipt["request"]))["lifted_at"] is not None


def test_forgetting_survives_kill_nine_and_has_the_user_deleted_at_px(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(px(sandbox.url), clickstream(sandbox.url)))
    world.start()
    noise = [
        {**identify(USER, f"n{n}"), "traits": {"email": EMAIL, "name": f"{NAME} {n}"}} for n in range(400)
    ]
    world.take(*noise, identify("ann", "a1"))
    settled(world, "px", delivered=401)
    assert {USER, "ann"} <= set(sandbox.state.px.users)
    world.kill()
    receipt = world.report("forget", "person", EMAIL, "--at-gainsight", "--yes", "--wait", "0")
    assert receipt["state"] != "done" and traces_in(world.data)
    world.start()
    for _ in range(3):
        wait_for(world.delivery_pid, what="the delivery process")
        world.kill_delivery()
    shown = ("forget", "show", str(receipt["request"]))
    wait_for(lambda: world.report(*shown)["state"] == "done", what="the end of the request")
    assert traces_in(world.data) == {}
    done = world.report(*shown)
    assert done["purged"]["events"] == done["purged"]["log_entries"] == 400
    told = {one["destination"]: one["outcome"] for one in done["gainsight"]}
    assert told == {"px": "deleted", "clickstream": "by_hand"}
    assert USER not in sandbox.state.px.users and "ann" in sandbox.state.px.users
    world.stop()
    assert forgotten(world, "ann")["purged"]["events"] == 1
    assert world.counts("px")["delivered"] == 401


def test_where_an_answer_was_lost_the_receipt_does_not_say_that_there_was_nobody(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(px(sandbox.url)))
    world.start()
    world.take(identify(USER, "a1"))
    settled(world, "px", delivered=1)
    fetch(f"{sandbox.url}/__sandbox__/faults", {"fault": "lost_answer", "api": "px", "method": "DELETE"})
    world.report("forget", "person", USER, "--at-gainsight", "--yes", "--wait", "30")
    (listed,) = world.report("forget", "list", USER)
    wait_for(lambda: world.report("forget", "show", str(listed["request"]))["state"] == "done")
    (told,) = world.report("forget", "show", str(listed["request"]))["gainsight"]
    assert USER not in sandbox.state.px.users
    assert told["outcome"] == "absent" and "any more" in told["detail"]
