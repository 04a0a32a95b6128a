"""The management API on a data folder: how it is asked, and what it says. No vendor is called."""

import gzip
import json
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from gainstage import app
from gainstage.dashboard.application import pages
from gainstage.errors import DataUnusable
from gainstage.ingest import Counts
from gainstage.management import Access, Management
from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import Store
from tests.unit.app.conftest import DESTINATIONS, SECRETS
from tests.unit.ingest.requests import StandingClock

pytestmark = pytest.mark.anyio

TOKEN = "0123456789abcdef0123456789abcdef"
WRITE_KEY = "unit-write-key-app"
FIELDS = "object,name,type,length\nCompany,Name,STRING,255\nCompany,Employees,NUMBER,\n"
PERSON = {"type": "identify", "messageId": "p-1", "userId": "u", "traits": {"email": "ann@x.example"}}


class NoStatus:
    """A status of nothing."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        return {"connections": [], "budgets": [], "blocked": [], "oldest_pending_seconds": None}


class Asked:
    """Everything that the server answers beside the tracking API, over a data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.counts = Counts()
        access = Access(TOKEN, StandingClock(), lambda scope: "", self.counts.refused)
        self._transport = httpx2.ASGITransport(
            pages(NoStatus(), self.counts, Management(data, NoStatus(), access))
        )

    async def ask(
        self, method: str, path: str, *, token: str | None = TOKEN, **options: Any
    ) -> httpx2.Response:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        async with httpx2.AsyncClient(transport=self._transport, base_url="http://server") as client:
            return await client.request(method, path, headers=headers, **options)


def configured(*names: str) -> dict[str, Any]:
    return {
        "sources": [{"name": "app", "kind": "server", "write_key": WRITE_KEY}],
        "destinations": [{"name": name, **deepcopy(DESTINATIONS[name])} for name in names],
    }


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    file = tmp_path / "gainstage.yaml"
    file.write_text(yaml.safe_dump(configured("clickstream", "cs", "px")))
    app.apply(tmp_path / "data", file)
    yield Asked(tmp_path / "data")


def code(answer: httpx2.Response) -> str:
    """The code of a refusal, which has one sentence too."""
    error = answer.json()["error"]
    assert error["message"].endswith(".") and "\n" not in error["message"]
    return str(error["code"])


PATHS = [
    ("GET", "/api/status"),
    ("GET", "/api/events/m-1"),
    ("GET", "/api/names"),
    ("DELETE", "/api/names"),
    ("GET", "/api/dead"),
    ("GET", "/api/dead/summary"),
    ("POST", "/api/dead/retry"),
    ("POST", "/api/dead/edit"),
    ("POST", "/api/dead/purge"),
    ("GET", "/api/dead/export"),
    ("GET", "/api/forget"),
    ("POST", "/api/forget"),
    ("POST", "/api/forget/find"),
    ("GET", "/api/forget/1"),
    ("POST", "/api/forget/1/lift"),
    ("GET", "/api/replays"),
    ("POST", "/api/replays"),
    ("POST", "/api/replays/dry-run"),
    ("GET", "/api/replays/1"),
    ("POST", "/api/replays/1/pause"),
    ("POST", "/api/replays/1/resume"),
    ("POST", "/api/replays/1/cancel"),
    ("POST", "/api/check"),
    ("GET", "/api/destinations"),
    ("POST", "/api/destinations/cs/check"),
    ("GET", "/api/destinations/cs/fields"),
    ("PUT", "/api/destinations/cs/fields"),
    ("DELETE", "/api/destinations/cs/fields"),
    ("POST", "/api/destinations/cs/fields/read"),
    ("POST", "/api/destinations/cs/preview"),
    ("GET", "/api/configuration"),
    ("PUT", "/api/configuration"),
    ("GET", "/api/nowhere"),
    ("OPTIONS", "/api/status"),
    ("GET", "/api"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_nothing_is_answered_without_the_token(asked: Asked, method: str, path: str) -> None:
    answer = await asked.ask(method, path, token=None, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, code(answer)) == (401, "api_token_missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="gainstage"'
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_description_and_the_pages_are_for_everybody(asked: Asked) -> None:
    for path in ("/", "/status", "/api/openapi.json"):
        assert (await asked.ask("GET", path, token=None)).status_code == 200
    answer = await asked.ask("POST", "/api/openapi.json", token=None)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_refusals_show_in_the_metrics(asked: Asked) -> None:
    await asked.ask("GET", "/api/status", token="wrong")
    shown = (await asked.ask("GET", "/metrics", token=None)).text
    assert 'gainstage_refused_requests_total{code="api_token_wrong",source=""} 1.0' in shown


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/api/status/", "/api//status"])
async def test_an_unknown_path_is_named_in_json(asked: Asked, path: str) -> None:
    answer = await asked.ask("GET", path)
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/check", "POST"),
        ("/api/configuration", "GET, HEAD, PUT"),
        ("/api/destinations/cs/fields", "DELETE, GET, HEAD, PUT"),
    ],
)
async def test_another_method_is_refused_with_those_that_there_are(
    asked: Asked, path: str, allowed: str
) -> None:
    answer = await asked.ask("PATCH", path)
    assert (answer.status_code, code(answer), answer.headers["allow"]) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/api/status?x=1", "x"),
        ("/api/dead?destinaton=cs", "destinaton"),
        ("/api/dead?outcome=late", "late"),
        ("/api/dead?limit=0", "limit"),
        ("/api/dead?limit=1001", "limit"),
        ("/api/dead?after=here", "after"),
        ("/api/dead/export?after=1-1", "after"),
        ("/api/events/m-1?source=", "source"),
        ("/api/names?limit=10001", "limit"),
        ("/api/names?destination=cs", "destination"),
    ],
)
async def test_a_query_that_is_misspelled_is_refused(asked: Asked, path: str, wrong: str) -> None:
    answer = await asked.ask("GET", path)
    assert (answer.status_code, code(answer)) == (400, "invalid_query")
    assert wrong in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"reason": "\xff"}', "invalid_json"),
        (b"[]", "invalid_body"),
        (b'{"destinaton": "cs"}', "invalid_body"),
        (b'{"message_ids": []}', "invalid_body"),
        (b"\x1f\x8b broken", "invalid_gzip"),
    ],
)
async def test_a_body_that_cannot_be_used_retries_nothing(asked: Asked, body: bytes, refused: str) -> None:
    answer = await asked.ask("POST", "/api/dead/retry", content=body)
    assert (answer.status_code, code(answer)) == (400, refused)


async def test_a_body_larger_than_4_mib_is_refused(asked: Asked) -> None:
    body = b" " * (4 * 1024 * 1024 + 1)
    for content in (body, gzip.compress(body)):
        answer = await asked.ask("PUT", "/api/destinations/cs/fields", content=content)
        assert (answer.status_code, code(answer)) == (413, "body_too_large")


@pytest.mark.parametrize("query", ["reason=bad_luck", "since=soon"])
async def test_filters_that_mean_nothing_are_refused(asked: Asked, query: str) -> None:
    answer = await asked.ask("GET", f"/api/dead?{query}")
    assert (answer.status_code, code(answer)) == (422, "unusable")
    assert query.partition("=")[2] in answer.json()["error"]["message"]


async def test_an_event_that_is_not_there_is_404(asked: Asked) -> None:
    for path in ("/api/events/a/b", "/api/events/%00?source=app"):
        answer = await asked.ask("GET", path)
        assert (answer.status_code, code(answer)) == (404, "event_unknown")


@pytest.mark.parametrize(
    ("method", "rest"),
    [("POST", "check"), ("GET", "fields"), ("POST", "fields/read"), ("PUT", "fields"), ("POST", "preview")],
)
async def test_a_destination_that_is_not_there_is_404_and_says_which_are(
    asked: Asked, method: str, rest: str
) -> None:
    content = b'{"messages": []}' if rest == "preview" else None
    answer = await asked.ask(method, f"/api/destinations/absent/{rest}", content=content)
    assert (answer.status_code, code(answer)) == (404, "destination_unknown")
    assert "clickstream, cs, px" in answer.json()["error"]["message"]


async def test_a_destination_that_tells_no_fields_says_so(asked: Asked) -> None:
    answer = await asked.ask("GET", "/api/destinations/clickstream/fields")
    assert (answer.status_code, code(answer)) == (422, "unusable")


async def test_destinations_are_listed_without_settings(asked: Asked) -> None:
    found = (await asked.ask("GET", "/api/destinations")).json()["destinations"]
    assert [(one["name"], one["type"], one["state"], one["tells_fields"]) for one in found] == [
        ("clickstream", "gainsight", "working", False),
        ("cs", "gainsight_cs", "working", True),
        ("px", "gainsight_px", "working", True),
    ]
    assert found[1]["sources"] == ["app"]


async def test_a_destination_that_cannot_be_used_is_listed_with_the_reason_and_its_neighbours_work(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = configured("cs", "px")
    given["destinations"][0]["settings"]["access_key"] = "${UNIT_ACCESS_KEY}"
    given["destinations"][1]["enabled"] = False
    monkeypatch.setenv("UNIT_ACCESS_KEY", "unit-access-key")
    assert (await asked.ask("PUT", "/api/configuration", json=given)).json()["changed"]
    monkeypatch.delenv("UNIT_ACCESS_KEY")
    cs, px = (await asked.ask("GET", "/api/destinations")).json()["destinations"]
    assert (cs["state"], cs["reason"]) == ("blocked", "configuration_invalid")
    assert "UNIT_ACCESS_KEY is not set" in cs["detail"] and cs["remedy"]
    assert (px["state"], px["reason"]) == ("disabled", None)
    answer = await asked.ask("POST", "/api/check")
    assert (answer.status_code, code(answer)) == (409, "configuration_unusable")
    (problem,) = answer.json()["error"]["problems"]
    assert "UNIT_ACCESS_KEY is not set" in problem


async def test_names_are_told_by_source_and_forgotten(asked: Asked) -> None:
    store = Store(asked.data)
    with store.transaction() as transaction:
        for name in ("Order Completed", "Rare", "Order Completed"):
            transaction.vocabulary.count(
                transaction.names.source("app"), "track", name, ("a", "A"), 1_000_000
            )
    store.close()
    found = (await asked.ask("GET", "/api/names?source=app&limit=1")).json()
    (name,) = found["names"]
    assert (name["name"], name["count"], name["differ_by_case"], found["more"]) == (
        "Order Completed",
        2,
        [],
        1,
    )
    assert [one["outcome"] for one in name["destinations"]] == ["sent", "sent", "sent"]
    for method in ("GET", "DELETE"):
        answer = await asked.ask(method, "/api/names?source=absent")
        assert (answer.status_code, code(answer)) == (404, "source_unknown")
        assert "known are: app." in answer.json()["error"]["message"]
    assert (await asked.ask("DELETE", "/api/names")).json() == {"forgotten": ["app"]}
    assert (await asked.ask("GET", "/api/names")).json() == {"sources": [], "names": [], "more": 0}


async def test_a_list_of_fields_is_kept_shown_with_its_age_and_forgotten(asked: Asked) -> None:
    path = "/api/destinations/cs/fields"
    assert (await asked.ask("GET", path)).json()["origin"] is None
    for content in (FIELDS, json.dumps([{"object": "Company", "name": "Name", "type": "STRING"}])):
        put = (await asked.ask("PUT", path, content=content)).json()
        kept = (await asked.ask("GET", path)).json()
        assert kept["origin"] == "uploaded" and kept["age_seconds"] >= 0
        assert {**kept, "age_seconds": 0} == {**put, "age_seconds": 0}
        assert kept["objects"][0]["fields"][0]["name"] == "Name"
    assert any(one["level"] for one in kept["findings"]), "the built-in table maps more than the list has"
    assert (await asked.ask("DELETE", path)).json()["origin"] is None
    assert (await asked.ask("GET", path)).json()["origin"] is None


async def test_a_list_of_attributes_is_kept_in_the_vendors_form_and_in_ours(asked: Asked) -> None:
    path = "/api/destinations/px/fields"
    row = {"apiName": "seats", "name": "Seats", "type": "NUMBER", "state": "DISABLED", "origin": "CUSTOM"}
    for content in (
        json.dumps({"user": [row]}),
        json.dumps(
            [{"object": "User", "name": "seats", "type": "number", "state": "disabled", "custom": True}]
        ),
        "object,name,type,state,custom\nuser,seats,NUMBER,Disabled,yes\n",
    ):
        kept = (await asked.ask("PUT", path, content=content)).json()
        (seats,) = kept["objects"][0]["fields"]
        assert (seats["name"], seats["type"], seats["state"], seats["custom"]) == (
            "seats", "NUMBER", "DISABLED", True,
        )  # fmt: skip
    answer = await asked.ask("PUT", path, content="object,name,type,state\nuser,seats,NUMBER,off\n")
    assert code(answer) == "unusable" and "`state` is enabled, disabled or deleted" in answer.text


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"object;name\n;;;", b"[1]"])
async def test_what_is_no_list_of_fields_is_refused_and_what_was_kept_is_kept(
    asked: Asked, content: bytes
) -> None:
    path = "/api/destinations/cs/fields"
    await asked.ask("PUT", path, content=FIELDS)
    answer = await asked.ask("PUT", path, content=content)
    assert (answer.status_code, code(answer)) == (422, "unusable")
    assert answer.json()["error"]["message"].startswith("The list sent ")
    assert (await asked.ask("GET", path)).json()["origin"] == "uploaded"


async def test_a_preview_shows_requests_with_secrets_masked(asked: Asked) -> None:
    messages = [PERSON, "no message", {**PERSON, "messageId": "p-2", "type": "page"}]
    answer = await asked.ask("POST", "/api/destinations/cs/preview", json={"messages": messages})
    planned, failed, filtered = answer.json()["events"]
    assert (planned["message_id"], planned["outcome"]) == ("p-1", "planned")
    assert planned["requests"][0]["body"] == {"Email": "ann@x.example"}
    assert (failed["outcome"], filtered["outcome"]) == ("failed", "filtered")
    assert not any(secret in answer.text for secret in SECRETS)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (json.dumps({"messages": [{}] * 1001}).encode(), "invalid_body"),
        (b'{"messages": [' + b"[" * 100_000, "invalid_json"),
    ],
)
async def test_a_preview_takes_a_thousand_messages_at_most(asked: Asked, body: bytes, refused: str) -> None:
    answer = await asked.ask("POST", "/api/destinations/px/preview", content=body)
    assert (answer.status_code, code(answer)) == (400, refused)


async def test_the_configuration_goes_out_without_secrets_and_in_again(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await asked.ask("GET", "/api/configuration")
    assert answer.json()["sources"] == [{"name": "app", "kind": "server", "write_key": "${APP_WRITE_KEY}"}]
    assert not any(secret in answer.text for secret in (*SECRETS, WRITE_KEY))
    as_file = await asked.ask("GET", "/api/configuration", headers={"Accept": "application/yaml"})
    assert as_file.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(as_file.text) == answer.json()
    refused = await asked.ask("PUT", "/api/configuration", json=answer.json())
    assert (refused.status_code, code(refused)) == (422, "configuration_invalid")
    assert any("APP_WRITE_KEY is not set" in problem for problem in refused.json()["error"]["problems"])
    for name in ("APP_WRITE_KEY", "CS_ACCESS_KEY", "CS_SHARED_SECRET", "PX_API_KEY"):
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("CLICKSTREAM_ACCESS_KEY", SECRETS[0])
    put = await asked.ask("PUT", "/api/configuration", json=answer.json())
    assert put.json() == {
        "changed": True,
        "warnings": put.json()["warnings"],
        "sources": 1,
        "destinations": 3,
    }
    again = await asked.ask("PUT", "/api/configuration", content=as_file.text)
    assert again.json()["changed"] is False, "the same as YAML"


@pytest.mark.parametrize(
    ("content", "kind", "refused"),
    [
        (b"", "application/yaml", "unusable"),
        (b"sources: [", "application/yaml", "unusable"),
        (b"[]", "application/yaml", "unusable"),
        (b"\xff\xff", "application/yaml", "unusable"),
        (b"sorces: []", "application/yaml", "configuration_invalid"),
        (b'{"sorces": []}', "application/json", "configuration_invalid"),
        (b'{"sources": [{"name": "x"}]}', "application/json; charset=utf-8", "configuration_invalid"),
    ],
)
async def test_a_configuration_that_cannot_be_used_changes_nothing(
    asked: Asked, content: bytes, kind: str, refused: str
) -> None:
    before = (await asked.ask("GET", "/api/configuration")).json()
    answer = await asked.ask("PUT", "/api/configuration", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, code(answer)) == (422, refused)
    assert answer.json()["error"]["message"].startswith("The configuration sent ")
    assert (await asked.ask("GET", "/api/configuration")).json() == before


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StorageUnavailable("secret"), 503, "unavailable"),
        (DataUnusable("secret"), 503, "unavailable"),
        (OSError("secret"), 500, "fault"),
    ],
)
async def test_a_fault_of_ours_is_told_as_that_and_tells_nothing_else(
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    said: str,
) -> None:
    monkeypatch.setattr(app, "destinations", failing(error), raising=False)
    answer = await asked.ask("GET", "/api/destinations")
    assert (answer.status_code, code(answer)) == (status, said)
    assert "secret" not in answer.text and len(caplog.records) == 1
    assert ("retry-after" in answer.headers) is (status == 503)


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any) -> Any:
        raise error

    return fail


async def test_head_is_answered_where_get_is(asked: Asked) -> None:
    for path in ("/api/status", "/api/dead", "/api/dead/export", "/api/configuration"):
        assert (await asked.ask("HEAD", path)).status_code == 200


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
