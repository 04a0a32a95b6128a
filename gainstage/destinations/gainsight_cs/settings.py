"""Settings of the Gainsight CS destination."""

import re
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from gainstage.destination import Budget, Finding
from gainstage.destinations.gainsight_cs.rules import FieldRules, RuledFields
from gainstage.setting import (
    HOST,
    ApiUrl,
    Duration,
    Secret,
    Settings,
    Text,
    is_address,
    offers,
    parse,
    printable,
)

HOME = "gainsightcloud.com"
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PEOPLE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")

#: Fields that identify records or that Gainsight fills itself [describe marks them read-only].
SYSTEM_FIELDS = {"Gsid", "GSID", "CreatedDate", "ModifiedDate", "CreatedBy", "ModifiedBy"}
LINK_FIELDS = {"Company_ID", "Person_ID"}

#: Kinds of keys that `company_match` knows beside the fields of `company_fields`.
GSID, SFDC, NAME = "gsid", "SfdcAccountId", "name"
SFDC_TRAIT = "sfdcAccountId"
#: The budget family of asynchronous calls.
BULK_FAMILY = "cs_async"


def host_of(domain: str) -> str:
    """The host that a domain setting means; ValueError with a sentence where it means none."""
    given = domain.strip()
    parts = parse(given if "//" in given else f"//{given}")
    host = (parts.hostname or "").rstrip(".")
    if "." not in host and host:
        host = f"{host}.{HOME}"
    if parts.username is not None or is_address(host) or not HOST.fullmatch(host):
        raise ValueError(f"write the domain as acme.{HOME}, or acme for short")
    return host if parts.port is None else f"{host}:{parts.port}"


def check_domain(domain: str) -> str:
    """Keeps what was given, so that a warning can show it."""
    host_of(domain)
    return domain


def check_fields(table: dict[str, str]) -> dict[str, str]:
    """Field names as Gainsight's API has them."""
    for trait, name in table.items():
        if not trait or not FIELD_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no Gainsight field name (letters, digits and _, such as Plan_Tier__gc)"
            )
        if name in SYSTEM_FIELDS or name in LINK_FIELDS:
            raise ValueError(f"Gainsight fills {name} itself")
    return table


FieldNames = Annotated[dict[str, str], AfterValidator(check_fields)]


class EventName(Settings):
    """How a track call is called in the Events Framework."""

    name: Text = Field(
        default="",
        title="Event name",
        description="As registered under Administration, Events.",
        examples=["ticket_closure"],
    )
    version: Text = Field(
        default="",
        title="Event version",
        description="As registered, such as v01 or 1.0.0.",
        examples=["v01"],
    )
    topic: Text = Field(
        default="",
        title="Topic",
        description="Instead of `topic_name`.",
        examples=["support"],
    )


class CsBudget(Settings):
    """How many calls we may make."""

    per_minute: int = Field(
        default=100, ge=1, title="Calls a minute", description="Gainsight recommends 100."
    )
    per_day: int = Field(
        default=50_000, ge=1, title="Calls a day", description="Gainsight recommends 50,000."
    )
    bulk_per_hour: int = Field(
        default=10,
        ge=1,
        title="Bulk calls an hour",
        description="For `people_bulk`. Gainsight recommends 10 for asynchronous calls.",
    )
    bulk_per_day: int = Field(
        default=100,
        ge=1,
        title="Bulk calls a day",
        description="For `people_bulk`. Gainsight recommends 100 for asynchronous calls.",
    )
    reserve_percent: int = Field(
        default=20,
        ge=0,
        le=99,
        title="Reserve",
        description="Percent of each left for the tenant's own rules and connectors.",
    )


class CsSettings(Settings):
    """What an admin sets."""

    domain: Annotated[Text, AfterValidator(check_domain)] = Field(
        title="Domain",
        description=f"The tenant's address, such as acme.{HOME}; acme alone means the same.",
        examples=["acme.gainsightcloud.com"],
    )
    access_key: Secret | None = Field(
        default=None,
        title="Access key",
        description="Needed for identify and group calls. Gainsight shows it under Administration, "
        "Connectors 2.0, Connectors, Gainsight API.",
        examples=["${GAINSIGHT_ACCESS_KEY}"],
    )
    person_fields: FieldNames = Field(
        default_factory=dict,
        title="Person fields",
        description="Trait: Person field, for traits beyond the default ones. Custom fields end in __gc.",
        examples=[{"title": "Job_Title__gc"}],
        json_schema_extra=offers(names="identify", field_of="Person"),
    )
    company_fields: FieldNames = Field(
        default_factory=dict,
        title="Company fields",
        description="Group trait: Company field, for traits beyond the default ones. Custom fields end in "
        "__gc.",
        examples=[{"plan": "Plan__gc", "groupId": "External_Id__gc"}],
        json_schema_extra=offers(names="group", field_of="Company"),
    )
    company_person_fields: FieldNames = Field(
        default_factory=dict,
        title="Company Person fields",
        description="Trait of the group, else of the user: field of the link between person and company, "
        "such as Role, Title or IsPrimaryCompany (true or false).",
        examples=[{"role": "Role"}],
        json_schema_extra=offers(names="group", field_of="company_person"),
    )
    shared_secret: Secret | None = Field(
        default=None,
        title="Shared secret",
        description="Needed for track calls. Gainsight shows it under Administration, Events, Register as "
        "Publisher.",
        examples=["${GAINSIGHT_SHARED_SECRET}"],
    )
    tenant_id: Text = Field(
        default="",
        title="Tenant id",
        description="Needed for track calls. Gainsight shows it under Administration, Application Settings.",
        examples=["e2f0a1b7-1c1e-4b0e-9a55-0d3a2f9b6c11"],
    )
    topic_name: Text = Field(
        default="",
        title="Topic name",
        description="Needed for track calls whose entry in `events` names no topic. Gainsight shows it "
        "under Administration, Events.",
        examples=["product_usage"],
    )
    contract_id: Text = Field(
        default="",
        title="Contract id",
        description="Only subscribers of this contract get the events. An external id of type "
        "gainsightEventContractId in the event wins.",
        examples=["usage-contract"],
    )
    events: dict[str, EventName] = Field(
        default_factory=dict,
        title="Events",
        description="Track name: name, version and, if not `topic_name`, topic of the event at Gainsight. "
        "A track call without name or version here fails.",
        examples=[{"Ticket Closure": {"name": "ticket_closure", "version": "v01"}}],
        json_schema_extra=offers(names="track"),
    )
    company_match: list[str] = Field(
        default_factory=lambda: [NAME],
        min_length=1,
        title="Match companies by",
        description="Keys by which a group's company is found, the strongest first: gsid (the trait of this "
        "name), sfdcAccountId, name, or a field that `company_fields` fills, such as an external id. A "
        "company met under several of them is one.",
        examples=[["sfdcAccountId", "External_Id__gc", "name"]],
    )
    company_on_ambiguous: Literal["quarantine", "first", "error"] = Field(
        default="quarantine",
        title="When several companies match",
        description="quarantine keeps the event parked with the candidates shown, first takes the first "
        "one that Gainsight lists, error fails the event.",
    )
    create_companies: bool = Field(
        default=True,
        title="Create companies",
        description="Whether groups may create companies that do not exist.",
    )
    csm_lookup: Literal["none", "email"] = Field(
        default="none",
        title="Look the CSM up",
        description="email: an e-mail in the field Csm becomes the Gainsight user who has it, found within "
        "the write; a GSID goes as it is. none: whatever is given goes as it is.",
    )
    parent_lookup: Literal["none", "name"] = Field(
        default="none",
        title="Look the parent company up",
        description="name: a name in the field ParentCompany becomes the company of this name, found within "
        "the write and never created; a GSID goes as it is. none: whatever is given goes as it is.",
    )
    field_rules: FieldRules = Field(
        default_factory=dict,
        title="Field rules",
        description="Gainsight field: always, if_empty (only where Gainsight has no value; costs a "
        "reading call) or never. For Person and Company, in any letter case; always where a field is not "
        "named.",
        examples=[{"Arr": "never", "RenewalDate": "never", "Csm": "never"}],
    )
    picklist_values: Literal["label", "gsid"] = Field(
        default="label",
        title="Picklist values",
        description="How an item of a picklist is written where the tenant's fields are known: by its label "
        "or by its GSID. Events may name it by label, system name or GSID.",
    )
    date_values: Literal["text", "epoch_ms"] = Field(
        default="text",
        title="Date values",
        description="How a day is written where the tenant's fields are known: text (2026-01-31) or epoch_ms "
        "(milliseconds of its midnight in UTC). Times always go as epoch milliseconds.",
    )
    people_path: str = Field(
        default="/v1.0/api/people",
        title="People path",
        description="Path of the Person API; the other one in use is /v1/peoplemgmt/v1.0/people.",
    )
    people_bulk: Literal["off", "auto"] = Field(
        default="off",
        title="People in bulk",
        description="auto: while so many people wait that single calls would take longer than half an "
        "hour, up to 50 of the last ones go in one asynchronous call, which may take that long. off: every "
        "person goes by a single call.",
    )
    park_for: Duration = Field(
        default=604_800,
        title="Park for",
        description="How long an event waits for an e-mail before it fails (7d, 12h, 30m or seconds).",
    )
    on_unknown: Literal["resend", "hold"] = Field(
        default="resend",
        title="When an event's answer is lost",
        description="resend may start rules at Gainsight twice; hold parks the event for a person to decide.",
    )
    resend_unchanged_after: Duration = Field(
        default=604_800,
        title="Send unchanged values again after",
        description="A value that Gainsight confirmed is not sent again until this time is over (7d, 12h, "
        "30m or seconds).",
    )
    when_value_gone: Literal["clear", "keep"] = Field(
        default="clear",
        title="When a computed trait has no value any more",
        description="clear writes null into its field; keep leaves the last value there.",
    )
    budget: CsBudget = Field(
        default_factory=CsBudget, title="Budget", description="Calls that may be made to this tenant."
    )
    api_url: ApiUrl | None = Field(
        default=None,
        title="API address",
        description="Replaces the tenant's address, for the sandbox, a proxy or a test: scheme, host and "
        "port. Plain http only to this machine.",
        examples=["http://127.0.0.1:8090"],
    )

    @field_validator("company_match")
    @classmethod
    def check_company_match(cls, keys: list[str], info: ValidationInfo) -> list[str]:
        """Only keys that events can bring, each once."""
        if "company_fields" in info.data:
            known = dict.fromkeys((GSID, SFDC_TRAIT, NAME, *info.data["company_fields"].values()))
            for key in keys:
                if key not in known:
                    raise ValueError(
                        f"{key!r} is none of {', '.join(known)}: map a trait to it in company_fields"
                    )
        if len({SFDC if key == SFDC_TRAIT else key for key in keys}) < len(keys):
            raise ValueError("name each key once")
        return keys

    @field_validator("people_path")
    @classmethod
    def check_people_path(cls, path: str) -> str:
        """A path and nothing else."""
        if not PEOPLE_PATH.fullmatch(path):
            raise ValueError("write a path such as /v1.0/api/people")
        return path

    @field_validator("tenant_id")
    @classmethod
    def check_tenant_id(cls, value: str) -> str:
        """It travels as a header."""
        if value and not printable(value):
            raise ValueError("it travels as a header: printable ASCII only")
        return value

    @cached_property
    def host(self) -> str:
        """The host that `domain` means."""
        return host_of(self.domain)

    @cached_property
    def address(self) -> str:
        """Where calls go."""
        return self.api_url or f"https://{self.host}"

    @cached_property
    def company_kinds(self) -> tuple[str, ...]:
        """`company_match` as kinds of keys, the strongest first."""
        return tuple(SFDC if key == SFDC_TRAIT else key for key in self.company_match)

    @cached_property
    def several_keys(self) -> bool:
        """Whether companies are known by more than their names."""
        return self.company_kinds != (NAME,)

    @cached_property
    def if_empty(self) -> RuledFields:
        """Fields that are written only where Gainsight has no value."""
        return RuledFields(name for name, rule in self.field_rules.items() if rule == "if_empty")

    @cached_property
    def never(self) -> RuledFields:
        """Fields that are never written."""
        return RuledFields(name for name, rule in self.field_rules.items() if rule == "never")


def tenant(settings: CsSettings) -> str:
    """Whose records these are: the domain (one access key an organisation [documented])."""
    return f"{settings.host} at {settings.api_url}" if settings.api_url else settings.host


def budgets(settings: CsSettings) -> tuple[Budget, ...]:
    """100 calls a minute and 50,000 a day over all synchronous APIs, 10 an hour and 100 a day of the
    asynchronous ones [documented on every API page].
    """
    account, limits = tenant(settings), settings.budget
    single = (
        Budget(account, "cs", "minute", 60, limits.per_minute, limits.reserve_percent),
        Budget(account, "cs", "day", 86_400, limits.per_day, limits.reserve_percent),
    )
    if settings.people_bulk == "off":
        return single
    return (
        *single,
        Budget(account, BULK_FAMILY, "hour", 3_600, limits.bulk_per_hour, limits.reserve_percent),
        Budget(account, BULK_FAMILY, "day", 86_400, limits.bulk_per_day, limits.reserve_percent),
    )


def warnings(settings: CsSettings) -> tuple[Finding, ...]:
    """What is odd without being wrong."""
    found = []
    if settings.domain.lower().rstrip(".") not in (settings.host, settings.host.removesuffix(f".{HOME}")):
        sentence = f"{settings.domain!r} was reduced to its host {settings.host}."
        found.append(Finding("warning", "domain", sentence))
    for track, event in settings.events.items():
        for part in ("name", "version", "topic"):
            value = getattr(event, part)
            if value and not printable(value):
                sentence = f"The {part} for {track!r} cannot travel as a header: use printable ASCII."
                found.append(Finding("warning", "events", sentence))
    for name in ("topic_name", "contract_id"):
        value = getattr(settings, name)
        if value and not printable(value):
            found.append(Finding("warning", name, "It cannot travel as a header: use printable ASCII."))
    return tuple(found)
