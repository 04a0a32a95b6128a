"""Field tables: what they read, what they leave, in which order."""

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gainstage.destinations import registry
from gainstage.event import Event, Identity
from gainstage.mapping import Derived, Field, Mapping, find, number, text
from gainstage.testing.driving import event_of

TABLE = Mapping(
    on="identify",
    into="person",
    title="Person",
    custom="person_fields",
    custom_prefix="c.",
    also_reads=frozenset({"email"}),
    fields=(
        Field("Name", ("traits.name", "traits.full_name"), text),
        Field("Seats", "traits.seats", number),
        Field("City", "traits.address.city", text),
        Field("Page", "context.page.url"),
        Field(
            "Shout", Derived(("traits.name",), lambda event: str(event.traits.get("name")).upper(), "loud")
        ),
        Field("Filled", label="by the plan"),
    ),
)


def read(traits: dict[str, Any], custom: dict[str, str] | None = None, **message: Any) -> Any:
    return TABLE.read(event_of({"type": "identify", "traits": traits, **message}), custom)


def test_the_first_source_that_is_there_wins() -> None:
    assert read({"name": "a", "full_name": "b"}).values["Name"] == "a"
    assert read({"name": None, "full_name": "b"}).values["Name"] == "b"


def test_paths_go_into_objects_and_a_literal_key_wins() -> None:
    assert read({"address": {"city": "Oslo"}}).values["City"] == "Oslo"
    assert read({"address.city": "Bergen", "address": {"city": "Oslo"}}).values["City"] == "Bergen"
    assert "City" not in read({"address": "Oslo"}).values
    assert read({}, context={"page": {"url": "u"}}).values["Page"] == "u"


def test_what_does_not_fit_is_a_fault_that_names_trait_and_field() -> None:
    reading = read({"seats": "many"})
    assert "Seats" not in reading.values
    [fault] = reading.faults
    assert fault.field == "Seats" and "`seats`" in fault.sentence and "'many'" in fault.sentence


def test_unmapped_traits_are_named_once_and_nulls_are_none() -> None:
    reading = read({"name": "a", "email": "e", "x": 1, "y": None, "address": {}, "z.w": 1})
    assert reading.unmapped == ("x", "z.w")


def test_custom_traits_are_prefixed_and_count_as_mapped() -> None:
    reading = read({"plan": "pro", "job": {"title": "CTO"}, "x": 1}, {"plan": "Plan", "job.title": "Job"})
    assert reading.values == {"c.Plan": "pro", "c.Job": "CTO"}
    assert reading.unmapped == ("x",)


def test_a_table_without_a_field_counts_what_only_that_field_read() -> None:
    reading = TABLE.without(frozenset({"Seats", "City", "Shout", "Absent"})).read(
        event_of({"type": "identify", "traits": {"seats": "many", "name": "a", "address": {"city": "Oslo"}}})
    )
    assert (reading.values, reading.faults) == ({"Name": "a"}, ())
    assert reading.unmapped == ("seats", "address")
    assert TABLE.without(frozenset({"Absent"})) is TABLE


def test_a_computed_source_is_asked_only_where_its_traits_are_there() -> None:
    assert read({"name": "a"}).values["Shout"] == "A"
    assert "Shout" not in read({"seats": 1}).values


def test_find_reaches_only_into_objects() -> None:
    assert find({"a": {"b": {"c": 1}}}, "a.b.c") == 1
    assert find({"a": {"b.c": 1}}, "a.b.c") == 1
    assert find({"a": [1]}, "a.0") is None
    assert find(None, "a") is None


@given(st.dictionaries(st.sampled_from(["name", "full_name", "seats", "address", "q"]), st.integers()))
def test_every_trait_is_mapped_unmapped_or_at_fault(traits: dict[str, Any]) -> None:
    reading = read(traits)
    assert set(reading.unmapped) == traits.keys() & {"q"}


def test_planning_an_event_takes_microseconds() -> None:
    """Generous by a factor of ten: it catches what grows with the tables, not a busy machine."""
    px = registry.load("gainsight_px")
    settings = px.settings(api_key="k", product_tag_key="AP-A-2")
    event: Event = event_of(
        {
            "type": "identify",
            "traits": {"name": "Ann Lee", "email": "a@b.c", "score": 5, "city": "Oslo", "x": 1},
        }
    )
    best = min(timed(lambda: px.plan(settings, event, Identity())) for _ in range(20))
    assert best < 150e-6


def timed(work: Any, rounds: int = 50) -> float:
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    return (time.perf_counter() - started) / rounds
