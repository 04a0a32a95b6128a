"""The management API on destinations, names, fields, previews and the configuration."""

import json

import pytest
import yaml

from gainstage.store.store import Store
from tests.unit.app.conftest import SECRETS
from tests.unit.management.asking import FIELDS, PERSON, WRITE_KEY, Asked, code, configured

pytestmark = pytest.mark.anyio


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
