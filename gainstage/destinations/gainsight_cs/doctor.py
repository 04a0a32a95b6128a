"""The doctor: what of the settings does not go with the tenant's fields. Pure.

The same findings serve `check`, the management API and the pages.
"""

from collections.abc import Iterable, Iterator

from gainstage.destination import Finding
from gainstage.destinations.gainsight_cs.fitting import OBJECTS, SPELT_AS_THEY_ARE
from gainstage.destinations.gainsight_cs.mapping import COMPANY, PERSON
from gainstage.destinations.gainsight_cs.settings import GSID, NAME, CsSettings
from gainstage.mapping import Mapping
from gainstage.schema import Field, Object, Schema, Use, names, not_known

#: Tables of custom fields, and the objects that they go to.
CUSTOM = {"person_fields": "Person", "company_fields": "Company", "company_person_fields": OBJECTS["link"]}
IDS = frozenset({"LOOKUP", "GSID"})
#: Types that keys of an update may have [documented: String, GSID, Number, Email; Salesforce ids are texts].
KEY_TYPES = frozenset({"STRING", "GSID", "NUMBER", "EMAIL", "SFDCID"})


def uses(settings: CsSettings) -> tuple[Use, ...]:
    """Every field that events may write."""
    found = [
        Use(table.title, row.name, row.source_words or row.label)
        for table in (PERSON, COMPANY)
        for row in table.fields
        if row.name not in settings.never
    ]
    for setting, name in CUSTOM.items():
        for trait, field in getattr(settings, setting).items():
            if field not in settings.never or name == OBJECTS["link"]:
                found.append(Use(name, field, f"`{trait}`", setting))
    return tuple(found)


def examine(settings: CsSettings, schema: Schema) -> tuple[Finding, ...]:
    """All that can be told before an event comes."""
    found: list[Finding] = []
    for setting in CUSTOM:
        found += custom_fields(settings, schema, setting)
    found += keys(settings, schema)
    found += rules(settings, schema)
    for kind in ("Person", "Company"):
        found += built_in(settings, schema, kind)
    return tuple(found)


def custom_fields(settings: CsSettings, schema: Schema, setting: str) -> Iterator[Finding]:
    """What a table of custom fields says that is not so."""
    described = schema.object(CUSTOM[setting])
    table: dict[str, str] = getattr(settings, setting)
    if described is None:
        if table:
            yield Finding("warning", setting, not_known(CUSTOM[setting]))
        return
    for trait, name in table.items():
        if name in settings.never and setting != "company_person_fields":
            continue
        mapped = f"`{trait}` goes to {name}"
        if sentence := described.unwritable(name):
            yield Finding("error", setting, f"{mapped}. {sentence} Such events fail without a call.")
            continue
        field = described.in_any_case(name)
        assert field is not None
        if field.name != name:
            sentence = f"{mapped}, which the tenant spells {field.name}: write it so."
            yield Finding("warning", setting, sentence)
        yield from half_writable(setting, mapped, field)
        if field.type in IDS and not looked_up(settings, field):
            sentence = f"{mapped}, a {field.type}: it takes ids of Gainsight (GSIDs) and nothing else."
            yield Finding("warning", setting, sentence)


def keys(settings: CsSettings, schema: Schema) -> Iterator[Finding]:
    """Keys by which companies cannot be found; those that are not there are told with the mapping."""
    described = schema.object(OBJECTS["company"])
    for kind in settings.company_kinds if described is not None else ():
        field = described.in_any_case(kind) if kind not in (GSID, NAME) and described else None
        if field is not None and field.type not in KEY_TYPES:
            sentence = f"{kind} is a {field.type}: Gainsight takes texts, numbers, e-mails and ids as keys."
            yield Finding("warning", "company_match", sentence)


def half_writable(setting: str, mapped: str, field: Field) -> Iterator[Finding]:
    """Fields that only one kind of write may carry."""
    if field.createable and not field.updateable:
        yield Finding(
            "warning", setting, f"{mapped}, which is set for new records only: updates are refused."
        )
    elif field.updateable and not field.createable:
        yield Finding(
            "warning", setting, f"{mapped}, which cannot be set for new records: those are refused."
        )


def looked_up(settings: CsSettings, field: Field) -> bool:
    """Whether Gainsight finds the id itself."""
    return (field.name == "Csm" and settings.csm_lookup != "none") or (
        field.name == "ParentCompany" and settings.parent_lookup != "none"
    )


def rules(settings: CsSettings, schema: Schema) -> Iterator[Finding]:
    """Rules for fields that are not there protect nothing. A rule holds for Person and Company."""
    described = [one for kind in ("Person", "Company") if (one := schema.object(kind)) is not None]
    if len(described) < 2:
        return
    built_in_names = {row.name.lower() for table in (PERSON, COMPANY) for row in table.fields}
    for name, rule in settings.field_rules.items():
        if any(one.in_any_case(name) for one in described) or name.lower() in built_in_names:
            continue
        nearest = next((field for one in described if (field := one.nearest(name))), None)
        guess = f"; did you mean {nearest.name}?" if nearest is not None else "."
        sentence = (
            f"Neither Person nor Company has a field {name} at this tenant: `{rule}` holds for nothing{guess}"
        )
        yield Finding("warning" if rule == "always" else "error", "field_rules", sentence)


def built_in(settings: CsSettings, schema: Schema, kind: str) -> Iterable[Finding]:
    """Fields of the built-in table that the tenant does not have, or does not let anybody write."""
    described = schema.object(kind)
    if described is None:
        return (Finding("warning", "", not_known(kind)),)
    lacking = list(lacking_fields(settings, described, PERSON if kind == "Person" else COMPANY))
    if not lacking:
        return ()
    sentence = (
        f"{described.title} has no such field, or nobody may write it: {names(lacking)}. Events with "
        "traits for them fail; `field_rules` with `never` leaves a field out."
    )
    return (Finding("warning", "field_rules", sentence),)


def lacking_fields(settings: CsSettings, described: Object, table: Mapping) -> Iterator[str]:
    """Names of the table's fields that cannot be written; what the plan fills itself is left out."""
    mapped = {*settings.person_fields.values(), *settings.company_fields.values()}
    for row in table.fields:
        own = (row.at or row.name in SPELT_AS_THEY_ARE) and row.name not in mapped
        if own and row.name not in settings.never and described.unwritable(row.name):
            yield row.name
