"""The log's database file: how it is laid out, created and opened. What is written to it stands in `writer`.

One table per partition. The rowid is the offset: SQLite gives each row the highest one plus one, so offsets
rise as long as the newest row is never deleted, and whatever trims the log keeps that row. The index on
`source` ends in the rowid, as every SQLite index does, so that counting a source's entries behind an offset
reads the index alone.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import (
    StorageDamaged,
    StorageUnavailable,
    connect,
    exclusively,
    explained,
    give_checksums,
    load_checksums,
    refuse_broken_version,
)

FILE_NAME = "log.db"
#: Several 1 KB messages fit a page; measured a third faster than SQLite's 4 KiB, and no better at 16 KiB.
PAGE_BYTES = 8192
PARTITIONS_AT_MOST = 1024

TABLE = """
CREATE TABLE partition_{number} (
    "offset"     INTEGER PRIMARY KEY,
    source       TEXT NOT NULL,
    "key"        TEXT NOT NULL,
    received_us  INTEGER NOT NULL,
    place        INTEGER NOT NULL,
    surroundings BLOB NOT NULL,
    body         BLOB NOT NULL
);
CREATE INDEX partition_{number}_source ON partition_{number} (source);
"""


def create(folder: Path, partitions: int) -> int:
    """Make the log in this folder if there is none, and say how many partitions it has.

    Raises:
        LogUnavailable: the folder cannot be used, in one sentence.
    """
    if not 1 <= partitions <= PARTITIONS_AT_MOST:
        raise ValueError(f"a log has 1 to {PARTITIONS_AT_MOST} partitions, not {partitions}")
    path = folder / FILE_NAME
    with translated(), explained(path):
        refuse_broken_version()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(folder / "log.lock"):
            path.touch(mode=0o600)
            return lay_out(path, partitions)


def lay_out(path: Path, partitions: int) -> int:
    """Make the tables in this file if there are none, and say how many partitions there are."""
    load_checksums()
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(20_000)
        give_checksums(connection, path)
        connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", "FULL")
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get:
            return int(connection.execute("SELECT partitions FROM log").get)
        with exclusively(connection):
            connection.execute("CREATE TABLE log (partitions INTEGER NOT NULL)")
            connection.execute("INSERT INTO log VALUES (?)", (partitions,))
            for number in range(partitions):
                connection.execute(TABLE.format(number=number))
    finally:
        connection.close()
    sync_folder(path.parent)
    return partitions


def sync_folder(folder: Path) -> None:
    """Make the names of new files in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def opened(path: Path, *, cache_kib: int) -> apsw.Connection:
    """A connection of its own to a log that was created before.

    Raises:
        LogUnavailable: it cannot be opened, in one sentence.
    """
    with translated():
        return connect(path, cache_kib=cache_kib)


class LogDamaged(LogUnavailable):
    """The disk gave back something other than what was written there."""


@contextmanager
def translated() -> Iterator[None]:
    """The storage's errors in the words of the log's contract."""
    try:
        yield
    except StorageDamaged as error:
        raise LogDamaged(str(error)) from error
    except StorageUnavailable as error:
        raise LogUnavailable(str(error)) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file: one process at a time lays the log out."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
