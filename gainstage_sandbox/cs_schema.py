"""The objects and fields of a CS tenant: what is standard, and what a seed adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any

from gainstage_sandbox.behaviour import RefusedError

DATA_TYPES = [
    "STRING",
    "EMAIL",
    "URL",
    "NUMBER",
    "PERCENTAGE",
    "CURRENCY",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "GSID",
    "LOOKUP",
    "PICKLIST",
    "MULTISELECTDROPDOWNLIST",
    "RICHTEXTAREA",
    "SFDCID",
    "ANY",
]
KEY_TYPES = frozenset({"STRING", "GSID", "NUMBER", "EMAIL", "SFDCID", "ANY"})
LENGTHS = {"STRING": 255, "EMAIL": 255, "URL": 500, "RICHTEXTAREA": 131_072}


def make_gsid(prefix: str, number: int) -> str:
    """36 characters; the same number gives the same id, so that runs can be compared."""
    return prefix + blake2s(f"{prefix}{number}".encode(), digest_size=16).hexdigest().upper()


@dataclass(frozen=True, slots=True)
class Option:
    gsid: str
    label: str
    active: bool = True


@dataclass(slots=True)
class Field:
    name: str
    type: str = "STRING"
    label: str = ""
    length: int | None = None
    required: bool = False
    read_only: bool = False
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    options: tuple[Option, ...] = ()
    category: str | None = None
    lookup: str | None = None


@dataclass(slots=True)
class Schema:
    name: str
    label: str
    object_type: str
    key_prefix: str
    fields: dict[str, Field]
    open: bool = True
    """Whether any field ending in __gc is accepted: true until a schema is seeded."""
    transactional: bool = True
    lower: dict[str, Field] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lower = {name.lower(): item for name, item in self.fields.items()}

    def field(self, name: str, exact: bool = True) -> Field | None:
        found = self.fields.get(name) if exact else self.lower.get(name.lower())
        if found is None and self.open and name.lower().endswith("__gc"):
            return Field(name, "ANY", name)
        return found

    def add(self, fields: Iterable[Field]) -> None:
        """Take seeded fields over; from then on no others are accepted."""
        for item in fields:
            self.fields[item.name] = item
            self.lower[item.name.lower()] = item
        self.open = False


SYSTEM_FIELDS = "Gsid:GSID! CreatedDate:DATETIME! ModifiedDate:DATETIME! CreatedBy:LOOKUP! ModifiedBy:LOOKUP!"
COMPANY_FIELDS = f"""
    Name:STRING* Employees:NUMBER Arr:CURRENCY Mrr:CURRENCY BillingAddress:STRING Summary:RICHTEXTAREA
    CompanyType:PICKLIST Csm:LOOKUP>gsuser CustomerlifetimeInMonths:NUMBER Industry:PICKLIST
    IndustryNew:STRING LifecycleInWeeks:NUMBER ManagedAs:STRING OriginalContractDate:DATE RenewalDate:DATE
    ParentCompany:LOOKUP>Company Stage:PICKLIST Status:PICKLIST Tags:STRING TickerSymbol:STRING Users:NUMBER
    SfdcAccountId:SFDCID Csat:NUMBER! CurrentScore:NUMBER! Nps:NUMBER! ScorecardId:GSID! Trend:NUMBER!
    {SYSTEM_FIELDS}"""
PERSON_FIELDS = f"""
    Email:EMAIL* Name:STRING Prefix:STRING FirstName:STRING MiddleName:STRING LastName:STRING LinkedinUrl:URL
    Location:STRING Timezone:STRING EmailOptOut:BOOLEAN Comments:RICHTEXTAREA ExternalRecordID__gc:STRING
    DynamicResolutionKey:STRING MasterRecordID:STRING MasterAvatarTypeCode:NUMBER {SYSTEM_FIELDS}"""
LINK_FIELDS = f"""
    Person_ID:LOOKUP>Person Company_ID:LOOKUP>Company* Role:STRING Title:STRING IsPrimaryCompany:BOOLEAN
    Manager:LOOKUP>Person Active:BOOLEAN {SYSTEM_FIELDS}"""
USER_FIELDS = f"""
    Name:STRING! FirstName:STRING! LastName:STRING! Email:EMAIL! Username:STRING! IsActiveUser:BOOLEAN!
    {SYSTEM_FIELDS}"""


def standard_schemas() -> dict[str, Schema]:
    """By lower-case name."""
    made = (
        Schema("Company", "Company", "STANDARD", "1P02", _fields(COMPANY_FIELDS)),
        Schema("Person", "Person", "STANDARD", "1P05", _fields(PERSON_FIELDS)),
        Schema("company_person", "Company Person", "STANDARD", "1P06", _fields(LINK_FIELDS)),
        Schema("gsuser", "User", "SYSTEM", "1P01", _fields(USER_FIELDS)),
    )
    return {schema.name.lower(): schema for schema in made}


def custom_schema(name: str, number: int) -> Schema:
    fields = _fields(f"Name:STRING {SYSTEM_FIELDS}")
    return Schema(name, name.removesuffix("__gc"), "CUSTOM", f"1C{number:02d}"[:4], fields)


def _fields(text: str) -> dict[str, Field]:
    """`Name:TYPE`, `*` for required, `!` for read-only, `>Object` for what a look-up points at."""
    fields = {}
    for word in text.split():
        name, kind = word.rstrip("*!").split(":")
        kind, _, target = kind.partition(">")
        fields[name] = Field(
            name,
            kind,
            name,
            LENGTHS.get(kind),
            required=word.endswith("*"),
            read_only=word.endswith("!"),
            nillable=not word.endswith("*"),
            lookup=target or None,
        )
    return fields


def read_field(wanted: Any) -> Field:
    """A field from its seeded JSON form; raises RefusedError with a sentence."""
    if not isinstance(wanted, Mapping) or not isinstance(wanted.get("name"), str):
        raise RefusedError('A schema is a list of fields such as {"name": "Tier__gc", "type": "STRING"}.')
    known = (
        "name", "type", "label", "length", "required", "readOnly", "createable", "updateable", "nillable",
        "options", "lookup",
    )  # fmt: skip
    for key in wanted:
        if key not in known:
            raise RefusedError(f"A field of a schema has no {key!r}; it has {', '.join(known)}.")
    kind = wanted.get("type", "STRING")
    if kind not in DATA_TYPES:
        raise RefusedError(f"The type of {wanted['name']} is one of {', '.join(DATA_TYPES)}, not {kind!r}.")
    length = wanted.get("length", LENGTHS.get(kind))
    options = wanted.get("options", [])
    lookup = wanted.get("lookup")
    if (
        not isinstance(length, int | None)
        or not isinstance(options, list)
        or not isinstance(lookup, str | None)
    ):
        raise RefusedError(f"The field {wanted['name']} has a length, options or lookup of the wrong kind.")
    required = bool(wanted.get("required", False))
    return Field(
        wanted["name"],
        kind,
        str(wanted.get("label", wanted["name"])),
        length,
        required,
        bool(wanted.get("readOnly", False)),
        bool(wanted.get("createable", True)),
        bool(wanted.get("updateable", True)),
        bool(wanted.get("nillable", not required)),
        tuple(_read_option(wanted["name"], number, option) for number, option in enumerate(options)),
        make_gsid("1I00", sum(wanted["name"].encode())) if options else None,
        lookup,
    )


def _read_option(field_name: str, number: int, option: Any) -> Option:
    made = "1I00" + blake2s(f"{field_name}{number}".encode(), digest_size=16).hexdigest().upper()
    if isinstance(option, str):
        return Option(made, option)
    if isinstance(option, Mapping) and isinstance(option.get("label"), str):
        return Option(str(option.get("gsid", made)), option["label"], bool(option.get("active", True)))
    raise RefusedError(f"An option of {field_name} is a text or an object with label, gsid and active.")


def write_field(item: Field) -> dict[str, Any]:
    """The seeded form of a field: what read_field reads."""
    return {
        "name": item.name,
        "type": item.type,
        "label": item.label,
        "length": item.length,
        "required": item.required,
        "readOnly": item.read_only,
        "createable": item.createable,
        "updateable": item.updateable,
        "nillable": item.nillable,
        "options": [{"label": one.label, "gsid": one.gsid, "active": one.active} for one in item.options],
        "lookup": item.lookup,
    }
