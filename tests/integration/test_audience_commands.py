"""`gainstage audiences`, by real processes: beside a running server and without one."""

import json
from pathlib import Path
from typing import Any

import yaml

from gainstage import app
from gainstage.computing.previewing import PREFIX
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import Message, group, identify, track
from tests.world import World, configured, cs, fetch, wait_for

BUYERS: dict[str, Any] = {
    "name": "Buyers",
    "for": "user",
    "where": {
        "all": [
            {"event": "Order Completed", "within": "30d"},
            {"trait": "plan", "operator": "equals", "value": "enterprise"},
        ]
    },
    "destinations": ["cs"],
}
REVENUE: dict[str, Any] = {
    "name": "Revenue",
    "for": "user",
    "event": "Order Completed",
    "aggregate": "sum",
    "property": "revenue",
    "destinations": ["cs"],
}
BIG: dict[str, Any] = {
    "name": "Big buyers",
    "where": {"all": [{"audience": "buyers"}, {"trait": "revenue", "operator": "greater_than", "value": 10}]},
}


def with_definitions(sandbox: Running, *audiences: dict[str, Any]) -> dict[str, Any]:
    fields = {"buyers": "Buyer__gc", "revenue": "Revenue__gc"}
    return {
        **configured(cs(sandbox.url, person_fields=fields)),
        "audiences": list(audiences),
        "computed_traits": [REVENUE],
    }


def history() -> list[Message]:
    return [
        identify("u1", plan="enterprise"),
        identify("u2", plan="enterprise"),
        identify("u3", plan="free"),
        group("u1", "Acme"),
        track("u1", "Order Completed", revenue=12),
        track("u2", "Order Completed", revenue=3),
        track("u3", "Order Completed", revenue=50),
    ]


def listed(world: World) -> dict[str, Any]:
    return {one["key"]: one for one in app.audiences(world.data)["audiences"]}


def archived(world: World, count: int) -> None:
    wait_for(lambda: (world.status()["kept"]["history"] or {}).get("events") == count)


def test_beside_a_server_everything_is_listed_run_and_told_over_time(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(with_definitions(sandbox, BUYERS, {**BIG, "paused": True}))
    world.start()
    world.take(*history())
    ran = world.report("audiences", "run")
    assert ran["done"] and ran["by"] == "server"
    assert {one["key"]: (one["size"], one["entered"], one["left"]) for one in ran["audiences"]} == {
        "buyers": (2, 2, 0),
        "big_buyers": (1, 1, 0),
        "revenue": (3, 3, 0),
    }
    wait_for(lambda: not any(listed(world)[key]["waiting"] for key in ("buyers", "revenue")))
    one = listed(world)["buyers"]
    assert (one["kind"], one["for"], one["state"]) == ("audience", "user", "enabled")
    assert one["current"] and one["evaluated_at"] and one["finishes_at"]
    assert (listed(world)["big_buyers"]["state"], listed(world)["big_buyers"]["waiting"]) == ("paused", 1)
    shown = {row["key"]: (row["size"], row["waiting"]) for row in world.status()["computations"]}
    assert shown == {"big_buyers": (1, 1), "buyers": (2, 0), "revenue": (3, 0)}
    metrics = fetch(f"{world.address}/metrics")
    assert 'gainstage_audience_size{key="buyers"} 2' in metrics
    told = world.run("audiences", "list").stdout.decode()
    assert "big_buyers is paused." in told and "revenue" in told
    assert world.report("audiences", "list")["audiences"][0]["key"] in listed(world)

    world.take(identify("u1", plan="free"))
    app.compute_now(world.data, "buyers")
    sizes = world.report("audiences", "history", "buyers")["history"]
    assert sizes[0]["size"] == 1, "the newest first"
    assert (sum(one["entered"] for one in sizes), sum(one["left"] for one in sizes)) == (2, 1)
    assert world.run("audiences", "history", "nobody").returncode == 2


def test_without_a_server_a_run_computes_by_itself_and_the_next_send_delivers(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(with_definitions(sandbox, BUYERS))
    world.start()
    world.take(*history())
    world.stop()
    ended = world.run("audiences", "run")
    assert ended.returncode == 0, ended.stderr.decode()
    told = ended.stdout.decode()
    assert "the next gainstage serve or send delivers it" in told
    ran = app.compute_now(world.data)
    assert (ran["done"], ran["by"]) == (True, "command")
    assert {one["key"]: one["size"] for one in ran["audiences"]} == {"buyers": 2, "revenue": 3}
    world.start()
    wait_for(lambda: sum("Buyer__gc" in row for row in sandbox.state.cs.people.rows.values()) == 2)


def test_what_was_sent_without_a_server_counts_from_the_next_start_on(
    make_world: MakeWorld, sandbox: Running, tmp_path: Path
) -> None:
    world = make_world(with_definitions(sandbox, BUYERS))
    lines = tmp_path / "messages.jsonl"
    lines.write_text("".join(json.dumps(message) + "\n" for message in history()))
    ended = world.run("send", str(lines))
    assert b"7 received, 7 settled" in ended.stderr
    world.start()
    wait_for(lambda: sum("Buyer__gc" in row for row in sandbox.state.cs.people.rows.values()) == 2)
    table = world.run("status").stdout.decode()
    assert "(audiences)" in table and "gainstage:audiences" not in table


def test_a_preview_tells_size_and_sample_of_what_is_in_force_and_of_what_is_not_and_sends_nothing(
    make_world: MakeWorld, sandbox: Running, tmp_path: Path
) -> None:
    told_nobody = [{**REVENUE, "destinations": []}]
    world = make_world({**with_definitions(sandbox), "computed_traits": told_nobody})
    world.start()
    world.take(*history())
    archived(world, 7)
    revenue = app.preview_audience(world.data, "revenue", None, 2)
    assert (revenue["size"], revenue["known"], len(revenue["sample"])) == (3, 3, 2)
    file = tmp_path / "more.yaml"
    file.write_text(yaml.safe_dump({"audiences": [BUYERS, BIG]}), encoding="utf-8")
    found = world.report("audiences", "preview", "big_buyers", "--file", str(file))
    assert (found["key"], found["size"]) == ("big_buyers", 1)
    assert found["sample"] == [{"user_id": "u1", "value": True, "email": "u1@world.example"}]
    assert found["archive"]["behind"] == 0 and found["archive"]["events"] == 7
    told = world.run("audiences", "preview", "big_buyers", "--file", str(file)).stdout.decode()
    assert "1 of 3 people (33 %) are in it now." in told and "u1@world.example" in told
    assert set(listed(world)) == {"revenue"}, "the file is not in force"
    assert not list((world.data / "audiences").glob(f"{PREFIX}*"))

    file.write_text(yaml.safe_dump({"audiences": [{**BUYERS, "destinations": ["cz"]}]}), encoding="utf-8")
    refused = world.run("audiences", "preview", "--file", str(file))
    assert refused.returncode == 2 and "there is no destination cz; there are cs" in refused.stderr.decode()


def test_before_anything_is_archived_a_preview_says_what_to_do(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(with_definitions(sandbox, BUYERS))
    world.apply(with_definitions(sandbox, BUYERS))
    ended = world.run("audiences", "preview", "buyers")
    assert ended.returncode == 2
    assert "No event was archived yet" in ended.stderr.decode()
    assert "Name a key" in world.run("audiences", "preview").stderr.decode()


def test_the_key_of_what_was_removed_is_not_given_again(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(with_definitions(sandbox, BUYERS))
    world.start()
    world.take(*history())
    app.compute_now(world.data)
    without = with_definitions(sandbox)
    world.apply(without)
    app.compute_now(world.data)
    again = world.configure(with_definitions(sandbox, BUYERS))
    for command in (("apply", "-f", str(again)), ("check", "--config", str(again))):
        refused = world.run(*command)
        assert refused.returncode == 2
        assert "was that of the audience Buyers, which was removed" in refused.stderr.decode()
    other_kind = {**without, "computed_traits": [], "audiences": [{**BUYERS, "key": "revenue"}]}
    refused = world.run("apply", "-f", str(world.configure(other_kind)))
    assert "the key revenue is that of the computed trait Revenue" in refused.stderr.decode()


def test_run_says_at_once_that_nothing_is_archived(make_world: MakeWorld, sandbox: Running) -> None:
    given = {**with_definitions(sandbox, BUYERS), "retention": {"history": {"enabled": False}}}
    world = make_world(given)
    world.start()
    for _ in ("beside the server", "without one"):
        ended = world.run("audiences", "run")
        assert ended.returncode == 2
        assert "retention.history.enabled" in ended.stderr.decode()
        if world.server is not None and world.server.poll() is None:
            world.stop()
