"""One world: an engine over a real store, scripted vendors, a stream of events, a fate, all from one seed."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gainstage.delivery.engine import Engine
from gainstage.delivery.flight import Flight
from gainstage.log.contract import Entry
from gainstage.log.memory import MemoryLog, Shelf
from gainstage.store import StorageUnavailable, Store
from gainstage.store.contract import PartitionLost
from gainstage.store.replay import CANCELLED, PAUSED, RUNNING, STATES, Asked
from gainstage.store.rows import PENDING, Document, NewDelivery
from gainstage.store.store import Transaction
from gainstage.testing.clock import VirtualClock
from tests.simulation.fate import Fate, configured
from tests.simulation.faults import Weather
from tests.simulation.oracle import Oracle
from tests.simulation.spending import Limits
from tests.simulation.stream import MALFORMED, Said, Writer
from tests.simulation.vendor import Broken, Vendors
from tests.simulation.waiting import FLIGHT

#: Everything must be settled so long after the last fault.
SETTLED_WITHIN_SECONDS = 4 * 86_400
TURNS_AT_ONCE = 3_000


class Crash(Exception):
    """The process ends here, as by a kill."""


class ShakyStore(Store):
    """The real store, which at times fails, or takes the process with it, around a commit."""

    doom: str = ""

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        doom, self.doom = self.doom, ""
        with super().transaction() as transaction:
            yield transaction
            if doom == "before commit":
                raise Crash
            if doom == "storage fails":
                raise StorageUnavailable("The disk is full.")
            if doom == "partition lost":
                raise PartitionLost("Routed by another process.")
        if doom == "after commit":
            raise Crash


class WatchedEngine(Engine):
    """The real engine. After every turn the oracle looks, and idle time is skipped."""

    world: "World"

    async def turn(self, partitions: Sequence[int]) -> bool:
        world = self.world
        answered = list(world.vendors.answered)
        world.before_turn()
        try:
            busy = await super().turn(partitions)
        except (StorageUnavailable, PartitionLost):
            world.vendors.recorded(answered, lost=True)
            raise
        world.vendors.recorded(answered)
        world.after_turn()
        return busy

    async def _make(self, flight: Flight) -> None:
        FLIGHT.set(flight)
        await super()._make(flight)

    async def _wait(self) -> None:
        try:
            idle = self.world.idle_seconds(hungry=bool(self._hungry))
            for flight in self._resting:
                idle = min(idle, max(0.1, (flight.rests_until_us - self._clock.now_us()) / 1e6))
            async with asyncio.timeout(idle):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()


@dataclass
class World:
    """Everything about one seed."""

    seed: int
    folder: Path
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = self._chance("script")
        self.clock = VirtualClock()
        self.fate = Fate.of(self._chance("fate"))
        self.replaying = self._chance("replay")
        self.fate.replay(self.replaying)
        #: How often an idle engine looks where nothing is planned: in life ten times a second.
        self.rhythm_seconds = self._chance("rhythm").choice((0.1, 1.0, 1.0, 10.0))
        self.shelf = Shelf.of(self.chance.choice((1, 1, 2, 3)))
        self.log = MemoryLog(shelf=self.shelf)
        self.writer = Writer.of(self._chance("stream"))
        self.stream: list[Said] = []
        self.weather = Weather(self.fate.fault_rate, self.fate.faults, self.fate.slow_seconds)
        self.vendors = Vendors(
            self.clock, self._chance("vendor"), self.weather, self.fate.keys, self.fate.replaces,
            self.trace,
        )  # fmt: skip
        self.store = ShakyStore(self.folder)
        self.oracle = Oracle(self.folder, self.vendors, self.fate)
        self.documents: Sequence[Document] = self.fate.documents()
        self.stop = asyncio.Event()
        self.over = False
        self.turns = self.turns_at_once = 0
        self.last_us = self._received_us = 0
        self.failure: BaseException | None = None
        self._engine: WatchedEngine | None = None
        self._task: asyncio.Task[None] | None = None
        self._bodies: list[tuple[str, bytes, str]] = []
        #: By revision of the documents.
        self._limits: dict[int, Limits] = {}
        #: Destinations that were edited since the engine last read the documents.
        self._unread: set[str] = set()

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def run(self) -> None:
        """Live through it.

        Raises:
            Broken: a promise was not kept.
        """
        try:
            self.clock.run(self._live())
        finally:
            self.oracle.close()
            self.store.close()

    def note(self, sentence: str) -> None:
        """A line of the trace."""
        self.trace.append(f"{self.clock.now_us()} {sentence}")

    # life

    async def _live(self) -> None:
        self._configure(self.documents)
        keeper = asyncio.create_task(self._keep_running())
        try:
            for seconds, name in self.fate.script:
                await self.clock.sleep(max(0.0, seconds - self.clock.elapsed_us / 1e6))
                self._raise_failure()
                await self._act(name)
            self.note("calm")
            self.weather.rate, self.weather.kinds = 0.0, ()
            self.weather.down.clear()
            self.weather.crowded.clear()
            self._resume_replays()
            self._configure(self.fate.final_documents())
            await self._settle()
            self.over = True
            self.stop.set()
            await keeper
            self._raise_failure()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        self.oracle.judge(self.stream)

    async def _settle(self) -> None:
        deadline_us = self.clock.elapsed_us + SETTLED_WITHIN_SECONDS * 1_000_000
        quiet = 0
        while quiet < 2:  # twice: a change of the settings may set free what was parked
            await self.clock.sleep(5)
            self._raise_failure()
            settled = self.oracle.settled(sum(len(kept) for kept in self.shelf.partitions))
            quiet = quiet + 1 if settled else 0
            if self.clock.elapsed_us > deadline_us:
                raise Broken(f"not settled long after the last fault: {self.oracle.unsettled()}")

    async def _keep_running(self) -> None:
        """Start the engine, again after each of its ends."""
        while not self.over and self.failure is None:
            self.stop = asyncio.Event()
            engine = WatchedEngine(
                self.store, self.log, self.clock, self.vendors, configured, self._chance("engine")
            )
            engine.world = self
            self._engine = engine
            self._task = asyncio.create_task(engine.run(self.stop))
            await asyncio.wait({self._task})
            error = None if self._task.cancelled() else self._task.exception()
            if self._task.cancelled() or error is not None:
                await self.vendors.hang_up()
                self.note("died")
                self.store.close()
                self.store = ShakyStore(self.folder)
            else:
                self.vendors.recorded(list(self.vendors.answered))
                for name in self._unread:  # what failed at the very end did so under settings of before
                    self.vendors.waiting.edited(name)
                self.note("stopped")
            if error is not None and not isinstance(error, Crash):
                self.failure = error

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.vendors.broken:
            raise Broken("; ".join(self.vendors.broken[:3]))

    # turns

    def before_turn(self) -> None:
        """Choose what this turn runs into, and see that time passes."""
        self.turns += 1
        now_us = self.clock.elapsed_us
        self.turns_at_once = self.turns_at_once + 1 if now_us == self.last_us else 0
        self.last_us = now_us
        if self.turns_at_once > TURNS_AT_ONCE:
            raise Broken("the engine turns without end")
        if self.weather.rate and self.chance.random() < self.fate.doom_rate:
            self.store.doom = self.chance.choice(self.fate.dooms)
            self.note(self.store.doom)

    def after_turn(self) -> None:
        """What must hold at every moment."""
        if self._engine is not None and self._engine._configuration is not None:
            self.vendors.spending.know(self._limits[self._engine._configuration.revision])
            if self._engine._configuration.revision == max(self._limits):
                self._unread.clear()
        self.oracle.look(self.documents, self.shelf)
        self._raise_failure()

    def idle_seconds(self, *, hungry: bool) -> float:
        """How long an idle engine would turn without anything to do."""
        if self.fate.patient and self.weather.rate:
            return 0.1
        if hungry:
            return 1.0
        planned = self.oracle.idle_seconds(self.clock.now_us())
        return planned if planned is not None else self.rhythm_seconds

    # what happens

    async def _act(self, name: str) -> None:
        actions: dict[str, Callable[[], object]] = {
            "events": self._send_events,
            "crash": lambda: self._task and self._task.cancel(),
            "restart": lambda: self.stop.set(),
            "jump": self._jump,
            "down": lambda: self.weather.down.add(self.chance.choice(("cs", "px", "click"))),
            "up": lambda: self.weather.down.clear(),
            "crowd": lambda: self.weather.crowded.add(self.chance.choice(("cs", "cs", "px", "click"))),
            "quiet": lambda: self.weather.crowded.clear(),
            "retry": self._retry,
            "change": self._change,
            "replay": self._replay,
        }
        self.note(name)
        await self.clock.sleep(0)
        actions[name]()
        self._wake()

    def _wake(self) -> None:
        """An idle engine looks ten times a second: it would have seen this by now."""
        if self._engine is not None:
            self._engine._news.set()

    def _send_events(self) -> None:
        entries = []
        count = self.chance.choice((1, 1, 2, 5, 12))
        self._received_us = max(self._received_us + 1, self.clock.now_us())
        source = self.chance.choice(self.fate.sources)
        for place in range(count):
            kind = self.chance.random()
            if kind < 0.03:
                body, key = self.chance.choice(MALFORMED), "x"
            elif kind < 0.08 and self._bodies:
                source_again, body, key = self.chance.choice(self._bodies)
                entries.append(Entry(source_again, key, self._received_us, place, b"", body))
                continue
            else:
                said = self.writer.write(source, self._received_us, place)
                self.stream.append(said)
                self.oracle.hear(said)
                body, key = said.body, said.person
                self._bodies.append((source, body, key))
            entries.append(Entry(source, key, self._received_us, place, b"", body))
        for entry in entries:
            self.note(f"accepted {entry.source} {entry.body.decode()}")
        self.log_sync(entries)

    def log_sync(self, entries: Sequence[Entry]) -> None:
        """Append; the log in memory never waits."""
        appending = self.log.append(entries)
        try:
            appending.send(None)
        except StopIteration:
            return
        raise AssertionError("the log in memory waited")

    def _jump(self) -> None:
        seconds = self.chance.choice((-3600.0, -90.0, -5.0, 5.0, 120.0, 3600.0, 7200.0))
        self.clock.jump(seconds)
        self.vendors.jumped(seconds)
        self.note(f"jumped {seconds}")

    def _retry(self) -> None:
        """A person has failed and parked events tried again."""
        rows = self.oracle.kept()
        chosen = self.chance.sample(rows, min(len(rows), self.chance.randint(1, 5)))
        with Store.transaction(self.store) as transaction:
            for event, destination, source in chosen:
                again = NewDelivery(event, destination, source, PENDING, "queued", "Is planned again.")
                transaction.ledger.change(again, self.clock.now_us())
                self.oracle.decide(event)
                self.note(f"retries event {event} at destination {destination}")

    def _replay(self) -> None:
        """Somebody has history sent again, or holds, continues or ends what is on its way."""
        with Store.transaction(self.store) as transaction:
            replays = transaction.replays
            ends = {number: transaction.intake.offset(number) for number in range(len(self.shelf.partitions))}
            unfinished = [one.id for one in replays.all(10) if one.state in (RUNNING, PAUSED)]
            if unfinished and self.replaying.random() < 0.6:
                number, state = (
                    self.replaying.choice(unfinished),
                    self.replaying.choice((PAUSED, RUNNING, CANCELLED)),
                )
                replays.change(number, state, self.clock.now_us())
                self.note(f"replay {number} becomes {STATES[state]}")
                return
            start, end = sorted(
                self.replaying.uniform(-10, self.clock.elapsed_us / 1e6 + 10) for _ in range(2)
            )
            begin_us = self.clock.now_us() - self.clock.elapsed_us
            everything = self.replaying.random() < 0.6
            asked = Asked(
                0 if everything else begin_us + int(start * 1e6),
                2**60 if everything else begin_us + int(end * 1e6),
                kinds=self.replaying.choice(((), (), ("identify",), ("track", "group"))),
                outcomes=self.replaying.choice(((), (), ("failed", "parked"), ("new",), ("delivered",))),
            )
            number = replays.begin(asked, ends, self.clock.now_us())
            self.note(f"replay {number} of {asked}")

    def _resume_replays(self) -> None:
        """Nothing is held any more."""
        with Store.transaction(self.store) as transaction:
            for replay in transaction.replays.all(20):
                transaction.replays.change(replay.id, RUNNING, self.clock.now_us())

    def _change(self) -> None:
        """Somebody edits the settings."""
        self._configure(self.fate.next_documents())

    def _configure(self, documents: Sequence[Document]) -> None:
        """Put settings into force. What is routed by then was under those of before, looked at or not: nobody
        looks after a turn in which the process died.
        """
        self.oracle.look(self.documents, self.shelf)
        self.documents = documents
        with Store.transaction(self.store) as transaction:
            before = {document.name: document.body for document in transaction.documents.all()}
            revision = transaction.documents.replace(self.documents, "file")
        self._limits[revision] = self.fate.limits()
        after = {document.name: document.body for document in self.documents}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                self.vendors.waiting.edited(name)
                self._unread.add(name)
        self._wake()
        self.note("configured " + json.dumps([document.body for document in self.documents], sort_keys=True))
