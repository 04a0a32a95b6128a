"""The archive of events: rows a second, bytes a row, and what counting each once costs when there are many.

`python -m tests.benchmarks.history [--quick]`. The log is made up before, so that it costs nothing here.
 Batches of 10,000 are archived, with upkeep in between, into an empty archive and into one that knows
ten million events already (`--quick`: one million); beside it stands what an anti-join over the files would
cost for the same.
"""

import argparse
import asyncio
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from gainstage.history import Archive, Archiver
from gainstage.history.upkeep import Upkeep
from gainstage.log.contract import Entry, Stored
from gainstage.pseudonym import Pseudonyms
from gainstage.store.store import Store

BATCH = 10_000
PEOPLE, NAMES, DAYS = 50_000, 40, 30
START_US = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * 1_000_000
_encode = msgspec.json.Encoder().encode


class MadeUp:
    """A log with as many entries as are asked for, each the same whenever it is read."""

    partitions = 1

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._made = [Stored(number, entry(number)) for number in range(1, entries + 1)]

    async def read(self, partition: int, after: int, limit: int) -> Sequence[Stored]:
        return self._made[after : after + limit]

    async def end(self, partition: int) -> int:
        return self._entries


def entry(number: int) -> Entry:
    """A message as a product's server sends it."""
    chance = random.Random(number)
    user = f"user-{chance.randrange(PEOPLE):06d}"
    time_us = START_US + number * 1_000 - chance.randrange(DAYS * 86_400_000_000) * (chance.random() < 0.02)
    body = {
        "type": "track", "messageId": f"{chance.getrandbits(128):032x}", "userId": user,
        "event": f"Report {chance.randrange(NAMES)} Exported",
        "timestamp": datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(),
        "properties": {"format": chance.choice(("pdf", "csv")), "rows": chance.randrange(10_000),
                       "report_id": f"r-{chance.getrandbits(32):08x}", "plan": "enterprise"},
        "context": {"library": {"name": "analytics-python", "version": "2.3.5"}},
    }  # fmt: skip
    return Entry("backend", user, START_US + number * 1_000, 0, b"", _encode(body))


class Run:
    """One archive and how long its batches took."""

    def __init__(self, folder: Path, entries: int) -> None:
        self.store = Store(folder)
        with self.store.transaction() as transaction:
            transaction.intake.advance(0, 0, entries)
        self.archive = Archive(folder)
        self.upkeep = Upkeep(self.archive, lambda: time.time_ns() // 1_000)
        self.archiver = Archiver(self.archive, MadeUp(entries), self.store, Pseudonyms(b"k"))  # type: ignore[arg-type]
        self.batches: list[float] = []
        #: The processor's time, which others on the machine do not change.
        self.worked: list[float] = []
        self.steps: list[float] = []

    def fill(self, hashes: int) -> None:
        """Let the archive know so many events already."""
        chance = random.Random(1)
        known = sorted({chance.getrandbits(64) - 2**63 for _ in range(hashes)})
        with self.archive.changing() as transaction:
            transaction._connection.executemany("INSERT INTO once VALUES (?)", ((one,) for one in known))
            transaction.set("position", hashes)

    async def go(self) -> None:
        """Archive everything."""
        while True:
            began, worked = time.perf_counter(), time.process_time()
            taken = await self.archiver.archive(BATCH)
            if not taken.read:
                break
            self.batches.append(time.perf_counter() - began)
            self.worked.append(time.process_time() - worked)
            more = True
            while more:
                began = time.perf_counter()
                more = self.upkeep.step()
                self.steps.append(time.perf_counter() - began)

    def close(self) -> None:
        self.archive.close()
        self.store.close()


def anti_join(folder: Path, hashes: int) -> float:
    """How long DuckDB takes to find which of a batch stand in files of so many rows."""
    chance = random.Random(1)
    for part in range(max(1, hashes // 250_000)):
        column = pa.array([chance.getrandbits(64) - 2**63 for _ in range(min(hashes, 250_000))], pa.int64())
        pq.write_table(pa.table({"once": column}), folder / f"{part}.parquet", use_dictionary=False)
    batch = pa.table({"once": pa.array([chance.getrandbits(64) - 2**63 for _ in range(BATCH)], pa.int64())})
    took = []
    with duckdb.connect() as connection:
        connection.register("batch", batch)
        for _ in range(5):
            began = time.perf_counter()
            connection.execute(
                f"SELECT once FROM batch ANTI JOIN read_parquet('{folder}/*.parquet') USING (once)"
            ).fetchall()
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def measure(name: str, folder: Path, entries: int, known: int) -> float:
    """Archive, and print what it cost; the median of the processor's seconds for a batch."""
    run = Run(folder, entries)
    if known:
        run.fill(known)
    began = time.perf_counter()
    asyncio.run(run.go())
    took = time.perf_counter() - began
    totals = run.archive.totals()
    median, worked = statistics.median(run.batches), statistics.median(run.worked)
    print(
        f"{name}: {entries / took:,.0f} rows/s with upkeep, a batch of {BATCH:,} in {median * 1000:.0f} ms "
        f"(longest {max(run.batches) * 1000:.0f}; processor {worked * 1000:.0f}), "
        f"longest step of upkeep {max(run.steps) * 1000:.0f} ms; "
        f"{totals.size_bytes / totals.rows:.0f} bytes/row in {totals.files} files, "
        f"index {run.archive.folder.index.stat().st_size / 1e6:.0f} MB"
    )
    run.close()
    return worked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.history", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="coarse figures")
    quick = parser.parse_args().quick
    entries, known = (60_000, 1_000_000) if quick else (300_000, 10_000_000)
    with tempfile.TemporaryDirectory(prefix="gainstage-history-") as name:
        folder = Path(name)
        for part in ("empty", "full", "files"):
            (folder / part).mkdir()
        empty = measure("empty archive", folder / "empty", entries, 0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"peak memory so far, with the made-up log: {peak} MiB")
        full = measure(f"{known:,} events known", folder / "full", entries, known)
        print(f"a batch costs {full / empty:.2f} times what it costs in an empty archive")
        joined = anti_join(folder / "files", known)
        print(f"an anti-join over {known:,} rows: {joined * 1000:.0f} ms, whatever the size of the batch")


if __name__ == "__main__":
    main()
