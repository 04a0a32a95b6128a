"""Calls of audiences and computed traits: one field of a Person or of a Company and no other. Pure."""

from typing import Any

import msgspec

from gainstage.computed import Computed
from gainstage.destination import Planned, refused
from gainstage.destinations.gainsight_cs.fitting import Fitting
from gainstage.destinations.gainsight_cs.mapping import (
    EXISTS,
    PERSON,
    allowed,
    find_email,
    missing,
    nameless,
    person_record,
    read_company,
)
from gainstage.destinations.gainsight_cs.matching import CLAIM
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.event import Event, Identity
from gainstage.mapping import Fault
from gainstage.operation import Upsert
from gainstage.outcome import Filtered, Parked
from gainstage.schema import Schema

#: A computation's key may be the name of a trait that the built-in table reads: that is not meant here.
ONLY_CUSTOM = PERSON.without(frozenset(row.name for row in PERSON.fields if row.at))


def plan_computed(
    settings: CsSettings, event: Event, computed: Computed, identity: Identity, schema: Schema | None = None
) -> Planned:
    """The field that `person_fields` or `company_fields` maps the computation's key to.

    The e-mail and the company's name that the call brings only say who is meant: what is known by now of the
    user goes before them, and neither is written.
    """
    if settings.access_key is None:
        return missing("access_key", event.kind)
    about_person = event.kind == "identify"
    setting = "person_fields" if about_person else "company_fields"
    mapped: dict[str, str] = getattr(settings, setting)
    target = mapped.get(computed.key)
    if target is None:
        return Planned(
            Filtered("computation_unmapped", f"Map {computed.key!r} in `{setting}` to a field of your own.")
        )
    if computed.value is None and settings.when_value_gone == "keep":
        return Planned(Filtered("value_kept", "`when_value_gone` is keep: the field keeps its last value."))
    given = {} if computed.value is None else {computed.key: computed.value}
    only = {computed.key: target}
    if about_person:
        alone = msgspec.structs.replace(event, traits=given)
        return _person(settings, alone, only, target, identity, schema)
    named = msgspec.structs.replace(event, traits={"name": event.traits.get("name"), **given})
    return _company(settings, named, computed.key, target, schema)


def _person(
    settings: CsSettings,
    event: Event,
    only: dict[str, str],
    target: str,
    identity: Identity,
    schema: Schema | None,
) -> Planned:
    fitting = Fitting(settings, schema, "person")
    reading = fitting.read(ONLY_CUSTOM, event, only, "person_fields")
    faults = [fault for fault in reading.faults if fault.field not in settings.never]
    values = reading.values if event.traits else cleared(fitting, target, "person_fields", faults)
    email = find_email(faults, identity.email, event.context_traits.get("email"))
    if faults:
        return refused(faults)
    if email is None:
        return Planned(Parked("email_missing", "No e-mail is known for this user."))
    written = allowed(settings, values)
    if not written:
        return Planned(Filtered("nothing_mapped", f"The rule of {target} in `field_rules` is never."))
    return Planned((Upsert(person_record(email), {"Email": email, **written}),))


def _company(settings: CsSettings, event: Event, key: str, target: str, schema: Schema | None) -> Planned:
    company = read_company(settings, event, schema)
    faults = list(company.faults)
    fitting = Fitting(settings, schema, "company")
    gone = {} if key in event.traits else cleared(fitting, target, "company_fields", faults)
    if company.upsert is None and not faults:
        return nameless(settings)
    if faults or company.upsert is None:
        return refused(faults)
    upsert = company.upsert
    written = {**upsert.fields, **allowed(settings, gone)}
    if target not in written:
        return Planned(Filtered("nothing_mapped", f"The rule of {target} in `field_rules` is never."))
    names = {EXISTS, CLAIM, target, *settings.company_kinds} | (set() if settings.several_keys else {"Name"})
    fields = {name: value for name, value in written.items() if name in names}
    return Planned((Upsert(upsert.record, fields, (), upsert.keys, upsert.kinds),))


def cleared(fitting: Fitting, target: str, setting: str, faults: list[Fault]) -> dict[str, Any]:
    """The field without a value. That null takes a value away follows from its being refused for fields
    that need one (GSOBJ_1007) [derived].
    """
    faults += fitting.missing([target], {target: setting})
    return {target: None}
