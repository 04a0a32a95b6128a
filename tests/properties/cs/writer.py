"""Writes a case from a seed."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.properties.chances import SECOND_US, add_troubles, shift_us, switches, usual, write_stream
from tests.properties.cs.case import FLOATING, Case, Said
from tests.properties.cs.firms import EXT, KINDS, SFDC, Firms, Naming
from tests.properties.cs.values import COMPANY, COMPANY_NOWHERE, LINK, PERSON, PERSON_NOWHERE, Tenant, make
from tests.properties.values import BAD, UNFIT, Value

MAPPED, UNMAPPED = "Feature Used", "Page Seen"
#: Behaviours for which there is no setting of ours, or which a case has its own word for.
LEFT_OUT = {"cs_unknown_object", "cs_person_links", "cs_people_path", "cs_auth_refusal", "cs_access_keys"}
OLD_PATH, NEW_PATH = "/v1.0/api/people", "/v1/peoplemgmt/v1.0/people"
DEVIANT = 0.35
PATHS = ("*query*", "/v1/data/objects/Company", "*people*", "*event*")
#: An event with two empty answers counts as taken: as documented.
REPEATED = ("*query*", "/v1/data/objects/Company", "*people*")
RULED = ("Comments", "Plan__gc", "Employees", "Csm", "Industry", "Timezone", "RenewalDate")


@dataclass
class Someone:
    """A person: ids that belong together, and the e-mail addresses that they have one after the other."""

    users: list[str]
    devices: dict[str, list[str]]
    emails: list[str]
    #: Whether messages may tell the e-mail at all.
    secret: bool = False


@dataclass
class Writer:
    """Writes by chance."""

    chance: random.Random
    case: Case
    firms: Firms
    tenant: Tenant
    people: list[Someone]
    bad_rate: float
    bad_links: int = 0
    count: int = 0
    said: list[Said] = field(default_factory=list)

    def write(self) -> Said:
        """The next message."""
        self.count += 1
        kind = self.chance.choices(("identify", "group", "track", "alias", "page"), (38, 38, 18, 3, 1))[0]
        someone = self.chance.choice(self.people)
        user, device = self._ids(someone)
        previous = ""
        if kind == "alias":
            user = user or next(owner for owner, has in someone.devices.items() if device in has)
            previous = self.chance.choice([*someone.users, *someone.devices[user]])
        tells = not someone.secret and self.chance.random() < (0.6 if kind != "track" else 0.2)
        email = someone.emails[-1] if tells and kind != "page" else ""
        if (
            email
            and len(someone.emails) < 3
            and not any(someone.devices.values())
            and len(someone.users) == 1
        ) and self.chance.random() < 0.08:
            email = f"new{len(someone.emails)}.{someone.emails[0]}"
            someone.emails.append(email)
        values, naming = self._content(kind, email)
        said = Said(
            source=self.chance.choice(sorted({s for feeds in self.case.feeds.values() for s in feeds})),
            message_id=f"m{self.count:03d}", kind=kind, user=user, device=device, previous=previous,
            tells=email, values=values, naming=naming,
            track=self.chance.choice((MAPPED, MAPPED, MAPPED, UNMAPPED)) if kind == "track" else "",
            known=self.chance.random() > 0.1, shift_us=shift_us(self.chance), body={},
        )  # fmt: skip
        self.said.append(said)
        return said

    def _ids(self, someone: Someone) -> tuple[str, str]:
        user = self.chance.choice(someone.users)
        devices = someone.devices[user]
        if devices and self.chance.random() < 0.5:
            device = self.chance.choice(devices)
            return (user, device) if self.chance.random() < 0.5 else ("", device)
        return user, ""

    def _content(self, kind: str, email: str) -> tuple[tuple[Value, ...], Naming | None]:
        bad = self.chance.random() < self.bad_rate
        if kind == "identify":
            return self._values({**PERSON, **PERSON_NOWHERE}, tuple(PERSON), bad=bad), None
        if kind != "group":
            return (), None
        in_link = bad and self.chance.random() < 0.25 and self.bad_links < 3
        company = self._values({**COMPANY, **COMPANY_NOWHERE}, tuple(COMPANY), bad=bad and not in_link)
        link = self._values(LINK, tuple(LINK), bad=in_link, least=0)
        values = (*company, *link)
        self.bad_links += any(value.fate == BAD for value in link)
        fine = not any(value.fate in (BAD, UNFIT) for value in values)
        return values, self.firms.naming(safe=fine and bool(email))

    def _values(
        self, table: dict[str, Any], usual: tuple[str, ...], *, bad: bool, least: int = 1
    ) -> tuple[Value, ...]:
        traits = self.chance.sample(usual, self.chance.randint(least, 3))
        if bad and len(table) > len(usual) and self.chance.random() < 0.3:
            traits.append(self.chance.choice(sorted(table.keys() - set(usual))))
        worst = self.chance.choice(traits) if traits else ""
        number = self.count if self.chance.random() < 0.8 else 3
        return tuple(
            make(self.tenant, table, trait, self.chance, number, bad=bad and trait == worst)
            for trait in sorted(traits)
        )

    def with_body(self, said: Said, received_us: int) -> Said:
        """The message as it is sent."""
        time = received_us + said.shift_us
        seconds, rest = divmod(time, SECOND_US)
        body: dict[str, Any] = {"type": said.kind, "messageId": said.message_id}
        if said.shift_us:
            body["timestamp"] = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()
        names = {
            "userId": said.user,
            "anonymousId": said.device,
            "previousId": said.previous,
            "event": said.track,
        }
        body |= {name: value for name, value in names.items() if value}
        if said.kind in ("identify", "group"):
            body["traits"] = {value.trait: value.sent for value in said.values}
        if said.kind == "track":
            body["properties"] = {"seq": said.message_id} | ({} if said.known else {"odd": 1})
        if said.naming is not None:
            self._name(body, said.naming)
        if said.tells:
            email = self.chance.choice((said.tells, said.tells.upper(), f" {said.tells.title()} "))
            if said.kind == "identify" and self.chance.random() < 0.7:
                body["traits"]["email"] = email
            else:
                body["context"] = {"traits": {"email": email}}
        return replace(said, body=body)

    def _name(self, body: dict[str, Any], naming: Naming) -> None:
        traits = body["traits"]
        for kind, value in naming.keys.items():
            if kind == SFDC:
                traits["sfdcAccountId"] = value
            elif kind == EXT:
                body["groupId"] = value
            else:
                traits[self.chance.choice(("gsid", "Gsid"))] = value
        if naming.name:
            traits["name"] = naming.name if self.chance.random() < 0.7 else f"  {naming.name} "


def write_case(seed: int) -> Case:
    """The case of a seed."""
    chance = random.Random(f"{seed} case")
    behaviour = _switches(chance)
    match = chance.sample(KINDS, chance.randint(1, 4))
    settings = _settings(chance, match, behaviour)
    feeds = {"cs": ("app",)}
    if chance.random() < 0.25:
        feeds = chance.choice(({"cs": ("app",), "cs2": ("web",)}, {"cs": ("app", "web"), "cs2": ("web",)}))
    case = Case(
        seed,
        {name: dict(settings) for name in feeds},
        feeds,
        behaviour,
        {},
        closed=chance.random() < 0.7,
    )
    for own in list(case.settings.values())[1:]:
        own["resend_unchanged_after"] = chance.choice((1, 604_800))
    firms = Firms(chance, match)
    firms.found(chance.randint(1, 3))
    people = _people(chance)
    first = case.first
    tenant = Tenant(
        lambda name: str(behaviour.get(name, usual(name))),
        case.closed,
        first["csm_lookup"],
        first["parent_lookup"],
    )
    _tenant_before(chance, case, firms, people)
    if case.sharing:
        behaviour.pop("cs_company_name", None)
    case.limits = _limits(chance, settings)
    writer = Writer(chance, case, firms, tenant, people, chance.choice((0.0, 0.05, 0.15)))
    write_stream(chance, case, writer)
    add_troubles(chance, case, "cs", PATHS, REPEATED)
    return case


def _switches(chance: random.Random) -> dict[str, Any]:
    found = switches(chance, "cs_", DEVIANT, LEFT_OUT)
    found["cs_people_path"] = chance.choice(("both", "old", "new"))
    found["cs_person_links"] = chance.choice(("companies", "both"))
    found["cs_auth_refusal"] = chance.choice(("401_json", "400_json", "403_json", "401_html"))
    return found


def _settings(chance: random.Random, match: list[str], switches: dict[str, Any]) -> dict[str, Any]:
    path = switches["cs_people_path"]
    rules = {name: chance.choice(("if_empty", "never")) for name in RULED if chance.random() < 0.12}
    return {
        "domain": "acme",
        "access_key": "key",
        "shared_secret": "secret",
        "tenant_id": "tenant",
        "topic_name": "topic",
        "events": {MAPPED: {"name": "Used", "version": "v1"}},
        "person_fields": {"tier": "Tier__gc", "plan": "Plan__gc", "nowhere": "Nowhere__gc"},
        "company_fields": {
            "groupId": EXT,
            "plan": "Plan__gc",
            "nowhere": "Nowhere__gc",
            "score": "CurrentScore",
        },
        "company_person_fields": {"role": "Role", "seat": "Title", "primary": "IsPrimaryCompany"},
        "company_match": match,
        "company_on_ambiguous": chance.choice(("quarantine", "quarantine", "first", "error")),
        "create_companies": chance.random() < 0.9,
        "csm_lookup": chance.choice(("none", "email")),
        "parent_lookup": chance.choice(("none", "name")),
        "field_rules": rules,
        "people_path": {"old": OLD_PATH, "new": NEW_PATH}.get(path) or chance.choice((OLD_PATH, NEW_PATH)),
        "on_unknown": chance.choice(("resend", "resend", "hold")),
        "resend_unchanged_after": chance.choice((1, 30, 604_800, 604_800)),
        "budget": {
            "per_minute": chance.choice((5, 30, 100, 1000)),
            "reserve_percent": chance.choice((0, 20)),
        },
    }


def _people(chance: random.Random) -> list[Someone]:
    found = []
    for number in range(chance.randint(2, 6)):
        users = [f"u{number}-{place}" for place in range(chance.choice((1, 1, 1, 2)))]
        plain = len(users) == 1 and chance.random() < 0.4
        devices = {
            user: [] if plain else [f"a{user}-{place}" for place in range(chance.choice((0, 1, 2)))]
            for user in users
        }
        found.append(Someone(users, devices, [f"person{number}@acme.test"], secret=chance.random() < 0.1))
    return found


def _tenant_before(chance: random.Random, case: Case, firms: Firms, people: list[Someone]) -> None:
    """What the tenant has before the first message."""
    for firm in firms.firms:
        if firm.row is not None:
            own = {"Employees": 5, "Summary": "Ours", "Plan__gc": "ours"}
            row = firm.row | {name: value for name, value in own.items() if chance.random() < 0.3}
            case.companies.append({"_firm": FLOATING if firm.bare else firm.number, **row})
    for someone in people:
        if chance.random() < 0.2:
            own = {"Comments": "Ours", "Timezone": "UTC"}
            # Whether a read finds e-mails in any letter case is not documented; what is only filled is read.
            other = "if_empty" not in case.first["field_rules"].values() and chance.random() < 0.5
            email = someone.emails[0].upper() if other else someone.emails[0]
            case.people.append(
                {"Email": email, **{name: value for name, value in own.items() if chance.random() < 0.4}}
            )
    case.sharing = tuple(firm.number for firm in firms.firms if firm.manner == "namesake")


def _limits(chance: random.Random, settings: dict[str, Any]) -> dict[str, Any]:
    """The tenant allows exactly what we may use."""
    budget = settings["budget"]
    usable = max(1, budget["per_minute"] * (100 - budget["reserve_percent"]) // 100)
    return {
        "cs": {"per_minute": usable},
        "algorithm": chance.choice(("fixed_window", "leaky_bucket")),
        "retry_after": chance.random() < 0.5,
        "scope": "all",
    }
