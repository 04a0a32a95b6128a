"""What a large ledger and a long backlog cost: delivery beside nothing, and beside millions of rows.

A store is filled with events that were delivered (each with its row in the ledger, and a call for every
third), another one with operations that wait besides. Then delivery takes events as in `delivery`, on each of
them in turns, and the figures are compared with those of an empty store. The tracking API appends to a log of
as many entries. Run from the repository's root:

    python -m tests.benchmarks.growth [--rows 1000000 --rows 5000000] [--backlog 1000000] [--quick]
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from gainstage.app.worker import collect_rarely
from gainstage.log.file import FILE_NAME as LOG_FILE
from gainstage.log.file import create
from gainstage.store.rows import event_key
from gainstage.store.store import FILE_NAME as STORE_FILE
from gainstage.store.store import Store
from tests.benchmarks.delivery import measure, stream
from tests.benchmarks.tracking_api import serve_and_load

#: The source that the rows belong to; delivery is measured on another one's events.
OLD_SOURCE = 1
DAY_US = 86_400_000_000
EVENTS_A_CALL, EVENTS_A_USER, OPERATIONS_A_RECORD = 3, 10, 5
AT_ONCE = 10_000
REQUEST = '{"Email":"ann@example.com","FirstName":"Ann","LastName":"Lee","Title":"CTO"}' * 4
ANSWER = '{"result":true,"errorCode":null,"errorDesc":null,"requestId":"1","data":{}}'


class Size(NamedTuple):
    """How much a store holds before anything is measured."""

    rows: int
    backlog: int = 0

    def __str__(self) -> str:
        return f"{self.rows:,} rows" + (f", {self.backlog:,} operations wait" if self.backlog else "")


def fill(folder: Path, size: Size) -> None:
    """Make a store that holds so much."""
    Store(folder).close()
    connection = apsw.Connection(str(folder / STORE_FILE))
    connection.pragma("synchronous", "OFF")
    now_us = time.time_ns() // 1000
    with connection:
        connection.execute("INSERT INTO source (id, name) VALUES (1, 'before')")
        connection.execute("INSERT INTO tenant (id, name) VALUES (1, 'before')")
        connection.execute("INSERT INTO destination (id, name) VALUES (1, 'vendor')")
    for start in range(0, size.rows, AT_ONCE):
        with connection:
            fill_finished(connection, range(start + 1, min(size.rows, start + AT_ONCE) + 1), now_us)
    for start in range(size.rows, size.rows + size.backlog, AT_ONCE):
        with connection:
            fill_waiting(
                connection, range(start + 1, min(size.rows + size.backlog, start + AT_ONCE) + 1), now_us
            )
    with connection:
        for word, n in ((0, size.rows), (4, size.backlog)):
            connection.execute("INSERT INTO counter VALUES (1, 1, ?, ?)", (word, n))
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM sqlite_stat1")  # a store in use is not analysed either
    connection.pragma("wal_checkpoint(TRUNCATE)")
    connection.close()


def fill_events(connection: apsw.Connection, numbers: range, now_us: int, word: int) -> None:
    """Events with their rows in the ledger."""
    connection.executemany(
        'INSERT INTO event (id, key, source_id, message_id, received_us, partition, "offset", identity) '
        "VALUES (?, ?, 1, ?, ?, 0, ?, ?)",
        (
            (
                number,
                event_key(OLD_SOURCE, f"old-{number}"),
                f"old-{number}",
                now_us - DAY_US + number,
                number,
                b'["user-%d","user-%d@example.com",""]' % (number, number),
            )
            for number in numbers
        ),
    )
    connection.executemany(
        "INSERT INTO delivery (event_id, destination_id, source_id, word, code, open, at_us) "
        "VALUES (?, 1, 1, ?, '', ?, ?)",
        ((number, word, int(word == 4), now_us - DAY_US + number) for number in numbers),
    )


def fill_records(connection: apsw.Connection, numbers: range, each: int) -> None:
    """Records of people, of whom something is known."""
    state = msgspec.json.encode({"FirstName": ["0", "Ann", 1], "Title": ["0", "CTO", 1]})
    connection.executemany(
        "INSERT OR IGNORE INTO record (id, tenant_id, object, key, state) VALUES (?, 1, 'person', ?, ?)",
        ((number // each + 1, f"email:old-{number // each}@example.com", state) for number in numbers),
    )


def fill_finished(connection: apsw.Connection, numbers: range, now_us: int) -> None:
    """Events that were delivered, with calls and users."""
    fill_events(connection, numbers, now_us, 0)
    calls = [number for number in numbers if number % EVENTS_A_CALL == 0]
    connection.executemany(
        "INSERT INTO call (id, destination_id, at_us, method, url, request, status, response, answered_us) "
        "VALUES (?, 1, ?, 'PUT', 'https://acme.gainsightcloud.com/v1.0/api/people', ?, 200, ?, ?)",
        ((number, now_us - DAY_US, REQUEST, ANSWER, now_us - DAY_US) for number in calls),
    )
    connection.executemany(
        "INSERT INTO call_event VALUES (?, ?)",
        ((number - place, number) for number in calls for place in range(EVENTS_A_CALL)),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO identity (key, user_id, email) VALUES (?, ?, ?)",
        (
            (f"u:old-{number}", f"old-{number}", f"old-{number}@example.com")
            for number in numbers
            if number % EVENTS_A_USER == 0
        ),
    )
    fill_records(connection, numbers, EVENTS_A_USER)


def fill_waiting(connection: apsw.Connection, numbers: range, now_us: int) -> None:
    """Events whose operation waits until tomorrow, after a failure of the vendor."""
    fill_events(connection, numbers, now_us, 4)
    fill_records(connection, numbers, OPERATIONS_A_RECORD)
    entry = next(stream(1))
    content = b'{"Email":"ann@example.com","Comments":"something to say of some length, as people do"}'
    connection.executemany("INSERT INTO body VALUES (?, ?)", ((number, entry) for number in numbers))
    connection.executemany(
        "INSERT INTO operation (destination_id, record_id, event_id, source_id, alone, kind, plan, stamp, "
        "time_us, content) VALUES (1, ?, ?, 1, 1, 0, 1, ?, ?, ?)",
        (
            (
                number // OPERATIONS_A_RECORD + 1,
                number,
                b"%016x" % (now_us - DAY_US + number),
                now_us,
                content,
            )
            for number in numbers
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO lane (destination_id, record_id, object, due_us, attempts, code) "
        "VALUES (1, ?, 'person', ?, 3, 'vendor_error')",
        ((number // OPERATIONS_A_RECORD + 1, now_us + DAY_US + number) for number in numbers),
    )


def fill_log(folder: Path, rows: int) -> None:
    """Make a log of so many entries of 1 KB."""
    create(folder, 1)
    connection = apsw.Connection(str(folder / LOG_FILE))
    connection.pragma("synchronous", "OFF")
    body = next(stream(1)).ljust(1_000)

    def entries(start: int) -> Iterator[tuple[object, ...]]:
        for number in range(start, min(rows, start + AT_ONCE)):
            yield number + 1, "site", f"user-{number % 1000}", number, 0, b"", body

    for start in range(0, rows, AT_ONCE):
        with connection:
            connection.executemany("INSERT INTO partition_0 VALUES (?, ?, ?, ?, ?, ?, ?)", entries(start))
    connection.pragma("wal_checkpoint(TRUNCATE)")
    connection.close()


class Rate(NamedTuple):
    """Events a second, of the clock and of the processor."""

    clock: float
    processor: float

    @classmethod
    def median(cls, rates: list["Rate"]) -> "Rate":
        """The middle one of each."""
        return cls(*(statistics.median(figures) for figures in zip(*rates, strict=True)))

    def compared(self, base: "Rate") -> str:
        """Both figures, and what they are of those of an empty store."""
        return (
            f"{self.clock:>10,.0f} a second {self.clock / base.clock:>5.0%}"
            f"{self.processor:>10,.0f} a processor second {self.processor / base.processor:>5.0%}"
        )


def delivery_figures(folder: Path, sizes: list[Size], rounds: int, count: int) -> dict[str, Rate]:
    """Events delivered, the median of the rounds, by what the store holds."""
    found: dict[Size, list[Rate]] = {size: [] for size in sizes}
    for size in sizes:
        if size.rows + size.backlog:
            began = time.monotonic()
            fill(folder / f"{size.rows}-{size.backlog}", size)
            stored = (folder / f"{size.rows}-{size.backlog}" / STORE_FILE).stat().st_size / 1e9
            print(f"filled: {size}: {stored:.1f} GB in {time.monotonic() - began:.0f} s", flush=True)
    for number in range(rounds):
        for size in sizes:
            kept = folder / f"{size.rows}-{size.backlog}"
            if not size.rows + size.backlog:
                kept = folder / f"empty-{number}"
            figures = asyncio.run(measure("gainsight_cs", count, kept, salt=f"{number}-"))
            found[size].append(Rate(figures["events_a_second"], figures["events_a_cpu_second"]))
            print(f"  {size}: {found[size][-1].compared(found[sizes[0]][-1])}", flush=True)
    return {str(size): Rate.median(rates) for size, rates in found.items()}


def tracking_figures(folder: Path, rows: list[int], rounds: int, seconds: float) -> dict[str, Rate]:
    """Events accepted in batches, the median of the rounds, by the entries in the log."""
    found: dict[int, list[Rate]] = {count: [] for count in rows}
    for count in rows:
        if count:
            fill_log(folder / f"log-{count}", count)
    for number in range(rounds):
        for count in rows:
            kept = folder / (f"log-{count}" if count else f"log-empty-{number}")
            figure = serve_and_load("batches of 100", str(kept), seconds)
            found[count].append(Rate(figure.events_a_second, 1e6 / figure.processor_us))
            print(f"  {count:,} entries: {found[count][-1].compared(found[0][-1])}", flush=True)
    return {f"{count:,} entries": Rate.median(rates) for count, rates in found.items()}


def main() -> None:
    """Print the curves."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rows", type=int, action="append", help="rows in the ledger; may be repeated")
    arguments.add_argument("--backlog", type=int, default=1_000_000, help="operations that wait")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--quick", action="store_true", help="20,000 rows, 10,000 operations, one round")
    given = arguments.parse_args()
    collect_rarely()
    rows, backlog = given.rows or [1_000_000, 5_000_000], given.backlog
    rounds, count, seconds = given.rounds, 20_000, 8.0
    if given.quick:
        rows, backlog, rounds, count, seconds = [20_000], 10_000, 1, 2_000, 2.0
    sizes = [Size(0), *map(Size, rows), Size(0, backlog), Size(rows[-1], backlog)]
    folder = Path(tempfile.mkdtemp(prefix="gainstage-growth-"))
    try:
        delivered = delivery_figures(folder, sizes, rounds, count)
        accepted = tracking_figures(folder, [0, *rows], rounds, seconds)
        for title, figures in (("delivery", delivered), ("tracking API", accepted)):
            print(f"{title}, median of {rounds}:")
            for size, rate in figures.items():
                print(f"{size:45}{rate.compared(next(iter(figures.values())))}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
