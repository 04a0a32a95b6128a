"""The management API on single sources and destinations: what a page needs to set one up without a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from gainstage.app.newest import READ_AT_ONCE
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.normalise.surroundings import Surroundings
from tests.unit.app.conftest import SECRETS
from tests.unit.management.asking import FIELDS, WRITE_KEY, Asked, code

pytestmark = pytest.mark.anyio
PX = {"api_key": "unit-px-secret-key", "product_tag_key": "AP-UNITTEST001-2"}
KEY = "unit-clickstream-access-key-00000001"


async def done(asked: Asked, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await asked.ask(method, f"/api/{path}", **({"json": body} if body is not None else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(asked: Asked, method: str, path: str, body: Any = None) -> tuple[int, str, dict[str, str]]:
    """Status, code, and what is said by the place of a setting."""
    answer = await asked.ask(method, f"/api/{path}", **({"json": body} if body is not None else {}))
    places = answer.json()["error"].get("places", [])
    return answer.status_code, code(answer), {one["place"]: one["message"] for one in places}


async def made(asked: Asked, **more: Any) -> Any:
    given = {"name": "own", "type": "gainsight_px", "settings": PX, **more}
    return await done(asked, "POST", "destinations", given, 201)


async def sent(asked: Asked, *messages: dict[str, Any], source: str = "app", path: str = "") -> None:
    """Put messages into the log as if the source had sent them, to the path of a kind or in a batch."""
    log = LocalLog(asked.data)
    around = Surroundings(type=path).encoded()
    entries = [
        Entry(source, "u", 1_763_000_000_000_000 + n, 0, around, json.dumps(message).encode())
        for n, message in enumerate(messages)
    ]
    await log.append(entries)
    await log.close()


def identify(message_id: str, **traits: Any) -> dict[str, Any]:
    traits = {"email": f"{message_id}@x.example", **traits}
    return {"type": "identify", "messageId": message_id, "userId": message_id, "traits": traits}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("gainsight", ["gainsight", "gainsight_cs", "gainsight_px"]),
        ("Personas", ["audiences"]),
        ("engage", ["audiences"]),
        ("gainsight people", ["gainsight_cs"]),
        ("aptrinsic", ["gainsight_px"]),
        ("marketo", []),
    ],
)
async def test_the_catalog_finds_what_people_look_for(asked: Asked, search: str, found: list[str]) -> None:
    entries = (await asked.ask("GET", "/api/catalog", params={"search": search})).json()["entries"]
    names = [one["name"] for one in entries]
    assert names == found
    editions = [one["edition"] for one in entries]
    assert len(set(editions)) == len(editions) and all(editions)


async def test_a_type_tells_in_which_modes_it_works_and_everything_that_a_form_asks_for(asked: Asked) -> None:
    told = await done(asked, "GET", "catalog/gainsight_cs")
    assert told["modes"]["cloud"] == {"web": True, "mobile": True, "server": True}
    assert not any(told["modes"]["device"].values())
    inputs = {one["name"]: one for one in told["settings"]}
    assert inputs["domain"]["required"] and not inputs["access_key"]["required"]
    assert (inputs["access_key"]["kind"], inputs["access_key"]["secret"]) == ("secret", True)
    assert (
        "Connectors 2.0" in inputs["access_key"]["help"] and "Register as" in inputs["shared_secret"]["help"]
    )
    assert (inputs["person_fields"]["names"], inputs["person_fields"]["object"]) == ("identify", "Person")
    assert [one["name"] for one in inputs["events"]["inputs"]] == ["name", "version", "topic"]
    assert (inputs["park_for"]["kind"], inputs["park_for"]["default"]) == ("duration", "7d")
    assert inputs["field_rules"]["choices"] == ["always", "if_empty", "never"]
    assert inputs["budget"]["inputs"][0]["minimum"] == 1
    assert (await refused(asked, "GET", "catalog/gainsite"))[:2] == (404, "destination_unknown")


async def test_a_destination_is_made_changed_paused_and_removed_and_its_secret_is_told_nowhere(
    asked: Asked,
) -> None:
    shown = await made(asked, sources=["app"], enabled=False)
    assert (shown["owner"], shown["state"], shown["settings"]["api_key"]) == ("dashboard", "disabled", "***")
    assert shown["secrets"] == ["api_key"] and not shown["all_sources"] and shown["all_types"]
    change = {"enabled": True, "settings": {"api_key": "***", "user_attributes": {"plan": "tier"}}}
    assert (await done(asked, "PUT", "destinations/own", change))["changed"] == [
        "destinations.own.enabled",
        "destinations.own.settings.user_attributes",
    ]
    assert (await done(asked, "PUT", "destinations/own", {"paused": True}))["changed"]
    shown = await done(asked, "GET", "destinations/own")
    assert (shown["state"], shown["settings"]["user_attributes"]) == ("paused", {"plan": "tier"})
    # Kept, by what a preview masks: it is the one that was given.
    preview = {"messages": [identify("p-1")]}
    events = await asked.ask("POST", "/api/destinations/own/preview", json=preview)
    assert events.status_code == 200 and PX["api_key"] not in events.text
    for path in ("destinations/own", "destinations/own/history", "configuration", "audit"):
        assert PX["api_key"] not in (await asked.ask("GET", f"/api/{path}")).text
    await done(asked, "PUT", "destinations/own", {"settings": {"user_attributes": None}, "sources": None})
    shown = await done(asked, "GET", "destinations/own")
    assert "user_attributes" not in shown["settings"] and shown["all_sources"]
    await done(asked, "DELETE", "destinations/own")
    assert (await refused(asked, "GET", "destinations/own"))[:2] == (404, "destination_unknown")


async def test_what_is_wrong_is_told_by_the_place_of_the_setting_and_changes_nothing(asked: Asked) -> None:
    given = {"name": "own", "type": "gainsight_px", "settings": {"api_key": "***", "data_centre": "EU"}}
    assert (await refused(asked, "POST", "destinations", given))[2].keys() == {"settings.api_key"}
    given["settings"] = {"product_tag_key": [], "data_centre": "EU", "budget": {"per_second": 0}}
    status, word, places = await refused(asked, "POST", "destinations", given)
    assert (status, word) == (422, "configuration_invalid")
    assert places.keys() == {
        "settings.api_key",
        "settings.product_tag_key",
        "settings.data_centre",
        "settings.budget.per_second",
    }
    assert places["settings.data_centre"] == "unknown key; did you mean data_center?"
    assert (await refused(asked, "GET", "destinations/own"))[0] == 404
    await made(asked)
    dry = "destinations/own?dry_run=true"
    assert (await refused(asked, "PUT", dry, {"sources": ["elsewhere"]}))[2].keys() == {"sources[0]"}
    said = await done(asked, "PUT", dry, {"settings": {"product_tag_key": "odd"}})
    assert said["changed"] == ["destinations.own.settings.product_tag_key"]
    assert "does not look like" in said["warnings"][0]["message"]
    assert (await done(asked, "GET", "destinations/own"))["settings"]["product_tag_key"] == "AP-UNITTEST001-2"
    assert (await refused(asked, "PUT", "destinations/own", {"type": "gainsight"}))[:2] == (422, "unusable")
    assert (await refused(asked, "POST", "destinations", {"name": "own", "type": "gainsight_px"}))[:2] == (
        409,
        "name_taken",
    )


async def test_a_key_of_an_unusual_length_is_a_warning_at_its_setting(asked: Asked) -> None:
    given = {"name": "own", "type": "gainsight", "settings": {"access_key": "too-short"}}
    shown = await done(asked, "POST", "destinations", given, 201)
    (warning,) = shown["warnings"]
    assert warning["place"] == "settings.access_key" and "36" in warning["message"]
    assert (await done(asked, "PUT", "destinations/own", {"settings": {"access_key": KEY}}))["warnings"] == []


async def test_what_the_file_has_is_shown_and_changed_in_the_file_only(asked: Asked) -> None:
    shown = await done(asked, "GET", "destinations/cs")
    assert (shown["owner"], shown["settings"]["domain"], shown["settings"]["access_key"]) == (
        "file",
        "acme",
        "***",
    )
    assert not any(secret in json.dumps(shown) for secret in SECRETS)
    for method, path, body in (
        ("PUT", "destinations/cs", {"paused": True}),
        ("DELETE", "destinations/cs", None),
        ("PUT", "sources/app", {"enabled": False}),
        ("POST", "sources/app/rotate", None),
        ("DELETE", "sources/app/keys/1", None),
        ("DELETE", "sources/app", None),
    ):
        assert (await refused(asked, method, path, body))[:2] == (409, "owned_by_file"), path
    # And the other way round: what is made here stays when a file is put in force.
    await made(asked)
    given = (await asked.ask("GET", "/api/configuration")).json()
    given["destinations"] = [one for one in given["destinations"] if one["name"] == "clickstream"]
    given["destinations"][0]["settings"]["access_key"] = KEY
    given["sources"][0]["write_key"] = WRITE_KEY
    assert (await done(asked, "PUT", "configuration", given))["changed"]
    assert (await done(asked, "GET", "destinations/own"))["owner"] == "dashboard"
    assert (await refused(asked, "GET", "destinations/cs"))[0] == 404


async def test_write_keys_are_made_told_once_for_servers_and_rotated_without_loss(asked: Asked) -> None:
    page = await done(asked, "POST", "sources", {"name": "page", "kind": "web"}, 201)
    assert (await done(asked, "GET", "sources/page"))["write_key"] == page["write_key"]
    first = await done(asked, "POST", "sources", {"name": "shop", "kind": "server"}, 201)
    assert len(first["write_key"]) == 32
    shown = await asked.ask("GET", "/api/sources/shop")
    assert shown.json()["write_key"] is None and first["write_key"] not in shown.text
    second = await done(asked, "POST", "sources/shop/rotate")
    assert second["write_key"] not in ("", first["write_key"])
    former = [key["id"] for key in second["keys"] if not key["current"]]
    assert len(former) == 1 and len(second["keys"]) == 2
    again = await refused(asked, "POST", f"sources/shop/rotate?replaces={former[0]}")
    assert again[:2] == (409, "key_replaced")
    assert (await done(asked, "GET", "sources/shop"))["keys"] == second["keys"]
    await done(asked, "DELETE", f"sources/shop/keys/{former[0]}")
    assert [key["current"] for key in (await done(asked, "GET", "sources/shop"))["keys"]] == [True]
    assert (await refused(asked, "DELETE", f"sources/shop/keys/{former[0]}"))[:2] == (404, "key_unknown")
    (current,) = (await done(asked, "GET", "sources/shop"))["keys"]
    third = await done(asked, "POST", f"sources/shop/rotate?replaces={current['id']}")
    assert third["write_key"] not in ("", second["write_key"])
    given = {"name": "moved", "kind": "server", "write_key": "a-key-that-sdks-have"}
    assert (await done(asked, "POST", "sources", given, 201))["write_key"] == "a-key-that-sdks-have"
    assert (await refused(asked, "POST", "sources", {**given, "name": "twice"}))[2].keys() == {"write_key"}


async def test_a_source_is_changed_and_removed_when_nothing_names_it(asked: Asked) -> None:
    await done(asked, "POST", "sources", {"name": "page", "kind": "web"}, 201)
    change = {"origins": ["https://app.acme.com"], "rate_limit": 50}
    assert len((await done(asked, "PUT", "sources/page", change))["changed"]) == 2
    assert (await refused(asked, "PUT", "sources/page", {"kind": "server"}))[2].keys() == {"origins"}
    await made(asked, sources=["page"])
    answer = await asked.ask("DELETE", "/api/sources/page")
    assert "take it out of the sources there first" in answer.json()["error"]["problems"][0]
    await done(asked, "PUT", "destinations/own", {"sources": None})
    await done(asked, "DELETE", "sources/page")
    assert [one["name"] for one in (await done(asked, "GET", "sources"))["sources"]] == ["app"]


async def test_the_first_event_of_a_source_shows_as_soon_as_it_is_accepted(asked: Asked) -> None:
    assert (await done(asked, "GET", "sources/app"))["newest"] is None
    await sent(
        asked,
        identify("first"),
        {"type": "track", "event": "Signed Up", "messageId": "second", "userId": "u"},
    )
    await sent(asked, *({"type": "unheard"} for _ in range(READ_AT_ONCE)), source="another")
    newest = (await done(asked, "GET", "sources/app"))["newest"]
    assert (newest["message_id"], newest["type"], newest["event"]) == ("second", "track", "Signed Up")


async def test_traits_are_offered_by_how_often_they_were_sent(asked: Asked) -> None:
    group = {
        "type": "group",
        "messageId": "g",
        "userId": "u",
        "groupId": "1",
        "traits": {"name": "A", "seats": 3},
    }
    await sent(asked, identify("a", plan="Gold", address={"city": "Ulm"}), identify("b", plan=None), group)
    found = (await done(asked, "GET", "traits?source=app"))["traits"]
    named = {(one["type"], one["name"]): (one["events"], one["forms"]) for one in found}
    assert named[("identify", "email")] == (2, ["text"]) and named[("identify", "plan")] == (1, ["text"])
    assert named[("identify", "address.city")] == (1, ["text"]) and named[("group", "seats")] == (
        1,
        ["number"],
    )
    assert (await refused(asked, "GET", "traits?source=absent"))[:2] == (404, "source_unknown")


async def test_a_change_is_previewed_over_the_events_that_came_last_difference_by_difference(
    asked: Asked,
) -> None:
    await made(asked, sources=["app"])
    used = {"type": "track", "event": "Used", "userId": "a", "messageId": "t"}
    await sent(asked, identify("a", plan="Gold"), identify("b"), used)
    change = {"settings": {"user_attributes": {"plan": "tier"}}}
    found = await done(asked, "POST", "destinations/own/preview-change", change)
    assert (found["events"], found["differing"], found["left_out"]) == (3, 1, 0)
    (one,) = found["differences"]
    assert (one["message_id"], one["before"]["outcome"], one["after"]["outcome"]) == (
        "a",
        "planned",
        "planned",
    )
    values = [value for request in one["requests"] for value in request["values"]]
    assert {(value["place"], value["change"], value["after"]) for value in values} == {
        ("customAttributes.tier", "added", "Gold")
    }
    assert found["fields"] == [{"place": "customAttributes.tier", "added": 1, "removed": 0, "changed": 0}]
    assert PX["api_key"] not in json.dumps(found)
    # What would fail then, and does not now.
    found = await done(asked, "POST", "destinations/own/preview-change", {"types": ["identify"]})
    assert {
        (one["before"], one["after"], one["after_reason"], one["events"]) for one in found["outcomes"]
    } == {
        ("planned", "planned", "", 2),
        ("planned", "filtered", "type_not_selected", 1),
    }
    assert found["differences"][0]["requests"][0]["change"] == "removed"
    assert (await done(asked, "POST", "destinations/own/preview-change", {}))["differing"] == 0
    assert (await done(asked, "GET", "destinations/own"))["settings"].get("user_attributes") is None
    bad = await refused(asked, "POST", "destinations/own/preview-change", {"settings": {"data_center": "XX"}})
    assert bad[2].keys() == {"settings.data_center"}


async def test_the_last_events_can_be_previewed_for_what_the_file_has_and_for_what_is_not_switched_on(
    asked: Asked,
) -> None:
    await sent(asked, identify("a", plan="Gold"))
    change = {"settings": {"person_fields": {"plan": "Plan__gc"}}}
    found = await done(asked, "POST", "destinations/cs/preview-change", change)
    assert found["fields"][0]["place"] == "Plan__gc" and found["differing"] == 1
    await asked.ask("PUT", "/api/destinations/cs/fields", content=f"{FIELDS}Person,Plan,STRING,255\n")
    told = await done(asked, "POST", "destinations/cs/preview-change", change)
    assert any("Plan__gc" in one["message"] for one in told["findings"]), "the tenant has no such field"
    assert found["findings"] == [], "nothing is known of the tenant's fields"
    await made(asked, enabled=False)
    found = await done(asked, "POST", "destinations/own/preview-change", {})
    (one,) = found["differences"]
    assert one["before"]["outcome"] == "disabled" and one["requests"][0]["change"] == "added"


async def test_events_whose_kind_only_their_path_names_are_previewed_too(asked: Asked) -> None:
    await made(asked)
    known = {"userId": "a", "traits": {"email": "a@x.example", "plan": "Gold"}, "messageId": "by-path"}
    await sent(asked, known, path="identify")
    change = {"settings": {"user_attributes": {"plan": "tier"}}}
    found = await done(asked, "POST", "destinations/own/preview-change", change)
    assert [one["message_id"] for one in found["differences"]] == ["by-path"]


async def test_what_is_asked_on_the_way_is_no_field_of_a_preview(asked: Asked) -> None:
    """The company is looked for by a query, whose own words mean nothing to whoever maps fields."""
    known = {"context": {"traits": {"email": "a@acme.com"}}, "traits": {"name": "Acme"}}
    await sent(asked, {"type": "group", "userId": "a", "groupId": "g", "messageId": "g", **known})
    cs = {"domain": "acme", "access_key": "unit-cs-access-key-for-a-preview-0001"}
    given = {"name": "own", "type": "gainsight_cs", "settings": cs, "enabled": False}
    await done(asked, "POST", "destinations", given, 201)
    found = await done(asked, "POST", "destinations/own/preview-change", {})
    places = {one["place"] for one in found["fields"] if not one["place"].startswith("header ")}
    assert "records[0].Name" in places and not any(place.startswith(("where", "select")) for place in places)


async def test_history_tells_who_changed_which_settings_and_into_what_where_that_may_be_told(
    asked: Asked,
) -> None:
    await made(asked)
    await done(asked, "PUT", "destinations/own", {"settings": {"api_key": "unit-px-other-key"}})
    await done(asked, "PUT", "destinations/own", {"settings": {"user_attributes": {"plan": "tier_of_plan"}}})
    await done(asked, "PUT", "destinations/own?dry_run=true", {"paused": True})
    await refused(asked, "PUT", "destinations/own", {"settings": {"data_center": "XX"}})
    changes = (await done(asked, "GET", "destinations/own/history"))["changes"]
    assert [(one["action"], one["outcome"], one["changed"]) for one in changes] == [
        ("destination.change", "refused", ["destinations.own.settings.data_center"]),
        ("destination.change", "done", ["destinations.own.settings.user_attributes"]),
        ("destination.change", "done", ["destinations.own.settings.api_key"]),
        ("destination.add", "done", ["destinations.own"]),
    ]
    assert [one["values"] for one in changes[1:]] == [
        {"destinations.own.settings.user_attributes": [None, {"plan": "tier_of_plan"}]},
        {},
        {},
    ]
    assert "unit-px" not in json.dumps(changes) and all(one["at"] for one in changes)


async def test_events_of_others_and_of_kinds_that_a_destination_takes_not_are_not_compared(
    asked: Asked, tmp_path: Path
) -> None:
    await done(asked, "POST", "sources", {"name": "page", "kind": "web"}, 201)
    await made(asked, sources=["page"])
    await sent(asked, identify("a"))
    await sent(asked, {"type": "alias", "userId": "a", "previousId": "b", "messageId": "x"}, source="page")
    found = await done(asked, "POST", "destinations/own/preview-change", {})
    assert (found["events"], found["looked_at"]) == (0, 2)
