"""What may pass from a source to a destination: `integrations` in every shape, types, what a device sent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.computed import COMPUTED_SOURCE
from gainstage.connection import Configuration, Connected, Source, wanted
from gainstage.event import Event
from tests.unit.delivery.workshop import VENDOR, Settings

NAMES = ("Workshop", "shop")


def event(kind: str = "track", integrations: Any = None, **message: Any) -> Event:
    return Event(
        kind=kind, message_id="m", source="app", time_us=1, received_us=1, integrations=integrations,
        message=message,
    )  # fmt: skip


def connected(kinds: Sequence[str] = VENDOR.kinds, **rest: Any) -> Connected:
    return Connected("shop", VENDOR, Settings(), frozenset({"app"}), frozenset(kinds), **rest)


def configured(**more: Connected) -> Configuration:
    source = Source("app", "server", "k")
    destinations = {
        "shop": connected(),
        "other": replace(connected(), name="other", sources=frozenset()),
        **more,
    }
    return Configuration(1, {"app": source}, destinations)


@pytest.mark.parametrize(
    ("integrations", "passes"),
    [
        (None, True),
        ({}, True),
        ("Workshop", True),
        ([], True),
        ({"All": True}, True),
        ({"all": True}, True),
        ({"All": False}, False),
        ({"ALL": False}, False),
        ({"All": "false"}, False),
        ({"All": 0}, False),
        ({"All": None}, False),
        ({"Workshop": True}, True),
        ({"Workshop": {"option": 1}}, True),
        ({"Workshop": {}}, True),
        ({"Workshop": False}, False),
        ({"Workshop": None}, False),
        ({"Workshop": "true"}, False),
        ({"Workshop": 1}, False),
        ({"All": False, "Workshop": True}, True),
        ({"All": True, "Workshop": False}, False),
        ({"All": False, "shop": {"a": 1}}, True),
        ({"All": True, "shop": False}, False),
        ({"Salesforce": False}, True),
        ({"All": False, "Salesforce": True}, False),
        ({1: False}, True),
    ],
)
def test_the_integrations_object_decides(integrations: Any, passes: bool) -> None:
    assert wanted(integrations, NAMES) is passes
    refusal = connected().refuses(event(integrations=integrations))
    assert (refusal is None) is passes
    assert refusal is None or refusal.code == "integrations"


def test_what_an_audience_says_elsewhere_is_not_blamed_on_a_sender() -> None:
    said = msgspec.structs.replace(event(integrations={"All": False, "other": True}), source=COMPUTED_SOURCE)
    refusal = connected().refuses(said)
    assert refusal is not None and refusal.code == "computation_elsewhere"


NEAR = ["workshop", "WORKSHOP", "Workshop ", " Workshop", "Work-Shop", "work_shop", "WorkShop", "Work shop"]


@pytest.mark.parametrize("key", NEAR)
def test_a_near_miss_of_a_name_decides_nothing_and_is_told(key: str) -> None:
    assert wanted({key: False}, NAMES) and not wanted({key: True, "All": False}, NAMES)
    assert configured().near_misses("app", {key: False, "All": True}) == {key: "Workshop"}


@pytest.mark.parametrize(
    "key",
    [
        "Workshop",
        "shop",
        "other",
        "Workshops",
        "Work",
        "All",
        "all",
        "ALL",
        "Salesforce",
        "",
        " ",
        "-",
        "Gainsight PX",
    ],
)
def test_other_keys_are_no_near_misses(key: str) -> None:
    assert configured().near_misses("app", {key: True}) == {}


def test_a_key_is_no_near_miss_where_it_is_another_destinations_name() -> None:
    both = configured(workshop=replace(connected(), name="workshop"))
    assert both.near_misses("app", {"workshop": True, "WORKSHOP": True}) == {"WORKSHOP": "Workshop"}


def test_only_destinations_of_the_source_are_meant() -> None:
    assert configured().near_misses("web", {"workshop": False}) == {}
    assert configured().near_misses("web", {" all": False}) == {" all": "All"}


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_integrations_object_can_be_searched_for_near_misses(integrations: Any) -> None:
    found = configured().near_misses("app", integrations)
    assert set(found.values()) <= {"Workshop", "shop", "All"}


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_no_integrations_object_breaks_the_router(integrations: Any) -> None:
    assert wanted(integrations, NAMES) in (True, False)


def test_a_type_that_the_destination_does_not_support_is_filtered() -> None:
    refusal = connected().refuses(event("screen"))
    assert refusal is not None and refusal.code == "type_unsupported"


def test_a_type_that_is_not_selected_is_filtered() -> None:
    refusal = connected(kinds=["identify"]).refuses(event("track"))
    assert refusal is not None and refusal.code == "type_not_selected"
    assert connected(kinds=["identify"]).refuses(event("identify")) is None


@pytest.mark.parametrize(
    ("metadata", "passes"),
    [
        ({"bundled": ["Workshop"]}, False),
        ({"bundled": ["Other"]}, True),
        ({"bundled": "Workshop"}, True),
        ({"unbundled": ["Workshop"]}, True),
        (None, True),
        ([], True),
        ({"bundled": [None, {"a": 1}]}, True),
    ],
)
def test_what_the_device_sent_itself_is_filtered(metadata: Any, passes: bool) -> None:
    refusal = connected().refuses(event(_metadata=metadata))
    assert (refusal is None) is passes
    assert refusal is None or refusal.code == "bundled"


def test_an_event_meets_the_enabled_destinations_of_its_source() -> None:
    one, off = connected(), connected(enabled=False)
    configuration = Configuration(1, {"app": Source("app", "server", "k")}, {"shop": one, "off": off})
    assert configuration.fed_by("app") == (one,)
    assert configuration.fed_by("other") == ()


def test_write_keys_do_not_show() -> None:
    assert "s3cret" not in repr(Source("app", "server", "s3cret"))
