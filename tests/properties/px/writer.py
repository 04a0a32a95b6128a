"""Writes a case for Gainsight PX from a seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.properties.chances import (
    SECOND_US,
    add_troubles,
    shift_us,
    switches,
    usual,
    write_stream,
)
from tests.properties.px.case import Case, Said, with_traits
from tests.properties.px.values import (
    ACCOUNT,
    ACCOUNT_NOWHERE,
    CUSTOM,
    USER,
    USER_NOWHERE,
    Maker,
    Tenant,
    make,
)
from tests.properties.values import UNSAID, Value

#: Ids that are hard to write into a path, to tell apart, or to keep as they are.
IDS = (
    "u-1", "U-1", "kim@acme.test", "Kim@Acme.test", "a/b", "a%2Fb", "a b", " a", "update", "denylist",
    "delete", "..", "ünï", "😀", "id?x=1#y", "a+b", "a;b", "a\\b", "42", "x" * 230, "{id}", "'\"", "tab\tid",
)  # fmt: skip
LEFT_OUT = {"px_push_message_id"}
DEVIANT = 0.35
PATHS = ("/v1/users*", "/v1/accounts*", "/v1/events/custom")
REPEATED = ("/v1/users*", "/v1/accounts*")
TAG, TAGS = "AP-ABCDEFGHIJKL-2", ["AP-ABCDEFGHIJKL-2", "AP-MNOPQRSTUVWX-2"]
NAMES = ("Ada", "Ada Lovelace", "  Ada   King Lovelace ", "Ünï de la Cruz", "")


@dataclass
class Writer:
    """Writes by chance."""

    chance: random.Random
    case: Case
    tenant: Tenant
    #: Of each person a userId, and an anonymousId or none.
    people: list[tuple[str, str]]
    groups: list[str]
    bad_rate: float
    count: int = 0
    said: list[Said] = field(default_factory=list)

    def write(self) -> Said:
        self.count += 1
        kinds = ("identify", "group", "track", "page", "screen", "alias")
        kind = self.chance.choices(kinds, (34, 28, 28, 4, 3, 3))[0]
        user, device = self.chance.choice(self.people)
        if device and self.chance.random() < 0.4:
            user, device = self.chance.choice((("", device), (user, device)))
        else:
            device = ""
        bad = self.chance.random() < self.bad_rate
        message_id = f"m{self.count:03d}"
        group, values, event, bad_event = "", (), {}, False
        if kind == "identify":
            values = (*self._names(), *self._values(USER, USER_NOWHERE, bad=bad), *self._account())
        elif kind == "group":
            group = self.chance.choice(self.groups) if self.chance.random() < 0.97 else ""
            values = (*self._title(group), *self._values(ACCOUNT, ACCOUNT_NOWHERE, bad=bad))
        elif kind != "alias":
            event, bad_event = self._event(kind, message_id, bad=bad and kind == "track")
        said = Said(
            source=self.chance.choice(sorted({s for feeds in self.case.feeds.values() for s in feeds})),
            message_id=message_id, kind=kind, user=user, device=device, shift_us=shift_us(self.chance),
            values=values, group=group, event=event, bad_event=bad_event,
            inner=kind == "identify" and self.chance.random() < 0.15, body={},
        )  # fmt: skip
        self.said.append(said)
        return said

    def _values(
        self, table: Mapping[str, tuple[str, Maker]], odd: Mapping[str, tuple[str, Maker]], *, bad: bool
    ) -> tuple[Value, ...]:
        traits = self.chance.sample(sorted(table), self.chance.randint(0, 4))
        worst = self.chance.choice(traits) if traits else ""
        if bad and self.chance.random() < 0.3:
            traits.append(self.chance.choice(sorted(odd)))
        number = self.count if self.chance.random() < 0.8 else 3
        everything = {**table, **odd}
        return tuple(
            make(self.tenant, everything, trait, self.chance, number, bad=bad and trait == worst)
            for trait in sorted(traits)
        )

    def _names(self) -> tuple[Value, ...]:
        """A name as a whole, or apart; where both are there, the parts count."""
        name, way = self.chance.choice(NAMES), self.chance.random()
        if way < 0.3:
            return ()
        words = name.split()
        if way < 0.7:
            first = [Value("name", "firstName", name, words[0])] if words else []
            last = [Value("name", "lastName", name, " ".join(words[1:]))] if len(words) > 1 else []
            return (*first, *last)
        parts = (Value("firstName", "firstName", "Grace", "Grace"), Value("lastName", "lastName", "H.", "H."))
        return parts if way < 0.85 else (*parts, Value("name", "", name, None, UNSAID))

    def _account(self) -> tuple[Value, ...]:
        if self.chance.random() > 0.25:
            return ()
        account = self.chance.choice(self.groups)
        return (Value("accountId", "accountId", account, account),)

    def _title(self, group: str) -> tuple[Value, ...]:
        way = self.chance.random()
        if way < 0.4 or not group:
            return ()
        title = self.chance.choice(("Acme", f"Acme {self.count}", " Ünï GmbH & Co. "))
        return (Value("name", "name", title, title),)

    def _event(self, kind: str, message_id: str, *, bad: bool) -> tuple[dict[str, Any], bool]:
        """What PX is to hold of an event, beside what follows from its message."""
        properties: dict[str, Any] = {"seq": message_id}
        extras = {"nested": {"a": [1, "ü"]}, "list": ["x"], "none": None, "flag": True, "amount": 1.5}
        properties |= {name: value for name, value in extras.items() if self.chance.random() < 0.3}
        if bad:
            properties["date"] = "1960-02-03T04:05:06Z"
        elif self.chance.random() < 0.1:
            properties["date"] = self.chance.choice(("2026-01-02T03:04:05Z", "not a date"))
        event: dict[str, Any] = {"properties": properties}
        if kind == "track":
            event["event"] = self.chance.choice(("Report Exported", "report exported", "Ünï 😀", "a/b"))
        elif self.chance.random() < 0.7:
            event["name"] = "Home"
        return event, bad

    def with_body(self, said: Said, received_us: int) -> Said:
        seconds, rest = divmod(received_us + said.shift_us, SECOND_US)
        body: dict[str, Any] = {"type": said.kind, "messageId": said.message_id}
        if said.shift_us:
            body["timestamp"] = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()
        body |= {
            name: value for name, value in (("userId", said.user), ("anonymousId", said.device)) if value
        }
        if said.user == "42" and self.chance.random() < 0.5:
            body["userId"] = 42
        if said.kind == "alias":
            body["previousId"] = "before"
        if said.group:
            body["groupId"] = said.group
        body |= said.event
        if said.event and self.chance.random() < 0.3:
            context: dict[str, Any] = {"groupId": self.chance.choice(self.groups), "sessionId": 7}
            context["page"] = {"url": "http://a.test/x?y", "referrer": "http://b.test"}
            body["context"] = {k: v for k, v in context.items() if self.chance.random() < 0.6}
        if said.kind in ("identify", "group"):
            body = with_traits(replace(said, body=body))
        return replace(said, body=body)


def write_case(seed: int) -> Case:
    """The case of a seed."""
    chance = random.Random(f"{seed} px case")
    behaviour = switches(chance, "px_", DEVIANT, LEFT_OUT)
    feeds = {"px": ("app",)}
    if chance.random() < 0.3:
        feeds = chance.choice(({"px": ("app",), "px2": ("web",)}, {"px": ("app", "web"), "px2": ("web",)}))
    settings = _settings(chance)
    case = Case(
        seed,
        {name: {**settings, "global_context": {"to": name}} for name in feeds},
        feeds,
        behaviour,
        {},
        closed=chance.random() < 0.6,
    )
    for own in list(case.settings.values())[1:]:
        own["resend_unchanged_after"] = chance.choice((1, 604_800))
    tenant = Tenant(lambda name: str(behaviour.get(name, usual(name))), case.closed)
    ids = chance.sample(IDS, len(IDS))
    people = [(ids.pop(), ids.pop() if chance.random() < 0.4 else "") for _ in range(chance.randint(1, 5))]
    groups = [ids.pop() for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.3:  # users and accounts may have one id
        groups[0] = people[0][0]
    _tenant_before(chance, case, people, groups)
    case.limits = _limits(chance, settings)
    writer = Writer(chance, case, tenant, people, groups, chance.choice((0.0, 0.05, 0.2)))
    write_stream(chance, case, writer)
    add_troubles(chance, case, "px", PATHS, REPEATED)
    _deletions(chance, case, people, groups)
    return case


def _settings(chance: random.Random) -> dict[str, Any]:
    return {
        "api_key": Case.key,
        "product_tag_key": chance.choice((TAG, TAGS)),
        "data_center": chance.choice(("US", "EU", "US2")),
        "user_attributes": CUSTOM,
        "account_attributes": CUSTOM,
        "page_events": chance.random() < 0.5,
        "screen_events": chance.random() < 0.5,
        "resend_unchanged_after": chance.choice((1, 30, 604_800, 604_800)),
        "budget": {
            "per_second": chance.choice((1, 2, 10, 200)),
            "reserve_percent": chance.choice((0, 20)),
        },
    }


def _tenant_before(
    chance: random.Random, case: Case, people: list[tuple[str, str]], groups: list[str]
) -> None:
    """What the tenant has before the first message."""
    for user, device in people:
        for one in (user, device):
            if one and chance.random() < 0.3:
                own = {
                    "title": "Ours",
                    "role": "Ours",
                    "type": "LEAD",
                    "location": {"city": "Ours"},
                    "score": 1,
                }
                row = {name: value for name, value in own.items() if chance.random() < 0.4}
                case.users.append({"identifyId": one, "propertyKeys": ["AP-OTHER-2"], **row})
    for group in groups:
        if chance.random() < 0.4:
            own = {"plan": "Ours", "industry": "Ours", "customAttributes": {"seats": 1, "own": 2}}
            row = {name: value for name, value in own.items() if chance.random() < 0.4}
            case.accounts.append({"id": group, "name": "Ours", "propertyKeys": ["AP-OTHER-2"], **row})
    case.denied = [user for user, _ in people if chance.random() < 0.05]


def _limits(chance: random.Random, settings: dict[str, Any]) -> dict[str, Any]:
    """The tenant allows exactly what we may use."""
    budget = settings["budget"]
    usable = max(1, budget["per_second"] * (100 - budget["reserve_percent"]) // 100)
    return {
        "px": {"per_second": usable},
        "algorithm": chance.choice(("fixed_window", "leaky_bucket")),
        "retry_after": chance.random() < 0.5,
        "scope": "all",
    }


def _deletions(chance: random.Random, case: Case, people: list[tuple[str, str]], groups: list[str]) -> None:
    if chance.random() > 0.25:
        return
    length = case.sent[-1].at + 20
    for _ in range(chance.choice((1, 2))):
        kind = chance.choice(("user", "account"))
        key = chance.choice(groups if kind == "account" else [one for pair in people for one in pair if one])
        case.deletions.append((round(chance.uniform(0, length), 3), kind, key))
