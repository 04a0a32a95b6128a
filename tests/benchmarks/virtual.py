"""The real engine and store, and the sandbox as the vendor, in one process under a virtual clock.

Idle time is skipped: the engine looks again when something is due, at most twice a second of that time.
"""

import asyncio
import contextlib
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
from starlette.types import Message

from gainstage.clock import SECOND_US
from gainstage.connection import Configuration, Connected, Source
from gainstage.delivery.engine import Engine
from gainstage.destination import CallFailed, Request, Response
from gainstage.destinations.registry import load
from gainstage.log.contract import Entry
from gainstage.log.memory import MemoryLog
from gainstage.store.rows import Document
from gainstage.store.store import FILE_NAME, Store
from gainstage.testing.clock import VirtualClock
from gainstage_sandbox.app import create_app

#: 2026-01-05T00:00:00Z, a Monday: the vendor's fixed days begin with ours.
MONDAY_US = 1_767_571_200_000_000
#: The engine looks for what came, and for what is due, at multiples of this.
STEP_SECONDS = 0.5
LONGEST_SLEEP_SECONDS = 600.0
KINDS = {
    "/v1/data/objects/query/Company": "company look-ups",
    "/v1/data/objects/Company": "company writes",
    "/v1.0/api/eventManager/event": "events",
    "/v1.0/api/people": "people",
}


class SandboxTransport:
    """Calls the sandbox in process; each call takes its time on the way there and back."""

    def __init__(self, clock: VirtualClock, chance: random.Random) -> None:
        self.sandbox = create_app(lambda: clock.now_us() / SECOND_US, clock.sleep)
        #: When each call was made and what for; when each met the vendor's limits.
        self.made: list[tuple[float, str]] = []
        self.met: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._clock = clock
        self._chance = chance

    async def send(self, request: Request) -> Response:
        path, _, query = request.url.partition("://")[2].partition("/")[2].partition("?")
        seconds = min(
            self._chance.lognormvariate(-1.2, 0.6), 10.0
        )  # half below 0.3 s, one in 100 above 1.2 s
        self.made.append((self._clock.elapsed_us / SECOND_US, KINDS.get(f"/{path}", f"other: /{path}")))
        await self._clock.sleep(seconds / 2)
        self.met.append(self._clock.elapsed_us / SECOND_US)
        response = await self._ask(request, f"/{path}", query)
        self.statuses[response.status] += 1
        await self._clock.sleep(seconds / 2)
        return response

    async def _ask(self, request: Request, path: str, query: str) -> Response:
        scope = {
            "type": "http",
            "method": request.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        }
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": request.body}

        async def answer(message: Message) -> None:
            said.append(message)

        await self.sandbox(scope, receive, answer)
        if not said:
            raise CallFailed("unreachable", "The sandbox did not answer.", sent=True)
        headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Response(said[0]["status"], headers, b"".join(part.get("body", b"") for part in said[1:]))

    async def close(self) -> None:
        pass


class SkippingEngine(Engine):
    """The real engine, which sleeps until something is due instead of looking ten times a second."""

    idle_seconds: Callable[[bool], float]

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            idle = self.idle_seconds(bool(self._hungry))
            for flight in self._resting:
                seconds = (flight.rests_until_us - self._clock.now_us()) / SECOND_US
                idle = min(idle, max(seconds, STEP_SECONDS))
            async with asyncio.timeout(idle):
                await self._news.wait()
        self._news.clear()

    def wake(self) -> None:
        """Something was appended to the log."""
        self._news.set()

    async def die(self) -> None:
        """Its calls end with it; nobody reads their answers."""
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)


class World:
    """Runs the engine over days, with stops and kills in between."""

    #: The type of the destination, whose name is its last part.
    destination = "gainsight_cs"

    def __init__(self, folder: Path, settings: dict[str, Any], seed: int, start_us: int = MONDAY_US) -> None:
        self.clock, self.start_us = VirtualClock(start_us), start_us
        self.folder = folder
        self.log = MemoryLog()
        self.transport = SandboxTransport(self.clock, random.Random(f"{seed} transport"))
        self.restarts = 0
        self._settings = settings
        self._seed = seed
        self._engine: SkippingEngine | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.open()
        with self.store.transaction() as transaction:
            transaction.documents.replace([Document("source", "app", "file", {})], "file")

    def open(self) -> None:
        """Take hold of the store."""
        self.store = Store(self.folder)
        # The machine does not fail here, only the process: what was committed need not have reached the disk.
        self.store._connection.execute("PRAGMA synchronous=OFF")
        self._reader = apsw.Connection(str(self.folder / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)

    @property
    def seconds(self) -> float:
        """Time passed since the first day began."""
        return self.clock.elapsed_us / SECOND_US

    def start(self) -> None:
        """Start the engine, as a new process would."""
        chance = random.Random(f"{self._seed} engine {self.restarts}")
        engine = SkippingEngine(self.store, self.log, self.clock, self.transport, self._configuration, chance)
        engine.idle_seconds = self._idle_seconds
        self._stop = asyncio.Event()
        self._engine, self._task = engine, asyncio.create_task(engine.run(self._stop))

    async def stop(self) -> None:
        """Stop it as a person does: calls under way are finished."""
        assert self._engine is not None and self._task is not None
        self._stop.set()
        self._engine.wake()
        await self._task
        self.close()

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._engine is not None and self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._engine.die()
        self.close()

    async def restart(self) -> None:
        """End the process, by a stop and by a kill in turns, and start another a few seconds later."""
        await (self.kill() if self.restarts % 2 else self.stop())
        self.restarts += 1
        await self.clock.sleep(STEP_SECONDS * 10)
        self.open()
        self.start()

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()
        self.store.close()

    async def live(
        self, messages: Iterable[tuple[float, bytes]], seconds: float, restarts: Sequence[float]
    ) -> None:
        """A day: its messages as they come, up to its end. `restarts`: in which of its seconds."""
        began_us, upcoming = self.clock.elapsed_us, sorted(restarts, reverse=True)
        batch: list[Entry] = []
        step = 0
        for at, body in messages:
            now = math.ceil(at / STEP_SECONDS)
            if now != step:
                await self._accept(batch)
                batch, step = [], now
                await self._until(began_us, step * STEP_SECONDS)
                if upcoming and upcoming[-1] <= at:
                    upcoming.pop()
                    await self.restart()
            received_us = self.start_us + began_us + int(at * SECOND_US)
            batch.append(Entry("app", "", received_us, len(batch), b"", body))
        await self._accept(batch)
        await self._until(began_us, seconds)
        self.check()

    async def _until(self, began_us: int, second: float) -> None:
        await self.clock.sleep(max(0.0, second - (self.clock.elapsed_us - began_us) / SECOND_US))
        self.check()

    async def _accept(self, batch: list[Entry]) -> None:
        if batch and self._engine is not None:
            await self.log.append(batch)
            self._engine.wake()

    def check(self) -> None:
        """Raise what ended the engine."""
        if self._task is not None and self._task.done():
            self._task.result()
            raise RuntimeError("The engine ended by itself.")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the store holds."""
        return list(self._reader.execute(query, values))

    def _idle_seconds(self, hungry: bool) -> float:
        """How long nothing is due."""
        if hungry:
            return STEP_SECONDS
        now_us = self.clock.now_us()
        due: list[int] = [
            row[0]
            for row in self.rows(
                "SELECT min(due_us) FROM lane WHERE destination_id = 1 AND priority = 0 AND due_us > ?1 "
                "UNION ALL SELECT min(occupied_until_us) FROM record WHERE occupied_until_us > ?1 "
                "AND occupied_until_us > 0 "
                "UNION ALL SELECT min(due_us) FROM lane WHERE destination_id = 1 AND priority = 2 AND "
                "due_us > ?1 "
                "UNION ALL SELECT min(yields_until_us) FROM destination WHERE yields_until_us > ?1 "
                "UNION ALL SELECT min(resume_us) FROM destination WHERE resume_us > ?1 "
                "UNION ALL SELECT min(stop_until_us) FROM budget_limit WHERE stop_until_us > ?1",
                now_us,
            )
            if row[0] is not None
        ]
        if not due:
            return LONGEST_SLEEP_SECONDS
        step_us = int(STEP_SECONDS * SECOND_US)
        at_us = -(-min(due) // step_us) * step_us
        return min((at_us - now_us) / SECOND_US, LONGEST_SLEEP_SECONDS)

    def _configuration(self, documents: Sequence[Document], revision: int) -> Configuration:
        destination, name = load(self.destination), self.destination.rpartition("_")[2]
        settings = destination.settings.model_validate(self._settings)
        kinds = frozenset(destination.kinds)
        connected = Connected(name, destination, settings, frozenset({"app"}), kinds)
        return Configuration(revision, {"app": Source("app", "server", "k")}, {name: connected})


def most_within(times: Sequence[float], window: float) -> int:
    """The most of these times (ascending) that lie within any window of that length."""
    most = start = 0
    for end, at in enumerate(times):
        while times[start] <= at - window:
            start += 1
        most = max(most, end - start + 1)
    return most
