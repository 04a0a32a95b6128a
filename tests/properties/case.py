"""A case: everything that a world lives through, as plain data that can be shown and cut down.

What all tenants have in common is here; the tenants themselves are in `cs` and `px`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from gainstage.destination import Request, Response
from gainstage_sandbox.state import State

Stamp = tuple[int, int, int, str]


@dataclass(frozen=True)
class Message:
    """One message."""

    source: str
    message_id: str
    kind: str
    user: str
    device: str
    #: The event's time, before or after its receipt.
    shift_us: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """Messages that arrive together. One that arrives again is named by its place in the stream."""

    at: float
    messages: tuple[Any, ...]


@dataclass(frozen=True)
class Stop:
    """An end of the process: in the middle of a call, around a commit, or at a time."""

    how: str
    #: The number of the call or commit, or the second.
    number: float
    down_seconds: float


@dataclass
class Case:
    """One world, but for what is special about its tenant."""

    seed: int
    settings: dict[str, dict[str, Any]]
    #: The sources of each destination.
    feeds: dict[str, tuple[str, ...]]
    switches: dict[str, Any]
    limits: dict[str, Any]
    sent: list[Sent] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    #: When the tenant refuses our credentials.
    locked: list[tuple[float, float]] = field(default_factory=list)

    #: The name of the world, the type of its destinations, and their credentials.
    world: ClassVar[str]
    destination: ClassVar[str]
    key: ClassVar[str] = "key"
    #: Lists of which any part can be left out.
    lists: ClassVar[tuple[str, ...]] = ("stops", "faults", "locked")

    @property
    def first(self) -> dict[str, Any]:
        """The settings that all destinations have in common."""
        return next(iter(self.settings.values()))

    @property
    def messages(self) -> list[Any]:
        """All messages, also those that arrive again."""
        return [said for sent in self.sent for said in sent.messages]

    # what is special about the tenant

    def before(self) -> dict[str, Any]:
        """The tenant before the first message: a seed for the sandbox."""
        raise NotImplementedError

    def meanwhile(self) -> Iterator[tuple[float, Callable[[State], None]]]:
        """What others do at the tenant, and in which second."""
        return iter(())

    def published(self, request: Request) -> str | None:
        """The message that a call publishes as an event, if it does."""
        raise NotImplementedError

    def took(self, response: Response) -> str:
        """Whether the tenant said that it took an event: yes, no, or lost where its answer says neither."""
        raise NotImplementedError

    def is_sound(self, before: Self) -> bool:
        """Whether it can be judged like the one that it was made of."""
        return True

    def plainer(self) -> Iterator[Self]:
        """The case without one of the things that only this world has."""
        return iter(())

    def own_lines(self) -> list[str]:
        """What only this world has, for people."""
        return []

    # for people

    def lines(self) -> list[str]:
        """The case, for people."""
        found = [
            f"{name}: sources {self.feeds[name]}, settings {settings}"
            for name, settings in self.settings.items()
        ]
        found += [f"switches {self.switches}, limits {self.limits}"]
        found += self.own_lines()
        found += [f"fault {fault}" for fault in self.faults]
        found += [f"stop {stop}" for stop in self.stops]
        found += [f"credentials refused from {start} s to {end} s" for start, end in self.locked]
        for sent in self.sent:
            for said in sent.messages:
                found.append(f"{sent.at:9.3f} s  {said.source} {dict(said.body)}")
        return found

    def with_message(self, place: int, at: int, said: Message) -> Self:
        """With another message in the place of one."""
        sent = self.sent[place]
        messages = (*sent.messages[:at], said, *sent.messages[at + 1 :])
        return replace(self, sent=with_one(self.sent, place, Sent(sent.at, messages)))


def with_one(sent: Sequence[Sent], place: int, one: Sent) -> list[Sent]:
    """The list with another in the place of one."""
    return [*sent[:place], one, *sent[place + 1 :]]
