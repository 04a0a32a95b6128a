"""The doctor: what of the settings does not go with the tenant's attributes. Pure.

The same findings serve `check`, the management API and the pages.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gainstage.destination import Finding
from gainstage.destinations.gainsight_px.fitting import CONVERSIONS, attribute, switched_off
from gainstage.destinations.gainsight_px.mapping import ACCOUNT, USER
from gainstage.destinations.gainsight_px.records import READ_ONLY
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.mapping import Mapping, boolean, epoch_ms, number, text
from gainstage.schema import Object, Schema, Use, names, not_known

TABLES = (USER, ACCOUNT)
#: Missing from the list, and valid all the same [seen in a client].
UNLISTED = frozenset({"sfdcContactId", "globalUnsubscribe"})
#: The type of an attribute that takes what a conversion of the built-in tables makes.
TYPES: dict[Callable[[Any], Any], str] = {
    text: "STRING",
    number: "NUMBER",
    boolean: "BOOLEAN",
    epoch_ms: "DATE_TIME",
}


def uses(settings: PxSettings) -> tuple[Use, ...]:
    """Every field that events may write."""
    if settings.pushes:
        return ()
    found = []
    for table in TABLES:
        found += [Use(table.into, row.name, row.source_words or row.label) for row in table.fields]
        mapped: dict[str, str] = getattr(settings, table.custom)
        found += [Use(table.into, name, f"`{trait}`", table.custom) for trait, name in mapped.items()]
    return tuple(found)


def examine(settings: PxSettings, schema: Schema) -> tuple[Finding, ...]:
    """All that can be told before an event comes."""
    if settings.pushes:
        return ()
    found: list[Finding] = []
    for table in TABLES:
        described = schema.object(table.into)
        if described is None:
            setting = table.custom if getattr(settings, table.custom) else ""
            found.append(Finding("warning", setting, not_known(table.title)))
            continue
        found += custom_attributes(settings, described, table)
        found += built_in(described, table)
    return tuple(found)


def custom_attributes(settings: PxSettings, described: Object, table: Mapping) -> Iterator[Finding]:
    """What a table of custom attributes says that is not so."""
    mapped: dict[str, str] = getattr(settings, table.custom)
    for trait, name in mapped.items():
        goes = f"`{trait}` goes to {name}"
        meant = attribute(described, table, name)
        if isinstance(meant, str):
            yield Finding("error", table.custom, f"{goes}. {meant} Such events fail without a call.")
            continue
        if meant.name != name:
            sentence = f"{goes}, which the tenant spells {meant.name}: it is sent so; write it so."
            yield Finding("warning", table.custom, sentence)
        if meant.type and meant.type not in CONVERSIONS:
            sentence = f"{goes}, of the type {meant.type}, which is not known here: values go as they come."
            yield Finding("warning", table.custom, sentence)


def built_in(described: Object, table: Mapping) -> Iterator[Finding]:
    """Fields of the built-in table that the tenant has switched off, types otherwise, or does not list."""
    rows = [row for row in table.fields if row.at]
    off = switched_off(described)
    if lost := [row.name for row in rows if row.name in off]:
        sentence = (
            f"Switched off at this tenant, and so left out of what is sent: {names(lost)} of {table.title}. "
            "Switch them on in Gainsight PX and have the fields read anew, or leave it so."
        )
        yield Finding("warning", "", sentence)
    other = []
    for row in rows:
        field, usual = described.field(row.name), TYPES.get(row.convert)
        if field is not None and not field.custom and usual and field.type in {*TYPES.values()} - {usual}:
            other.append(f"{row.name} is {field.type}, sent as {usual}")
    if other:
        sentence = f"Of another type than Gainsight PX documents: {names(other)} ({table.title})."
        yield Finding("warning", "", sentence)
    silent = UNLISTED | READ_ONLY[table.into]
    unlisted = [
        row.name
        for row in rows
        if described.field(row.name) is None and "." not in row.name and row.name not in silent
    ]
    if unlisted:
        sentence = (
            f"Not listed at this tenant, and sent where events have them: {names(unlisted)} of {table.title}."
        )
        yield Finding("ok", "", sentence)
