"""Audiences over a large archive: from scratch, beside the same query by hand, many at once, and after news.

    python -m tests.benchmarks.audiences [--events 10000000] [--people 500000] [--quick]

The archive is laid out as its upkeep leaves it, a file a day, over 60 days and six names of events. Times are
the least of several runs, on the clock; beside them, what the processor did in the median run: that depends
less on what else the machine does. `by hand` is the query that somebody would write for
DuckDB over the same files.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import duckdb

from gainstage.audiences.compiler import evaluation, render
from gainstage.audiences.definition import Audience, Clause, Filter, Performed, Test, Window
from gainstage.clock import DAY_US, SECOND_US
from gainstage.computing.computer import Computer, Done
from gainstage.computing.state import State
from gainstage.computing.workbench import MEMORY_MIB, THREADS, Workbench
from gainstage.history import Archive
from gainstage.history.archive import Snapshot
from gainstage.history.relation import attach
from gainstage.log.memory import MemoryLog
from gainstage.pseudonym import Pseudonyms

DAYS = 60
NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * SECOND_US
NAMES = ("Order Completed", "Feature Used", "Report Opened", "Invited", "Searched", "Logged In")
RUNS = 5
TURNS = 9
NEWS = 10_000
#: Rows of a day, or of a batch of news, as the archive has them.
ROWS = """
SELECT {first} + range AS position, (hash({first} + range) % 4611686018427387904)::BIGINT AS once,
    'app' AS source, 'm' || ({first} + range) AS message_id, 'track' AS kind,
    names[1 + (hash(range, {seed}) % 6)::INT] AS name,
    'u:user-' || (hash(range, {seed}, 1) % {people}) AS person,
    NULL::VARCHAR AS also, NULL::VARCHAR AS account, NULL::VARCHAR AS email,
    make_timestamp({start} + (hash(range, {seed}, 2) % {span})::BIGINT) AS time,
    make_timestamp({start} + {span}) AS received, 0::INTEGER AS place,
    '{{"revenue":' || (hash(range, {seed}, 3) % 500) || ',"plan":"pro","feature":"f' || (range % 50) || '"}}'
        AS properties, NULL::VARCHAR AS traits
FROM range({count}), (SELECT {names} AS names) ORDER BY name, person, time
"""
BY_HAND = """
SELECT person FROM read_parquet({files}) WHERE name = 'Order Completed'
    AND time > TIMESTAMP '{since}' AND time <= TIMESTAMP '{until}'
GROUP BY person HAVING count(*) >= 3
"""


def count_of(name: str, at_least: int, days: int, **where: float) -> Audience:
    """Who did something so often in so many days."""
    filters = tuple(Filter(prop, Test("greater_than", value)) for prop, value in where.items())
    condition = Performed(Clause(name, filters), Window(0, days * 86_400), at_least)
    return Audience(key=f"a{hash((name, at_least, days, tuple(where.items()))) % 10**12}", name=name,
                    destinations=("cs",), condition=condition)  # fmt: skip


ONE = count_of("Order Completed", 3, 30)


def fifty() -> list[Audience]:
    """Fifty audiences over the same events: counts, windows, with and without a property."""
    counted = [(n, days) for n in range(1, 6) for days in (1, 7, 14, 21, 30)]
    plain = [count_of("Order Completed", n, days) for n, days in counted]
    return plain + [count_of("Order Completed", n, days, revenue=100.0 * n) for n, days in counted]


def fill(archive: Archive, events: int, people: int) -> None:
    """A file a day."""
    made = duckdb.connect()
    for day in range(DAYS):
        add(archive, made, events // DAYS, people, NOW_US - (DAYS - day) * DAY_US, DAY_US - 1, day)


def add(archive: Archive, made: Any, count: int, people: int, start: int, span: int, seed: int) -> None:
    """Rows of a stretch of time, in a file of their own."""
    with archive.changing() as transaction:
        first = transaction.meta("position") + 1
        query = ROWS.format(
            first=first, seed=seed, people=people, start=start, span=span, count=count, names=list(NAMES)
        )
        table = made.sql(query).to_arrow_table()
        transaction.add_to("position", count)
        archive.add(transaction, table, start // DAY_US)


class Taken(NamedTuple):
    """Seconds: of the quickest run, and of the processor in the median one."""

    least: float
    processor: float

    def __str__(self) -> str:
        return f"{self.least:.3f} s ({self.processor:.3f} s of the processor)"


def taken(work: Callable[[], Any], runs: int = RUNS) -> Taken:
    """How long runs take."""
    return summed([timed(work) for _ in range(runs)])


def timed(work: Callable[[], Any]) -> Taken:
    """How long one run takes."""
    began, spent = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - began, time.process_time() - spent)


def summed(found: list[Taken]) -> Taken:
    """What several runs come to."""
    return Taken(min(one.least for one in found), median(one.processor for one in found))


def scratch(connection: Any, snapshot: Snapshot, audiences: list[Audience]) -> Callable[[], Any]:
    """Evaluate from the files alone."""
    attach(connection, snapshot, "archive")
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW events AS SELECT person, time, message_id AS tie, name, properties "
        "FROM archive WHERE name <> ''"
    )
    query = render(evaluation(audiences, NOW, source="events"), "duckdb")
    return lambda: connection.execute(f"CREATE OR REPLACE TEMP TABLE result AS {query}").complete()


class Still:
    """A clock that stands still."""

    us = NOW_US

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)


async def measure(events: int, people: int, folder: Path) -> None:
    archive = Archive(folder)
    began = time.perf_counter()
    fill(archive, events, people)
    with archive.snapshot() as snapshot:
        print(f"{snapshot.rows:,} events of {people:,} people, {snapshot.size_bytes / 2**20:,.0f} MiB in "
              f"{len(snapshot.files)} files, made in {time.perf_counter() - began:.0f} s")  # fmt: skip
        connection = duckdb.connect(config={"memory_limit": f"{MEMORY_MIB}MiB", "threads": THREADS})
        connection.execute(
            "CREATE TABLE people AS SELECT 'u:user-' || range AS person FROM range(?)", [people]
        )
        since = datetime.fromtimestamp(NOW_US / SECOND_US - 30 * 86_400, UTC)
        by_hand = BY_HAND.format(files=snapshot.paths, since=f"{since:%F %T}", until=f"{NOW:%F %T}")
        hand = taken(lambda: connection.execute(f"CREATE OR REPLACE TEMP TABLE hand AS {by_hand}").complete())
        one = taken(scratch(connection, snapshot, [ONE]))
        same = connection.execute(
            "SELECT count(*) FROM (SELECT person FROM hand EXCEPT SELECT subject FROM result)"
        ).fetchall()[0]
        members = connection.execute("SELECT count(*) FROM result").fetchall()[0]
        many = taken(scratch(connection, snapshot, fifty()))
    print(f"a 30-day count from scratch: {one}, by hand {hand}: {one.least / hand.least:.2f} times; "
          f"{members[0]:,} members, {same[0]} differences")  # fmt: skip
    print(f"{len(fifty())} audiences over the same events: {many}, {many.least / one.least:.1f} times one")
    await live(archive, folder, people, one)
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MiB")


async def live(archive: Archive, folder: Path, people: int, one: Taken) -> None:
    """What a server does: the first run, then news, then nothing."""
    clock = Still()
    state, bench = State(folder / "audiences"), Workbench(folder / "audiences")
    computer = Computer(state, bench, archive, MemoryLog(), Pseudonyms(b"k"), clock)

    async def turn() -> tuple[Done, Taken]:
        began, spent = time.perf_counter(), time.process_time()
        done = await computer.turn([ONE], waiting=10**9)
        return done, Taken(time.perf_counter() - began, time.process_time() - spent)

    first, whole = await turn()
    print(f"a server's first run, with all that it keeps: {whole}, {first.changes:,} members to tell")
    found, made = [], duckdb.connect()
    for run in range(TURNS):
        add(archive, made, NEWS, people, NOW_US + run * 60 * SECOND_US, 60 * SECOND_US, 1_000 + run)
        clock.us += 60 * SECOND_US
        found.append(await turn())
    done, news = found[-1][0], summed([took for _, took in found])
    hits = bench.rows("SELECT count(*) FROM hit")[0][0]
    print(
        f"after {NEWS:,} new events: {news}; of the processor the server's first run takes "
        f"{whole.processor / news.processor:.0f} times, the bare query from scratch "
        f"{one.processor / news.processor:.1f} times as much (on the clock {whole.least / news.least:.0f} "
        f"and {one.least / news.least:.1f}); rows read: {done.rows:,} of the archive, {hits:,} that match; "
        f"{done.changes:,} changes"
    )
    print(f"without news: {summed([(await turn())[1] for _ in range(TURNS)])}")
    bench.close()
    state.close()


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=10_000_000)
    arguments.add_argument("--people", type=int, default=500_000)
    arguments.add_argument("--quick", action="store_true")
    given = arguments.parse_args()
    events, people = (300_000, 20_000) if given.quick else (given.events, given.people)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(events, people, Path(folder)))


if __name__ == "__main__":
    main()
