"""Values of traits, and what becomes of each at Gainsight: written from the vendor's documents alone."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.properties.values import BAD, UNFIT, UNSAID, Made, Value, good


@dataclass(frozen=True)
class Tenant:
    """What decides how a value ends: the tenant's switches and schema, and our settings."""

    word: Callable[[str], str]
    closed: bool
    csm: str
    parent: str


OPTIONS = ("Tools", "Games", "Food")
USERS = {"ann@vendor.test": "1P01" + "A" * 32, "Bob@vendor.test": "1P01" + "B" * 32}
HOLDINGS = {"Holding One": "1P02" + "1" * 32, "Holding Two": "1P02" + "2" * 32}
#: Length of Plan__gc where the schema is known.
PLAN_CHARACTERS = 20


def option_gsid(label: str) -> str:
    """The GSID of a picklist's item."""
    return f"1I00ITEM{label.upper()}"


def day_ms(text: str) -> int:
    """Midnight UTC of a date."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def words(chance: random.Random, number: int) -> Made:
    """A text."""
    return good(chance.choice((f"text-{number}", "Same", "Other")))


def line(chance: random.Random, number: int, bad: bool) -> Made:
    """A text of at most 255 characters; numbers are written out."""
    if bad:
        return "x" * 300, None, BAD
    return (number, str(number), "") if chance.random() < 0.1 else words(chance, number)


def url(chance: random.Random, number: int, bad: bool) -> Made:
    return ("no address", None, BAD) if bad else good(f"linkedin.test/in/{number % 5}")


def yes_or_no(chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return "perhaps", None, UNFIT
    return chance.choice(((True, True, ""), (False, False, ""), ("yes", True, ""), ("0", False, "")))


def count(chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return chance.choice((("many", None, UNFIT), (10**16 + number, None, BAD)))
    return chance.choice((good(number), good(7), (str(number), number, ""), ("", None, UNSAID)))


def money(chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return chance.choice((("1,000", None, BAD), ("lots", None, BAD)))
    return chance.choice((good(number * 10), good(0.5 + number), (str(number), number, "")))


def date(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    if bad:
        return chance.choice((("soon", None, BAD), (210318, None, BAD), ("2026-13-01", None, BAD)))
    text = f"2027-0{number % 9 + 1}-15"
    way = chance.choice(("text", "epoch_ms"))
    sent = text if way == "text" else day_ms(text) + 3_600_000
    if tenant.word("cs_date_write") in ("any", way):
        return sent, day_ms(text), ""
    return sent, None, BAD


def item(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """An item of a picklist: by its label or its GSID, as the tenant takes it."""
    label = chance.choice(OPTIONS)
    if not tenant.closed:
        return good(label)
    if bad:
        return "Nothing of the kind", None, BAD
    way = chance.choice(("label", "gsid"))
    if tenant.word("cs_picklist") in ("label_or_gsid", way):
        return (label if way == "label" else option_gsid(label)), option_gsid(label), ""
    return (label if way == "label" else option_gsid(label)), None, BAD


def short(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    long = "p" * (PLAN_CHARACTERS + 1)
    return (long, None, BAD) if bad and tenant.closed else good(f"plan-{number % 7}")


def nowhere(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A field that no object has, once the schema is known."""
    return (f"v{number}", None, BAD) if tenant.closed else good(f"v{number}")


def score(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    """A field that Gainsight fills itself."""
    return number, None, BAD if tenant.word("cs_read_only") == "reject" else UNSAID


def csm(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    email = chance.choice(sorted(USERS))
    if tenant.csm == "none":
        return good(USERS[email])
    if bad:
        return chance.choice((("nobody@vendor.test", None, BAD), ("Ann B.", None, UNFIT)))
    if chance.random() < 0.3:
        return good(USERS[email])
    other = email.swapcase()
    if tenant.word("cs_lookup_case") == "exact":
        return chance.choice(((email, USERS[email], ""), (other, None, BAD)))
    return chance.choice((email, other)), USERS[email], ""


def parent(tenant: Tenant, chance: random.Random, number: int, bad: bool) -> Made:
    name = chance.choice(sorted(HOLDINGS))
    if tenant.parent == "none":
        return good(HOLDINGS[name])
    if bad:
        return "Holding Nought", None, BAD
    return chance.choice(
        ((name, HOLDINGS[name], ""), (f" {name} ", HOLDINGS[name], ""), good(HOLDINGS[name]))
    )


def anywhere(make: Callable[[random.Random, int, bool], Made]) -> Callable[..., Made]:
    """A maker that asks nothing of the tenant."""
    return lambda tenant, chance, number, bad: make(chance, number, bad)


Maker = Callable[[Tenant, random.Random, int, bool], Made]

PERSON: Mapping[str, tuple[str, Maker]] = {
    "comments": ("Comments", anywhere(lambda chance, number, bad: words(chance, number))),
    "timezone": ("Timezone", anywhere(line)),
    "linkedinUrl": ("LinkedinUrl", anywhere(url)),
    "emailOptOut": ("EmailOptOut", anywhere(yes_or_no)),
    "masterAvatarTypeCode": ("MasterAvatarTypeCode", anywhere(count)),
    "tier": ("Tier__gc", item),
    "plan": ("Plan__gc", short),
}
PERSON_NOWHERE = {"nowhere": ("Nowhere__gc", nowhere)}
COMPANY: Mapping[str, tuple[str, Maker]] = {
    "employees": ("Employees", anywhere(count)),
    "arr": ("Arr", anywhere(money)),
    "industry": ("Industry", item),
    "renewalDate": ("RenewalDate", date),
    "summary": ("Summary", anywhere(lambda chance, number, bad: words(chance, number))),
    "tickerSymbol": ("TickerSymbol", anywhere(line)),
    "csm": ("Csm", csm),
    "parentCompany": ("ParentCompany", parent),
    "plan": ("Plan__gc", short),
}
COMPANY_NOWHERE = {"nowhere": ("Nowhere__gc", nowhere), "score": ("CurrentScore", score)}
LINK: Mapping[str, tuple[str, Maker]] = {
    "role": ("Role", anywhere(line)),
    "seat": ("Title", anywhere(line)),
    "primary": ("IsPrimaryCompany", anywhere(yes_or_no)),
}
SCHEMA = {
    "Person": [
        {
            "name": "Tier__gc",
            "type": "PICKLIST",
            "options": [{"label": o, "gsid": option_gsid(o)} for o in OPTIONS],
        },
        {"name": "Plan__gc", "length": PLAN_CHARACTERS},
    ],
    "Company": [
        {
            "name": "Industry",
            "type": "PICKLIST",
            "options": [{"label": o, "gsid": option_gsid(o)} for o in OPTIONS],
        },
        {"name": "Plan__gc", "length": PLAN_CHARACTERS},
        {"name": "Ext__gc"},
    ],
}


def make(
    tenant: Tenant,
    table: Mapping[str, tuple[str, Maker]],
    trait: str,
    chance: random.Random,
    number: int,
    *,
    bad: bool,
) -> Value:
    """A value for a trait."""
    field, maker = table[trait]
    sent, stored, fate = maker(tenant, chance, number, bad)
    return Value(trait, field, sent, stored, fate)
