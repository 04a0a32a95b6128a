"""The management API on people who are forgotten, and on history that is sent again."""

from typing import Any

import pytest

from tests.unit.management.asking import Asked, code

pytestmark = pytest.mark.anyio


async def test_nobody_is_forgotten_without_a_confirm_and_the_receipt_can_be_asked_for(asked: Asked) -> None:
    person = {"person": "ann@x.example"}
    found = (await asked.ask("POST", "/api/forget/find", json=person)).json()
    assert found["emails"] == ["ann@x.example"] and found["log_entries"] == found["events"] == 0
    answer = await asked.ask("POST", "/api/forget", json=person)
    assert (answer.status_code, code(answer)) == (422, "unconfirmed")
    assert (await asked.ask("GET", "/api/forget")).json() == {"requests": []}
    answer = await asked.ask("POST", "/api/forget", json={**person, "at_gainsight": True, "confirm": True})
    assert answer.status_code == 202 and answer.json()["state"] != "done"
    number = answer.json()["request"]
    told = {one["destination"]: one["outcome"] for one in answer.json()["gainsight"]}
    assert told == {"clickstream": "by_hand", "cs": "by_hand", "px": "waiting"}
    listed = (await asked.ask("GET", "/api/forget", params={"person": "ANN@x.example"})).json()["requests"]
    assert [one["request"] for one in listed] == [number]
    assert (await asked.ask("GET", f"/api/forget/{number}")).json()["suppressed"] is True
    answer = await asked.ask("POST", f"/api/forget/{number}/lift")
    assert (answer.status_code, code(answer)) == (422, "unusable")
    for path in ("/api/forget/99", "/api/forget/none"):
        answer = await asked.ask("GET", path)
        assert (answer.status_code, code(answer)) == (404, "request_unknown")


async def test_a_replay_is_begun_looked_at_held_and_ended(asked: Asked) -> None:
    begun = await asked.ask(
        "POST", "/api/replays", json={"from": "2h", "destinations": ["cs"], "user": "ann"}
    )
    assert (begun.status_code, begun.json()["state"], begun.json()["user"]) == (201, "running", "ann")
    one = f"/api/replays/{begun.json()['id']}"
    for verb, state in (
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        answer = await asked.ask("POST", f"{one}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    listed = (await asked.ask("GET", "/api/replays")).json()["replays"]
    assert listed == [(await asked.ask("GET", one)).json()]
    assert (listed[0]["user"], listed[0]["ended_at"] is None) == ("***", False)
    answer = await asked.ask("POST", f"{one}/resume")
    assert (answer.status_code, code(answer)) == (422, "unusable")


async def test_a_dry_run_begins_nothing(asked: Asked) -> None:
    answer = await asked.ask("POST", "/api/replays/dry-run", json={"from": "2026-01-31"})
    assert answer.status_code == 200
    assert (answer.json()["found"], answer.json()["calls"], answer.json()["finishes_at"]) == (0, {}, {})
    assert (await asked.ask("GET", "/api/replays")).json() == {"replays": []}


@pytest.mark.parametrize("path", ["/api/replays/7", "/api/replays/99999999999999999999999"])
async def test_a_replay_that_is_not_there_is_unknown(asked: Asked, path: str) -> None:
    for method, verb in (("GET", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/cancel")):
        answer = await asked.ask(method, path + verb)
        assert (answer.status_code, code(answer)) == (404, "replay_unknown")


@pytest.mark.parametrize(
    ("body", "status", "refusal"),
    [
        ({}, 400, "invalid_body"),
        ({"from": "2h", "detsination": "cs"}, 400, "invalid_body"),
        ({"from": "then"}, 422, "unusable"),
        ({"from": "2h", "to": "3h"}, 422, "unusable"),
        ({"from": "2h", "destinations": ["nowhere"]}, 422, "unusable"),
        ({"from": "2h", "sources": ["nobody"]}, 422, "unusable"),
        ({"from": "2h", "types": ["dance"]}, 422, "unusable"),
        ({"from": "2h", "outcomes": ["pending"]}, 422, "unusable"),
    ],
)
async def test_a_replay_of_what_is_not_there_is_refused(
    asked: Asked, body: dict[str, Any], status: int, refusal: str
) -> None:
    for path in ("/api/replays", "/api/replays/dry-run"):
        answer = await asked.ask("POST", path, json=body)
        assert (answer.status_code, code(answer)) == (status, refusal)
    assert (await asked.ask("GET", "/api/replays")).json() == {"replays": []}


async def test_only_so_many_replays_are_under_way_at_once(asked: Asked) -> None:
    for _ in range(20):
        assert (await asked.ask("POST", "/api/replays", json={"from": "2h"})).status_code == 201
    answer = await asked.ask("POST", "/api/replays", json={"from": "2h"})
    assert (answer.status_code, code(answer)) == (422, "unusable")
    await asked.ask("POST", "/api/replays/3/cancel")
    assert (await asked.ask("POST", "/api/replays", json={"from": "2h"})).status_code == 201
