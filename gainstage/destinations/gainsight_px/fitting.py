"""Values made to fit the tenant's attributes, where these are known: before a call is spent on them. Pure.

An attribute is written by its `apiName` [documented]; whether letter case matters there, and what becomes of
one that is not there or switched off, is not known. So names go as the tenant spells them, and what cannot
be written fails the event with the setting to correct. A built-in field that the tenant has switched off is
left out instead: no setting of ours maps it, so nobody could correct it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.event import Event
from gainstage.mapping import Fault, Reading, boolean, text
from gainstage.mapping import Mapping as FieldTable
from gainstage.mapping.moments import moment_ms
from gainstage.mapping.numbers import plain_number
from gainstage.schema import Field, Object, Schema, names

#: By the types of attributes [documented].
CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "STRING": text,
    "NUMBER": plain_number,
    "BOOLEAN": boolean,
    "DATE_TIME": moment_ms,
}
#: Built-in fields that are sent whatever the list says: the link of a user, and what a new account needs.
ALWAYS_SENT = frozenset({"accountId", "name"})


def read(table: FieldTable, settings: PxSettings, event: Event, schema: Schema | None) -> Reading:
    """A field table's reading of an event, by the tenant's attributes."""
    mapped: dict[str, str] = getattr(settings, table.custom)
    found = schema.object(table.into) if schema is not None else None
    if schema is None or found is None:
        return table.read(event, mapped)
    meant = {name: attribute(found, table, name) for name in mapped.values()}
    spelt = {
        trait: own.name if isinstance(own := meant[name], Field) else name for trait, name in mapped.items()
    }
    types = {table.custom_prefix + own.name: own.type for own in meant.values() if isinstance(own, Field)}
    reading = table.without(switched_off(found)).read(
        event, spelt, lambda field: CONVERSIONS.get(types.get(field, ""))
    )
    remedy = f"Correct the setting `{table.custom}`, then retry. {schema.learnt}"
    wrong = [
        Fault(field, f"{why} {remedy}", "field_unknown")
        for name, why in meant.items()
        if isinstance(why, str) and (field := table.custom_prefix + name) in reading.values
    ]
    return Reading(reading.values, reading.unmapped, (*reading.faults, *wrong))


def attribute(found: Object, table: FieldTable, name: str) -> Field | str:
    """The custom attribute that a setting means, or why values cannot go there, in a sentence."""
    exact = found.field(name)
    if exact is not None and exact.custom is not False and exact.writable:
        return exact
    if exact is None:
        spelt = [one for one in found.spelt(name) if one.writable]
        custom = [one for one in spelt if one.custom is not False]
        if len(custom) == 1:
            return custom[0]
        if custom:
            listed = names(one.name for one in custom)
            return f"{found.title} has several fields of this name but for case: write one of {listed}."
        exact = spelt[0] if spelt else None
    if exact is not None and exact.custom is False:
        row = next((row for row in table.fields if row.name == exact.name and row.at), None)
        instead = f"events bring it as {row.source_words}" if row else "events cannot write it"
        return f"{exact.name} is a built-in field of {found.title}, not a custom attribute: {instead}."
    return customs(found).unwritable(name)


def customs(found: Object) -> Object:
    """The object with the attributes that a setting may name."""
    return Object(found.name, tuple(one for one in found.fields if one.custom is not False), found.label)


def switched_off(found: Object) -> frozenset[str]:
    """The built-in fields that the tenant has switched off."""
    own = (name for name in found.switched_off if (field := found.field(name)) and not field.custom)
    return frozenset(own) - ALWAYS_SENT if found.switched_off else found.switched_off
