"""The archive's index: which files count, how far the log was read, what was counted. SQLite.

A file counts from the transaction that names it, in which the log's offsets advance too. It holds no personal
data: events stand in it as 64-bit hashes of source and message id.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from gainstage.sqlite import (
    Database,
    StorageDamaged,
    StorageUnavailable,
    connect,
    exclusively,
    explained,
    let_go,
)

SCHEMA_VERSION = 1
CACHE_KIB = 8 * 1024
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- How far partitions of the log were read; role 1: once more, up to an offset, for what a damage took.
CREATE TABLE cursor (
    role INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    until_offset INTEGER,
    PRIMARY KEY (role, partition)
) WITHOUT ROWID;
-- The files that count. day: NULL for a batch that was not parted by day yet.
CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    day INTEGER,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    written_us INTEGER NOT NULL,
    digest BLOB NOT NULL
);
CREATE INDEX file_day ON file (day);
-- Files that count no more and wait until nobody reads them.
CREATE TABLE replaced (name TEXT PRIMARY KEY) WITHOUT ROWID;
-- The events that count, by hash. New ones gather in a table of their own: see `gainstage.history.once`.
CREATE TABLE once (hash INTEGER PRIMARY KEY);
CREATE TABLE once_new (hash INTEGER PRIMARY KEY);
CREATE TABLE damage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    found_us INTEGER NOT NULL,
    restored INTEGER NOT NULL DEFAULT 0,
    ended_us INTEGER
);
"""
_FILE = (
    "id, name, day, first_day, last_day, rows, size_bytes, raw_bytes, first_position, last_position, "
    "written_us, digest"
)
LIVE, AGAIN = 0, 1
#: As a first day that is kept: all are.
NO_FLOOR = -(2**31)


class ArchiveUnavailable(StorageUnavailable):
    """The archive cannot be used now. The sentence says why and what to do."""


class ArchiveMissing(ArchiveUnavailable):
    """Nothing was archived yet."""


class ReaderMoved(Exception):
    """Another process archived meanwhile: what was read of the log is old news."""


class File(NamedTuple):
    """A file of rows; days count from the epoch."""

    id: int
    #: Its path in the archive's folder.
    name: str
    #: None: a batch that was not parted by day yet.
    day: int | None
    first_day: int
    last_day: int
    rows: int
    size_bytes: int
    #: Uncompressed, in memory.
    raw_bytes: int
    first_position: int
    last_position: int
    written_us: int
    digest: bytes


class Damage(NamedTuple):
    """A file that the disk altered, and how much of it the log gave back; `ended_us`: no more will come."""

    id: int
    name: str
    first_day: int
    last_day: int
    rows: int
    found_us: int
    restored: int
    ended_us: int | None


class Cursor(NamedTuple):
    """How far a partition of the log was read; `until`: where reading it once more ends."""

    role: int
    partition: int
    offset: int
    until: int | None = None


class Totals(NamedTuple):
    """What there is; days are None where there is nothing."""

    files: int
    rows: int
    size_bytes: int
    first_day: int | None
    last_day: int | None


class Index:
    """One handle; safe to use from several threads."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the index, making it where `create` allows.

        Raises:
            ArchiveMissing: it is not there, or another process is just making it.
            ArchiveUnavailable: it is of a newer version, or cannot be used.
        """
        self._path = path
        self._lock = threading.RLock()
        if not create and not path.exists():
            raise self._missing()
        with _translated(path):
            self._connection = connect(path, cache_kib=CACHE_KIB)
            self._connection.wal_autocheckpoint(4_000)
        with self.reading() as view:  # beside a writer, who is not waited for
            version = view.version()
        if version == 0:
            if not create:
                self._connection.close()
                raise self._missing()
            self._lay_out()
        elif version != SCHEMA_VERSION:
            raise ArchiveUnavailable(
                f"{path} was written by a newer gainstage (schema {version}); use that one or a newer one."
            )

    def _missing(self) -> ArchiveMissing:
        return ArchiveMissing(f"{self._path.parent} holds no archive yet.")

    def _lay_out(self) -> None:
        with self.transaction() as transaction:
            if transaction.version() == 0:
                transaction.lay_out()

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Everything or nothing; durable on the way out."""
        with self._lock, _translated(self._path), exclusively(self._connection):
            yield Transaction(self._connection)

    @contextmanager
    def reading(self) -> Iterator["View"]:
        """One consistent view."""
        with self._lock, _translated(self._path):
            self._connection.execute("BEGIN")
            try:
                yield View(self._connection)
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            let_go(self._connection)


class View:
    """What can be asked."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def version(self) -> int:
        """Of the tables; 0: there are none."""
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def meta(self, name: str, default: int = 0) -> int:
        """A number that is kept under a name."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row is not None else default

    def files(self, condition: str = "1", bindings: Sequence[object] = (), *, limit: int = -1) -> list[File]:
        """The files that count and fulfil a condition in SQL, the oldest first."""
        statement = f"SELECT {_FILE} FROM file WHERE {condition} ORDER BY id LIMIT ?"
        return [File(*row) for row in self._connection.execute(statement, (*bindings, limit))]

    def all_count(self, files: Sequence[File]) -> bool:
        """Whether none of the files was replaced meanwhile."""
        names = msgspec.json.encode([file.name for file in files]).decode()
        statement = "SELECT count(*) FROM file WHERE name IN (SELECT value FROM json_each(?))"
        return int(self._connection.execute(statement, (names,)).fetchone()[0]) == len(files)

    def totals(self) -> Totals:
        """What there is."""
        row = self._connection.execute(
            "SELECT count(*), total(rows), total(size_bytes), min(first_day), max(last_day) FROM file"
        ).fetchone()
        return Totals(int(row[0]), int(row[1]), int(row[2]), row[3], row[4])

    def cursors(self, role: int) -> dict[int, Cursor]:
        """By partition, how far the log was read."""
        rows = self._connection.execute(
            'SELECT role, partition, "offset", until_offset FROM cursor WHERE role = ?', (role,)
        )
        return {row[1]: Cursor(*row) for row in rows}

    def replaced(self) -> list[str]:
        """Files that wait to be deleted."""
        return [name for (name,) in self._connection.execute("SELECT name FROM replaced")]

    def damages(self) -> list[Damage]:
        """What the disk altered, the oldest first."""
        statement = (
            "SELECT id, name, first_day, last_day, rows, found_us, restored, ended_us FROM damage ORDER BY id"
        )
        return [Damage(*row) for row in self._connection.execute(statement)]

    def known(self, hashes: Iterable[int]) -> set[int]:
        """Those of the hashes whose events count."""
        text = msgspec.json.encode(sorted(hashes)).decode()
        found = self._connection.execute(
            "SELECT value FROM json_each(?1) WHERE value IN (SELECT hash FROM once_new) "
            "OR value IN (SELECT hash FROM once)",
            (text,),
        )
        return {int(value) for (value,) in found}


class Transaction(View):
    """What may be changed together."""

    def lay_out(self) -> None:
        """Make the tables."""
        self._connection.execute(_SCHEMA)
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def set(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def add_to(self, name: str, number: int) -> int:
        """Add to a number that is kept; the sum."""
        value = self.meta(name) + number
        self.set(name, value)
        return value

    def advance(self, cursor: Cursor, offset: int) -> None:
        """The log was read up to an offset; the cursor is as it was found.

        Raises:
            ReaderMoved: it is somewhere else by now.
        """
        found = self.cursors(cursor.role).get(cursor.partition)
        if (found.offset if found is not None else 0) != cursor.offset:
            raise ReaderMoved(f"partition {cursor.partition} was read by another process")
        self.point(cursor._replace(offset=offset))

    def point(self, cursor: Cursor) -> None:
        """Read a partition from there on."""
        self._connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", cursor)

    def drop_cursor(self, cursor: Cursor) -> None:
        """A partition has been read once more."""
        place = (cursor.role, cursor.partition)
        self._connection.execute("DELETE FROM cursor WHERE role = ? AND partition = ?", place)

    def next_file(self) -> int:
        """The number of the next file: no number comes twice, whatever becomes of its file."""
        return self.add_to("file", 1)

    def add(self, file: File) -> None:
        """From now on the file counts."""
        marks = ", ".join("?" * len(file))
        self._connection.execute(f"INSERT INTO file ({_FILE}) VALUES ({marks})", file)

    def replace(self, files: Iterable[File]) -> None:
        """From now on these count no more."""
        rows = [(file.name,) for file in files]
        self._connection.executemany("DELETE FROM file WHERE name = ?", rows)
        self._connection.executemany("INSERT OR IGNORE INTO replaced VALUES (?)", rows)

    def removed(self, names: Iterable[str]) -> None:
        """They are gone from the disk."""
        self._connection.executemany("DELETE FROM replaced WHERE name = ?", ((name,) for name in names))

    def count_once(self, hashes: Iterable[int]) -> None:
        """These events count."""
        rows = [(one,) for one in sorted(hashes)]
        self._connection.executemany("INSERT OR IGNORE INTO once_new VALUES (?)", rows)
        self.add_to("once_new", len(rows))

    def count_no_more(self, hashes: Iterable[int]) -> None:
        """These events are gone: should they come again, they are new."""
        rows = [(one,) for one in sorted(hashes)]
        self._connection.executemany("DELETE FROM once_new WHERE hash = ?", rows)
        self._connection.executemany("DELETE FROM once WHERE hash = ?", rows)

    def carry_over(self, first: int, last: int) -> int:
        """Move the new hashes of a range to where all are; how many."""
        self._connection.execute(
            "INSERT OR IGNORE INTO once SELECT hash FROM once_new WHERE hash BETWEEN ? AND ? ORDER BY hash",
            (first, last),
        )
        self._connection.execute("DELETE FROM once_new WHERE hash BETWEEN ? AND ?", (first, last))
        return int(self._connection.changes())

    def forget_counted(self) -> None:
        """Begin to count anew."""
        self._connection.execute("DELETE FROM once")
        self._connection.execute("DELETE FROM once_new")
        self.set("once_new", 0)

    def add_damage(self, file: File, name: str, now_us: int) -> None:
        """The disk altered a file, which is called so now."""
        self._connection.execute("DELETE FROM file WHERE name = ?", (file.name,))
        self._connection.execute(
            "INSERT INTO damage (name, first_day, last_day, rows, found_us) VALUES (?, ?, ?, ?, ?)",
            (name, file.first_day, file.last_day, file.rows, now_us),
        )

    def restored(self, rows: int) -> None:
        """So many of the lost rows came back."""
        self._connection.execute(
            "UPDATE damage SET restored = restored + ? WHERE id = "
            "(SELECT max(id) FROM damage WHERE ended_us IS NULL)",
            (rows,),
        )

    def end_damages(self, now_us: int) -> None:
        """The log has given back what it had."""
        self._connection.execute("UPDATE damage SET ended_us = ? WHERE ended_us IS NULL", (now_us,))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """The storage's errors in the archive's words."""
    try:
        with explained(path):
            yield
    except ArchiveUnavailable:
        raise
    except StorageDamaged as error:
        raise ArchiveUnavailable(
            f"{path} is damaged; check the disk, and do what docs/history.md says of a damaged index."
        ) from error
    except StorageUnavailable as error:
        raise ArchiveUnavailable(str(error)) from error
