"""Calls of audiences and computed traits: one attribute of a user or an account that PX has. Pure.

They make nobody: an upsert of nothing but attributes waits until the record is there (`records`).
"""

from typing import Any

import msgspec

from gainstage.computed import Computed
from gainstage.destination import Planned, refused
from gainstage.destinations.gainsight_px.fitting import attribute, read
from gainstage.destinations.gainsight_px.mapping import ACCOUNT, USER, plan_message, user_record
from gainstage.destinations.gainsight_px.settings import PxSettings
from gainstage.event import Event, Identity
from gainstage.mapping import Fault
from gainstage.mapping import Mapping as FieldTable
from gainstage.operation import Record, Upsert
from gainstage.outcome import Filtered
from gainstage.schema import Schema

#: A computation's key may be the name of a trait that the built-in tables read: that is not meant here.
ONLY_CUSTOM = {
    table.into: table.without(frozenset(row.name for row in table.fields if row.at))
    for table in (USER, ACCOUNT)
}


def plan_computed(
    settings: PxSettings, event: Event, computed: Computed, identity: Identity, schema: Schema | None = None
) -> Planned:
    """The attribute that `user_attributes` or `account_attributes` maps the computation's key to."""
    if settings.pushes:
        return plan_message(event)
    table = USER if event.kind == "identify" else ACCOUNT
    mapped: dict[str, str] = getattr(settings, table.custom)
    if computed.key not in mapped:
        return Planned(
            Filtered("computation_unmapped", f"Map {computed.key!r} in `{table.custom}` to an attribute.")
        )
    if computed.value is None and settings.when_value_gone == "keep":
        return Planned(
            Filtered("value_kept", "`when_value_gone` is keep: the attribute keeps its last value.")
        )
    if computed.value is None:
        values, faults = _cleared(settings, table, computed.key, schema)
    else:
        alone = msgspec.structs.replace(event, traits={computed.key: computed.value})
        reading = read(ONLY_CUSTOM[table.into], settings, alone, schema)
        values, faults = reading.values, reading.faults
    if faults:
        return refused(faults)
    record = user_record(event) if event.kind == "identify" else Record("account", f"id:{event.group_id}")
    return Planned((Upsert(record, values),))


def _cleared(
    settings: PxSettings, table: FieldTable, key: str, schema: Schema | None
) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    """The attribute with null for its value, or why it cannot be written. Whether null takes a value away is
    not documented.
    """
    name: str = getattr(settings, table.custom)[key]
    found = schema.object(table.into) if schema is not None else None
    if schema is None or found is None:
        return {table.custom_prefix + name: None}, ()
    own = attribute(found, table, name)
    if isinstance(own, str):
        why = f"{own} Correct the setting `{table.custom}`, then retry. {schema.learnt}"
        return {}, (Fault(table.custom_prefix + name, why, "field_unknown"),)
    return {table.custom_prefix + own.name: None}, ()
