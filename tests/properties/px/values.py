"""Values of traits for Gainsight PX, and what becomes of each: written from the vendor's documents alone."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.properties.values import BAD, UNFIT, UNSAID, Made, Value, good

#: Refused, or not stored: nobody documents what becomes of it.
OPEN = "open"
Maker = Callable[["Tenant", random.Random, int, bool], Made]


@dataclass(frozen=True)
class Tenant:
    """What decides how a value ends: the tenant's switches, and whether it has told of its attributes."""

    word: Callable[[str], str]
    closed: bool


def text(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A text. Everything can be written as one."""
    return chance.choice(
        (
            good(f"text-{number}"), good("Same"), good("Ünï/ö 😀 \"'"), (number, str(number), ""),
            (True, "true", ""), (["a", 1], '["a",1]', ""), (None, None, UNSAID),
        )
    )  # fmt: skip


def whole(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A whole number."""
    if bad:
        return chance.choice((("many", None, UNFIT), (True, None, UNFIT), (number + 0.5, None, BAD)))
    return chance.choice(
        (good(number), good(7), (f" {number} ", number, ""), (3.0, 3, ""), ("", None, UNSAID))
    )


def decimal(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return "lots", None, UNFIT
    return chance.choice((good(number), good(number + 0.25), (f"{number}.5", number + 0.5, "")))


def flag(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return "perhaps", None, UNFIT
    return chance.choice((good(True), good(False), ("yes", True, ""), ("0", False, "")))


def gender(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return number, None, UNFIT
    return chance.choice(
        (("m", "MALE", ""), ("Female", "FEMALE", ""), ("x", "OTHER", ""), ("n/a", None, UNSAID))
    )


def date(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """In milliseconds from 1970 on."""
    if bad:
        return chance.choice((("soon", None, UNFIT), ("1960-02-03", None, BAD), ([1], None, UNFIT)))
    day = f"2027-0{number % 9 + 1}-15"
    seconds = round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    forms = (day, f"{day}T02:00:00+02:00", seconds, str(seconds), seconds * 1000)
    return chance.choice([*((form, seconds * 1000, "") for form in forms), ("", None, UNSAID)])


def read_only(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A field that the specification calls read-only: a date or a count."""
    return 1_700_000_000_000 + number, None, OPEN if tenant.word("px_read_only") == "reject" else UNSAID


def axis(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    return ("north", None, UNFIT) if bad else chance.choice((good(number), (f"{number}.5", number + 0.5, "")))


def attribute(*goods: Any, bads: tuple[Any, ...]) -> Maker:
    """A custom attribute of a type, which only a tenant that has told of it insists on."""

    def make_one(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
        value = chance.choice(bads) if bad else chance.choice(goods)
        if isinstance(value, dict | list):
            return value, '{"a":[1]}', ""
        return (value, None, BAD) if bad and tenant.closed else good(value)

    return make_one


def nowhere(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A custom attribute that the tenant does not have, or no longer."""
    if not tenant.closed:
        return good(f"v{number}")
    return f"v{number}", None, BAD if tenant.word("px_unknown_attribute") == "reject" else UNSAID


def switched_off(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A custom attribute that the tenant has switched off."""
    if not tenant.closed:
        return good(f"v{number}")
    word = tenant.word("px_disabled_attribute")
    return (
        good(f"v{number}") if word == "accept" else (f"v{number}", None, UNSAID if word == "ignore" else BAD)
    )


PLACE: Mapping[str, tuple[str, Maker]] = {
    "countryName": ("location.countryName", text),
    "city": ("location.city", text),
    "postalCode": ("location.postalCode", text),
    "latitude": ("location.coordinates.latitude", axis),
    "coordinates.longitude": ("location.coordinates.longitude", axis),
}
ATTRIBUTES: Mapping[str, tuple[str, Maker]] = {
    "tier": ("customAttributes.plan_tier", attribute("gold", "silver", {"a": [1]}, bads=(5, True))),
    "seats": ("customAttributes.seats", attribute(5, 2.5, 0, bads=("5", True, "many"))),
    "vip": ("customAttributes.vip", attribute(True, False, "true", bads=("yes", 1))),
    "since": ("customAttributes.since", attribute(1_700_000_000_000, 5, bads=("2026-01-01", 1.5))),
}
ATTRIBUTES_NOWHERE: Mapping[str, tuple[str, Maker]] = {
    "nowhere": ("customAttributes.nowhere", nowhere),
    "off": ("customAttributes.off", switched_off),
}
USER: Mapping[str, tuple[str, Maker]] = {
    **{name: (name, text) for name in ("email", "title", "phone", "role", "subscriptionId", "sfdcContactId")},
    "gender": ("gender", gender),
    "score": ("score", whole),
    "signUpDate": ("signUpDate", date),
    "firstVisitDate": ("firstVisitDate", date),
    "globalUnsubscribe": ("globalUnsubscribe", flag),
    **PLACE,
    **ATTRIBUTES,
}
USER_NOWHERE: Mapping[str, tuple[str, Maker]] = {
    **{name: (name, read_only) for name in ("lastSeenDate", "numberOfVisits", "createDate")},
    **ATTRIBUTES_NOWHERE,
}
ACCOUNT: Mapping[str, tuple[str, Maker]] = {
    **{
        name: (name, text)
        for name in ("industry", "website", "plan", "parentGroupId", "gsId", "csm", "sfdcId")
    },
    "numberOfEmployees": ("numberOfEmployees", whole),
    "healthScore": ("healthScore", decimal),
    "nps": ("nps", decimal),
    "renewalDate": ("renewalDate", date),
    "lastSeenDate": ("lastSeenDate", date),
    **PLACE,
    **ATTRIBUTES,
}
ACCOUNT_NOWHERE: Mapping[str, tuple[str, Maker]] = {
    **{name: (name, read_only) for name in ("numberOfUsers", "createDate", "lastModifiedDate")},
    **ATTRIBUTES_NOWHERE,
}
CUSTOM = {
    trait: field.removeprefix("customAttributes.")
    for trait, (field, _) in {**ATTRIBUTES, **ATTRIBUTES_NOWHERE}.items()
}
SEEDED = [
    {"apiName": "plan_tier", "type": "STRING"},
    {"apiName": "seats", "type": "NUMBER"},
    {"apiName": "vip", "type": "BOOLEAN"},
    {"apiName": "since", "type": "DATE_TIME"},
    {"apiName": "off", "type": "STRING", "state": "DISABLED"},
]


def make(
    tenant: Tenant,
    table: Mapping[str, tuple[str, Maker]],
    trait: str,
    chance: random.Random,
    number: int,
    *,
    bad: bool,
) -> Value:
    """A value for a trait."""
    field, maker = table[trait]
    sent, stored, fate = maker(tenant, chance, number, bad)
    return Value(trait, field, sent, stored, fate)
