"""The control endpoints and the journal: what is shown, seeded, reset and refused."""

from typing import Any

import pytest

from gainstage_sandbox.behaviour import SWITCHES
from gainstage_sandbox.journal import Journal
from tests.sandbox.vendor import CS, START, TAG, Vendor


def test_the_empty_state_has_every_part(vendor: Vendor) -> None:
    assert vendor.state() == {
        "cs": {
            "people": [],
            "companies": [],
            "associations": [],
            "objects": {},
            "events": [],
            "schema": {},
            "event_definitions": [],
        },
        "px": {
            "users": [],
            "accounts": [],
            "events": [],
            "attributes": {"user": [], "account": []},
            "denied": [],
        },
        "clickstream": {"messages": []},
    }


def test_a_state_can_be_seeded_again_as_it_was(vendor: Vendor) -> None:
    acme = vendor.company("Acme", RenewalDate="2024-01-01")
    vendor.person(Email="a@b.c", companies=[{"Company_ID": acme, "Role": "Buyer"}])
    vendor.insert({"Kind__gc": "x"}, object="usage__gc")
    vendor.event({"a": 1})
    vendor.account()
    vendor.user(accountId="acme")
    vendor.track()
    vendor.px("PUT", "/v1/users/denylist/u1", {"denied": True})
    vendor.clickstream({"type": "track"})
    vendor.seed(cs={"schema": {"Company": [{"name": "Tier__gc", "type": "PICKLIST", "options": ["Gold"]}]}})
    vendor.seed(px={"attributes": {"account": [{"apiName": "seats", "type": "NUMBER"}]}})
    before = vendor.state()
    vendor.control("POST", "reset", {"only": ["state"]})
    vendor.control("POST", "seed", before)
    assert vendor.state() == before
    vendor.person(Email="A@b.c", companies=[{"Company_ID": acme, "Title": "CTO"}])
    after = vendor.state()["cs"]
    assert (len(after["people"]), len(after["associations"])) == (1, 1)


def test_a_seeded_link_may_name_person_and_company(vendor: Vendor) -> None:
    vendor.seed(
        cs={
            "people": [{"Email": "a@b.c"}],
            "companies": [{"Name": "Acme"}],
            "associations": [{"Email": "A@B.C", "Company_Name": "Acme"}],
        }
    )
    (link,) = vendor.state()["cs"]["associations"]
    assert link["Company_ID"] == vendor.state()["cs"]["companies"][0]["Gsid"]


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        {"gainsight": {}},
        {"cs": []},
        {"cs": {"persons": []}},
        {"cs": {"people": {}}},
        {"cs": {"people": [{"Name": "Ada"}]}},
        {"cs": {"associations": [{"Email": "no@b.c", "Company_Name": "Acme"}]}},
        {"cs": {"companies": [{"Name": "Acme"}], "associations": [{"Company_Name": "Acme"}]}},
        {"cs": {"schema": {"Company": 5}}},
        {"cs": {"schema": {"Company": [{"name": "X__gc", "type": "COLOUR"}]}}},
        {"cs": {"schema": {"Company": [{"name": "X__gc", "colour": "red"}]}}},
        {"cs": {"schema": {"Company": [{"name": "X__gc", "options": [5]}]}}},
        {"px": {"users": [{"email": "a@b.c"}]}},
        {"px": {"attributes": {"user": [{"name": "x"}]}}},
        {"px": {"denied": "u1"}},
    ],
)
def test_a_bad_seed_is_refused_and_adds_nothing(vendor: Vendor, wanted: Any) -> None:
    before = vendor.state()
    response = vendor.client.post("/__sandbox__/seed", json=wanted)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert vendor.state() == before


def test_requests_are_shown_in_order_with_credentials_masked(vendor: Vendor) -> None:
    vendor.person(Email="a@b.c")
    vendor.user()
    vendor.push({"type": "track"})
    first, second, third = vendor.control("GET", "requests")
    assert [entry["n"] for entry in (first, second, third)] == [1, 2, 3]
    assert [entry["api"] for entry in (first, second, third)] == ["cs", "px", "px"]
    assert (first["at"], first["method"], first["path"], first["query"]) == (
        START,
        "PUT",
        "/v1.0/api/people",
        "",
    )
    assert (first["body"], first["status"], first["response"]["result"]) == ({"Email": "a@b.c"}, 200, True)
    assert first["headers"]["accesskey"] == "***"
    shown = str((first["headers"], second["headers"], third["headers"]))
    assert not any(secret in shown for secret in (CS["Accesskey"], "px-key-1", TAG, "Basic"))


def test_requests_are_filtered_by_number_api_and_count(vendor: Vendor) -> None:
    for n in range(3):
        vendor.person(Email=f"{n}@b.c")
        vendor.user(f"u{n}")
    assert [entry["n"] for entry in vendor.control("GET", "requests?after=3")] == [4, 5, 6]
    assert [entry["n"] for entry in vendor.control("GET", "requests?api=px&after=2")] == [4, 6]
    assert [entry["n"] for entry in vendor.control("GET", "requests?limit=2")] == [1, 2]
    assert vendor.client.get("/__sandbox__/requests?api=nothing").status_code == 400
    assert vendor.client.get("/__sandbox__/requests?after=x").status_code == 400


def test_the_summary_counts_by_api_route_and_status(vendor: Vendor) -> None:
    vendor.user("a")
    vendor.px("PUT", "/v1/users/a", {"title": "x"})
    vendor.px("PUT", "/v1/users/b", {"title": "x"})
    vendor.client.get("/somewhere")
    assert vendor.control("GET", "requests/summary") == {
        "total": 4,
        "kept": 4,
        "by_api": {"px": 3, "unknown": 1},
        "by_route": {"POST /v1/users": 1, "PUT /v1/users/{id}": 2, "GET (unknown path)": 1},
        "by_status": {"201": 1, "204": 1, "404": 2},
    }


def test_the_journal_keeps_the_newest_and_counts_all() -> None:
    def note(journal: Journal, body: bytes = b"", response: bytes = b"") -> None:
        entry = journal.open(START, "cs", "PUT", "/x", "/x", "", [], body)
        journal.close(entry, 200, response, None)

    journal = Journal(max_entries=3)
    for _ in range(5):
        note(journal)
    assert [entry.n for entry in journal.entries()] == [3, 4, 5]
    assert [entry.n for entry in journal.latest(2)] == [5, 4]
    assert journal.summary()["total"] == 5
    small = Journal(max_bytes=10_000)
    for _ in range(5):
        note(small, b"x" * 4000, b"y" * 4000)
    assert [entry.n for entry in small.entries()] == [5]


def test_an_entry_that_fell_out_while_it_waited_does_not_count_as_kept() -> None:
    journal = Journal(max_entries=1)
    slow = journal.open(START, "cs", "PUT", "/x", "/x", "", [], b"")
    quick = journal.open(START, "cs", "PUT", "/x", "/x", "", [], b"")
    journal.close(slow, 200, b"x" * 1000, None)
    journal.close(quick, 200, b"", None)
    assert journal.summary() == journal.summary() | {"kept": 1, "by_status": {"200": 2}}


def test_reset_forgets_everything_or_the_named_parts(vendor: Vendor) -> None:
    vendor.person(Email="a@b.c")
    vendor.fault("reset")
    vendor.set(cs_read_shape="records")
    vendor.control("POST", "limits", {"enabled": False})
    vendor.control("POST", "reset", {"only": ["faults", "requests"]})
    assert vendor.control("GET", "faults") == vendor.control("GET", "requests") == []
    assert len(vendor.state()["cs"]["people"]) == 1
    assert vendor.control("GET", "limits")["enabled"] is False
    vendor.control("POST", "reset")
    assert vendor.state()["cs"]["people"] == []
    assert vendor.control("GET", "limits")["enabled"] is True
    assert all(switch["value"] == switch["default"] for switch in vendor.control("GET", "behaviour"))
    assert vendor.client.post("/__sandbox__/reset", json={"only": ["all"]}).status_code == 400
    assert vendor.client.post("/__sandbox__/reset", json={"what": 1}).status_code == 400


def test_every_switch_is_shown_and_can_be_set_to_each_value(vendor: Vendor) -> None:
    shown = vendor.control("GET", "behaviour")
    assert [switch["name"] for switch in shown] == [switch.name for switch in SWITCHES]
    for switch in SWITCHES:
        for value in switch.values:
            changed = vendor.control("POST", "behaviour", {switch.name: value})
            assert next(item for item in changed if item["name"] == switch.name)["value"] == value


@pytest.mark.parametrize(
    "wanted",
    [
        {"cs_read_shape": "rows"},
        {"cs_read_shape": 5},
        {"nothing": "x"},
        {"refused_keys": "k"},
        {"refused_keys": [5]},
        {"cs_async_seconds": -1},
        {"cs_async_seconds": True},
        {"cs_null": "reject", "nothing": 1},
        [],
        None,
    ],
)
def test_a_bad_switch_is_refused_and_changes_nothing(vendor: Vendor, wanted: Any) -> None:
    response = vendor.client.post("/__sandbox__/behaviour", json=wanted)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")
    assert all(switch["value"] == switch["default"] for switch in vendor.control("GET", "behaviour"))


def test_control_input_that_is_not_json_is_refused(vendor: Vendor) -> None:
    for path in ("behaviour", "limits", "faults", "seed", "reset"):
        response = vendor.client.post(f"/__sandbox__/{path}", content=b"{")
        assert response.status_code == 400
        assert "not valid JSON" in response.json()["error"]


def test_a_failure_of_the_sandbox_itself_is_noted(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gainstage_sandbox.gate.answer", fail)
    assert vendor.person(Email="a@b.c").status_code == 500
    (entry,) = vendor.control("GET", "requests")
    assert (entry["status"], entry["fault"]) == (500, "sandbox_failure")


def test_control_calls_are_no_requests(vendor: Vendor) -> None:
    vendor.state()
    assert vendor.control("GET", "requests/summary")["total"] == 0
