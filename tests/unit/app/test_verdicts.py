"""What `check` says of audiences and computed traits: what is not mapped, does not fit, or is left out."""

from typing import Any

import pytest

from gainstage.app.verdicts import filled, records_at_once, remarks
from gainstage.audiences.definition import Computation
from gainstage.configuration import outline_in, settle
from gainstage.connection import Connected
from gainstage.destination import Finding
from gainstage.schema import Field, Object, Schema

BUYERS: dict[str, Any] = {"name": "Buyers", "where": {"event": "Bought"}}
REVENUE: dict[str, Any] = {"name": "Revenue", "event": "Bought", "aggregate": "sum", "property": "price"}
PLACES: dict[str, Any] = {**REVENUE, "name": "Places", "aggregate": "unique_list"}
FAVOURITE: dict[str, Any] = {**REVENUE, "name": "Favourite", "aggregate": "most_frequent"}
CS = {"domain": "acme", "access_key": "key"}
PX = {"api_key": "key", "product_tag_key": "AP-ACME000001-2"}


def configured(
    kind: str, settings: dict[str, Any], *, types: Any = None, **definitions: Any
) -> tuple[Connected, dict[str, Computation]]:
    destination = {"name": "there", "type": kind, "settings": settings}
    if types is not None:
        destination["types"] = types
    listed = {
        name: [{**one, "destinations": ["there"]} for one in ones] for name, ones in definitions.items()
    }
    file = outline_in({"sources": [], "destinations": [destination], **listed}, "the test", {})
    configuration = settle(file, {}).configuration
    return configuration.destinations["there"], {one.key: one for one in configuration.computations}


def told(kind: str, settings: dict[str, Any], schema: Schema | None = None, **given: Any) -> list[Finding]:
    connected, computations = configured(kind, settings, **given)
    return [finding for one in computations.values() for finding in remarks(connected, one, schema)]


@pytest.mark.parametrize(
    ("kind", "settings", "subject", "setting", "example"),
    [
        ("gainsight_cs", CS, "user", "person_fields", "person_fields: {buyers: Buyers__gc}"),
        ("gainsight_cs", CS, "account", "company_fields", "company_fields: {buyers: Buyers__gc}"),
        ("gainsight_px", PX, "user", "user_attributes", "user_attributes: {buyers: buyers}"),
        ("gainsight_px", PX, "account", "account_attributes", "account_attributes: {buyers: buyers}"),
    ],
)
def test_a_key_that_is_not_mapped_is_told_with_what_to_write(
    kind: str, settings: dict[str, Any], subject: str, setting: str, example: str
) -> None:
    (finding,) = told(kind, settings, audiences=[{**BUYERS, "for": subject}])
    assert (finding.level, finding.setting) == ("warning", setting)
    assert "The audience buyers is sent here, and no field is named for it." in finding.message
    assert finding.message.endswith(example)


def test_what_is_mapped_and_fits_is_no_matter() -> None:
    fields = {"buyers": "Buyers__gc", "revenue": "Revenue__gc", "favourite": "Favourite__gc"}
    schema = people(Buyers__gc="BOOLEAN", Revenue__gc="NUMBER", Favourite__gc="STRING")
    given = {"audiences": [BUYERS], "computed_traits": [REVENUE, FAVOURITE]}
    assert told("gainsight_cs", {**CS, "person_fields": fields}, schema, **given) == []
    assert told("gainsight", {"access_key": "0f3c2a7e-0000-4000-8000-000000000000"}, **given) == []


def test_a_field_of_another_type_is_told() -> None:
    settings = {**CS, "person_fields": {"buyers": "Buyers__gc", "revenue": "Revenue__gc"}}
    schema = people(Buyers__gc="DATE", Revenue__gc="BOOLEAN")
    found = told("gainsight_cs", settings, schema, audiences=[BUYERS], computed_traits=[REVENUE])
    assert [finding.level for finding in found] == ["warning", "warning"]
    assert "its values do not fit" in found[0].message and "Buyers__gc" in found[0].message


def test_a_destination_that_takes_no_identify_is_told() -> None:
    (finding,) = told(
        "gainsight_cs", {**CS, "person_fields": {"buyers": "B__gc"}}, types=["group"], audiences=[BUYERS]
    )
    assert "nothing of it arrives" in finding.message and "`types`" in finding.message


def test_the_calls_of_a_first_sync_are_counted_as_the_vendor_takes_them() -> None:
    connected, found = configured(
        "gainsight_cs",
        {**CS, "company_fields": {"buyers": "B__gc"}},
        audiences=[{**BUYERS, "for": "account"}],
        computed_traits=[REVENUE],
    )
    assert records_at_once(connected, found["buyers"]) == connected.type.batch["company"]
    assert records_at_once(connected, found["revenue"]) == 0, "it is mapped nowhere"


def people(**fields: str) -> Schema:
    known = tuple(Field(name, kind) for name, kind in fields.items())
    return Schema((Object("Person", (Field("Email", "EMAIL"), *known)),))


@pytest.mark.parametrize(
    ("kind", "settings", "subject", "fields"),
    [
        ("gainsight_cs", {**CS, "person_fields": {"buyers": "B__gc"}}, "user", ["B__gc"]),
        ("gainsight_cs", {**CS, "company_fields": {"buyers": "B__gc"}}, "account", ["B__gc"]),
        ("gainsight_cs", {**CS, "person_fields": {"other": "B__gc"}}, "user", []),
        ("gainsight_px", {**PX, "user_attributes": {"buyers": "b"}}, "user", ["customAttributes.b"]),
        ("gainsight_px", {**PX, "account_attributes": {"buyers": "b"}}, "account", ["customAttributes.b"]),
        ("gainsight", {"access_key": "k" * 36}, "user", []),
    ],
)
def test_the_fields_that_hold_an_audiences_values_are_named(
    kind: str, settings: dict[str, Any], subject: str, fields: list[str]
) -> None:
    connected, (one,) = _with(kind, settings, audiences=[{**BUYERS, "for": subject}])
    assert filled(connected, one) == fields


@pytest.mark.parametrize("definition", [REVENUE, PLACES, FAVOURITE])
def test_the_field_of_a_computed_traits_values_is_named_whatever_they_are(definition: dict[str, Any]) -> None:
    key = definition["name"].lower()
    connected, (one,) = _with(
        "gainsight_cs", {**CS, "person_fields": {key: "C__gc"}}, computed_traits=[definition]
    )
    assert filled(connected, one) == ["C__gc"]


def _with(kind: str, settings: dict[str, Any], **given: Any) -> tuple[Connected, list[Computation]]:
    connected, computations = configured(kind, settings, **given)
    return connected, list(computations.values())
