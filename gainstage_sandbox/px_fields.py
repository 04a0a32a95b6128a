"""The fields of PX users, accounts and events, and what each takes. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

USER_TYPES = ("LEAD", "USER", "VISITOR", "EMPTY_USER_TYPE")
GENDERS = ("MALE", "FEMALE", "OTHER", "EMPTY_GENDER")
LOCATION_TEXTS = [
    "countryName",
    "countryCode",
    "stateName",
    "stateCode",
    "city",
    "street",
    "postalCode",
    "continent",
    "regionName",
    "timeZone",
]


@dataclass(frozen=True, slots=True)
class Shape:
    """A record type: the fields by kind, which are required at creation, and which only PX writes."""

    title: str
    id: str
    fields: Mapping[str, str]
    required: tuple[str, ...]
    read_only: frozenset[str]


def _fields(**by_kind: str) -> dict[str, str]:
    return {name: kind for kind, names in by_kind.items() for name in names.split()}


USER = Shape(
    "User",
    "identifyId",
    _fields(
        text="identifyId email firstName lastName title phone role subscriptionId accountId sfdcContactId",
        user_type="type",
        gender="gender",
        date="signUpDate firstVisitDate",
        whole="score",
        flag="globalUnsubscribe",
        place="location",
        tags="propertyKeys",
        attributes="customAttributes",
    ),
    ("identifyId", "propertyKeys"),
    frozenset(
        [
            "aptrinsicId",
            "lastSeenDate",
            "numberOfVisits",
            "createDate",
            "lastModifiedDate",
            "id",
            "lastInferredLocation",
            "globalId",
        ]
    ),
)
ACCOUNT = Shape(
    "Account",
    "id",
    _fields(
        text="id name trackedSubscriptionId sfdcId dunsNumber industry sicCode website naicsCode plan "
        "parentGroupId gsId csm",
        date="lastSeenDate renewalDate",
        whole="numberOfEmployees",
        number="healthScore nps",
        place="location",
        tags="propertyKeys",
        attributes="customAttributes",
    ),
    ("id", "name", "propertyKeys"),
    frozenset(["numberOfUsers", "createDate", "lastModifiedDate"]),
)
EVENT = Shape(
    "Event",
    "eventId",
    _fields(
        text="eventName identifyId propertyKey eventId eventType sessionId accountId url referrer remoteHost",
        user_type="userType",
        date="date",
        map="globalContext attributes",
    ),
    ("eventName", "identifyId", "propertyKey", "userType"),
    frozenset(),
)
SHAPES = {"user": USER, "account": ACCOUNT}


def wrong_value(kind: str, value: Any) -> str | None:
    """What is wrong with a value of a documented field, or None."""
    if kind == "text":
        return None if isinstance(value, str) else "must be a string"
    if kind == "date":
        return None if _is_whole(value) and value >= 0 else "must be epoch milliseconds"
    if kind == "whole":
        return None if _is_whole(value) else "must be a whole number"
    if kind == "number":
        return None if _is_number(value) else "must be a number"
    if kind == "flag":
        return None if isinstance(value, bool) else "must be true or false"
    if kind == "user_type":
        return None if value in USER_TYPES else f"must be one of {', '.join(USER_TYPES)}"
    if kind == "gender":
        return None if value in GENDERS else f"must be one of {', '.join(GENDERS)}"
    if kind == "tags":
        listed = isinstance(value, list) and value and all(isinstance(item, str) and item for item in value)
        return None if listed else "must be a list with at least one product tag key"
    if kind == "place":
        return _wrong_place(value)
    return None if isinstance(value, dict) else "must be an object"


def wrong_attribute(kind: str, value: Any) -> str | None:
    """What is wrong with a custom attribute's value, or None. Kinds are PX's own words."""
    if kind == "DATE_TIME":
        return None if _is_whole(value) else "must be epoch milliseconds, not empty"
    if kind == "NUMBER":
        return None if value is None or _is_number(value) else "must be a finite number"
    if kind == "BOOLEAN":
        known = value is None or isinstance(value, bool) or str(value).lower() in ("true", "false")
        return None if known else "must be true or false"
    if kind == "STRING":
        return None if value is None or isinstance(value, str) else "must be a string"
    return None if not isinstance(value, dict | list) else "must be a single value"


def _wrong_place(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "must be an object"
    for name, item in value.items():
        if name == "coordinates":
            if not isinstance(item, dict) or not all(_is_number(number) for number in item.values()):
                return "has coordinates that are not latitude and longitude"
        elif name not in LOCATION_TEXTS:
            return f"has no {name}"
        elif item is not None and not isinstance(item, str):
            return f"has a {name} that is not a string"
    return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
