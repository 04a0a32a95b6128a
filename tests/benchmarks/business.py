"""A business whose people use its product, day after day: what its SDKs send, and what is true in the end.

A session is three identifies and a group within seconds, as a browser and a backend send them: each identify
says another part of what is known of the person. A third of the sessions end with a track.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, count
from typing import Any

import msgspec

#: How much of a day's traffic begins in each hour: offices of one continent, and a few elsewhere.
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 10, 10, 9, 7, 8, 9, 9, 8, 6, 4, 3, 2, 2, 2, 1, 1)
#: The last session of a day begins so long before its end that all of it may be delivered by then.
LAST_SESSION_SECONDS = 120.0
#: Seconds between the calls of a session.
GAP_SECONDS = (0.3, 3.0)
#: Seconds from a session's group to its track.
TRACK_SECONDS = (2.0, 60.0)
#: Of the sessions that bring a change, so many change a trait of the company and not of the person.
COMPANY_CHANGES = 0.2
#: What each of the three identifies of a session says of the person.
IDENTIFIES = (("firstName", "lastName"), ("plan", "location"), ("timezone", "role"))
PERSON_FIELDS = {"plan": "Plan__gc", "role": "Role__gc"}
EVENTS = {"Report Exported": {"name": "ReportExported", "version": "v1"}}

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Size:
    """How much there is of everything, and how long a day of it takes."""

    people: int = 20_000
    companies: int = 1_500
    sessions: int = 60_000
    tracks: int = 20_000
    seconds: float = 86_400.0

    def part(self, divisor: int) -> "Size":
        """So many times fewer people in so many times less time: as busy at any moment, and sooner over."""
        return Size(
            self.people // divisor, max(1, self.companies // divisor), self.sessions // divisor,
            self.tracks // divisor, self.seconds / divisor,
        )  # fmt: skip


@dataclass
class Person:
    """Someone who uses the product."""

    number: int
    company: "Company"
    traits: dict[str, str]
    changed: bool = False

    @property
    def email(self) -> str:
        return f"user-{self.number}@company-{self.company.number}.example"


@dataclass
class Company:
    """Who they work for."""

    number: int
    traits: dict[str, Any]
    changed: bool = False

    @property
    def name(self) -> str:
        return f"Company {self.number}"


@dataclass
class Told:
    """What a day's sessions were about, for the least number of calls that could tell it."""

    people: set[int] = field(default_factory=set)
    companies: set[int] = field(default_factory=set)
    events: int = 0
    tracks: int = 0


class Business:
    """Makes the days' messages, in the order of their times, from one seed."""

    def __init__(self, size: Size, chance: random.Random) -> None:
        self.size = size
        self._chance = chance
        self._ids = count()
        self.companies = [
            Company(number, {"employees": 10 + number % 500, "summary": f"Summary {number}"})
            for number in range(size.companies)
        ]
        weights = list(accumulate(1 / (rank + 1) ** 0.7 for rank in range(size.companies)))
        at_random = chance.choices(self.companies, cum_weights=weights, k=size.people - size.companies)
        self.people = [
            Person(number, company, _traits(number))
            for number, company in enumerate([*self.companies, *at_random])
        ]
        self.tracked: set[int] = set()

    def day(self, changes: float, told: Told) -> Iterator[tuple[float, bytes]]:
        """A day's messages, each with its second of the day. `changes`: the share of sessions with news."""
        waiting = [(at, next(self._ids), "session", person) for at, person in self._sessions()]
        heapq.heapify(waiting)
        with_track = set(self._chance.sample(range(len(waiting)), self.size.tracks))
        with_change = set(self._chance.sample(range(len(waiting)), round(len(waiting) * changes)))
        place = 0
        while waiting:
            at, number, what, person = heapq.heappop(waiting)
            if what == "session":
                if place in with_change:
                    self._change(person, number, told)
                for then, name in self._plan_session(at, tracks=place in with_track):
                    heapq.heappush(waiting, (then, next(self._ids), name, person))
                place += 1
            else:
                told.events += 1
                told.tracks += what == "track"
                yield at, self._message(number, what, person)

    def _sessions(self) -> Iterator[tuple[float, Person]]:
        """Everybody comes at least once; some come often."""
        chance, size = self._chance, self.size
        often = list(accumulate(chance.expovariate(1.0) for _ in self.people))
        visitors = [
            *self.people,
            *chance.choices(self.people, cum_weights=often, k=size.sessions - size.people),
        ]
        hours = chance.choices(range(24), weights=HOURS, k=size.sessions)
        for person, hour in zip(visitors, hours, strict=True):
            yield (hour + chance.random()) / 24 * (size.seconds - LAST_SESSION_SECONDS), person

    def _plan_session(self, at: float, *, tracks: bool) -> Iterator[tuple[float, str]]:
        for name in ("identify 0", "identify 1", "identify 2", "group"):
            yield at, name
            at += self._chance.uniform(*GAP_SECONDS)
        if tracks:
            yield at + self._chance.uniform(*TRACK_SECONDS), "track"

    def _change(self, person: Person, number: int, told: Told) -> None:
        if self._chance.random() < COMPANY_CHANGES:
            person.company.traits["employees"] += 1
            told.companies.add(person.company.number)
        else:
            name = self._chance.choice(sorted(person.traits))
            person.traits[name] = f"{name} {number}"
            told.people.add(person.number)

    def _message(self, number: int, what: str, person: Person) -> bytes:
        kind, _, part = what.partition(" ")
        message: dict[str, Any] = {"messageId": f"m-{number}", "type": kind, "userId": f"u-{person.number}"}
        if kind == "identify":
            said = {name: person.traits[name] for name in IDENTIFIES[int(part)]}
            message["traits"] = {"email": person.email, **said}
        elif kind == "group":
            company = person.company
            message |= {"groupId": f"g-{company.number}", "traits": {"name": company.name, **company.traits}}
        else:
            self.tracked.add(number)
            message |= {"event": "Report Exported", "properties": {"number": number}}
        return _encode(message)


def _traits(number: int) -> dict[str, str]:
    return {
        "firstName": f"First {number}",
        "lastName": f"Last {number}",
        "plan": f"plan {number % 4}",
        "location": f"City {number % 300}",
        "timezone": f"Zone {number % 24}",
        "role": f"role {number % 20}",
    }
