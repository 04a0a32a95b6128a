"""An engine in a workshop: a vendor inside the process, a clock that the test owns, a destination made up.

The made-up vendor keeps persons by e-mail, teams by name, and events. A person's e-mail is required.
"""

import asyncio
import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, SecretStr

from gainstage.audiences.definition import Computation
from gainstage.connection import Configuration, Connected, Retention, Source
from gainstage.delivery.engine import Engine
from gainstage.destination import (
    Budget,
    CallFailed,
    Check,
    Destination,
    Exchange,
    Finding,
    Planned,
    Request,
    Response,
    Settled,
    Work,
    outcome_of_status,
)
from gainstage.event import Event, Identity
from gainstage.log.contract import Entry
from gainstage.log.memory import MemoryLog
from gainstage.normalise import Surroundings
from gainstage.operation import Append, Operation, Record, Upsert
from gainstage.outcome import Blocked, Delivered, Filtered, Parked, Rejected
from gainstage.store import Store
from gainstage.store.rows import LIVE, Document

START_US = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z
SECOND_US = 1_000_000
SECRET = "workshop-secret-key"
UNUSABLE = Blocked("configuration_invalid", "A variable is missing.")


class Settings(BaseModel):
    """What a test may change about the made-up destination."""

    key: SecretStr = SecretStr(SECRET)
    tenant: str = "acme"
    park_for: timedelta = timedelta(days=7)
    resend_unchanged_after: timedelta = timedelta(days=7)
    calls: int = 0
    window_seconds: float = 60.0
    repeatable: bool = True
    track: bool = True


def plan(settings: Settings, event: Event, identity: Identity, schema: Any = None) -> Planned:
    """identify: a person. group: a team and the person's link to it. track: an event of the person."""
    email = str(event.traits.get("email") or event.context_traits.get("email") or identity.email)
    if event.kind == "track" and not settings.track:
        return Planned(Parked("setting_missing", "`track` is not set."))
    if event.kind == "track" and event.name == "Unmapped":
        return Planned(Rejected("event_unmapped", "No name for it."))
    if event.kind == "page":
        return Planned(Filtered("event_not_listed", "Not listed."))
    if not email:
        return Planned(Parked("email_missing", "No e-mail is known."))
    person = Record("person", f"email:{email.lower()}")
    if event.kind == "track":
        return Planned((Append(person, {"name": event.name, **event.properties}),))
    traits = {name: value for name, value in event.traits.items() if name != "email"}
    if event.kind == "identify":
        unmapped = tuple(name for name in traits if name.startswith("_"))
        return Planned((Upsert(person, {"email": email, **traits}),), unmapped)
    team = Record("team", f"name:{event.group_id}")
    operations: tuple[Operation, ...] = (
        Upsert(team, {"name": event.group_id, **traits}),
        Upsert(person, {f"team[{team.key}]": True}, after=(team,)),
    )
    return Planned(operations)


def exchange(settings: Settings, works: Sequence[Work]) -> Exchange:
    """One call for all works of an object; each is settled by the answer's word for it."""
    indexes = tuple(range(len(works)))
    body = msgspec.json.encode([{"record": list(work.record), "fields": work.fields} for work in works])
    request = Request(
        "POST",
        f"https://vendor.example/{works[0].kind}/{works[0].record.object}",
        {"authorization": settings.key.get_secret_value(), "content-type": "application/json"},
        body,
        indexes,
        repeatable=settings.repeatable,
        secret_headers=("Authorization",),
        family="writes",
    )
    response = yield request
    assert response is not None
    said = response.json() if response.status < 300 else None
    failed = outcome_of_status(response, "")
    for index in indexes:
        if failed is not None:
            yield Settled(index, failed)
        elif isinstance(said, list):
            yield Settled(index, Rejected("value_invalid", "Refused.", tuple(said)))
        else:
            yield Settled(index, Delivered(), {"id": works[index].record.key})


def check(settings: Settings) -> Check:
    """One harmless call."""
    yield Request("GET", "https://vendor.example/me", {})
    yield Finding("ok", "", "It works.")


def budgets(settings: Settings) -> tuple[Budget, ...]:
    """Off where `calls` is 0."""
    if not settings.calls:
        return ()
    return (Budget(settings.tenant, "writes", "window", settings.window_seconds, settings.calls),)


VENDOR = Destination(
    name="workshop",
    title="Workshop",
    settings=Settings,
    kinds=("identify", "track", "group", "page"),
    integration_names=("Workshop",),
    plan=plan,
    exchange=exchange,
    check=check,
    tenant=lambda settings: settings.tenant if settings else "",
    budgets=budgets,
    pretend=lambda request: Response(200, {}, b"{}"),
    batch={"team": 50},
    concurrency=4,
)


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.us = START_US

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)

    def forward(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)


Answer = Response | CallFailed | None
OK = Response(200, {}, b"{}")


def status(code: int, body: bytes = b"{}", **headers: str) -> Response:
    """An answer; header names with dashes for underscores."""
    return Response(code, {name.replace("_", "-"): value for name, value in headers.items()}, body)


class Vendor:
    """A transport that answers by itself: `answer` decides, everything said is kept."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.sent_at_us: list[int] = []
        self.persons: dict[str, dict[str, Any]] = {}
        self.teams: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        #: Answers to give before the healthy ones; None gives a healthy one. A call may also wait for a gate.
        self.script: list[Answer] = []
        self.answer: Callable[[Request], Answer] = lambda request: None
        self.gate: asyncio.Event | None = None
        self.clock: Clock | None = None

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        if self.clock is not None:
            self.sent_at_us.append(self.clock.now_us())
        if self.gate is not None:
            await self.gate.wait()
        answer = self.script.pop(0) if self.script else self.answer(request)
        if isinstance(answer, CallFailed):
            if answer.sent:
                self._apply(request)
            raise answer
        if answer is None or (answer.status < 300 and answer.body == b"{}"):
            self._apply(request)
        return answer or OK

    def bodies(self) -> list[Any]:
        """The fields of every record of every call, in order."""
        return [one["fields"] for request in self.requests for one in msgspec.json.decode(request.body)]

    def _apply(self, request: Request) -> None:
        for one in msgspec.json.decode(request.body):
            (name, key), fields = one["record"], one["fields"]
            if "/append/" in request.url:
                self.events.append(fields)
            else:
                kept = self.persons if name == "person" else self.teams
                kept.setdefault(key.split(":", 1)[1], {}).update(fields)

    async def close(self) -> None:
        pass


class Workshop:
    """Store, log, clock, vendor and engine. `destinations`: settings by name."""

    def __init__(self, folder: Path, destinations: Mapping[str, Settings] | None = None) -> None:
        self.store, self.log, self.clock, self.vendor = Store(folder), MemoryLog(), Clock(), Vendor()
        self.vendor.clock = self.clock
        self.given: dict[str, Settings] = dict(destinations or {"shop": Settings()})
        self.paused: set[str] = set()
        self.unusable: set[str] = set()
        self.retention = Retention()
        self.computations: tuple[Computation, ...] = ()
        self.type = VENDOR
        self.place = 0
        self.engine = self.new_engine()
        self.configure()

    def new_engine(self) -> Engine:
        """An engine, as another process would start it."""
        return Engine(self.store, self.log, self.clock, self.vendor, self._configuration, random.Random(1))

    def configure(self, **settings: Settings) -> None:
        """Put settings in force, by destination name."""
        self.given |= settings
        written = {
            name: {"given": {**given.model_dump(mode="json"), "key": given.key.get_secret_value()},
                   "paused": name in self.paused, "unusable": name in self.unusable,
                   "retention": str(self.retention)}
            for name, given in self.given.items()
        }  # fmt: skip
        with self.store.transaction() as transaction:
            documents = [Document("destination", name, "file", body) for name, body in written.items()]
            transaction.documents.replace([Document("source", "app", "file", {}), *documents], "file")

    def _configuration(self, documents: Sequence[Document], revision: int) -> Configuration:
        found = {
            name: Connected(
                name, self.type, None if name in self.unusable else given, frozenset({"app"}),
                frozenset(self.type.kinds), paused=name in self.paused,
                problem=UNUSABLE if name in self.unusable else None,
            )
            for name, given in self.given.items()
        }  # fmt: skip
        return Configuration(
            revision,
            {"app": Source("app", "server", "k")},
            found,
            retention=self.retention,
            computations=self.computations,
        )

    async def take(
        self, *messages: Mapping[str, Any], run: int | None = None, priority: int = LIVE, source: str = "app"
    ) -> None:
        """Append messages, as the tracking API would; each a request of its own."""
        for message in messages:
            self.place += 1
            self.clock.us += 1
            body = msgspec.json.encode({"messageId": f"m-{self.place}", "userId": "u-1", **message})
            around = Surroundings(run=run, priority=priority).encoded()
            await self.log.append([Entry(source, "", self.clock.now_us(), 0, around, body)])

    async def turn(self) -> bool:
        """One turn, and the calls that it started."""
        busy = await self.engine.turn([0])
        for _ in range(5):
            await asyncio.sleep(0)
        return busy

    async def work(self, turns: int = 12) -> None:
        """Turns at this instant, enough for everything that may go now."""
        for _ in range(turns):
            await self.turn()

    async def deliver(self, seconds: float = 10.0) -> None:
        """Everything that goes within this time."""
        await self.work()
        for _ in range(int(seconds)):
            self.clock.forward(1)
            await self.work(4)

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the only destination; those of zero left out."""
        return self.counts_of(next(iter(self.given)))

    def counts_of(self, destination: str) -> dict[str, int]:
        with self.store.reading() as reading:
            words = reading.counters().get(("app", destination), {})
        return {word: n for word, n in words.items() if n}

    def outcomes(self, message_id: str) -> dict[str, tuple[str, str]]:
        """Destination to (word, code) of an event."""
        with self.store.reading() as reading:
            (event,) = reading.events(message_id)
            rows = reading.deliveries(event["id"], self.clock.now_us())
        return {row.destination: (row.word, row.code) for row in rows}

    def outcome(self, message_id: str) -> tuple[str, str]:
        (found,) = self.outcomes(message_id).values()
        return found

    def column(self, query: str) -> list[Any]:
        """The first column of a query's rows."""
        return [row[0] for row in self.store._connection.execute(query)]


def with_type(workshop: Workshop, **changes: Any) -> None:
    """Change the made-up destination type itself."""
    workshop.type = dataclasses.replace(workshop.type, **changes)


@contextmanager
def opened(folder: Path, destinations: Mapping[str, Settings] | None = None) -> Iterator[Workshop]:
    """A workshop whose counters are compared with the ledger's rows at the end."""
    workshop = Workshop(folder, destinations)
    try:
        yield workshop
        assert_balanced(workshop.store)
    finally:
        workshop.store.close()


def assert_balanced(store: Store) -> None:
    """Counters are what the rows of the ledger add up to; what is open has operations, and only that."""
    connection = store._connection
    counted = {
        row[:3]: row[3]
        for row in connection.execute("SELECT source_id, destination_id, word, n FROM counter")
        if row[1] and row[3]
    }
    rows = connection.execute(
        "SELECT source_id, destination_id, word, count(*) FROM delivery GROUP BY 1, 2, 3"
    )
    assert counted == {row[:3]: row[3] for row in rows}
    wrong = connection.execute(
        "SELECT event_id, destination_id, word, open, (SELECT count(*) FROM operation WHERE "
        "operation.event_id = delivery.event_id AND operation.destination_id = delivery.destination_id) AS n "
        "FROM delivery WHERE n != CASE word WHEN 4 THEN open ELSE 0 END"
    ).fetchall()
    assert not wrong, f"open operations and the ledger differ: {wrong}"


Word = Literal["delivered", "filtered", "failed", "parked", "pending"]
