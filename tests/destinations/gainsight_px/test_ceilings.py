"""The limits of Gainsight PX on custom events: held before a call, and told in a sentence."""

from typing import Any

import pytest

from gainstage.destination import NameLimit, Planned
from gainstage.destinations import registry
from gainstage.destinations.gainsight_px.ceilings import within_ceilings
from gainstage.event import Event, Identity
from gainstage.operation import Append, Record
from gainstage.outcome import Rejected
from gainstage.testing.driving import event_of

PX = registry.load("gainsight_px")
SETTINGS = PX.settings(api_key="key", product_tag_key="AP-ABC-2", page_events=True)


def planned(name: str = "Used", properties: dict[str, Any] | None = None, **message: Any) -> Any:
    given = {"type": "track", "event": name, "properties": properties or {}, **message}
    return PX.plan(SETTINGS, event_of(given), Identity(), None).plan


def numbered(count: int, value: Any = 1) -> dict[str, Any]:
    return {f"key {number}": value for number in range(count)}


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("n" * 2_000, {}),
        ("ü" * 2_000, {}),
        ("Used", numbered(50)),
        ("Used", {**numbered(50), "none": None, "globalContext": {"a": 1}}),
        ("Used", {"k" * 1_024: 1}),
    ],
)
def test_an_event_at_a_limit_goes_and_tells_its_name(name: str, properties: dict[str, Any]) -> None:
    (operation,) = planned(name, properties)
    assert operation.name == operation.content["eventName"] == name


@pytest.mark.parametrize(
    ("name", "properties", "sentence"),
    [
        (
            "n" * 2_001, {},
            "Gainsight PX takes event names of at most 2,000 characters, and this one has 2,001: send a "
            "shorter name, with what varies as properties.",
        ),
        (
            "Used", numbered(51),
            "Gainsight PX takes at most 50 properties an event, and this one has 51: send fewer, or gather "
            "some in one object.",
        ),
        (
            "Used", {"a": 1, "k" * 1_025: 1},
            "Gainsight PX takes property keys of at most 1,024 characters, and the one that starts with "
            f"{'k' * 40!r} has 1,025: send a shorter key.",
        ),
    ],
)  # fmt: skip
def test_an_event_over_a_limit_fails_with_the_limit_and_what_to_do(
    name: str, properties: dict[str, Any], sentence: str
) -> None:
    assert planned(name, properties) == Rejected("event_limit", sentence)


def test_a_page_call_counts_by_the_name_that_it_is_sent_under() -> None:
    (operation,) = planned(type="page", name="Pricing")
    assert operation.name == operation.content["eventName"]


def test_users_and_accounts_have_no_names_to_count() -> None:
    for message in ({"type": "identify"}, {"type": "group", "groupId": "g"}):
        plan = PX.plan(SETTINGS, event_of(message), Identity(), None).plan
        assert isinstance(plan, tuple) and not [one for one in plan if isinstance(one, Append)]


def test_a_track_call_that_goes_as_it_came_is_held_to_the_same() -> None:
    def whole(settings: Any, event: Event, identity: Identity, schema: Any = None) -> Planned:
        return Planned((Append(Record("user", event.person_id), event.message),), ("unmapped",))

    plan = within_ceilings(whole)
    found: Any = plan(SETTINGS, event_of({"type": "track", "event": "Used"}), Identity(), None)
    assert [one.name for one in found.plan] == ["Used"] and found.unmapped == ("unmapped",)
    message = {
        "type": "track",
        "event": "Used",
        "properties": numbered(51),
        "attributes": {},
        "eventName": "x",
    }
    assert isinstance(plan(SETTINGS, event_of(message), Identity(), None).plan, Rejected)
    found = plan(SETTINGS, event_of({"type": "identify"}), Identity(), None)
    assert [one.name for one in found.plan] == [""]


@pytest.mark.parametrize("most", [2_000, 1, 100_000])
def test_how_many_names_there_may_be_is_a_setting(most: int) -> None:
    settings = PX.settings(api_key="key", product_tag_key="AP-ABC-2", event_names=most)
    assert PX.names(settings) == NameLimit(most, "event_names")
    assert PX.names(SETTINGS) == NameLimit(2_000, "event_names")


def test_only_px_has_such_a_limit() -> None:
    assert [registry.load(name).names(None) for name in ("gainsight", "gainsight_cs")] == [None, None]


@pytest.mark.parametrize(("message_id", "sent"), [("m-1", "m-1"), ("gainstage-0-7", None)])
def test_the_message_id_is_the_event_id_unless_it_was_given_here(message_id: str, sent: str | None) -> None:
    (operation,) = planned(messageId=message_id)
    assert operation.content.get("eventId") == sent


def test_a_message_without_an_id_gets_no_event_id() -> None:
    (operation,) = planned(messageId=None)
    assert "eventId" not in operation.content


def test_in_mode_segment_push_track_calls_are_held_to_the_same_and_others_have_no_name() -> None:
    settings = PX.settings(mode="segment_push", product_tag_key="AP-ABC-2", page_events=True)

    def plan(**message: Any) -> Any:
        return PX.plan(settings, event_of(message), Identity(), None).plan

    assert [one.name for one in plan(type="track", event="Used", properties=numbered(50))] == ["Used"]
    assert isinstance(plan(type="track", event="Used", properties=numbered(51)), Rejected)
    for message in (
        {"type": "identify"},
        {"type": "group", "groupId": "g"},
        {"type": "page", "name": "Home"},
    ):
        assert [one.name for one in plan(**message)] == [""]
