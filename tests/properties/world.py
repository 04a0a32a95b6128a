"""Lives through a case: the real engine and store under a virtual clock, the sandbox as the tenant."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from gainstage.clock import SECOND_US
from gainstage.connection import Configuration, Connected, Source
from gainstage.destinations.registry import load
from gainstage.log.contract import Entry
from gainstage.store.rows import Document
from gainstage.store.store import FILE_NAME, Transaction
from tests.benchmarks.virtual import MONDAY_US, World
from tests.properties.case import Case, Stop
from tests.properties.transport import Broken, TenantTransport
from tests.simulation.world import Crash, ShakyStore

#: Everything must be settled so long after the last trouble.
SETTLED_WITHIN_SECONDS = 3 * 86_400
LOOK_SECONDS = 20.0


class CountedStore(ShakyStore):
    """A store that takes the process with it around chosen commits."""

    tenancy: "Tenancy"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.doom = self.tenancy.next_doom()
        with super().transaction() as transaction:
            yield transaction


class Tenancy(World):
    """One world: a case, lived through."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.trace: list[str] = []
        self.commits = 0
        self.ends: list[float] = []
        self._stop_asked: asyncio.Future[Stop] | None = None
        self._down = False
        super().__init__(folder, case.first, case.seed)
        chance = random.Random(f"{case.seed} transport")
        self.transport = TenantTransport(self.clock, chance, self.note, case)
        self.transport.stops, self.transport.asked_to_stop = case.stops, self._ask_to_stop
        self.sandbox = self.transport.sandbox.state
        self._furnish()
        self.revision_documents()

    def revision_documents(self) -> None:
        """Sources and destinations by name; what they are is said by `_configuration`."""
        sources = sorted({source for fed in self.case.feeds.values() for source in fed})
        documents = [Document("source", name, "file", {}) for name in sources]
        documents += [Document("destination", name, "file", {}) for name in self.case.settings]
        with ShakyStore.transaction(self.store) as transaction:
            transaction.documents.replace(documents, "file")

    def _furnish(self) -> None:
        """The tenant before the first message."""
        case, state = self.case, self.sandbox
        state.behaviour.set(case.switches)
        state.limits.change(case.limits)
        state.seed(case.before())
        state.faults.add(case.faults)

    def note(self, sentence: str) -> None:
        """A line of the trace."""
        self.trace.append(f"{self.clock.elapsed_us / SECOND_US:10.3f} s  {sentence}")

    # the store and the engine

    def open(self) -> None:
        store = CountedStore(self.folder)
        store.tenancy = self
        self.store = store
        store._connection.execute("PRAGMA synchronous=OFF")
        self._reader = apsw.Connection(str(self.folder / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)

    def next_doom(self) -> str:
        """What the next commit of a running engine meets."""
        if self._task is None:
            return ""
        self.commits += 1
        for stop in self.case.stops:
            if stop.how.endswith("commit") and stop.number == self.commits:
                return stop.how
        return ""

    def _configuration(self, documents: Sequence[Document], revision: int) -> Configuration:
        destination = load(self.case.destination)
        sources = {d.name: Source(d.name, "server", d.name) for d in documents if d.kind == "source"}
        connected = {
            name: Connected(
                name,
                destination,
                destination.settings.model_validate(settings),
                frozenset(self.case.feeds[name]),
                frozenset(destination.kinds),
            )
            for name, settings in self.case.settings.items()
        }
        return Configuration(revision, sources, connected)

    def _idle_seconds(self, hungry: bool) -> float:
        if hungry:
            return 1.0
        now_us = self.clock.now_us()
        due = [
            row[0]
            for row in self.rows(
                "SELECT min(due_us) FROM lane WHERE due_us > ?1 "
                "UNION ALL SELECT min(resume_us) FROM destination WHERE resume_us > ?1 "
                "UNION ALL SELECT min(stop_until_us) FROM budget_limit WHERE stop_until_us > ?1",
                now_us,
            )
            if row[0] is not None
        ]
        return min(max((min(due, default=now_us + 600 * SECOND_US) - now_us) / SECOND_US, 0.1), 600.0)

    def _ask_to_stop(self, stop: Stop) -> None:
        if self._stop_asked is not None and not self._stop_asked.done():
            self._stop_asked.set_result(stop)

    # life

    def live_through(self) -> None:
        """Live through the case.

        Raises:
            Broken: a promise was not kept.
        """
        self.clock.run(self._live_through())

    async def _live_through(self) -> None:
        keeper = asyncio.create_task(self._keep_running())
        timers = [asyncio.create_task(self._at(one, why)) for one, why in self._timed()]
        received = 0
        try:
            for sent in self.case.sent:
                await self._until_second(sent.at, keeper)
                received_us = MONDAY_US + round(sent.at * SECOND_US)
                entries = [
                    Entry(said.source, "", received_us, place, b"", json.dumps(dict(said.body)).encode())
                    for place, said in enumerate(sent.messages)
                ]
                await self.log.append(entries)
                received += len(entries)
                self.note("arrived: " + ", ".join(said.message_id for said in sent.messages))
                if self._engine is not None:
                    self._engine.wake()
            await self._until_second(self.seconds + 60, keeper)
            await asyncio.gather(*timers)
            self.sandbox.faults.reset()
            self.transport.stops = []
            self.note("calm")
            await self._settle(keeper, received)
            self._look()
        finally:
            keeper.cancel()
            for timer in timers:
                timer.cancel()
            await asyncio.gather(keeper, *timers, return_exceptions=True)
        self.close()

    def _timed(self) -> Iterator[tuple[float, Callable[[], None]]]:
        for stop in self.case.stops:
            if stop.how in ("kill", "stop"):
                yield stop.number, lambda stop=stop: self._ask_to_stop(stop)
        for start, end in self.case.locked:
            yield start, lambda: self.sandbox.behaviour.set({"refused_keys": [self.case.key]})
            yield end, lambda: self.sandbox.behaviour.set({"refused_keys": []})
        for second, act in self.case.meanwhile():
            yield second, lambda act=act: act(self.sandbox)  # type: ignore[misc]

    async def _at(self, second: float, act: Callable[[], None]) -> None:
        await self.clock.sleep(max(0.0, second - self.seconds))
        act()

    async def _until_second(self, second: float, keeper: asyncio.Task[None]) -> None:
        while not keeper.done() and self.seconds < second:
            await self.clock.sleep(min(LOOK_SECONDS, second - self.seconds))
        if keeper.done():
            keeper.result()

    async def _settle(self, keeper: asyncio.Task[None], received: int) -> None:
        deadline = self.seconds + SETTLED_WITHIN_SECONDS
        while self._down or not self._is_settled(received):
            await self._until_second(self.seconds + LOOK_SECONDS, keeper)
            if self.seconds > deadline:
                pending = self.rows(
                    "SELECT event_id, destination_id, code, open FROM delivery WHERE word = 4"
                )
                raise Broken(
                    f"not settled long after the last trouble: {pending[:5]}, "
                    f"{self.rows('SELECT * FROM lane')[:5]}"
                )

    def _is_settled(self, received: int) -> bool:
        routed = sum(offset for _, offset in self.rows("SELECT * FROM partition"))
        return routed == received and not self.rows("SELECT 1 FROM delivery WHERE word = 4 LIMIT 1")

    async def _keep_running(self) -> None:
        """Run the engine, again after each of its ends."""
        try:
            while True:
                self._stop_asked = asyncio.get_running_loop().create_future()
                self.start()
                assert self._task is not None
                await asyncio.wait({self._task, self._stop_asked}, return_when=asyncio.FIRST_COMPLETED)
                stop = await self._end()
                self.restarts += 1
                self.ends.append(self.seconds)
                self.note(f"ended: {stop.how}; down for {stop.down_seconds} s")
                self._down, self._task = True, None
                await self.clock.sleep(stop.down_seconds)
                self.open()
                self._look()
                self._down = False
        finally:
            if not self._down:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
                await self._engine.die()

    async def _end(self) -> Stop:
        """End the process as it was to end."""
        if self._task.done():
            error = self._task.exception()
            if not isinstance(error, Crash):
                raise error or Broken("the engine ended by itself")
            await self._engine.die()
            self.close()
            return next(s for s in self.case.stops if s.how.endswith("commit") and s.number == self.commits)
        stop = self._stop_asked.result()
        try:
            await (self.stop() if stop.how == "stop" else self.kill())
        except Crash:  # while it stopped
            await self._engine.die()
            self.close()
        return stop

    def _look(self) -> None:
        """What must hold in every reading of the ledger."""
        counted = dict(
            self.rows(
                "SELECT printf('%d %d %d', source_id, destination_id, word), n FROM counter "
                "WHERE n AND word < 5"
            )
        )
        rows = dict(
            self.rows(
                "SELECT printf('%d %d %d', source_id, destination_id, word), count(*) "
                "FROM delivery GROUP BY 1"
            )
        )
        counted = {key: n for key, n in counted.items() if key.split()[1] != "0"}
        if counted != rows:
            raise Broken(f"the counters say {counted}, the rows {rows}")
        events, duplicates = self.rows(
            "SELECT (SELECT count(*) FROM event), (SELECT coalesce(sum(n), 0) FROM counter WHERE word = 6)"
        )[0]
        routed = sum(offset for _, offset in self.rows("SELECT * FROM partition"))
        if events + duplicates != routed:
            raise Broken(f"{routed} routed: {events} events, {duplicates} duplicates")
        open_ = self.rows(
            "SELECT d.event_id, d.destination_id, word, open, count(o.id) FROM delivery d "
            "LEFT JOIN operation o ON o.event_id = d.event_id AND o.destination_id = d.destination_id "
            "GROUP BY 1, 2 HAVING count(o.id) != CASE word WHEN 4 THEN open ELSE 0 END"
        )
        if open_:
            raise Broken(f"(event, destination, word, open, operations) do not fit: {open_}")
