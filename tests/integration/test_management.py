"""The management API of a real server: a fault found, corrected and made good; a slow vendor; who may ask."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gainstage.computing.state import FOLDER_NAME, State
from gainstage_sandbox import Running
from tests.messages import group, identify, track
from tests.world import WORDS, WRITE_KEY, World, configured, cs, fetch, px, wait_for

TOKEN = "integration-0123456789abcdef0123456789abcdef"
TIER = {"name": "Plan_Tier__gc", "type": "PICKLIST", "options": ["Gold", "Silver"]}
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Said(NamedTuple):
    """An answer of the management API."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(world: World, method: str, path: str, body: Any = None, *, token: str | None = TOKEN) -> Said:
    """An answer, whatever it is."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{world.address}/api/{path}", data, headers, method=method)
    try:
        with _opener.open(request, timeout=60) as answer:
            return Said(answer.status, lowered(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Said(error.code, lowered(error.headers), error.read().decode())


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def done(world: World, method: str, path: str, body: Any = None) -> Any:
    """What is said to what succeeds."""
    said = ask(world, method, path, body)
    assert said.status == 200, said
    return said.json


@pytest.fixture
def world(sandbox: Running, tmp_path: Path) -> Iterator[World]:
    """A server that has a token, with a destination that maps a field under a wrong name."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    configuration = configured(cs(sandbox.url, company_fields={"tier": "Plan_Tier"}))
    world = World(tmp_path, sandbox.url, configuration, options=["--api-token-file", str(tmp_path / "token")])
    try:
        world.start()
        yield world
    finally:
        world.close()


def test_a_mistake_is_found_corrected_and_the_failed_event_delivered_over_http(
    world: World, sandbox: Running
) -> None:
    fetch(f"{sandbox.url}/__sandbox__/seed", {"cs": {"schema": {"Company": [TIER]}}})
    assert done(world, "GET", "destinations/cs/fields")["origin"] is None
    report = done(world, "POST", "check")
    (error,) = (one for one in report["findings"] if one["level"] == "error")
    assert not report["ok"] and (error["destination"], error["setting"]) == ("cs", "company_fields")
    assert "did you mean Plan_Tier__gc?" in error["message"]
    assert done(world, "GET", "destinations/cs/check")["findings"] == report["findings"]
    assert done(world, "POST", "destinations/cs/check") == report
    remembered = done(world, "GET", "destinations/cs/check")
    assert remembered.pop("at") and remembered == {**report, "changed_since": False}
    kept = done(world, "GET", "destinations/cs/fields")
    assert kept["origin"] == "read" and kept["age_seconds"] >= 0
    assert [one["setting"] for one in kept["findings"] if one["level"] == "error"] == ["company_fields"]

    world.take(identify("u1", "i1"), group("u1", "Acme", "g1", tier="gold"))
    (row,) = wait_for(lambda: done(world, "GET", "dead")["events"])
    assert (row["message_id"], row["outcome"], row["reason"]) == ("g1", "failed", "field_unknown")
    trace = done(world, "GET", "events/g1?source=site")
    assert (trace["destinations"][0]["outcome"], trace["event"]["type"]) == ("failed", "group")
    assert ask(world, "GET", "events/g1?source=elsewhere").status == 404
    (exported,) = map(json.loads, ask(world, "GET", "dead/export?reason=field_unknown").text.splitlines())
    assert exported.pop("known").keys() <= {"user_id", "email", "company"}
    assert exported == {**row, "message": trace["event"]}

    given = done(world, "GET", "configuration")["destinations"][0]["settings"]
    assert (given["access_key"], given["company_fields"]) == ("${CS_ACCESS_KEY}", {"tier": "Plan_Tier"})
    correct = configured(cs(sandbox.url, company_fields={"tier": "Plan_Tier__gc"}))
    assert done(world, "PUT", "configuration", correct) == {
        "changed": True, "warnings": [], "sources": 1, "destinations": 1,
    }  # fmt: skip
    assert done(world, "GET", "destinations/cs/check")["changed_since"]
    preview = {"messages": [group("u1", "Beta", "g2", tier="gold")]}
    (planned,) = done(world, "POST", "destinations/cs/preview", preview)["events"]
    assert planned["requests"][1]["body"]["records"] == [{"Name": "Beta", "Plan_Tier__gc": "Gold"}]
    assert done(world, "POST", "dead/retry", {"message_ids": ["g1"]}) == {"retried": 1}
    wait_for(lambda: sandbox.state.snapshot()["cs"]["companies"])
    wait_for(lambda: not done(world, "GET", "dead")["events"])
    status = done(world, "GET", "status")
    assert all(row["received"] == sum(row[word] for word in WORDS) for row in status["connections"])
    wait_for(lambda: done(world, "GET", "status")["connections"][0]["delivered"] == 2)
    world.stop()
    assert "Traceback" not in world.said(), world.said()


def test_sdks_are_answered_while_a_vendor_keeps_a_check_waiting(world: World, sandbox: Running) -> None:
    sandbox.state.faults.add({"fault": "delay", "seconds": 3, "api": "cs", "times": 1})
    (waiting,) = sandbox.state.faults.rules
    answers: list[Said] = []
    checking = threading.Thread(target=lambda: answers.append(ask(world, "POST", "check")))
    checking.start()
    wait_for(lambda: waiting.fired == 1, what="the call that is kept waiting")
    for number in range(5):
        world.take(track(f"u{number}"))
        assert ask(world, "GET", "dead").status == 200
    assert not answers, "the vendor has not answered yet"
    checking.join(60)
    assert answers[0].status == 200


def test_calls_of_a_check_count_against_the_budget(world: World) -> None:
    def used() -> list[int]:
        return [row["used"] for row in done(world, "GET", "status")["budgets"]]

    readings = [wait_for(used)]
    for path in ("check", "destinations/cs/check", "destinations/cs/fields/read"):
        done(world, "POST", path)
        readings.append(used())
    assert all(readings[n][1] < readings[n + 1][1] for n in range(3)), readings


def test_dead_events_come_by_pages_each_once_in_order(world: World) -> None:
    world.take(*(track(f"u{number}", "Unheard Of", message_id=f"t{number}") for number in range(7)))
    wait_for(lambda: world.counts("cs")["failed"] == 7)
    found, path, pages = [], "dead?limit=3", 0
    while path:
        page = done(world, "GET", path)
        found += [row["message_id"] for row in page["events"]]
        path, pages = page["next"] and f"dead?limit=3&after={page['next']}", pages + 1
    assert (found, pages) == ([f"t{number}" for number in range(7)], 3)
    lines = ask(world, "GET", "dead/export?limit=5").text.splitlines()
    assert [json.loads(line)["message"]["messageId"] for line in lines] == found[:5]


def test_a_parked_person_is_counted_corrected_and_delivered_and_what_is_hopeless_given_up(
    world: World, sandbox: Running
) -> None:
    world.take({"type": "identify", "userId": "u1", "messageId": "i1", "traits": {"firstName": "Ann"}})
    world.take(track("u1", "Unheard Of", message_id="t1"))
    wait_for(lambda: len(done(world, "GET", "dead")["events"]) == 2)
    problems = {
        row["title"]: (row["people"], row["events"]) for row in done(world, "GET", "dead/summary")["problems"]
    }
    assert problems == {"no e-mail": (1, 1), "event not mapped": (1, 1)}
    counted = ask(world, "GET", "dead/summary?format=csv")
    assert counted.headers["content-type"].startswith("text/csv")
    assert "no e-mail,1,0,1,cs,parked," in counted.text
    table = ask(world, "GET", "dead/export?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert "no e-mail" in table.text.splitlines()[1]
    assert ask(world, "POST", "dead/edit", {"message_id": "i1", "set": {"type": "odd"}}).status == 422
    edited = done(world, "POST", "dead/edit", {"message_id": "i1", "set": {"traits.email": "ann@x.example"}})
    assert edited["destinations"] == ["cs"]
    (person,) = wait_for(lambda: sandbox.state.snapshot()["cs"]["people"])
    assert person["Email"] == "ann@x.example"
    refused = ask(world, "POST", "dead/purge", {"reason": "event_unmapped"})
    assert (refused.status, "1 would be given up" in refused.text) == (422, True)
    assert done(world, "POST", "dead/purge", {"reason": "event_unmapped", "confirm": True}) == {"given_up": 1}
    wait_for(lambda: world.counts("cs")["delivered"] == 1)
    assert done(world, "GET", "dead")["events"] == []
    assert world.counts("cs")["failed"] == 1


def test_an_event_is_tried_sent_and_found_by_what_became_of_it(world: World, sandbox: Running) -> None:
    world.take(identify("u1", "i1"))
    wait_for(lambda: world.counts("cs")["delivered"] == 1)
    asked = {"source": "site", "message": {"type": "track", "userId": "u1", "event": "Used"}}
    tried = done(world, "POST", "test", asked)
    assert tried["resolved"]["email"] == "u1@world.example" and tried["message_id"] is None
    (at_cs,) = tried["destinations"]
    (request,) = at_cs["requests"]
    assert (at_cs["outcome"], request["headers"]["sharedSecret"]) == ("planned", "***")
    assert sandbox.state.snapshot()["cs"]["events"] == []
    sent = ask(world, "POST", "test/send", asked)
    assert sent.status == 202
    message_id = sent.json["message_id"]
    wait_for(lambda: sandbox.state.snapshot()["cs"]["events"])
    wait_for(lambda: done(world, "GET", "events?outcome=delivered&type=track")["events"])
    assert done(world, "GET", f"events/{message_id}")["destinations"][0]["outcome"] == "delivered"
    again = {"source": "site", "message": {**asked["message"], "messageId": message_id}}
    refused = ask(world, "POST", "test/send", again)
    assert (refused.status, "duplicate" in refused.text) == (422, True)
    assert ask(world, "POST", "test/send", {"source": "site", "message": {"type": "odd"}}).status == 422
    assert ask(world, "POST", "test", {"source": "nowhere", "message": {}}).status == 404
    assert (
        done(world, "POST", "test", {"source": "site", "message": {}})["refused"]["reason"] == "type_missing"
    )

    newest = done(world, "GET", "events")["newest"]
    world.take(
        {"type": "identify", "userId": "u2", "messageId": "i2", "traits": {}}, {"type": "odd", "userId": "u"}
    )
    wait_for(lambda: done(world, "GET", "dead")["events"][1:])
    came = done(world, "GET", f"events?after={newest}")["events"]
    assert [one["destinations"][0]["outcome"] for one in came] == ["failed", "parked"]
    (waiting,) = done(world, "GET", "events?outcome=parked&destination=cs&source=site&since=1h")["events"]
    assert (waiting["message_id"], waiting["destinations"][0]["reason"]) == ("i2", "email_missing")
    assert [one["type"] for one in done(world, "GET", "events?outcome=refused")["events"]] == [None]
    (of_ann,) = done(world, "GET", "events?email=U1@world.example&type=identify")["events"]
    assert of_ann["message_id"] == "i1"
    world.run("apply", "-f", str(world.configure(configured({**cs(sandbox.url), "paused": True}))))
    world.take(identify("u3", "i3"))
    (paused,) = wait_for(lambda: done(world, "GET", "events?reason=paused")["events"])
    assert paused["message_id"] == "i3" and not done(world, "GET", "events?reason=timeout")["events"]


def test_fields_that_cannot_be_read_leave_those_that_are_kept(world: World, sandbox: Running) -> None:
    done(world, "POST", "destinations/cs/fields/read")
    sandbox.state.faults.add({"fault": "status", "api": "cs", "status": 500, "times": None})
    said = ask(world, "POST", "destinations/cs/fields/read")
    assert (said.status, said.json["error"]["code"]) == (502, "fields_unreadable")
    assert done(world, "GET", "destinations/cs/fields")["origin"] == "read"


def test_attributes_of_px_are_read_judged_and_planned_by_over_http(world: World, sandbox: Running) -> None:
    seats = {"apiName": "seats_used", "name": "Seats used", "type": "NUMBER"}
    fetch(f"{sandbox.url}/__sandbox__/seed", {"px": {"attributes": {"user": [seats]}}})
    mapped = {"user_attributes": {"seats": "seats_used", "n": "Seats used"}}
    done(world, "PUT", "configuration", configured(px(sandbox.url, **mapped)))
    (listed,) = done(world, "GET", "destinations")["destinations"]
    assert (listed["name"], listed["tells_fields"]) == ("px", True)
    read = done(world, "POST", "destinations/px/fields/read")
    assert [one["name"] for one in read["objects"]] == ["user", "account"]
    (finding,) = read["findings"]
    assert (finding["level"], finding["setting"]) == ("error", "user_attributes")
    assert "write seats_used" in finding["message"]
    report = done(world, "POST", "destinations/px/check")
    assert finding["message"] in {one["message"] for one in report["findings"]} and not report["ok"]
    world.take(
        identify("u1", "i1", seats="1,234.5"), identify("u2", "i2", n="2"), identify("u3", "i3", seats="no")
    )
    wait_for(lambda: world.counts("px")["delivered"] == 1 and len(done(world, "GET", "dead")["events"]) == 2)
    reasons = {row["message_id"]: row["reason"] for row in done(world, "GET", "dead")["events"]}
    assert reasons == {"i2": "field_unknown", "i3": "value_invalid"}
    (user,) = sandbox.state.snapshot()["px"]["users"]
    assert user["customAttributes"] == {"seats_used": 1234.5}


def test_a_blocked_destination_says_why_and_what_to_do(world: World, sandbox: Running) -> None:
    (cs,) = done(world, "GET", "destinations")["destinations"]
    assert (cs["name"], cs["state"], cs["reason"]) == ("cs", "working", None)
    sandbox.state.faults.add({"fault": "status", "api": "cs", "status": 401, "times": None})
    world.take(identify("u1", "i1"))

    def blocked() -> Any:
        (cs,) = done(world, "GET", "destinations")["destinations"]
        return cs if cs["state"] == "blocked" else None

    found = wait_for(blocked)
    assert found["reason"] and found["detail"] and found["remedy"] and found["since"]


def test_who_has_no_token_is_refused_counted_and_then_sent_away(world: World) -> None:
    for token, code in ((None, "api_token_missing"), (TOKEN[:-1], "api_token_wrong")):
        said = ask(world, "GET", "status", token=token)
        assert (said.status, said.json["error"]["code"]) == (401, code)
        assert said.headers["www-authenticate"].startswith("Bearer")
    statuses = [ask(world, "PUT", "configuration", b"{" * 100_000, token="wrong").status for _ in range(9)]
    assert statuses == [401] * 8 + [429]
    said = ask(world, "GET", "status")
    assert said.status == 429 and int(said.headers["retry-after"]) > 0
    assert 'code="api_token_wrong",source=""} 9.0' in fetch(f"{world.address}/metrics")
    world.take(identify("u1", "i1"))  # SDKs are none the worse
    world.stop()
    assert "guessing_slowed" in world.said() and TOKEN not in world.said()


def test_a_server_without_a_token_lets_nobody_manage_it(sandbox: Running, tmp_path: Path) -> None:
    world = World(tmp_path, sandbox.url, configured(cs(sandbox.url)))
    try:
        world.start()
        said = ask(world, "GET", "status")
        assert (said.status, said.json["error"]["code"]) == (403, "api_token_not_configured")
        assert fetch(f"{world.address}/api/openapi.json")["openapi"].startswith("3.1")
    finally:
        world.close()


def test_a_token_that_is_too_short_is_refused_at_the_start(sandbox: Running, tmp_path: Path) -> None:
    world = World(tmp_path, sandbox.url, configured(cs(sandbox.url)))
    ended = world.run("serve", "--port", "0", environment={"GAINSTAGE_API_TOKEN": "hunter2-hunter2"})
    told = ended.stderr.decode()
    assert (ended.returncode, told.count("\n")) == (2, 1)
    assert "shorter than 32 characters" in told and "hunter2" not in told


def test_nothing_that_is_answered_shows_a_secret(world: World) -> None:
    world.take(identify("u1", "i1"), group("u1", "Acme", "g1"))
    wait_for(lambda: world.counts("cs")["pending"] == 0 and world.counts("cs")["received"] == 2)
    paths = ("status", "dead", "destinations", "configuration", "events/i1", "events/g1")
    asked = [("GET", path) for path in paths]
    asked += [("POST", "check"), ("POST", "destinations/cs/fields/read"), ("GET", "destinations/cs/fields")]
    shown = "".join(ask(world, method, path).text for method, path in asked)
    shown += ask(world, "POST", "destinations/cs/preview", {"messages": [identify("u2")]}).text
    world.stop()
    shown += world.said()
    for secret in ("world-cs-access-key", "world-cs-shared-secret", WRITE_KEY, TOKEN):
        assert secret not in shown, shown[max(0, shown.index(secret) - 300) :][:400]


def test_an_audience_is_looked_at_put_in_force_paused_and_removed_over_http(
    world: World, sandbox: Running
) -> None:
    key, definition = "big_spenders", {
        "name": "Big spenders",
        "where": {
            "event": "Bought",
            "where": [{"property": "price", "operator": "greater_than", "value": 5}],
        },
        "destinations": ["cs"],
    }  # fmt: skip
    world.take(identify("u1"), identify("u2"), track("u1", "Bought", price=9), track("u2", "Bought", price=1))
    wait_for(lambda: (done(world, "GET", "status")["kept"]["history"] or {}).get("events") == 4)
    seen = done(world, "POST", "audiences/preview", {"audience": definition})
    assert (seen["key"], seen["size"], seen["known"]) == (key, 1, 2)
    assert seen["sample"] == [{"user_id": "u1", "value": True, "email": "u1@world.example"}]
    assert done(world, "GET", "audiences")["audiences"] == [], "a preview puts nothing in force"

    made = done(world, "PUT", f"audiences/{key}", {"audience": definition})
    assert (made["owner"], made["state"], made["definition"]["key"]) == ("dashboard", "enabled", key)
    (warning,) = made["warnings"]
    assert (warning["destination"], warning["setting"]) == ("cs", "person_fields")
    assert f"Map '{key}'" in warning["message"], "at CS no field is named for it"
    assert ask(world, "POST", f"audiences/{key}/run").status == 202
    shown = wait_for(lambda: (one := done(world, "GET", f"audiences/{key}"))["size"] and one)
    assert shown["members"] == [{"user_id": "u1", "value": True}]
    assert [(one["size"], one["entered"]) for one in shown["history"]] == [(1, 1)]
    assert done(world, "POST", f"audiences/{key}/pause")["state"] == "paused"
    assert done(world, "POST", f"audiences/{key}/resume")["state"] == "enabled"

    wrong = ask(
        world, "PUT", f"audiences/{key}", {"audience": {**definition, "where": {"audience": "nobody"}}}
    )
    assert (wrong.status, wrong.json["error"]["code"]) == (422, "configuration_invalid")
    assert "nobody" in wrong.json["error"]["problems"][0]
    secret = {**definition, "name": "Big ${PATH}"}
    for method, path in (("PUT", f"audiences/{key}"), ("POST", "audiences/preview")):
        said = ask(world, method, path, {"audience": secret})
        assert said.status == 422 and "refers to the environment" in said.text
    other = {"name": "Both", "where": {"audience": key}}
    done(world, "PUT", "audiences/both", {"audience": other})
    assert ask(world, "DELETE", f"audiences/{key}").status == 422, "another one names it"
    done(world, "DELETE", "audiences/both")
    assert done(world, "DELETE", f"audiences/{key}") == {"removed": key}
    assert ask(world, "GET", f"audiences/{key}").json["error"]["code"] == "computation_unknown"
    with closing(State(world.data / FOLDER_NAME)) as state:
        wait_for(lambda: state.computations()[key].removed)
    again = ask(world, "PUT", f"audiences/{key}", {"audience": definition})
    assert again.status == 422 and "is not given again" in again.json["error"]["problems"][0]


def test_what_the_file_defines_is_changed_in_the_file_only(world: World, sandbox: Running) -> None:
    audience = {"name": "Buyers", "where": {"event": "Bought"}}
    world.apply({**configured(cs(sandbox.url)), "audiences": [audience]})
    for method, path, body in (
        ("PUT", "audiences/buyers", {"audience": audience}),
        ("DELETE", "audiences/buyers", None),
        ("POST", "audiences/buyers/pause", None),
    ):
        said = ask(world, method, path, body)
        assert (said.status, said.json["error"]["code"]) == (409, "owned_by_file"), path
    assert ask(world, "POST", "audiences/preview", {"audience": audience, "key": "buyers"}).status == 422
