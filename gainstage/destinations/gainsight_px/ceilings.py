"""The limits of Gainsight PX on custom events, held before a call is spent.

Over a limit an event fails with `event_limit`; what PX itself would do with it is not documented. How many
distinct names there are is counted in the store (`Destination.names`): a plan knows one event only.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gainstage.destination import NameLimit, Planned
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.event import Event, Identity
from gainstage.operation import Append, Operation
from gainstage.outcome import Rejected
from gainstage.schema import Schema

#: Documented by the vendor as limits of the product. How many names a tenant may have is a setting, because
#: others send events there too: `PxSettings.event_names`.
NAME_CHARACTERS = 2_000
PROPERTIES = 50
KEY_CHARACTERS = 1_024

Plan = Callable[[PxSettings, Event, Identity, Schema | None], Planned]


def names(settings: PxSettings) -> NameLimit:
    """Distinct names of custom events [documented as a limit of the product]."""
    return NameLimit(settings.event_names, "event_names")


def within_ceilings(plan: Plan) -> Plan:
    """The same plan, but an event over a limit fails; the others tell their names."""

    def plan_within(
        settings: PxSettings, event: Event, identity: Identity, schema: Schema | None = None
    ) -> Planned:
        planned = plan(settings, event, identity, schema)
        if not isinstance(planned.plan, tuple):
            return planned
        operations: list[Operation] = []
        for operation in planned.plan:
            if isinstance(operation, Append) and (name := name_of(event, operation)):
                over = exceeded(name, properties_of(event, operation))
                if over:
                    return Planned(Rejected("event_limit", over), planned.unmapped)
                operation = Append(operation.record, operation.content, name)
            operations.append(operation)
        return Planned(tuple(operations), planned.unmapped)

    return plan_within


def name_of(event: Event, operation: Append) -> str:
    """The custom event's name: the one in the call; of a message that goes whole, a track call's own."""
    if goes_whole(operation):
        return event.name if event.kind == "track" else ""
    return str(operation.content.get("eventName", ""))


def properties_of(event: Event, operation: Append) -> Mapping[str, Any]:
    """The event's properties, as they are sent."""
    return event.properties if goes_whole(operation) else operation.content.get("attributes", {})


def goes_whole(operation: Append) -> bool:
    """Whether it is a message of Segment's form, which has a type; a custom event has none."""
    return "type" in operation.content


def exceeded(name: str, properties: Mapping[str, Any]) -> str:
    """Which limit an event is over, and what to do; empty where it is over none."""
    if len(name) > NAME_CHARACTERS:
        return (
            f"Gainsight PX takes event names of at most {NAME_CHARACTERS:,} characters, and this one has "
            f"{len(name):,}: send a shorter name, with what varies as properties."
        )
    if len(properties) > PROPERTIES:
        return (
            f"Gainsight PX takes at most {PROPERTIES} properties an event, and this one has "
            f"{len(properties)}: send fewer, or gather some in one object."
        )
    longest = max(properties, key=len, default="")
    if len(longest) > KEY_CHARACTERS:
        return (
            f"Gainsight PX takes property keys of at most {KEY_CHARACTERS:,} characters, and the one that "
            f"starts with {longest[:40]!r} has {len(longest):,}: send a shorter key."
        )
    return ""
