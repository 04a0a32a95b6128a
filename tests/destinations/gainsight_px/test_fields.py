"""Every default field of users and accounts, with each form in which a value may come.

The tables read as the documentation does: a field, the trait that it comes from, its form, a usual value.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.mapping import Mapping
from gainstage.operation import Upsert
from gainstage.outcome import Rejected
from gainstage.testing.driving import deliver, event_of
from tests.destinations.sandboxed import Sandbox, everything_arrived

PX = registry.load("gainsight_px")
SETTINGS = PX.settings(api_key="key", product_tag_key=["AP-ABC-2", "AP-DEF-2"])
USER, ACCOUNT, _ = PX.mappings

NOTHING = object()
UNFIT = object()

#: What comes in a trait, and what PX is told.
TEXT = [
    ("a word", "a word"),
    ("  as it is ", "  as it is "),
    ("ünï 漢", "ünï 漢"),
    (42, "42"),
    (42.0, "42"),
    (4.5, "4.5"),
    (True, "true"),
    ({"a": [1, "b"]}, '{"a":[1,"b"]}'),
    (["a", "b"], '["a","b"]'),
    (None, NOTHING),
]
FILLED = [*TEXT, ("", NOTHING), (" ", NOTHING)]
#: Of first and last name the blanks around them are no part.
NAME = [*((given, "as it is" if given == "  as it is " else sent) for given, sent in TEXT), (" Ann ", "Ann")]
NUMBER = [
    (100, 100),
    (0, 0),
    (-3, -3),
    (2.5, 2.5),
    (2.0, 2),
    ("100", 100),
    (" 100 ", 100),
    ("2.5", 2.5),
    ("1e3", 1000),
    ("", NOTHING),
    (" ", NOTHING),
    (None, NOTHING),
    ("many", UNFIT),
    ("1e999", UNFIT),
    (True, UNFIT),
    ([1], UNFIT),
    ({"a": 1}, UNFIT),
]
DATE = [
    ("2026-01-01", 1_767_225_600_000),
    ("2026-01-01T10:00:00Z", 1_767_261_600_000),
    ("2026-01-01T10:00:00.250Z", 1_767_261_600_250),
    ("2026-01-01T11:00:00+01:00", 1_767_261_600_000),
    ("2026-01-01T10:00:00", 1_767_261_600_000),  # without a zone it is UTC
    (1_767_261_600, 1_767_261_600_000),  # seconds
    (1_767_261_600_000, 1_767_261_600_000),  # milliseconds
    ("1767261600", 1_767_261_600_000),
    ("1767261600000", 1_767_261_600_000),
    ("", NOTHING),
    (None, NOTHING),
    ("yesterday", UNFIT),
    ("2026-13-01", UNFIT),
    (True, UNFIT),
    ([2026, 1, 1], UNFIT),
]
GENDER = [
    *((word, "MALE") for word in ("m", "M", "male", "Male", " MALE ", "man", "boy", "masculine")),
    *((word, "FEMALE") for word in ("f", "F", "female", "Woman", "girl", "feminine")),
    *((word, "OTHER") for word in ("other", "OTHER", "non-binary", "divers", "x")),
    *((word, NOTHING) for word in ("", "unknown", "N/A", "prefer not to say", "-", None)),
    (1, UNFIT),
    (True, UNFIT),
    (["m"], UNFIT),
]
BOOLEAN = [
    *((word, True) for word in (True, "true", "TRUE", " yes ", "y", "1", 1)),
    *((word, False) for word in (False, "false", "No", "n", "0", 0)),
    ("", NOTHING),
    (None, NOTHING),
    ("perhaps", UNFIT),
    (2, UNFIT),
    ([], UNFIT),
]


class Row(NamedTuple):
    """A field, the trait that it comes from, its form, and a usual value with what PX holds then."""

    field: str
    trait: str
    form: list[tuple[Any, Any]]
    usual: Any
    holds: Any = NOTHING


PLACE = [
    Row("location.countryName", "countryName", TEXT, "Norway"),
    Row("location.countryCode", "countryCode", TEXT, "NO"),
    Row("location.stateName", "stateName", TEXT, "New York"),
    Row("location.stateCode", "stateCode", TEXT, "NY"),
    Row("location.city", "city", TEXT, "Oslo"),
    Row("location.street", "street", TEXT, "Karl Johans gate 1"),
    Row("location.postalCode", "postalCode", TEXT, 10117, "10117"),
    Row("location.continent", "continent", TEXT, "Europe"),
    Row("location.regionName", "regionName", TEXT, "Østlandet"),
    Row("location.timeZone", "timeZone", TEXT, "Europe/Oslo"),
    Row("location.coordinates.latitude", "coordinates.latitude", NUMBER, "59.91", 59.91),
    Row("location.coordinates.longitude", "coordinates.longitude", NUMBER, 10.75),
    Row("location.coordinates.latitude", "latitude", NUMBER, 59.91),
    Row("location.coordinates.longitude", "longitude", NUMBER, "10.75", 10.75),
]
USER_ROWS = [
    Row("email", "email", TEXT, "ann@acme.test"),
    Row("accountId", "accountId", TEXT, 42, "42"),
    Row("firstName", "firstName", NAME, "Ann"),
    Row("lastName", "lastName", NAME, "Lee"),
    Row("firstName", "name", [("Ann van Dyk", "Ann"), ("Ann", "Ann"), (" ", NOTHING)], "Ann Lee", "Ann"),
    Row("lastName", "name", [("Ann van Dyk", "van Dyk"), ("Ann", NOTHING)], "Ann Lee", "Lee"),
    Row("gender", "gender", GENDER, "f", "FEMALE"),
    Row("lastSeenDate", "lastSeenDate", DATE, "2026-01-01"),
    Row("signUpDate", "signUpDate", DATE, "2026-01-01", 1_767_225_600_000),
    Row("firstVisitDate", "firstVisitDate", DATE, 1_767_261_600, 1_767_261_600_000),
    Row("title", "title", TEXT, "Engineer"),
    Row("phone", "phone", TEXT, 47_2233_4455, "4722334455"),
    Row("score", "score", NUMBER, "100", 100),
    Row("role", "role", TEXT, "admin"),
    Row("subscriptionId", "subscriptionId", TEXT, "sub-1"),
    Row("numberOfVisits", "numberOfVisits", NUMBER, 3),
    Row("createDate", "createDate", DATE, "2026-01-01"),
    Row("globalUnsubscribe", "globalUnsubscribe", BOOLEAN, "yes", True),
    Row("sfdcContactId", "sfdcContactId", TEXT, "0035000000Gv7qJ"),
    *PLACE,
]
ACCOUNT_ROWS = [
    Row("name", "name", FILLED, "Acme"),
    Row("trackedSubscriptionId", "trackedSubscriptionId", TEXT, "sub-1"),
    Row("sfdcId", "sfdcId", TEXT, "0015000000Gv7qJ"),
    Row("dunsNumber", "dunsNumber", TEXT, 150483782, "150483782"),
    Row("industry", "industry", TEXT, "Anvils"),
    Row("numberOfEmployees", "numberOfEmployees", NUMBER, "1000", 1000),
    Row("sicCode", "sicCode", TEXT, "7372"),
    Row("website", "website", TEXT, "https://acme.test"),
    Row("naicsCode", "naicsCode", TEXT, 511210, "511210"),
    Row("plan", "plan", TEXT, "gold"),
    Row("numberOfUsers", "numberOfUsers", NUMBER, 7),
    Row("parentGroupId", "parentGroupId", TEXT, "group-0"),
    Row("createDate", "createDate", DATE, "2026-01-01"),
    Row("lastModifiedDate", "lastModifiedDate", DATE, "2026-01-01"),
    Row("lastSeenDate", "lastSeenDate", DATE, "2026-01-01T10:00:00Z", 1_767_261_600_000),
    Row("renewalDate", "renewalDate", DATE, "2026-01-01", 1_767_225_600_000),
    Row("healthScore", "healthScore", NUMBER, "0.5", 0.5),
    Row("gsId", "gsId", TEXT, "1P02ABC"),
    Row("nps", "nps", NUMBER, 9),
    Row("csm", "csm", TEXT, "Cy"),
    *PLACE,
]
KINDS = {"identify": (USER, USER_ROWS), "group": (ACCOUNT, ACCOUNT_ROWS)}
#: What the plan fills itself.
ALWAYS = {"identify": {"identifyId", "type", "propertyKeys"}, "group": {"id", "propertyKeys"}}


def nested(trait: str, value: Any) -> dict[str, Any]:
    """A trait, within an object where its name has a dot."""
    outer, _, inner = trait.partition(".")
    return {outer: {inner: value}} if inner else {outer: value}


def planned(kind: str, traits: dict[str, Any]) -> Any:
    return PX.plan(
        SETTINGS, event_of({"type": kind, "groupId": "g-1", "traits": traits}), Identity(), None
    ).plan


def cases() -> Iterator[Any]:
    for kind, (_, rows) in KINDS.items():
        for row in rows:
            for given, sent in row.form:
                shown = f"{kind}-{row.trait}-{json.dumps(given, ensure_ascii=True)}"
                yield pytest.param(kind, row.field, nested(row.trait, given), sent, id=shown)


@pytest.mark.parametrize(("kind", "field", "traits", "sent"), list(cases()))
def test_a_value_goes_in_the_form_of_its_field(
    kind: str, field: str, traits: dict[str, Any], sent: Any
) -> None:
    plan = planned(kind, traits)
    if sent is UNFIT:
        assert isinstance(plan, Rejected) and (plan.code, plan.fields) == ("value_invalid", (field,))
        assert next(iter(traits)) in plan.detail
        return
    assert isinstance(plan, tuple) and isinstance(plan[0], Upsert)
    found = plan[0].fields
    assert found.keys() >= ALWAYS[kind]
    if sent is NOTHING:
        assert field not in found
    else:
        assert (found[field], type(found[field])) == (sent, type(sent))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_its_rows(kind: str) -> None:
    mapping, rows = KINDS[kind]
    assert isinstance(mapping, Mapping)
    assert {row.field for row in rows} | ALWAYS[kind] == {field.name for field in mapping.fields}
    sources = {
        (field.name, path.removeprefix("traits."))
        for field in mapping.fields
        for source in field.sources
        for path in ((source,) if isinstance(source, str) else source.reads)
        if path
    }
    beside = {("firstName", "lastName"), ("lastName", "firstName")}  # in test_person_names
    assert {(row.field, row.trait) for row in rows} == sources - beside


def test_what_the_plan_fills_itself() -> None:
    [user] = planned("identify", {})
    assert user.fields == {
        "identifyId": "u-1",
        "type": "USER",
        "propertyKeys": ["AP-ABC-2", "AP-DEF-2"],
    }
    account, link = planned("group", {})
    assert account.fields == {"id": "g-1", "propertyKeys": ["AP-ABC-2", "AP-DEF-2"]}
    assert (link.record, link.fields) == (user.record, {"identifyId": "u-1", "accountId": "g-1"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read_only", ["ignore", "reject"])
def test_px_takes_every_field_at_once_and_holds_it(sandbox: Sandbox, kind: str, read_only: str) -> None:
    sandbox.behave(px_unknown_field="reject", px_read_only=read_only, px_put_property_keys="required")
    traits: dict[str, Any] = {}
    second = {("firstName", "name"), ("lastName", "name")}  # other traits give these
    second |= {(f"location.coordinates.{axis}", axis) for axis in ("latitude", "longitude")}
    rows = [row for row in KINDS[kind][1] if (row.field, row.trait) not in second]
    for row in rows:
        for outer, value in nested(row.trait, row.usual).items():
            if isinstance(value, dict):
                traits.setdefault(outer, {}).update(value)
            else:
                traits[outer] = value
    settings = PX.settings(api_key="key", product_tag_key="AP-ABC-2", api_url=sandbox.url)
    message = {"type": kind, "groupId": "g-1", "traits": traits}
    everything_arrived(deliver(PX, settings, PX.plan(settings, event_of(message), Identity()), sandbox))
    held = sandbox.state["px"][{"identify": "users", "group": "accounts"}[kind]][0]
    only_px = {"createDate", "lastSeenDate", "lastModifiedDate", "numberOfVisits", "numberOfUsers"}
    if kind == "group":
        only_px.remove("lastSeenDate")
    for row in rows:
        if row.field in only_px:
            continue
        found: Any = held
        for step in row.field.split("."):
            found = found[step]
        assert found == (row.usual if row.holds is NOTHING else row.holds), row.field
