"""Field tables of Person and Company, and the plan that follows from them. Pure.

Field names: those that Segment-spec traits have been delivered to in production [seen in clients]; spelled as
they are there (`CustomerlifetimeInMonths`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from gainstage.destination import Planned, refused
from gainstage.destinations.gainsight_cs.fitting import Fitting
from gainstage.destinations.gainsight_cs.lookups import read_references
from gainstage.destinations.gainsight_cs.matching import CLAIM, value_of
from gainstage.destinations.gainsight_cs.settings import GSID, NAME, CsSettings
from gainstage.event import Event, Identity
from gainstage.mapping import (
    Derived,
    Fault,
    Field,
    Mapping,
    UnfitError,
    boolean,
    find,
    number,
    plain,
    text,
)
from gainstage.operation import Append, Record, Upsert
from gainstage.outcome import Filtered, Parked, Rejected
from gainstage.schema import Schema
from gainstage.setting import printable

#: Says of a company that it is there, where its name is a field like any other, and under which name it was
#: met; never sent.
EXISTS = "[exists]"
#: Traits that a group's GSID may have.
GSID_TRAITS = ("gsid", "Gsid", "GSID")
#: What stands for the group's own id in `company_fields`, where no trait has that name.
GROUP_ID = "groupId"
CONTRACT_TYPE = "gainsightEventContractId"
FIRST_NAME = ("traits.firstName", "traits.first_name", "traits.firstname")
MIDDLE_NAME = ("traits.middleName", "traits.middle_name", "traits.middlename")
LAST_NAME = ("traits.lastName", "traits.last_name", "traits.lastname")
NAME_TRAITS = tuple(
    tuple(path.removeprefix("traits.") for path in spellings)
    for spellings in (FIRST_NAME, MIDDLE_NAME, LAST_NAME)
)


def joined_name(event: Event) -> str | None:
    """First, middle and last name, as far as they are given."""
    words = []
    for spellings in NAME_TRAITS:
        for trait in spellings:
            value = event.traits.get(trait)
            if isinstance(value, str) and value.strip():
                words.append(value.strip())
                break
    return " ".join(words) or None


PERSON = Mapping(
    on="identify",
    into="person",
    title="Person",
    custom="person_fields",
    also_reads=frozenset({"email"}),
    fields=(
        Field("Email", required=True, label="`email`, else the user's known e-mail; in small letters"),
        Field(
            "Name",
            (
                "traits.name",
                Derived(
                    (*FIRST_NAME, *MIDDLE_NAME, *LAST_NAME), joined_name, "first, middle and last name joined"
                ),
            ),
            text,
        ),
        Field("FirstName", FIRST_NAME, text),
        Field("MiddleName", MIDDLE_NAME, text),
        Field("LastName", LAST_NAME, text),
        Field("LinkedinUrl", "traits.linkedinUrl", text),
        Field("Location", "traits.location", text),
        Field("ExternalRecordID__gc", "traits.externalRecordId", text),
        Field("EmailOptOut", "traits.emailOptOut", boolean),
        Field("DynamicResolutionKey", "traits.dynamicResolutionKey", text),
        Field("Comments", "traits.comments", text),
        Field("Timezone", "traits.timezone", text),
        Field("MasterRecordID", ("traits.masterRecordId", "traits.masterRecordID"), text),
        Field("MasterAvatarTypeCode", "traits.masterAvatarTypeCode", number),
    ),
)

COMPANY = Mapping(
    on="group",
    into="company",
    title="Company",
    custom="company_fields",
    also_reads=frozenset({"name"}),
    fields=(
        Field("Name", required=True, label="`name`, trimmed"),
        Field("Employees", "traits.employees", number),
        Field("Arr", "traits.arr"),
        Field("BillingAddress", "traits.billingAddress", text),
        Field("Summary", "traits.summary", text),
        Field("CompanyType", "traits.companyType"),
        Field("Csm", "traits.csm", label="under `csm_lookup: email` the user who has this e-mail"),
        Field("CustomerlifetimeInMonths", "traits.customerLifetimeInMonths", number),
        Field("Industry", "traits.industry"),
        Field("LifecycleInWeeks", "traits.lifecycleInWeeks", number),
        Field("ManagedAs", "traits.managedAs"),
        Field("Mrr", "traits.mrr"),
        Field("OriginalContractDate", "traits.originalContractDate"),
        Field(
            "ParentCompany",
            "traits.parentCompany",
            label="under `parent_lookup: name` the company of this name",
        ),
        Field("RenewalDate", "traits.renewalDate"),
        Field("Stage", "traits.stage"),
        Field("Status", "traits.status"),
        Field("Tags", "traits.tags"),
        Field("TickerSymbol", "traits.tickerSymbol", text),
        Field("Users", "traits.users", number),
        Field("SfdcAccountId", "traits.sfdcAccountId", text),
        Field("IndustryNew", "traits.industryNew"),
    ),
)

#: Forms of Company Person fields that are known; others go as they are.
LINK_FORMS: dict[str, Callable[[Any], Any]] = {
    "Role": text,
    "Title": text,
    "IsPrimaryCompany": boolean,
    "Active": boolean,
}

LINK = Mapping(
    on="group",
    into="person",
    title="Company Person (the person's link to the company)",
    custom="company_person_fields",
    fields=(
        Field("Email", required=True, label="`context.traits.email`, else the user's known e-mail"),
        Field(
            "companies", required=True, label="the company, once Gainsight has told its GSID: `Company_ID`"
        ),
    ),
)

EVENT = Mapping(
    on="track",
    into="event",
    title="Event (Events Framework)",
    fields=(
        Field("header eventName", required=True, label="`name` of the track's entry in `events`"),
        Field("header eventVersion", required=True, label="`version` of the track's entry in `events`"),
        Field("header topicName", required=True, label="`topic` of the entry, else the setting `topic_name`"),
        Field(
            "header contractId",
            label=f"the external id of type {CONTRACT_TYPE}, else the setting `contract_id`",
        ),
        Field("body", label="`properties`, as they are"),
    ),
)


class CompanyPart(NamedTuple):
    """What a group call asks of its company; no upsert where it names none."""

    upsert: Upsert | None
    faults: tuple[Fault, ...]
    unmapped: tuple[str, ...]


def plan(settings: CsSettings, event: Event, identity: Identity, schema: Schema | None = None) -> Planned:
    """identify: a Person. group: a Company, and the Person's link to it. track: an event."""
    match event.kind:
        case "identify":
            return plan_identify(settings, event, identity, schema)
        case "group":
            return plan_group(settings, event, identity, schema)
        case "track":
            return plan_track(settings, event)
    return Planned(Filtered("type_unsupported", f"Gainsight CS takes no {event.kind} calls."))


def plan_identify(
    settings: CsSettings, event: Event, identity: Identity, schema: Schema | None = None
) -> Planned:
    """A Person, keyed by e-mail."""
    if settings.access_key is None:
        return missing("access_key", "identify")
    person = Fitting(settings, schema, "person")
    reading = person.read(PERSON, event, settings.person_fields, "person_fields")
    faults = [fault for fault in reading.faults if fault.field not in settings.never]
    own = reading.values.pop("Email", None) or event.traits.get("email")
    email = find_email(faults, own, event.context_traits.get("email"), identity.email)
    email = person.fit("Email", "email", email, faults)
    if faults:
        return refused(faults)
    if email is None:
        return Planned(
            Parked("email_missing", "The identify call has no e-mail and none is known for this user.")
        )
    fields = {"Email": email, **allowed(settings, reading.values)}
    return Planned((Upsert(person_record(email), fields),), reading.unmapped)


def plan_group(
    settings: CsSettings, event: Event, identity: Identity, schema: Schema | None = None
) -> Planned:
    """A Company, then the Person with the link. Nothing of it is planned while the e-mail is missing."""
    if settings.access_key is None:
        return missing("access_key", "group")
    company, person = read_company(settings, event, schema), Fitting(settings, schema, "person")
    faults = list(company.faults)
    email = find_email(faults, event.context_traits.get("email"), identity.email)
    details, unfit_details = link_fields(settings, event, Fitting(settings, schema, "link"))
    faults += unfit_details
    email = person.fit("Email", "email", email, faults)
    if company.upsert is None and not any(fault.field in settings.company_kinds for fault in faults):
        return nameless(settings)
    if faults or company.upsert is None:
        return refused(faults)
    if email is None:
        return Planned(
            Parked("email_missing", "The group call has no e-mail and none is known for this user.")
        )
    upsert, record = company.upsert, company.upsert.record
    # Each field of the link is one of its own: the newest value wins per field, not per link.
    place = f"companies[{record.key}]"
    link = {"Email": email, place: {}, **{f"{place}.{field}": value for field, value in details.items()}}
    read_by_link = {path for trait in settings.company_person_fields for path in (trait, trait.split(".")[0])}
    read_by_link |= {*GSID_TRAITS} if GSID in settings.company_kinds else set()
    unmapped = tuple(trait for trait in company.unmapped if trait not in read_by_link)
    return Planned((upsert, Upsert(person_record(email), link, (record,))), unmapped)


def read_company(settings: CsSettings, event: Event, schema: Schema | None = None) -> CompanyPart:
    """What a group call says of its company."""
    fitting = Fitting(settings, schema, "company")
    reading = fitting.read(COMPANY, event, settings.company_fields, "company_fields")
    faults = [fault for fault in reading.faults if fault.field not in settings.never]
    name = value_of(NAME, reading.values.pop("Name", None) or event.traits.get("name"))
    group_id_field = settings.company_fields.get(GROUP_ID, "")
    if group_id_field and event.group_id and group_id_field not in reading.values:
        group_id = fitting.fit(group_id_field, GROUP_ID, event.group_id, faults)
        reading.values[group_id_field] = group_id
        faults += fitting.missing([group_id_field], {group_id_field: "company_fields"})
    keys = company_keys(settings, event, {**reading.values, "Name": name})
    values, unfit = read_references(settings, allowed(settings, reading.values), name)
    faults += unfit
    name = fitting.fit("Name", "name", name, faults)
    if not keys:
        return CompanyPart(None, tuple(faults), reading.unmapped)
    company = Record("company", keys[0])
    if not settings.several_keys:
        return CompanyPart(Upsert(company, {"Name": name, **values}), tuple(faults), reading.unmapped)
    own = {"Name": name} if name and keys[0] != f"{NAME}:{name}" else {}  # a key alone renames nothing
    gsid = next((key.partition(":")[2] for key in keys if key.startswith(f"{GSID}:")), "")
    claim = {CLAIM: gsid} if gsid else {}
    fields = {EXISTS: name or True, **claim, **own, **values}
    upsert = Upsert(company, fields, (), keys, settings.company_kinds)
    return CompanyPart(upsert, tuple(faults), reading.unmapped)


def plan_track(settings: CsSettings, event: Event) -> Planned:
    """An event for the Events Framework: its name, version and topic travel as headers."""
    entry = settings.events.get(event.name)
    topic = (entry.topic if entry else "") or settings.topic_name
    if settings.shared_secret is None:
        return missing("shared_secret", "track")
    if not settings.tenant_id:
        return missing("tenant_id", "track")
    if entry is None:
        return unmapped_event(f"`events` has no entry for the track {event.name!r}.")
    if not entry.name or not entry.version:
        part = "version" if entry.name else "name"
        return unmapped_event(f"The entry of the track {event.name!r} in `events` has no {part}.")
    if not topic:
        return missing("topic_name", "track")
    headers = {"eventName": entry.name, "eventVersion": entry.version, "topicName": topic}
    contract = contract_id(event) or settings.contract_id
    if contract:
        headers["contractId"] = contract
    for header, value in headers.items():
        if not printable(value):
            sentence = f"{value[:80]!r} cannot travel as the header {header}: use printable ASCII."
            return Planned(Rejected("header_unsafe", sentence))
    content = {"headers": headers, "properties": event.properties}
    return Planned((Append(Record("event", event.person_id), content),))


def find_email(faults: list[Fault], *candidates: Any) -> str | None:
    """The first e-mail that is there, in small letters: e-mails are one person in any letter case."""
    for candidate in candidates:
        if candidate is None or (isinstance(candidate, str) and not candidate.strip()):
            continue
        if not isinstance(candidate, str):
            shown = f"The trait `email` is {candidate!r:.80}; the field Email needs a text."
            faults.append(Fault("Email", shown))
            return None
        return candidate.strip().lower()
    return None


def company_keys(settings: CsSettings, event: Event, values: dict[str, Any]) -> tuple[str, ...]:
    """The keys by which a group names its company, the strongest first."""
    given = {
        NAME: values["Name"],
        GSID: next(filter(None, map(event.traits.get, GSID_TRAITS)), None),
        **values,
    }
    found = ((kind, value_of(kind, given.get(kind))) for kind in settings.company_kinds)
    return tuple(f"{kind}:{value}" for kind, value in found if value)


def nameless(settings: CsSettings) -> Planned:
    """A group without any key of a company."""
    if not settings.several_keys:
        sentence = "The group call has no `traits.name`, and a company needs one."
        return Planned(Rejected("name_missing", sentence))
    keys = ", ".join(settings.company_match)
    return Planned(
        Rejected("key_missing", f"The group call has none of the keys in `company_match`: {keys}.")
    )


def link_fields(settings: CsSettings, event: Event, fitting: Fitting) -> tuple[dict[str, Any], list[Fault]]:
    """Fields of the link, from the group's traits, else the user's; and the values that do not fit."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for trait, name in settings.company_person_fields.items():
        value = find(event.traits, trait)
        if value is None:
            value = find(event.context_traits, trait)
        if value is None or name in values:
            continue
        try:
            converted = (fitting.form(name) or LINK_FORMS.get(name, plain))(value)
        except UnfitError as unfit:
            faults.append(
                Fault(name, f"The trait `{trait}` is {value!r:.80}; the field {name} needs {unfit}.")
            )
            continue
        if converted is not None:
            values[name] = converted
    faults += fitting.missing(values, dict.fromkeys(values, "company_person_fields"))
    return values, faults


def allowed(settings: CsSettings, values: dict[str, Any]) -> dict[str, Any]:
    """Without the fields whose rule is `never`."""
    if not settings.never:
        return values
    return {name: value for name, value in values.items() if name not in settings.never}


def contract_id(event: Event) -> str:
    """The contract id among the event's external ids: RudderStack's `externalId`, Segment's `externalIds`."""
    for path in ("externalId", "externalIds"):
        entries = event.context.get(path)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("type") == CONTRACT_TYPE:
                value = entry.get("id")
                if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                    return str(value).strip()
    return ""


def person_record(email: str) -> Record:
    """People are known by e-mail."""
    return Record("person", f"email:{email}")


def missing(setting: str, kind: str) -> Planned:
    """The event waits until the setting is there."""
    return Planned(
        Parked("setting_missing", f"The setting `{setting}` is needed for {kind} calls and is not set.")
    )


def unmapped_event(sentence: str) -> Planned:
    """A track call that `events` does not know."""
    return Planned(Rejected("event_unmapped", sentence))
