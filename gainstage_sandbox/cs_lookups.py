"""The `lookups` block of a CS write: GSIDs found from other fields of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gainstage_sandbox.behaviour import Behaviour
from gainstage_sandbox.cs_errors import FieldError, RefusalError
from gainstage_sandbox.cs_table import Table

MAX_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Lookup:
    target: str
    sources: Mapping[str, str]
    """Field of the sent record to field of the object looked up."""
    table: Table
    result: str
    first_match: bool
    no_match: str
    default: Any


def read_lookups(block: Any, find_table: Callable[[str], Table]) -> list[Lookup]:
    if block is None:
        return []
    if not isinstance(block, dict):
        raise RefusalError("GSOBJ_1002", "lookups must be an object with one entry for each target field.")
    return [_read(target, entry, find_table) for target, entry in block.items()]


def _read(target: str, entry: Any, find_table: Callable[[str], Table]) -> Lookup:
    if not isinstance(entry, dict):
        raise RefusalError("GSOBJ_1002", f"Invalid lookup ({target} = {entry}).")
    sources = entry.get("fields")
    if not isinstance(sources, dict) or not 0 < len(sources) <= MAX_FIELDS:
        raise RefusalError("GSOBJ_1002", f"A lookup needs 1 to {MAX_FIELDS} fields ({target}).")
    if not all(isinstance(name, str) for name in sources.values()):
        raise RefusalError("GSOBJ_1002", f"A lookup's fields are names ({target}).")
    multi = entry.get("multiMatchOption", "FIRSTMATCH")
    no_match = entry.get("onNoMatch", "NULLABLE")
    if multi not in ("FIRSTMATCH", "MARKASERROR") or no_match not in ("NULLABLE", "ERROR", "DEFAULTVALUE"):
        raise RefusalError("GSOBJ_1002", f"Invalid multiMatchOption or onNoMatch ({target}).")
    table = find_table(str(entry.get("objectName", "")))
    result = str(entry.get("lookupField", "Gsid"))
    for name in (result, *sources.values()):
        if table.field(name) is None:
            raise RefusalError("GSOBJ_1002", f"Invalid field in lookup ({target} = {name}).")
    return Lookup(target, sources, table, result, multi == "FIRSTMATCH", no_match, entry.get("defaultValue"))


def apply_lookups(
    lookups: list[Lookup], record: Mapping[str, Any], table: Table, behaviour: Behaviour
) -> tuple[dict[str, Any], list[FieldError]]:
    """The record with the targets filled in and the helper fields taken out."""
    filled = dict(record)
    errors: list[FieldError] = []
    for lookup in lookups:
        wanted = {
            there: record[here] for here, there in lookup.sources.items() if record.get(here) is not None
        }
        if not wanted and behaviour.word("cs_lookup_absent") == "skip":
            continue
        exact = behaviour.word("cs_lookup_case") == "exact"
        rows = lookup.table.find(wanted, exact=exact) if len(wanted) == len(lookup.sources) else []
        if len(rows) == 1 or (rows and lookup.first_match):
            filled[lookup.target] = rows[0].get(lookup.result)
        elif rows or lookup.no_match == "ERROR":
            errors.append(_error(lookup, wanted, behaviour))
        elif lookup.no_match == "DEFAULTVALUE" and lookup.default is not None:
            filled[lookup.target] = lookup.default
    for lookup in lookups:
        for here in lookup.sources:
            if table.field(here) is None:
                filled.pop(here, None)
    return filled, errors


def _error(lookup: Lookup, wanted: Mapping[str, Any], behaviour: Behaviour) -> FieldError:
    kind = f"lookup_{behaviour.word('cs_lookup_code')}"
    named = behaviour.word("cs_lookup_error")
    if named == "unnamed":
        return FieldError(kind, "")
    source = next(iter(lookup.sources))
    return FieldError(kind, lookup.target if named == "target" else source, next(iter(wanted.values()), None))
