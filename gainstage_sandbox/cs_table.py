"""The rows of one CS object: checking a record against the schema, inserting, updating, finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gainstage_sandbox.behaviour import Behaviour
from gainstage_sandbox.cs_errors import FieldError
from gainstage_sandbox.cs_schema import Field, Schema, make_gsid
from gainstage_sandbox.cs_values import Forms, InvalidError, read_value

Row = dict[str, Any]


class Table:
    def __init__(self, schema: Schema, behaviour: Behaviour) -> None:
        self.schema = schema
        self.rows: dict[str, Row] = {}
        self._behaviour = behaviour
        self._made = 0

    def field(self, name: str) -> Field | None:
        return self.schema.field(name, self._behaviour.word("cs_field_case") == "exact")

    def check(
        self, record: Mapping[str, Any], *, creating: bool, keys: Sequence[str] = ()
    ) -> tuple[Row, list[FieldError]]:
        """The record as it would be stored, under the schema's field names, and what is wrong with it."""
        clean: Row = {}
        errors: list[FieldError] = []
        nulls = self._behaviour.word("cs_null")
        forms = Forms(self._behaviour.word("cs_picklist"), self._behaviour.word("cs_date_write"))
        ignore_read_only = self._behaviour.word("cs_read_only") == "ignore"
        for name, value in record.items():
            field = self.field(name)
            if field is None:
                errors.append(FieldError("unknown_field", name, value))
            elif _closed(field, creating=creating) and field.name not in keys:
                if not ignore_read_only:
                    errors.append(FieldError("read_only", name, value))
            elif value is None:
                if not field.nillable or nulls == "reject":
                    errors.append(FieldError("null", name))
                elif nulls == "clear":
                    clean[field.name] = None
            else:
                try:
                    clean[field.name] = read_value(field, value, forms)
                except InvalidError as invalid:
                    errors.append(FieldError(invalid.kind, name, value))
        if creating:
            missing = (f.name for f in self.schema.fields.values() if f.required and f.name not in clean)
            known = {error.field for error in errors}
            errors.extend(FieldError("null", name) for name in missing if name not in known)
        return clean, errors

    def insert(self, clean: Row, now: float) -> Row:
        self._made += 1
        gsid = make_gsid(self.schema.key_prefix, self._made)
        row = {"Gsid": gsid, **{name: value for name, value in clean.items() if value is not None}}
        row["CreatedDate"] = row["ModifiedDate"] = int(now * 1000)
        self.rows[gsid] = row
        return row

    def put(self, row: Mapping[str, Any], now: float) -> Row:
        """Take a seeded row over as it is; without a Gsid it gets one."""
        self._made += 1
        gsid = str(row.get("Gsid") or make_gsid(self.schema.key_prefix, self._made))
        stamp = int(now * 1000)
        self.rows[gsid] = {"CreatedDate": stamp, "ModifiedDate": stamp, **row, "Gsid": gsid}
        return self.rows[gsid]

    def update(self, row: Row, clean: Row, now: float) -> None:
        for name, value in clean.items():
            if value is None:
                row.pop(name, None)
            elif name != "Gsid":
                row[name] = value
        row["ModifiedDate"] = int(now * 1000)

    def index(self, keys: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
        """All rows that have every key, by the values of the keys."""
        found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.rows.values():
            values = tuple(row.get(key) for key in keys)
            if None not in values:
                found[values].append(row)
        return found

    def find(self, wanted: Mapping[str, Any], *, exact: bool = False) -> list[Row]:
        """The rows with these values; e-mails agree in any letter case, unless `exact`."""
        return [row for row in self.rows.values() if _agrees(row, wanted.items(), exact)]


def _closed(field: Field, *, creating: bool) -> bool:
    """Whether this kind of write may not carry the field."""
    return field.read_only or not (field.createable if creating else field.updateable)


def _agrees(row: Row, wanted: Iterable[tuple[str, Any]], exact: bool) -> bool:
    return all(_same(row.get(name), value, exact) for name, value in wanted)


def _same(stored: Any, wanted: Any, exact: bool) -> bool:
    if not exact and isinstance(stored, str) and isinstance(wanted, str):
        return stored.lower() == wanted.lower() if "@" in wanted else stored == wanted
    return bool(stored == wanted)
