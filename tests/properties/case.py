"""A case: everything that a world lives through, as plain data that can be shown and cut down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.properties.firms import Naming
from tests.properties.values import Value

Stamp = tuple[int, int, int, str]
#: Stands for the company of a row that has nothing but a name that several have.
FLOATING = -1


@dataclass(frozen=True)
class Said:
    """One message, and what it says."""

    source: str
    message_id: str
    kind: str
    user: str
    device: str
    previous: str
    #: The e-mail that it tells, in small letters; empty where it tells none.
    tells: str
    values: tuple[Value, ...]
    naming: Naming | None
    #: Name of the track, and whether its properties are ones that the tenant knows.
    track: str
    known: bool
    #: The event's time, before or after its receipt.
    shift_us: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """Messages that arrive together. One that arrives again is named by its place in the stream."""

    at: float
    messages: tuple[Said, ...]


@dataclass(frozen=True)
class Stop:
    """An end of the process: in the middle of a call, around a commit, or at a time."""

    how: str
    #: The number of the call or commit, or the second.
    number: float
    down_seconds: float


@dataclass
class Case:
    """One world."""

    seed: int
    settings: dict[str, dict[str, Any]]
    #: The sources of each destination.
    feeds: dict[str, tuple[str, ...]]
    switches: dict[str, Any]
    limits: dict[str, Any]
    closed: bool
    people: list[dict[str, Any]] = field(default_factory=list)
    companies: list[dict[str, Any]] = field(default_factory=list)
    #: Companies that share a name. One of them may be the one that the tenant has without any other key.
    sharing: tuple[int, ...] = ()
    sent: list[Sent] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    #: When the tenant refuses our credentials.
    locked: list[tuple[float, float]] = field(default_factory=list)

    @property
    def first(self) -> dict[str, Any]:
        """The settings that all destinations have in common."""
        return next(iter(self.settings.values()))

    def lines(self) -> list[str]:
        """The case, for people."""
        found = [
            f"{name}: sources {self.feeds[name]}, settings {settings}"
            for name, settings in self.settings.items()
        ]
        found += [
            f"switches {self.switches}, limits {self.limits}, schema {'known' if self.closed else 'open'}"
        ]
        found += [f"there before: person {row}" for row in self.people]
        found += [f"there before: company {row}" for row in self.companies]
        found += [f"fault {fault}" for fault in self.faults]
        found += [f"stop {stop}" for stop in self.stops]
        found += [f"credentials refused from {start} s to {end} s" for start, end in self.locked]
        for sent in self.sent:
            for said in sent.messages:
                found.append(f"{sent.at:9.3f} s  {said.source} {dict(said.body)}")
        return found
