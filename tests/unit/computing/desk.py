"""A computer with everything it needs, and the same history told to a naive evaluator."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gainstage.audiences.catalog import layers, linked
from gainstage.audiences.definition import Computation
from gainstage.clock import SECOND_US
from gainstage.computing.computer import Computer, Done
from gainstage.computing.state import State
from gainstage.computing.workbench import Workbench
from gainstage.event import Event
from gainstage.history import Archive, Batch
from gainstage.history.rows import row_of
from gainstage.log.contract import Entry, Position
from gainstage.log.memory import MemoryLog
from gainstage.pseudonym import Pseudonyms
from gainstage.testing.driving import event_of
from tests.unit.audiences import naive

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.us = int(START.timestamp()) * SECOND_US

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)

    def forward(self, **span: float) -> None:
        self.us += int(timedelta(**span).total_seconds() * SECOND_US)


class Killed(BaseException):
    """The process ends here."""


class Fate:
    """Says at which step the process ends; a step is the begin and the end of whatever is kept."""

    def __init__(self) -> None:
        #: After so many steps; None: it lives on.
        self.steps: int | None = None

    def step(self) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                self.steps = None
                raise Killed

    @contextmanager
    def around(self, transaction: AbstractContextManager[Any]) -> Iterator[Any]:
        self.step()
        with transaction as kept:
            yield kept
            self.step()
        self.step()


class MortalLog(MemoryLog):
    """A log whose writer may end before or after it was written."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        self._fate.step()
        found = await super().append(entries)
        self._fate.step()
        return found


class Desk:
    """Archive, state, workbench and log in a folder; `told` holds the calls that were said."""

    def __init__(self, folder: Path) -> None:
        self.fate = Fate()
        self.folder, self.clock, self.log = folder, Clock(), MortalLog(self.fate)
        self.archive = Archive(folder)
        self.events: list[Event] = []
        self.told: list[dict[str, Any]] = []
        self._read = 0
        self._known: set[str] = set()
        self._number = 0
        self.open()

    def open(self) -> None:
        """As a process does that starts."""
        self.state, self.bench = (
            State(self.folder / "audiences"),
            Workbench(self.folder / "audiences", threads=1),
        )
        for part in (self.state, self.bench):
            keep = part.transaction
            part.transaction = lambda keep=keep: self.fate.around(keep())  # type: ignore[assignment,misc]
        pseudonyms = Pseudonyms(b"key")
        self.computer = Computer(self.state, self.bench, self.archive, self.log, pseudonyms, self.clock)

    def close(self) -> None:
        self.bench.close()
        self.state.close()

    def restart(self) -> None:
        self.close()
        self.open()

    def happen(self, *messages: Mapping[str, Any]) -> None:
        """Archive these; `at` is how long ago in seconds, `userId` may be left out for an anonymousId."""
        rows = []
        for message in messages:
            self._number += 1
            given = dict(message)
            at_us = self.clock.us - int(given.pop("ago", 0) * SECOND_US)
            at = datetime.fromtimestamp(at_us // SECOND_US, UTC).replace(microsecond=at_us % SECOND_US)
            if "anonymousId" in given:
                given.setdefault("userId", "")
            whole = {"messageId": f"m{self._number}", "timestamp": at.isoformat(), **given}
            event = event_of(whole, received_us=self.clock.us + self._number)
            if all(event.message_id != known.message_id for known in self.events):
                self.events.append(event)
            rows.append(row_of(event))
        self.archive.append(lambda: Batch(rows=rows))

    async def compute(self, definitions: Sequence[Computation], **given: Any) -> Done:
        """One turn, and what it said; after an end of the process another one takes up what is left."""
        try:
            done = await self.computer.turn(definitions, **given)
        except Killed:
            self.restart()
            done = await self.computer.turn(definitions, **given)
        entries = await self.log.read(0, self._read, 100_000)
        for stored in entries:
            self._read = stored.offset
            message = json.loads(stored.entry.body)
            if message["messageId"] not in self._known:  # delivery takes an event in once
                self._known.add(message["messageId"])
                self.told.append(message)
        return done

    def said(self) -> list[tuple[str, str, Any]]:
        """(key, subject, value) of the calls that were said since it was asked the last time."""
        found = [spoken(message) for message in self.told]
        self.told = []
        return found

    def values(self) -> set[tuple[str, str, str]]:
        """What the memberships are."""
        return set(self.state.values(self.state.computations()))


def spoken(message: Mapping[str, Any]) -> tuple[str, str, Any]:
    """What a call says."""
    key = message["context"]["personas"]["computation_key"]
    if message["type"] == "group":
        return key, message["groupId"], message["traits"][key]
    user = f"u:{message['userId']}" if message.get("userId") else f"a:{message['anonymousId']}"
    return key, user, message["traits"][key]


def expected(
    events: Iterable[Event], definitions: Sequence[Computation], now: datetime
) -> set[tuple[str, str, str]]:
    """What everybody has, by the naive evaluator: events in order, names joined by the first pair that shows
    them, traits by the newest value.
    """
    ordered = sorted(events, key=lambda event: event.stamp)
    parents = _parents(ordered)
    world = naive.World()
    traits: dict[tuple[str, str], Any] = {}
    account_traits: dict[tuple[str, str], Any] = {}
    people, links = set(), set()
    for event in ordered:
        names = [f"u:{event.user_id}" if event.user_id else f"a:{event.anonymous_id}", *_also(event)]
        people |= {_root(name, parents) for name in names}
        person = _root(names[0], parents)
        if event.kind in ("track", "page", "screen"):
            world.events.append(_naive_event(event, person))
        elif event.kind == "identify":
            traits |= {(person, name): value for name, value in event.traits.items()}
        elif event.kind == "group":
            links.add((person, event.group_id))
            account_traits |= {(event.group_id, name): value for name, value in event.traits.items()}
    world.people, world.links = sorted(people), sorted(links)
    world.accounts = sorted({account for _, account in links})
    world.traits = {at: value for at, value in traits.items() if value is not None}
    world.account_traits = {at: value for at, value in account_traits.items() if value is not None}
    rows: set[tuple[str, str, str]] = set()
    for layer in layers(linked(definitions)):
        world.computed = {(key, subject): json.loads(value) for key, subject, value in rows}
        rows |= naive.evaluate([one for one in layer if one.enabled], world, now)
    return rows


def _naive_event(event: Event, person: str) -> naive.Event:
    time_us = min(event.time_us, event.received_us)
    at = datetime.fromtimestamp(time_us // SECOND_US, UTC).replace(microsecond=time_us % SECOND_US)
    views = {"page": ("Page Viewed", "page_name"), "screen": ("Screen Viewed", "screen_name")}
    name, own = views.get(event.kind, (event.name, ""))
    properties = {**event.properties, **({own: event.name} if own else {})}
    return naive.Event(person, at, event.stamp.decode(), name, properties)


def _also(event: Event) -> list[str]:
    if event.kind == "alias" and event.previous_id:
        return [f"u:{event.previous_id}"]
    return [f"a:{event.anonymous_id}"] if event.user_id and event.anonymous_id else []


def _parents(events: Iterable[Event]) -> dict[str, str]:
    parents: dict[str, str] = {}
    for event in events:
        for name in _also(event):
            into = f"u:{event.user_id}"
            if event.user_id and name != into and name not in parents and _root(into, parents) != name:
                parents[name] = into
    return parents


def _root(name: str, parents: Mapping[str, str]) -> str:
    while name in parents:
        name = parents[name]
    return name
