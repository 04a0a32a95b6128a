"""`gainstage send`: messages from files, through the same log, router and lanes as the SDKs' events."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gainstage.app.archiving import ArchiveOf
from gainstage.app.auditing import noted_in_force
from gainstage.app.configuring import configurer, refuse_other_file
from gainstage.app.folder import held, is_held, open_parts, prepare
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.app.reports import undelivered
from gainstage.app.sealing import seal_of
from gainstage.clock import SECOND_US, SystemClock
from gainstage.delivery.engine import Engine
from gainstage.delivery.transport import HttpTransport
from gainstage.errors import UsageError
from gainstage.log.contract import Entry, LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.normalise import Surroundings
from gainstage.pseudonym import Pseudonyms
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import FAILED, FILTERED, HISTORY, LIVE, PARKED, PENDING
from gainstage.store.store import Store

APPENDED_AT_ONCE = 500
LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 2.0
#: How many messages of a backfill may wait to be routed, and how long a router may stand still.
AHEAD_OF_THE_ROUTER = 1_000
STALLED_US = 5 * SECOND_US


class Progress(NamedTuple):
    """How far a `send` has come."""

    received: int
    settled: int
    pending: int
    calls: int


class _Head(msgspec.Struct):
    user: Any = msgspec.field(default=None, name="userId")
    anonymous: Any = msgspec.field(default=None, name="anonymousId")


def send(
    data: Path,
    config: Path | None,
    messages: Iterable[bytes],
    source: str | None,
    wait_seconds: float,
    progress: Callable[[Progress], None],
    *,
    backfill: bool = False,
) -> dict[str, Any]:
    """Accept the messages and return when every one is settled, or what is left cannot move within
    `wait_seconds`. `backfill`: they are history, and live events go first.

    Beside a running server that one delivers; else this process does.

    Raises:
        UsageError: configuration, source or data folder cannot be used.
    """
    beside = is_held(data)
    if beside:
        refuse_other_file(data, config)
    with _folder(data, beside=beside):
        store, log = open_parts(data)
        try:
            name = _source(_sources(store, config, beside=beside), source)
            run = _Run(store, log, name, wait_seconds, progress, HISTORY if backfill else LIVE)
            pseudonyms = None if beside else pseudonyms_of(data, store)
            return asyncio.run(_run(run, messages, pseudonyms))
        except (StorageUnavailable, LogUnavailable) as error:
            raise UsageError(f"{error} What was read before is kept.") from None
        finally:
            store.close()


def _folder(data: Path, *, beside: bool) -> AbstractContextManager[None]:
    return nullcontext() if beside else held(prepare(data))


def _sources(store: Store, config: Path | None, *, beside: bool) -> list[str]:
    """The names of the sources. Beside a server only names matter: it has the settings."""
    if not beside:
        return sorted(noted_in_force(store, config, seal_of(store.folder, make=True))[0].sources)
    with store.transaction() as transaction:
        return sorted(document.name for document in transaction.documents.all() if document.kind == "source")


def _source(names: list[str], name: str | None) -> str:
    if not names:
        raise UsageError(
            "No source is configured: add one under `sources` in gainstage.yaml, or use --config."
        )
    if name is None and len(names) > 1:
        raise UsageError(f"Several sources are configured; choose one with --source: {', '.join(names)}.")
    if name is not None and name not in names:
        raise UsageError(f"There is no source {name}; configured are: {', '.join(names)}.")
    return name or names[0]


async def _run(run: "_Run", messages: Iterable[bytes], pseudonyms: Pseudonyms | None) -> dict[str, Any]:
    async with delivering(run.store, run.log, pseudonyms) as engine:
        await run.accept(messages, engine)
        await run.settle(engine)
    await run.log.close()
    return run.report()


@asynccontextmanager
async def delivering(
    store: Store, log: LocalLog, pseudonyms: Pseudonyms | None, *, sends: bool = True
) -> AsyncIterator["asyncio.Task[None] | None"]:
    """An engine of our own while the messages are on their way; none without pseudonyms, beside a server."""
    if pseudonyms is None:
        yield None
        return
    transport, stop = HttpTransport(), asyncio.Event()
    engine = Engine(
        store, log, SystemClock(), transport, configurer(store.folder), pseudonyms=pseudonyms, sends=sends,
        archived=ArchiveOf(store.folder),
    )  # fmt: skip
    task = asyncio.create_task(engine.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])
        await transport.close()
    task.result()


class _Run:
    """One `send`: what it brought and how far it is."""

    def __init__(
        self,
        store: Store,
        log: LocalLog,
        source: str,
        wait_seconds: float,
        progress: Callable[[Progress], None],
        priority: int,
    ) -> None:
        self._priority = priority
        self.store, self.log = store, log
        self._source, self._wait_us, self._progress = source, int(wait_seconds * SECOND_US), progress
        self._number = secrets.randbits(62)
        self._clock = SystemClock()
        self._accepted = 0
        self._last_us = 0
        with store.reading() as reading:
            self._first_call = reading.last_call()

    async def accept(self, messages: Iterable[bytes], engine: "asyncio.Task[None] | None") -> None:
        """Append everything; then nothing lingers any more."""
        surroundings = Surroundings(run=self._number, priority=self._priority).encoded()
        for place, batch in enumerate(_batches(messages)):
            now_us = self._last_us = max(self._clock.now_us(), self._last_us + 1)
            entries = [
                Entry(self._source, user_of(body), now_us, number, surroundings, body)
                for number, body in enumerate(batch)
            ]
            await self.log.append(entries)
            self._accepted += len(batch)
            if place % 4 == 0:
                self._tell()
                _raise_if_ended(engine)
            if self._priority != LIVE:
                await self._let_others_in(engine)
        with self.store.transaction() as transaction:
            transaction.intake.end_run(self._number)
            numbers = [row.id for row in transaction.reading.destination_states().values()]
            transaction.lanes.hurry(numbers, self._clock.now_us())

    async def _let_others_in(self, engine: "asyncio.Task[None] | None") -> None:
        """What is live stands in the log behind what was appended before: never far ahead of the router,
        unless that stands still.
        """
        routed, since_us = -1, self._clock.now_us()
        while self._clock.now_us() < since_us + STALLED_US:
            with self.store.reading() as reading:
                now_routed, _ = reading.run(self._number)
            if self._accepted - now_routed <= AHEAD_OF_THE_ROUTER:
                return
            if now_routed != routed:
                routed, since_us = now_routed, self._clock.now_us()
            _raise_if_ended(engine)
            await asyncio.sleep(LOOK_SECONDS)

    async def settle(self, engine: "asyncio.Task[None] | None") -> None:
        """Wait until everything is settled or nothing that is left can move in time."""
        while True:
            _raise_if_ended(engine)
            began_us = self._clock.now_us()
            self._tell()
            if not self._may_move():
                return
            looked = (self._clock.now_us() - began_us) / SECOND_US
            await asyncio.sleep(min(LONGEST_LOOK_SECONDS, max(LOOK_SECONDS, looked * 5)))

    def _may_move(self) -> bool:
        now_us = self._clock.now_us()
        with self.store.reading() as reading:
            routed, _ = reading.run(self._number)
            if routed < self._accepted:
                return True
            for row in reading.run_undelivered(self._number, now_us, (PENDING,)):
                if row.moves_us is not None and row.moves_us <= now_us + self._wait_us:
                    return True
        return False

    def report(self) -> dict[str, Any]:
        """The shape that `send --json` prints."""
        now_us = self._clock.now_us()
        with self.store.reading() as reading:
            _, duplicates = reading.run(self._number)
            refused = reading.run_refused(self._number)
            calls = reading.calls_since(self._first_call)
            counts = reading.run_counts(self._number)
            for pair in reading.connected():
                if pair[0] == self._source:
                    counts.setdefault(
                        pair, dict.fromkeys(("delivered", "filtered", "failed", "parked", "pending"), 0)
                    )
                    calls.setdefault(pair[1], 0)
            rows = reading.run_undelivered(self._number, now_us, (FILTERED, FAILED, PARKED, PENDING))
            pairs = [undelivered(row) for row in (*refused, *rows)]
        return {
            "received": self._accepted - duplicates - len(refused),
            "refused": len(refused),
            "duplicates": duplicates,
            "connections": [
                {"source": source, "destination": destination, "received": sum(words.values()), **words}
                for (source, destination), words in sorted(counts.items())
            ],
            "calls": dict(sorted(calls.items())),
            "undelivered": pairs,
        }

    def _tell(self) -> None:
        with self.store.reading() as reading:
            routed, duplicates = reading.run(self._number)
            words: dict[str, int] = {}
            for counts in reading.run_counts(self._number).values():
                for word, n in counts.items():
                    words[word] = words.get(word, 0) + n
            calls = sum(reading.calls_since(self._first_call).values())
        pending = words.get("pending", 0) + self._accepted - routed
        self._progress(
            Progress(
                self._accepted - duplicates, sum(words.values()) - words.get("pending", 0), pending, calls
            )
        )


def _raise_if_ended(engine: "asyncio.Task[None] | None") -> None:
    if engine is not None and engine.done():
        engine.result()


def _batches(messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for message in messages:
        batch.append(message)
        if len(batch) == APPENDED_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


_head = msgspec.json.Decoder(_Head)


def user_of(body: bytes) -> str:
    """The key that decides the partition; any will do for a message that will be refused."""
    try:
        head = _head.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return str(head.user or head.anonymous or "")
