"""A CS tenant: its objects, the events published to it, and the rules of reads and writes. No HTTP.

People have rules of their own: see cs_people.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gainstage_sandbox.behaviour import Behaviour
from gainstage_sandbox.cs_errors import FieldError, RefusalError, refuse_records
from gainstage_sandbox.cs_lookups import apply_lookups, read_lookups
from gainstage_sandbox.cs_query import read_query
from gainstage_sandbox.cs_schema import KEY_TYPES, Field, custom_schema, standard_schemas
from gainstage_sandbox.cs_table import Row, Table
from gainstage_sandbox.cs_values import date_text

MAX_RECORDS = 50
MAX_KEYS = 3


class CsModel:
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.tables = {name: Table(schema, behaviour) for name, schema in standard_schemas().items()}
        self.events: list[dict[str, Any]] = []
        self.event_definitions: list[dict[str, Any]] = []

    @property
    def companies(self) -> Table:
        return self.tables["company"]

    @property
    def people(self) -> Table:
        return self.tables["person"]

    @property
    def links(self) -> Table:
        return self.tables["company_person"]

    def add_table(self, name: str) -> Table:
        """The table of an object, made when it is not there."""
        key = name.lower()
        if key not in self.tables:
            self.tables[key] = Table(custom_schema(name, len(self.tables)), self.behaviour)
        return self.tables[key]

    def table(self, name: str) -> Table:
        """The table of an object that a call names; raises RefusalError when there is none."""
        found = self.tables.get(name.lower())
        if found is not None:
            return found
        if name.endswith("__gc") and self.behaviour.word("cs_unknown_object") == "accept":
            return self.add_table(name)
        raise RefusalError("GSOBJ_1023", f"Invalid API path, object {name} does not exist.")

    def writable(self, name: str) -> Table:
        table = self.table(name)
        if table.schema.object_type == "SYSTEM" or not table.schema.transactional:
            raise RefusalError("GSOBJ_1002", f"Object {table.schema.name} is not writable through this API.")
        if table in (self.people, self.links):
            raise RefusalError("GSOBJ_1023", f"Invalid API path, {table.schema.name} has an API of its own.")
        return table

    def insert(self, name: str, records: Any, lookups: Any, now: float) -> list[Row]:
        """All records or none; what is returned is in the order of the call."""
        table = self.writable(name)
        cleans, errors = self._check_all(table, records, lookups, creating=True)
        if table is self.companies and self.behaviour.word("cs_company_name") == "unique":
            self._refuse_known_names(cleans, errors)
        if any(errors):
            raise refuse_records(errors)
        rows = [table.insert(clean, now) for clean in cleans]
        return [{"Gsid": row["Gsid"], **clean} for row, clean in zip(rows, cleans, strict=True)]

    def update(self, name: str, records: Any, keys: str, lookups: Any, now: float) -> list[Row]:
        """Records whose keys match are merged into what is stored; see the switches for the rest."""
        table = self.writable(name)
        names = self._read_keys(table, keys)
        cleans, errors = self._check_all(table, records, lookups, creating=False, keys=names)
        for clean, found in zip(cleans, errors, strict=True):
            found.extend(FieldError("null", key) for key in names if clean.get(key) is None and not found)
        if any(errors):
            raise refuse_records(errors)
        matches = self._match(table, names, cleans)
        done: list[Row] = []
        for clean, rows in zip(cleans, matches, strict=True):
            for row in rows:
                table.update(row, {field: value for field, value in clean.items() if field not in names}, now)
                done.append({**clean, "Gsid": row["Gsid"]})
        return done

    def read(self, name: str, body: Mapping[str, Any]) -> list[Row]:
        table = self.table(name)
        if table is self.tables["gsuser"] and self.behaviour.word("cs_user_read") == "refuse":
            raise RefusalError("GSOBJ_1023", f"Invalid API path, {table.schema.name} cannot be read.")

        def find_field(field: str) -> Field | None:
            return self._find_field(table, field)

        def read_field(row: Mapping[str, Any], field: str) -> Any:
            return self._read_field(table, row, field)

        rows = read_query(body, find_field, read_field).run(table.rows.values(), read_field)
        if self.behaviour.word("cs_date_read") == "text":
            return [self._with_text_dates(table, row) for row in rows]
        return rows

    def delete(self, name: str, gsid: str) -> None:
        table = self.writable(name)
        if table.rows.pop(gsid, None) is None:
            raise RefusalError("GSOBJ_1004", f"GSID is blank or invalid ({gsid}).")
        if table is self.companies:
            for link in self.links.find({"Company_ID": gsid}):
                del self.links.rows[link["Gsid"]]

    def publish(self, event: dict[str, Any]) -> None:
        """Take an event over; raises RefusalError when events are defined and this one is not."""
        if self.event_definitions:
            self._check_event(event)
        self.events.append({"id": len(self.events) + 1, **event})

    def _check_event(self, event: Mapping[str, Any]) -> None:
        for definition in self.event_definitions:
            named = ("eventName", "eventVersion", "topicName")
            if any(definition.get(name) not in (None, event.get(name)) for name in named):
                continue
            known = definition.get("properties")
            extra = set(event["properties"]) - set(known) if known is not None else set()
            if extra and self.behaviour.word("cs_event_properties") == "reject":
                raise RefusalError("GSOBJ_1002", f"Invalid event properties ({', '.join(sorted(extra))}).")
            return
        raise RefusalError(
            "GSOBJ_1002", f"Event {event['eventName']} {event['eventVersion']} is not defined for this topic."
        )

    def _check_all(
        self, table: Table, records: Any, lookups: Any, *, creating: bool, keys: Sequence[str] = ()
    ) -> tuple[list[Row], list[list[FieldError]]]:
        if not isinstance(records, list) or not records:
            raise RefusalError("GSOBJ_1002", "records must be a list with at least one record.")
        if len(records) > MAX_RECORDS:
            raise RefusalError(
                "GSOBJ_1008", f"At most {MAX_RECORDS} records are allowed, not {len(records)}."
            )
        wanted = read_lookups(lookups, self.table)
        cleans: list[Row] = []
        errors: list[list[FieldError]] = []
        for record in records:
            if not isinstance(record, dict) or not record:
                cleans.append({})
                errors.append([FieldError("empty_record", "record", record)])
                continue
            filled, found = apply_lookups(wanted, record, table, self.behaviour)
            clean, wrong = table.check(filled, creating=creating, keys=keys)
            cleans.append(clean)
            errors.append(found + wrong)
        return cleans, errors

    def _refuse_known_names(self, cleans: list[Row], errors: list[list[FieldError]]) -> None:
        taken = {row.get("Name") for row in self.companies.rows.values()}
        for clean, found in zip(cleans, errors, strict=True):
            if clean.get("Name") in taken:
                found.append(FieldError("not_unique", "Name", clean["Name"]))
            taken.add(clean.get("Name"))

    def _read_keys(self, table: Table, keys: str) -> list[str]:
        names = [name.strip() for name in keys.split(",") if name.strip()]
        if not 0 < len(names) <= MAX_KEYS:
            raise RefusalError("GSOBJ_1002", f"keys must name 1 to {MAX_KEYS} fields, not {len(names)}.")
        found = []
        for name in names:
            field = table.field(name)
            if field is None or field.type not in KEY_TYPES:
                raise RefusalError("GSOBJ_1002", f"Invalid key field ({name}).")
            found.append(field.name)
        return found

    def _match(self, table: Table, keys: Sequence[str], cleans: list[Row]) -> list[list[Row]]:
        """The stored rows that each record updates."""
        index = table.index(keys)
        matches = [index.get(tuple(clean[key] for key in keys), []) for clean in cleans]
        ambiguous = self.behaviour.word("cs_update_ambiguous")
        errors: list[list[FieldError]] = [[] for _ in cleans]
        for position, rows in enumerate(matches):
            if len(rows) > 1 and ambiguous == "error":
                errors[position].append(FieldError("not_unique", keys[0], cleans[position][keys[0]]))
        if any(errors):
            raise refuse_records(errors)
        unmatched = self.behaviour.word("cs_update_unmatched")
        if not all(matches) and (unmatched != "partial" or not any(matches)):
            self._refuse_unmatched(keys, cleans, matches, named=unmatched == "fail_named")
        return [rows[:1] if ambiguous == "first" else rows for rows in matches]

    def _refuse_unmatched(
        self, keys: Sequence[str], cleans: list[Row], matches: list[list[Row]], *, named: bool
    ) -> None:
        errors = [
            [] if rows else [FieldError("no_match", keys[0], clean[keys[0]])]
            for clean, rows in zip(cleans, matches, strict=True)
        ]
        if named:
            raise refuse_records(errors)
        raise RefusalError("GSOBJ_1011", "No entity matches the given criteria.", counted=True)

    def _find_field(self, table: Table, name: str) -> Field | None:
        """A field of the object, or of the object that one of its look-ups points at."""
        path, dot, last = name.partition(".")
        if not dot:
            return table.field(name)
        lookup = table.field(path.removesuffix("__gr"))
        target = self.tables.get((lookup.lookup or "").lower()) if lookup else None
        return target.field(last) if target and path.endswith("__gr") else None

    def _read_field(self, table: Table, row: Mapping[str, Any], name: str) -> Any:
        path, dot, last = name.partition(".")
        if not dot:
            field = table.field(name)
            return row.get(field.name) if field else None
        lookup = table.field(path.removesuffix("__gr"))
        if lookup is None or lookup.lookup is None:
            return None
        target = self.tables[lookup.lookup.lower()]
        return target.rows.get(row.get(lookup.name, ""), {}).get(last)

    def _with_text_dates(self, table: Table, row: Row) -> Row:
        shown = dict(row)
        for name, value in row.items():
            field = self._find_field(table, name)
            if field and field.type in ("DATE", "DATETIME") and isinstance(value, int):
                shown[name] = date_text(value, field.type == "DATETIME")
        return shown
