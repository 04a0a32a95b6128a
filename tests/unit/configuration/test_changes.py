"""What differs between two configurations, which values may be told, and what only an admin may change."""

from typing import Any

import pytest

from gainstage.configuration import Document, changes_between

CS = {
    "type": "acme",
    "sources": ["app"],
    "settings": {"domain": "acme", "access_key": "secret-key-1"},
}


def cs(**settings: Any) -> Document:
    return Document("destination", "cs", "file", {**CS, "settings": {**CS["settings"], **settings}})  # type: ignore[dict-item]


def changed(old: Document | None, new: Document | None) -> list[tuple[str, bool]]:
    found = changes_between([old] if old else [], [new] if new else [])
    return [(change.place, change.guarded) for change in found]


def test_nothing_differs_between_equals() -> None:
    assert changed(cs(), cs()) == []


@pytest.mark.parametrize(
    ("settings", "place", "guarded"),
    [
        ({"create_companies": False}, "create_companies", False),
        ({"person_fields": {"a b": "A__gc"}}, "person_fields", False),
        ({"events": {"Used": {"name": "u", "version": "1"}}}, "events", False),
        ({"events": {"Used": {"name": "u", "version": "1", "token": "t"}}}, "events", True),
        ({"access_key": "secret-key-2"}, "access_key", True),
        ({"access_key": "${KEY}"}, "access_key", True),
        ({"domain": "other"}, "domain", True),
        ({"api_url": None}, "api_url", True),
        ({"budget": {"per_day": "${N}"}}, "budget", True),
        ({"events": [{"x": "$"}]}, "events", True),
    ],
)
def test_secrets_addresses_and_references_are_guarded(settings: Any, place: str, guarded: bool) -> None:
    found = changed(cs(), cs(**settings))
    assert found == [(f"destinations.cs.settings.{place}", guarded)]
    assert changed(cs(**settings), cs()) == found, "and back"
    assert "secret-key" not in str(found)


def test_a_mapping_is_named_by_what_of_it_differs() -> None:
    old, new = (
        cs(person_fields={"plan": "A", "x y": "B", "gone": "C"}),
        cs(person_fields={"plan": "D", "x y": "E"}),
    )
    place = "destinations.cs.settings.person_fields"
    assert changed(old, new) == [
        (f"{place}.gone", False),
        (f"{place}.plan", False),
        (f'{place}["x y"]', False),
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"create_companies": False}, (None, False)),
        ({"linger_seconds": 2.5}, (None, 2.5)),
        ({"person_fields": {"plan": "Plan__gc"}}, (None, {"plan": "Plan__gc"})),
        ({"track_whitelist": ["Order Completed", "Used"]}, (None, ["Order Completed", "Used"])),
        ({"note": "Ask ann@acme.example"}, None),
        ({"note": "call:  +49 30 1234"}, None),
        ({"person_fields": {"ann@acme.example": "Plan__gc"}}, None),
        ({"note": "x" * 101}, None),
        ({"track_whitelist": [str(number) for number in range(31)]}, None),
        ({"access_key": "secret-key-2"}, None),
        ({"budget": "${N}"}, None),
        ({"domain": "other"}, None),
    ],
)
def test_names_numbers_and_switches_are_told_and_nothing_else(settings: Any, told: Any) -> None:
    (change,) = changes_between([cs()], [cs(**settings)])
    assert change.values == told


def test_only_values_of_destinations_are_told() -> None:
    old, new = (Document("computed_trait", "Sum", "file", {"name": "Sum", "event": one}) for one in "ab")
    assert [one.values for one in changes_between([old], [new])] == [None]
    assert [one.values for one in changes_between([], [cs()])] == [None]


def test_adding_a_destination_is_guarded_and_taking_one_away_is_not() -> None:
    assert changed(None, cs()) == [("destinations.cs", True)]
    assert changed(cs(), None) == [("destinations.cs", False)]


@pytest.mark.parametrize("kind", ["audience", "computed_trait"])
def test_audiences_and_computed_traits_are_free_but_for_references(kind: Any) -> None:
    old, new = (Document(kind, "At risk", "file", {"name": "At risk", "key": key}) for key in ("a", "b"))
    refers = Document(kind, "At risk", "file", {"name": "At risk", "key": "${HOME}"})
    assert changed(None, new) + changed(new, None) == [(f'{kind}s["At risk"]', False)] * 2
    assert changed(old, new) == [(f'{kind}s["At risk"].key', False)]
    assert changed(None, refers) == [(f'{kind}s["At risk"]', True)]
    assert changed(old, refers) == [(f'{kind}s["At risk"].key', True)]


def test_sources_and_what_is_about_the_server_as_a_whole_are_guarded() -> None:
    for kind, place in (("source", "sources.one.enabled"), ("retention", "retention.enabled")):
        name = "one" if kind == "source" else ""
        old, new = (Document(kind, name, "file", {"enabled": on}) for on in (True, False))  # type: ignore[arg-type]
        assert changed(old, new) == [(place, True)]
        assert all(guarded for _, guarded in changed(None, new) + changed(old, None))


def test_what_makes_no_sense_is_compared_all_the_same() -> None:
    odd = Document("destination", "cs", "file", {"type": ["x"], "settings": {1: 2, None: 3, "a": "$"}})
    assert {place for place, _ in changed(cs(), odd)} > {
        "destinations.cs.type",
        "destinations.cs.settings.a",
    }
    assert changed(odd, odd) == []
