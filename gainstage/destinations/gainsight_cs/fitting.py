"""Values made to fit the tenant's fields, where these are known: before a call is spent on them. Pure.

A field that the tenant does not have, or that nobody may write, fails the event as Gainsight would, and
says which setting to correct. Nothing is dropped for it: once the mapping or the tenant is corrected, the
event can be retried.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gainstage.destinations.gainsight_cs.conversions import converter
from gainstage.destinations.gainsight_cs.rules import RuledFields
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.event import Event
from gainstage.mapping import Fault, Reading, UnfitError
from gainstage.mapping import Mapping as FieldTable
from gainstage.mapping import fault as fault_of
from gainstage.schema import Object, Schema

#: Objects by what operations call them, with the names that Gainsight describes them under.
OBJECTS = {"company": "Company", "person": "Person", "link": "company_person"}
#: Fields of the built-in tables that keep their spelling, since plans and look-ups ask for them by it.
SPELT_AS_THEY_ARE = frozenset({"Name", "Email", "Csm", "ParentCompany", "SfdcAccountId"})


class Fitting:
    """How values get into the fields of one object; without its schema everything goes as it comes."""

    def __init__(self, settings: CsSettings, schema: Schema | None, kind: str) -> None:
        self._settings = settings
        self._schema = schema
        self._object = schema.object(OBJECTS[kind]) if schema is not None else None
        #: Rules hold for fields of Person and Company.
        self._never = settings.never if kind != "link" else RuledFields()

    def read(self, table: FieldTable, event: Event, custom: Mapping[str, str], setting: str) -> Reading:
        """A field table's reading of an event, by the types of the tenant's fields."""
        found = self._object
        if found is None:
            return table.read(event, custom)
        reading = table.read(event, custom, self.form)
        mapped = set(custom.values())
        faults = [one for one in reading.faults if one.field not in self._never]
        faults += self.missing(reading.values, dict.fromkeys(mapped, setting))
        values = {self._spelt(found, name, mapped): value for name, value in reading.values.items()}
        return Reading(values, reading.unmapped, tuple(faults))

    def form(self, name: str) -> Callable[[Any], Any] | None:
        """The conversion for a field; None where its type is not known."""
        field = self._object.in_any_case(name) if self._object is not None else None
        return converter(field, self._settings) if field is not None and field.writable else None

    def fit(self, name: str, trait: str, value: Any, faults: list[Fault]) -> Any:
        """One value by the type of its field."""
        convert = self.form(name)
        if convert is None or value is None:
            return value
        try:
            return convert(value)
        except UnfitError as unfit:
            faults.append(fault_of(trait, value, name, str(unfit)))
            return value

    def missing(self, fields: Iterable[str], settings: Mapping[str, str]) -> list[Fault]:
        """Faults of the fields that cannot be written; `settings` says which setting maps a field, else it
        is one of the built-in table.
        """
        if self._object is None:
            return []
        return [
            Fault(name, f"{sentence} {self._remedy(name, settings.get(name, ''))}", "field_unknown")
            for name in fields
            if name not in self._never and (sentence := self._object.unwritable(name))
        ]

    def _remedy(self, name: str, setting: str) -> str:
        assert self._schema is not None
        learnt = self._schema.learnt
        if setting:
            return f"Correct the setting `{setting}`, then retry. {learnt}"
        return f"Leave it out with `field_rules` ({name}: never), then retry. {learnt}"

    def _spelt(self, found: Object, name: str, mapped: set[str]) -> str:
        """Fields of the built-in table in the tenant's own spelling (`ARR`), unless a setting names them:
        sources differ in case, and whether the API minds is not known.
        """
        settled = name in mapped or name in SPELT_AS_THEY_ARE
        field = None if settled or found.field(name) else found.in_any_case(name)
        return field.name if field is not None else name
