"""The story that the demo sends: twelve people of four companies, and the mistakes that real traffic has.

Pure data, the same at every run. Each call says what should become of it; the demo holds the result to that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DESTINATIONS = ("cs", "px", "clickstream")
Sender = Literal["segment", "rudderstack", "raw"]
Outcome = tuple[str, str]

DELIVERED: Outcome = ("delivered", "")


@dataclass(frozen=True)
class Call:
    """One call of an SDK; `given` are its arguments beside the user."""

    sender: Sender
    kind: str
    message_id: str
    user: str
    given: Mapping[str, Any] = field(default_factory=dict)
    #: What becomes of it where it does not simply arrive, by destination: the ledger's word and the reason.
    otherwise: Mapping[str, Outcome] = field(default_factory=dict)

    def expected(self, destination: str) -> Outcome:
        return self.otherwise.get(destination, DELIVERED)


@dataclass(frozen=True)
class Chapter:
    """Calls that are made together, and sent before the next chapter begins."""

    title: str
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Person:
    """One of the cast."""

    id: str
    first: str
    last: str
    title: str
    company: str

    @property
    def email(self) -> str:
        return f"{self.id}@{self.company}.example"

    @property
    def traits(self) -> dict[str, Any]:
        return {"email": self.email, "firstName": self.first, "lastName": self.last, "title": self.title}


COMPANIES: dict[str, dict[str, Any]] = {
    "northwind": {
        "name": "Northwind Freight",
        "industry": "Transportation",
        "employees": 420,
        "plan": "Growth",
    },
    "bluebird": {
        "name": "Bluebird Health",
        "industry": "Healthcare",
        "employees": 1300,
        "plan": "Enterprise",
    },
    "cedar": {"name": "Cedar & Sons", "industry": "Construction", "employees": 85, "plan": "Starter"},
    "lumen": {"name": "Lumen Studios", "industry": "Media", "employees": 37, "plan": "Starter"},
}
PEOPLE = tuple(
    Person(*words)
    for words in (
        ("ada", "Ada", "Moreau", "Dispatcher", "northwind"),
        ("ben", "Ben", "Okafor", "Fleet Manager", "northwind"),
        ("chloe", "Chloé", "Lindqvist", "Analyst", "northwind"),
        ("dev", "Dev", "Raman", "Nurse Lead", "bluebird"),
        ("elif", "Elif", "Kaya", "IT Manager", "bluebird"),
        ("finn", "Finn", "Brandt", "Controller", "bluebird"),
        ("grace", "Grace", "Mbeki", "Site Manager", "cedar"),
        ("hugo", "Hugo", "Silva", "Estimator", "cedar"),
        ("ines", "Inés", "Romero", "Office Manager", "cedar"),
        ("jun", "Jun", "Sato", "Editor", "lumen"),
        ("kofi", "Kofi", "Asante", "Producer", "lumen"),
        ("noor", "Noor", "Haddad", "Designer", "lumen"),
    )
)
#: Signs up without giving an e-mail, and gives it later.
LATE = "noor"
#: Never gives one.
VISITOR = "visitor-7"
REPORTERS = ("ada", "dev", "grace", "jun")
PROMOTED = {"ben": "Head of Fleet", "elif": "IT Director", "kofi": "Executive Producer"}

#: What follows from their reports: who exported any lately, and how many pages, as Gainsight CS holds it.
AUDIENCE, AUDIENCE_FIELD = "report_exporters", "Report_Exporter__gc"
TRAIT, TRAIT_FIELD = "pages_exported", "Pages_Exported__gc"
PAGES = {1: 4, 2: 8}

PARKED: Outcome = ("parked", "email_missing")


def chapters() -> tuple[Chapter, ...]:
    """The whole story, in order."""
    return (
        Chapter("Twelve people sign up on the website", tuple(_sign_ups())),
        Chapter("They join four companies", tuple(_joins())),
        Chapter("Days go by: everyone logs in again and again", tuple(_days())),
        Chapter("Three people get a new title", tuple(_promotions())),
        Chapter("Mistakes happen", tuple(_mistakes())),
        Chapter("Noor gives her e-mail after all", (_late(),)),
    )


def _sign_ups() -> Iterator[Call]:
    for person in PEOPLE:
        traits = {
            name: value for name, value in person.traits.items() if person.id != LATE or name != "email"
        }
        yield Call("segment", "identify", f"demo-{person.id}-identify", person.id, {"traits": traits})
        signed_up = {
            "event": "Signed Up",
            "properties": {"plan": COMPANIES[person.company]["plan"], "source": "Invite"},
        }
        yield Call("segment", "track", f"demo-{person.id}-signed-up", person.id, signed_up)


def _joins() -> Iterator[Call]:
    for person in PEOPLE:
        given = {"group_id": person.company, "traits": COMPANIES[person.company]}
        yield Call("rudderstack", "group", f"demo-{person.id}-joins", person.id, given)


def _days() -> Iterator[Call]:
    for day in (1, 2, 3):
        for person in PEOPLE:
            if person.id != LATE:
                message_id = f"demo-{person.id}-day-{day}"
                yield Call("rudderstack", "identify", message_id, person.id, {"traits": person.traits})
    for day in PAGES:
        for person in PEOPLE:
            if person.id in REPORTERS:
                given = {"event": "Report Exported", "properties": {"format": "pdf", "pages": PAGES[day]}}
                yield Call("rudderstack", "track", f"demo-{person.id}-report-{day}", person.id, given)


def _promotions() -> Iterator[Call]:
    for person in PEOPLE:
        if person.id in PROMOTED:
            given = {"traits": {**person.traits, "title": PROMOTED[person.id]}}
            yield Call("segment", "identify", f"demo-{person.id}-promoted", person.id, given)


def _mistakes() -> Iterator[Call]:
    yield Call(
        "segment", "identify", "demo-visitor-without-email", VISITOR,
        {"traits": {"firstName": "Somebody"}}, {"cs": PARKED},
    )  # fmt: skip
    yield Call(
        "segment", "track", "demo-unmapped-track", "ada",
        {"event": "Mystery Button Clicked", "properties": {"color": "green"}},
        {"cs": ("failed", "event_unmapped")},
    )  # fmt: skip
    yield Call(
        "rudderstack", "group", "demo-group-without-name", "hugo",
        {"group_id": "acme-holding", "traits": {"industry": "Unknown"}},
        {"cs": ("failed", "name_missing")},
    )  # fmt: skip
    yield Call(
        "rudderstack", "group", "demo-bad-date", "grace",
        {"group_id": "cedar", "traits": {**COMPANIES["cedar"], "originalContractDate": "some day"}},
        {"cs": ("failed", "value_invalid")},
    )  # fmt: skip
    off: dict[str, Outcome] = dict.fromkeys(DESTINATIONS, ("filtered", "integrations"))
    yield Call(
        "segment", "track", "demo-switched-off", "jun",
        {"event": "Signed Up", "properties": {"test": True}, "integrations": {"All": False}}, off,
    )  # fmt: skip
    yield Call("raw", "track", "demo-without-ids", "", {"event": "Signed Up"}, {"": ("failed", "id_missing")})


def _late() -> Call:
    person = next(person for person in PEOPLE if person.id == LATE)
    return Call("segment", "identify", f"demo-{LATE}-email", LATE, {"traits": person.traits})


#: Calls of a sender that takes one event at a time and remembers nothing, by destination and kind.
ONE_AT_A_TIME: dict[str, dict[str, int]] = {
    # identify: the Person. group: look for the Company, write it, link the Person. track: the event.
    "cs": {"identify": 1, "group": 3, "track": 1},
    # identify: look for the user, write it. group: both of that for account and user.
    "px": {"identify": 2, "group": 4, "track": 1},
    "clickstream": {"identify": 1, "group": 1, "track": 1},
}
