"""What a tenant holds, in a form in which two states can be compared. GSIDs count where they were given."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from gainstage_sandbox.state import State
from tests.properties.cs.case import Case
from tests.properties.cs.values import HOLDINGS

FILLED = {"CreatedDate", "ModifiedDate", "CreatedBy", "ModifiedBy"}
Fields = dict[str, Any]


class OneOf(NamedTuple):
    """A value of which only the choice is known."""

    values: tuple[Any, ...]


class Company(NamedTuple):
    """A company with its links, by e-mail of the person. `gsid` is empty where Gainsight gave it."""

    gsid: str
    fields: Fields
    links: dict[str, Fields]


class Holdings(NamedTuple):
    """People by e-mail, and companies."""

    people: dict[str, Fields]
    companies: list[Company]


def one_of(values: Iterable[Any]) -> Any:
    """The value if there is one, else the choice."""
    several = tuple(dict.fromkeys(values))
    return several[0] if len(several) == 1 else OneOf(several)


def held(state: State, case: Case) -> Holdings:
    """What the sandbox holds."""
    cs = state.snapshot()["cs"]
    people = {
        row["Email"].lower(): {k: v for k, v in row.items() if k not in {*FILLED, "Gsid", "Email"}}
        for row in cs["people"]
    }
    given = {row["Gsid"] for row in case.companies}
    links: dict[str, dict[str, Fields]] = {}
    odd = {*FILLED, "Gsid", "Email", "Company_Name", "Person_ID", "Company_ID"}
    for link in cs["associations"]:
        own = {name: value for name, value in link.items() if name not in odd}
        links.setdefault(link["Company_ID"], {})[str(link["Email"]).lower()] = own
    companies = [
        Company(
            row["Gsid"] if row["Gsid"] in given else "",
            {name: value for name, value in row.items() if name not in {*FILLED, "Gsid"}},
            links.get(row["Gsid"], {}),
        )
        for row in cs["companies"]
        if row["Gsid"] not in HOLDINGS.values() or set(row) - {*FILLED, "Gsid", "Name"}
    ]
    return Holdings(people, companies)


def differences(wanted: Holdings, found: Holdings) -> list[str]:
    """How what is there differs from what should be, in sentences."""
    wrong = []
    for email in sorted(wanted.people.keys() | found.people.keys()):
        wrong += _unlike(f"person {email}", wanted.people.get(email), found.people.get(email))
    left = list(found.companies)
    missing = []
    for company in wanted.companies:
        same = next((one for one in left if not _company_unlike(company, one)), None)
        if same is None:
            missing.append(company)
        else:
            left.remove(same)
    for company in missing:
        near = min(left, key=lambda one: len(_company_unlike(company, one)), default=None)
        if near is None:
            wrong.append(f"the company {company} is not there")
        else:
            left.remove(near)
            wrong += _company_unlike(company, near)
    wrong += [f"there is a company too many: {company}" for company in left]
    return wrong


def _company_unlike(wanted: Company, found: Company) -> list[str]:
    shown = f"company {found.gsid} {found.fields.get('Name')!r}"
    wrong = [] if wanted.gsid == found.gsid else [f"{shown} has not the GSID {wanted.gsid!r}"]
    wrong += _unlike(shown, wanted.fields, found.fields)
    for email in sorted(wanted.links.keys() | found.links.keys()):
        wrong += _unlike(f"link of {email} to {shown}", wanted.links.get(email), found.links.get(email))
    return wrong


def _unlike(what: str, wanted: Fields | None, found: Fields | None) -> list[str]:
    if wanted is None or found is None:
        return [] if wanted is found else [f"{what} is {found} and should be {wanted}"]
    return [
        f"{what}: {name} is {found.get(name)!r} and should be {wanted.get(name)!r}"
        for name in sorted(wanted.keys() | found.keys())
        if not _is(wanted.get(name), found.get(name))
    ]


def _is(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, OneOf):
        return found in wanted.values
    return type(wanted) is type(found) and wanted == found
