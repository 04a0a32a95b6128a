"""Random messages, and what each of them says: the simulation's own reading, shared with nobody.

People come as groups of ids that belong together (userIds, anonymousIds, one e-mail). Values are mostly new
ones, so that a value found at a vendor tells which events it came from; some repeat what was said before.
"""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Stamp = tuple[int, int, int, str]

MAPPED, UNMAPPED = "Feature Used", "Page Seen"
#: Messages that no destination could use, with what is wrong.
MALFORMED: tuple[bytes, ...] = (
    b"not json",
    b'["a list"]',
    b'{"type": "identify", "traits": {"firstName": "nobody"}}',
    b'{"type": "dance", "userId": "u0-0"}',
    b'{"type": "track", "userId": "u0-0"}',
    b'{"type": "identify", "userId": "u0-0", "traits": "many"}',
)


@dataclass(frozen=True)
class Someone:
    """A person: userIds, each with devices of its own, and an e-mail that may never be told."""

    users: tuple[str, ...]
    devices: dict[str, tuple[str, ...]]
    email: str


@dataclass(frozen=True)
class Said:
    """One accepted message."""

    source: str
    message_id: str
    kind: str
    user: str
    device: str
    #: The e-mail of its person, told or not, and whether this message tells it.
    email: str
    tells: bool
    #: The e-mail as the message spells it.
    spelt: str
    name: str
    group: str
    previous: str
    traits: dict[str, Any]
    stamp: Stamp
    poison: bool
    body: bytes = b""

    @property
    def person(self) -> str:
        """What PX and the clickstream endpoint know the user by."""
        return self.user or self.device

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.message_id


@dataclass
class Writer:
    """Writes messages by chance."""

    chance: random.Random
    people: list[Someone] = field(default_factory=list)
    companies: int = 3
    poison_rate: float = 0.03
    _count: int = 0
    _told: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, chance: random.Random) -> "Writer":
        """A small world of people and companies."""
        people = []
        for number in range(chance.randint(2, 6)):
            users = tuple(f"u{number}-{i}" for i in range(chance.choice((1, 1, 2))))
            devices = {
                user: tuple(f"a{user}-{i}" for i in range(chance.choice((0, 1, 1, 2)))) for user in users
            }
            people.append(Someone(users, devices, f"person{number}@example.com"))
        return cls(chance, people, chance.randint(1, 5), chance.choice((0.0, 0.02, 0.08)))

    def write(self, source: str, received_us: int, place: int) -> Said:
        """The next message."""
        chance = self.chance
        self._count += 1
        someone = chance.choice(self.people)
        kind = chance.choices(("identify", "group", "track", "alias", "page"), (45, 20, 30, 3, 2))[0]
        user, device = self._ids(someone)
        previous = ""
        if kind == "alias":
            user = user or next(owner for owner, devices in someone.devices.items() if device in devices)
            previous = chance.choice([*someone.users, *someone.devices[user]])
        tells = chance.random() < (0.6 if kind == "identify" else 0.3)
        poison = kind in ("identify", "group", "track") and chance.random() < self.poison_rate
        company = chance.randrange(self.companies)
        group = f"g{company}" if kind == "group" and chance.random() < 0.95 else ""
        name = chance.choice((MAPPED, MAPPED, UNMAPPED)) if kind == "track" else ""
        traits = self._traits(kind, someone, company, poison=poison)
        time_us = received_us + self._shift_us()
        message_id = f"m{self._count}"
        stamp = (max(0, min(time_us, received_us)), received_us, place, message_id)
        said = Said(
            source, message_id, kind, user, device, someone.email, tells,
            someone.email if chance.random() < 0.7 else someone.email.upper(), name, group, previous, traits,
            stamp, poison,
        )  # fmt: skip
        return self._with_body(said, time_us)

    def _ids(self, someone: Someone) -> tuple[str, str]:
        user, device = self.chance.choice(someone.users), ""
        if someone.devices[user] and self.chance.random() < 0.4:
            device = self.chance.choice(someone.devices[user])
            if self.chance.random() < 0.5:
                user = ""
        return user, device

    def _shift_us(self) -> int:
        """How far the event's own time lies from its receipt."""
        kind = self.chance.random()
        if kind < 0.6:
            return 0
        if kind < 0.9:
            return -self.chance.randint(0, 600_000_000)
        return self.chance.randint(0, 3_600_000_000) if kind < 0.95 else -self.chance.randint(0, 10**12)

    def _traits(self, kind: str, someone: Someone, company: int, *, poison: bool) -> dict[str, Any]:
        names: tuple[str, ...]
        if kind == "identify":
            names, owner = ("firstName", "comments", "title", "city", "countryName", "tier"), someone.email
        elif kind == "group":
            names, owner = ("industry", "tickerSymbol", "stage"), f"g{company}"
        else:
            return {"bad": f"poison-mute-{self._count}"} if poison else {}
        chosen = self.chance.sample(names, self.chance.randint(1, 3))
        traits: dict[str, Any] = {name: self._value(owner, name) for name in chosen}
        if poison:
            how = self.chance.choice(("named", "mute"))
            traits[self.chance.choice(names[:2])] = f"poison-{how}-{self._count}"
        if kind == "group" and self.chance.random() < 0.9:
            traits["name"] = self.chance.choice((f"Company {company}", f"  Company {company} "))
        if kind == "identify" and self.chance.random() < 0.2:
            traits["accountId"] = f"g{company}"
        return traits

    def _value(self, owner: str, name: str) -> str:
        told = self._told.setdefault((owner, name), [])
        if told and self.chance.random() < 0.35:
            return self.chance.choice(told[-4:])
        told.append(f"{name}-{self._count}")
        return told[-1]

    def _with_body(self, said: Said, time_us: int) -> Said:
        message: dict[str, Any] = {
            "type": said.kind,
            "messageId": said.message_id,
            "timestamp": iso(time_us),
        }
        for name, value in (
            ("userId", said.user),
            ("anonymousId", said.device),
            ("groupId", said.group),
            ("previousId", said.previous),
            ("event", said.name),
        ):
            if value:
                message[name] = value
        email = said.spelt
        if said.kind in ("identify", "group"):
            message["traits"] = dict(said.traits)
        if said.kind == "track":
            message["properties"] = {"seq": said.message_id, **said.traits}
        if said.tells and said.kind == "identify" and self.chance.random() < 0.8:
            message["traits"]["email"] = email
        elif said.tells:
            message["context"] = {"traits": {"email": email}}
        return Said(**{**vars(said), "body": json.dumps(message).encode()})


def iso(instant_us: int) -> str:
    """An instant as ISO-8601 with microseconds."""
    seconds, rest = divmod(instant_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()
