"""The one thread that writes a local log: what waits goes into one transaction, then all are answered.

Group commit: while the disk is busy with one transaction the next one fills up, so that the number of
commits a second bounds the latency and not the throughput. Rows go in by the hundred with one statement,
because every statement hands Python's lock over once and a busy event loop gives it back late.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from gainstage.log.contract import Entry, Load, LogUnavailable, Position
from gainstage.log.file import PAGE_BYTES, LogDamaged, opened, translated
from gainstage.log.mending import note_damage
from gainstage.log.partition import partition_of
from gainstage.meter import DISK_BOUNDS, Histogram
from gainstage.sqlite import emptied_journal, explained

ROWS_A_STATEMENT = 100
CACHE_KIB = 4096
#: After this many pages (32 MiB) the write-ahead log is carried over into the database.
CHECKPOINT_PAGES = 4096
#: A transaction takes no further call beyond this, so that nobody waits long behind a flood.
TRANSACTION_BYTES = 16 * 1024 * 1024
#: What may wait for the disk; more is refused, so that memory stays flat when the disk hangs.
WAITING_BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD_BYTES = 200

Answer = asyncio.Future[Sequence[Position]]


class Call(NamedTuple):
    """One call of `append` that waits for its commit."""

    entries: Sequence[Entry]
    size_bytes: int
    loop: asyncio.AbstractEventLoop
    answer: Answer


class Writer:
    """Takes calls from event loops and answers each once its entries are on disk."""

    def __init__(self, path: Path, partitions: int, limit_bytes: int | None) -> None:
        self._path = path
        self._partitions = partitions
        self._limit_bytes = limit_bytes
        #: A commit failed, and nobody knows what of it reached the disk.
        self._unsynced = False
        self._connection: apsw.Connection | None = self._open()
        self._changed = threading.Condition()
        self._waiting: list[Call] = []
        self._waiting_bytes = 0
        self._commits = Histogram.of(DISK_BOUNDS)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def append(self, entries: Sequence[Entry]) -> Answer:
        """Put the entries in line; the answer comes when they are durable.

        Raises:
            LogUnavailable: the log is closed, or too much waits already.
        """
        loop = asyncio.get_running_loop()
        size_bytes = sum([len(entry.body) for entry in entries]) + ENTRY_OVERHEAD_BYTES * len(entries)
        call = Call(entries, size_bytes, loop, loop.create_future())
        with self._changed:
            if self._closing:
                raise LogUnavailable("The log is closed.")
            if self._waiting and self._waiting_bytes + size_bytes > WAITING_BYTES:
                raise LogUnavailable(
                    f"More arrives than the disk that holds {self._path.name} takes; try again."
                )
            self._waiting.append(call)
            self._waiting_bytes += size_bytes
            self._changed.notify()
        return call.answer

    def load(self) -> Load:
        """What waits, and how long commits took."""
        with self._changed:
            entries = sum([len(call.entries) for call in self._waiting])
            return Load(entries, self._waiting_bytes, WAITING_BYTES, self._commits)

    def close(self) -> None:
        """Write what waits, then let go of the file. Blocks; idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while calls := self._take():
                self._settle(calls)
        finally:
            self._let_go()

    def _take(self) -> list[Call]:
        """What goes into the next transaction; empty when the log was closed."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            taken, size_bytes = 0, 0
            for call in self._waiting:
                size_bytes += call.size_bytes
                if taken and size_bytes > TRANSACTION_BYTES:
                    size_bytes -= call.size_bytes
                    break
                taken += 1
            calls, self._waiting = self._waiting[:taken], self._waiting[taken:]
            self._waiting_bytes -= size_bytes
            return calls

    def _settle(self, calls: Sequence[Call]) -> None:
        try:
            positions = self._commit(calls)
        except LogDamaged:
            self._let_go()
            note_damage(self._path.parent)
            _answer(
                calls, repeat(LogUnavailable(f"{self._path} is damaged; restart the server, which mends it."))
            )
        except LogUnavailable as error:
            self._let_go()
            _answer(calls, repeat(error))
        except Exception as error:
            self._let_go()
            if len(calls) == 1:
                _answer(calls, (error,))
            else:  # an entry that no log can hold: its own call alone fails
                for call in calls:
                    self._settle((call,))
        else:
            _answer(calls, positions)

    def _commit(self, calls: Sequence[Call]) -> list[list[Position]]:
        if self._connection is None:
            self._connection = self._open()
        connection = self._connection
        with translated(), explained(self._path):
            connection.execute("BEGIN IMMEDIATE")
            if self._partitions == 1:
                positions = self._insert_in_order(connection, calls)
            else:
                positions = self._insert_by_partition(connection, calls)
            began = time.perf_counter()
            self._commit_durably(connection)
            self._commits.observe(time.perf_counter() - began)
        return positions

    def _commit_durably(self, connection: apsw.Connection) -> None:
        """Commit; note where nobody knows what of it reached the disk."""
        try:
            connection.execute("COMMIT")
        except apsw.FullError:
            raise
        except apsw.Error:
            self._unsynced = True
            raise

    def _insert_in_order(self, connection: apsw.Connection, calls: Sequence[Call]) -> list[list[Position]]:
        first = self._insert(connection, 0, [entry for call in calls for entry in call.entries])
        positions = []
        for call in calls:
            positions.append([Position(0, offset) for offset in range(first, first + len(call.entries))])
            first += len(call.entries)
        return positions

    def _insert_by_partition(
        self, connection: apsw.Connection, calls: Sequence[Call]
    ) -> list[list[Position]]:
        entries = defaultdict(list)
        numbers = [[partition_of(entry.key, self._partitions) for entry in call.entries] for call in calls]
        for call, chosen in zip(calls, numbers, strict=True):
            for entry, number in zip(call.entries, chosen, strict=True):
                entries[number].append(entry)
        offsets = {number: self._insert(connection, number, rows) for number, rows in entries.items()}
        positions = []
        for chosen in numbers:
            placed = []
            for number in chosen:
                placed.append(Position(number, offsets[number]))
                offsets[number] += 1
            positions.append(placed)
        return positions

    @staticmethod
    def _insert(connection: apsw.Connection, number: int, entries: Sequence[Entry]) -> int:
        """Insert rows; the offset of the first of them."""
        for start in range(0, len(entries), ROWS_A_STATEMENT):
            chunk = entries[start : start + ROWS_A_STATEMENT]
            values: list[Any] = []
            for entry in chunk:
                values += (
                    entry.source,
                    entry.key,
                    entry.received_us,
                    entry.place,
                    entry.surroundings,
                    entry.body,
                )
            connection.execute(_statement(number, len(chunk)), values)
        return connection.last_insert_rowid() - len(entries) + 1

    def _open(self) -> apsw.Connection:
        connection = opened(self._path, cache_kib=CACHE_KIB)
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        if self._limit_bytes is not None:
            connection.pragma("max_page_count", self._limit_bytes // PAGE_BYTES)
        if self._unsynced:
            self._carry_over(connection)
        return connection

    def _carry_over(self, connection: apsw.Connection) -> None:
        """Write all that the write-ahead log holds into the database before anything comes behind it.

        After a sync that failed the system takes what it was about for written, and no later sync brings it
        to the disk. A connection that reads the file anew may take it for committed, and later commits would
        stand behind a gap that the next power cut shows.
        """
        try:
            with translated(), explained(self._path):
                if not emptied_journal(connection):
                    raise LogUnavailable(f"{self._path.name} is in use all the time; it is tried again.")
        except LogUnavailable:
            connection.close(force=True)
            raise
        self._unsynced = False

    def _let_go(self) -> None:
        """Close the connection, which rolls back what was open; a later call opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except apsw.Error:  # the same disk at fault: the next connection recovers from the file
                connection.close(force=True)


def _statement(number: int, rows: int) -> str:
    return (
        f'INSERT INTO partition_{number} (source, "key", received_us, place, surroundings, body) VALUES '
        + ",".join(["(?,?,?,?,?,?)"] * rows)
    )


def _answer(calls: Sequence[Call], results: Iterable[Sequence[Position] | BaseException]) -> None:
    """Hand the results to the event loops that wait for them, waking each loop once."""
    by_loop = defaultdict(list)
    for call, result in zip(calls, results, strict=False):
        by_loop[call.loop].append((call.answer, result))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _resolve(answers: list[tuple[Answer, Sequence[Position] | BaseException]]) -> None:
    for answer, result in answers:
        if answer.done():
            continue
        if isinstance(result, BaseException):
            answer.set_exception(result)
        else:
            answer.set_result(result)
