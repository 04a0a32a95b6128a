"""What a destination makes of the calls of a computation: planned as delivery would, and sent nowhere."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gainstage.audiences.definition import Audience, Computation
from gainstage.clock import SECOND_US
from gainstage.computed import COMPUTED_SOURCE, Computed
from gainstage.connection import Configuration, Connected
from gainstage.destination import Finding
from gainstage.event import Event, Identity
from gainstage.operation import Upsert
from gainstage.outcome import Filtered, Parked, Rejected
from gainstage.schema import Schema

#: Of whom everything is known that a destination may ask for.
SAMPLE = Identity(user_id="user", email="user@example.com", account="account")
SETTING = re.compile(r"`(\w+)`")
#: By aggregates, a value that they give. What the others give is whatever the property has.
VALUES: dict[str, Any] = {
    "count": 2,
    "unique_count": 2,
    "sum": 1.5,
    "average": 1.5,
    "unique_list": ["one", "two"],
}
UNMAPPED = "computation_unmapped"
#: Of mapped fields that are not there the destination's own examination tells.
TOLD_BY_THE_DOCTOR = ("field_unknown",)

Plan = Any


def planned(
    connected: Connected, definition: Computation, value: Any, schema: Schema | None
) -> Filtered | Rejected | Parked | Plan:
    """What becomes of a call that says this value of somebody of whom all is known."""
    about_account = definition.subject == "account"
    event = Event(
        kind="group" if about_account else "identify",
        message_id="sample",
        source=COMPUTED_SOURCE,
        user_id="" if about_account else "user",
        anonymous_id="account:account" if about_account else "",
        group_id="account" if about_account else "",
        traits={"name" if about_account else "email": "user@example.com", definition.key: value},
        context={"personas": {"computation_key": definition.key}},
        time_us=SECOND_US,
        received_us=SECOND_US,
    )
    refusal = connected.refuses(event)
    if refusal is not None:
        return refusal
    computed, kind = Computed(definition.key, value), connected.type
    if kind.plan_computed is not None:
        return kind.plan_computed(connected.settings, event, computed, SAMPLE, schema).plan
    return kind.plan(connected.settings, event, SAMPLE, schema).plan


def records_at_once(connected: Connected, definition: Computation) -> int:
    """How many calls of the computation one call to the vendor carries; 0 where none of them leads to one."""
    if connected.settings is None:
        return 0
    plan = planned(connected, definition, _value(definition), None)
    if isinstance(plan, Filtered | Rejected | Parked):
        return 0
    upserts = [one for one in plan if isinstance(one, Upsert)]
    return connected.type.batch.get(upserts[0].record.object, 1) if upserts else 1


def remarks(connected: Connected, definition: Computation, schema: Schema | None) -> Iterator[Finding]:
    """Why what a computation says does not arrive at a destination, and what to write."""
    if connected.settings is None:
        return
    what = "audience" if isinstance(definition, Audience) else "computed trait"
    called = f"The {what} {definition.key} is sent here"
    plan = planned(connected, definition, _value(definition), schema)
    if not isinstance(plan, Filtered | Rejected | Parked) or plan.code in TOLD_BY_THE_DOCTOR:
        return
    if isinstance(plan, Rejected) and _value(definition) is None:
        return  # whether values of a property fit is seen when they come
    setting = _setting(connected, plan.detail)
    if plan.code == UNMAPPED:
        example = f"{definition.key}: {_example(connected, definition)}"
        yield Finding("warning", setting, f"{called}, and no field is named for it. {plan.detail} "
                      f"For example: {setting}: {{{example}}}")  # fmt: skip
    elif isinstance(plan, Filtered):
        yield Finding("warning", setting, f"{called}, and nothing of it arrives: {plan.detail}")
    else:
        yield Finding("warning", setting, f"{called}, and its values do not fit: {plan.detail}")


def addressed(configuration: Configuration, told: Mapping[str, Collection[str]]) -> tuple[Computation, ...]:
    """The computations, each with the destinations that it speaks to: where its key is mapped, or that it
    told before (`told`, by key). Once a key is mapped its destination is new to it, and hears of everybody.
    """
    return tuple(
        replace(
            one,
            destinations=tuple(
                name
                for name in one.destinations
                if name in told.get(one.key, ()) or _hears(configuration.destinations.get(name), one)
            ),
        )
        for one in configuration.computations
    )


def _hears(connected: Connected | None, definition: Computation) -> bool:
    if connected is None or connected.settings is None:
        return True
    plan = planned(connected, definition, _value(definition), None)
    return not (isinstance(plan, Filtered) and plan.code == UNMAPPED)


def filled(connected: Connected, definition: Computation) -> list[str]:
    """The fields there that hold its values: those in which calls with two values of it differ."""
    if connected.settings is None:
        return []
    value = _value(definition)
    values = (True, False) if value is True else (["one"], ["two"]) if isinstance(value, list) else (1, 2)
    one, other = (_fields(planned(connected, definition, each, None)) for each in values)
    return sorted(name for name in one if one[name] != other.get(name))


def _fields(plan: Plan) -> dict[str, Any]:
    if isinstance(plan, Filtered | Rejected | Parked):
        return {}
    return {name: value for one in plan if isinstance(one, Upsert) for name, value in one.fields.items()}


def unheard(
    configuration: Configuration, definition: Computation, schemas: Mapping[str, Schema | None]
) -> Iterator[dict[str, Any]]:
    """By destination that it is sent to, why nothing of it arrives there, and what to write; `mapped` where
    its key is, and something else stands in the way.
    """
    for name in definition.destinations:
        if (connected := configuration.destinations.get(name)) is not None:
            for found in remarks(connected, definition, schemas[name]):
                yield {
                    "destination": name,
                    "setting": found.setting,
                    "mapped": _hears(connected, definition),
                    "message": found.message,
                }


def _value(definition: Computation) -> Any:
    """A value that it may have; None where any may come."""
    return True if isinstance(definition, Audience) else VALUES.get(definition.aggregate)


def _setting(connected: Connected, detail: str) -> str:
    """The setting that a sentence names."""
    known = connected.type.settings.model_fields
    return next((name for name in SETTING.findall(detail) if name in known), "")


def _example(connected: Connected, definition: Computation) -> str:
    """A name for a field that may be made for it."""
    words = definition.key.split("_")
    if connected.type.name == "gainsight_cs":
        return "_".join(word.capitalize() for word in words) + "__gc"
    return words[0] + "".join(word.capitalize() for word in words[1:])
