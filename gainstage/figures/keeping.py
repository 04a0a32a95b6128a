"""The file of the figures, in the data folder: SQLite, written once a minute by the server, read by all.

It can be deleted at any time: the past is gone then, and nothing else. Its size is bounded, see `ages`.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from gainstage.clock import SECOND_US
from gainstage.figures.ages import AGES, GAP_US, MINUTE_US, Age
from gainstage.figures.sample import Gap, Sample, Series, Values, fell, plus
from gainstage.sqlite import connect, exclusively, explained, lay_out, let_go

FILE_NAME = "figures.db"
SCHEMA_VERSION = 1
CACHE_KIB = 2 * 1024
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- What is counted, as numbers. kind: words | unmet | calls | delay.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    priority TEXT NOT NULL,
    UNIQUE (kind, source, destination, priority)
);
-- Readings: {series: counts}, each as it stood then; packed. Those of one epoch can be compared.
CREATE TABLE sample (at_us INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE gap (from_us INTEGER PRIMARY KEY, until_us INTEGER NOT NULL, reason TEXT NOT NULL);
"""
_THIN = """
DELETE FROM sample WHERE at_us > ?1 AND at_us <= ?2
AND EXISTS (SELECT 1 FROM sample AS later WHERE later.at_us > sample.at_us
    AND later.at_us <= (sample.at_us + ?3 - 1) / ?3 * ?3 AND later.epoch = sample.epoch)
AND epoch = (SELECT epoch FROM sample AS earlier WHERE earlier.at_us < sample.at_us
    ORDER BY at_us DESC LIMIT 1)
AND at_us NOT IN (SELECT from_us FROM gap WHERE reason = 'reset')
"""
#: A reading is of the full minute if it was taken so soon after it.
LATE_US = 30 * SECOND_US
_decode = msgspec.msgpack.Decoder(dict[int, tuple[int, ...]]).decode
_encode = msgspec.msgpack.Encoder().encode


class Kept:
    """The readings of a data folder."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Open the file; made where `create` allows, else whoever has none is told of no reading.

        Raises:
            StorageUnavailable: it cannot be used, in one sentence.
        """
        self._path = folder / FILE_NAME
        self._exists = create or self._path.exists()
        if not self._exists:
            return
        self._connection = connect(self._path, cache_kib=CACHE_KIB)
        self._names: dict[Series, int] = {}
        self._series: dict[int, Series] = {}
        with explained(self._path):
            lay_out(self._connection, self._path, _SCHEMA, SCHEMA_VERSION)

    def close(self) -> None:
        """Let go of the file."""
        if self._exists:
            let_go(self._connection)

    def last_call(self) -> int | None:
        """The number of the last call that was counted; None before any reading."""
        return self._number("last_call")

    def add(self, standing: Values, counted: Values, last_call: int, now_us: int) -> None:
        """Keep a reading: what stands now, and what was counted since the one before of that which runs on
        nowhere else.

        Raises:
            StorageUnavailable: nothing was kept.
        """
        with explained(self._path), self._exclusively():
            # The clock was set back: what was read of a time that is to come again is nobody's past.
            self._connection.execute("DELETE FROM sample WHERE at_us > ?", (now_us + MINUTE_US,))
            before = self.newest()
            at_us, epoch, values = _moment(now_us), 1, {**standing, **counted}
            if before is not None:
                epoch = before.epoch
                rest = (one for one in before.values.items() if one[0] not in standing)
                values |= {one: plus(was, counted.get(one, ())) for one, was in rest}
                if fell(before.values, values):
                    epoch += 1
                    self._note(Gap(before.at_us, at_us, "reset"))
                elif at_us - before.at_us > GAP_US:
                    self._note(Gap(before.at_us, at_us, "stopped"))
                if at_us <= before.at_us:  # a second one within a minute
                    at_us = max(now_us, before.at_us + 1)
            content = zlib.compress(_encode({self._id(one): counts for one, counts in values.items()}))
            self._connection.execute(
                "INSERT OR REPLACE INTO sample VALUES (?, ?, ?)", (at_us, epoch, content)
            )
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('last_call', ?)", (last_call,))

    def thin(self, now_us: int) -> None:
        """Let go of what is too old, or too close together for its age. Of each stretch the last stays, so
        that what is told of whole stretches stays the same; and the first and last of each beginning.
        """
        with explained(self._path), self._exclusively():
            for younger, age in pairwise((Age(0, 0), *AGES)):
                self._connection.execute(
                    _THIN, (now_us - age.until_us, now_us - younger.until_us, age.every_us)
                )
            for table, instant in (("sample", "at_us"), ("gap", "until_us")):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE {instant} <= ?", (now_us - AGES[-1].until_us,)
                )

    def newest(self) -> Sample | None:
        """The last reading."""
        return self._one("ORDER BY at_us DESC LIMIT 1")

    def oldest_us(self) -> int | None:
        """When the first reading that is kept was taken."""
        if not self._exists:
            return None
        row = self._connection.execute("SELECT at_us FROM sample ORDER BY at_us LIMIT 1").fetchone()
        return int(row[0]) if row else None

    def at(self, instant_us: int) -> Sample | None:
        """The last reading at an instant or before."""
        return self._one("WHERE at_us <= ? ORDER BY at_us DESC LIMIT 1", instant_us)

    def beginnings(self, from_us: int, to_us: int) -> list[tuple[Sample, Sample]]:
        """Where another epoch begins in a period: the last reading of the one, the first of the other."""
        found = []
        for gap in self.gaps(from_us, to_us):
            before = self.at(gap.from_us)
            after = self._one("WHERE at_us > ? ORDER BY at_us LIMIT 1", gap.from_us)
            if gap.reason == "reset" and before is not None and after is not None:
                found.append((before, after))
        return found

    def gaps(self, from_us: int, to_us: int) -> list[Gap]:
        """The gaps that a period touches, the oldest first."""
        if not self._exists:
            return []
        rows = self._connection.execute(
            "SELECT from_us, until_us, reason FROM gap WHERE until_us > ? AND from_us < ? ORDER BY from_us",
            (from_us, to_us),
        )
        return [Gap(*row) for row in rows]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One view of the file for several questions."""
        if not self._exists:
            yield
            return
        with explained(self._path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        try:
            with exclusively(self._connection):
                yield
        except BaseException:
            self._names = {}
            raise

    def _one(self, where: str, *values: int) -> Sample | None:
        if not self._exists:
            return None
        row = self._connection.execute(f"SELECT at_us, epoch, content FROM sample {where}", values).fetchone()
        if row is None:
            return None
        content = _decode(zlib.decompress(row[2]))
        if not content.keys() <= self._series.keys():
            rows: Any = self._connection.execute("SELECT id, kind, source, destination, priority FROM series")
            self._series = {number: Series(*names) for number, *names in rows}
        return Sample(row[0], row[1], {self._series[number]: counts for number, counts in content.items()})

    def _id(self, series: Series) -> int:
        if series not in self._names:
            self._connection.execute(
                "INSERT OR IGNORE INTO series (kind, source, destination, priority) VALUES (?, ?, ?, ?)",
                series,
            )
            row: Any = self._connection.execute(
                "SELECT id FROM series WHERE kind = ? AND source = ? AND destination = ? AND priority = ?",
                series,
            ).fetchone()
            self._names[series] = int(row[0])
        return self._names[series]

    def _number(self, name: str) -> int | None:
        if not self._exists:
            return None
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def _note(self, gap: Gap) -> None:
        self._connection.execute("INSERT OR REPLACE INTO gap VALUES (?, ?, ?)", gap)


def _moment(now_us: int) -> int:
    """The instant that a reading is of."""
    late_us = now_us % MINUTE_US
    return now_us - late_us if late_us <= LATE_US else now_us


def size_bytes(folder: Path) -> int:
    """How large the file is, with what waits to be carried over into it."""
    files = (folder / f"{FILE_NAME}{end}" for end in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
