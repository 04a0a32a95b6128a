"""How this program opens SQLite: one place for the version check, the pragmas, the checksums and the errors.

Facts: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database that several connections write (the WAL-reset bug),
so those versions are refused. FULL means that a commit has reached the disk when it returns. Every page ends
in a checksum, by SQLite's own extension cksumvfs: a page that the disk gives back altered is an error, never
data.
"""

import contextlib
import ctypes
import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import apsw
import apsw.sqlite_extra

BUSY_MILLISECONDS = 20_000
#: How long apart a file that others are opening, too, is tried.
OPENING_SECONDS = 0.005
#: How SQLite and the system say that the disk is full when they do not say SQLITE_FULL.
NO_ROOM = (apsw.SQLITE_IOERR_SHMSIZE,)
NO_ROOM_ERRNO = (errno.ENOSPC, errno.EDQUOT)
NO_DESCRIPTOR_ERRNO = (errno.EMFILE, errno.ENFILE)
BROKEN_FROM, BROKEN_TO = (3, 7, 0), (3, 51, 2)
CHECKSUMS = "cksumvfs"
#: What a checksum takes of each page; where the header of a database says how much is taken.
CHECKSUM_BYTES, RESERVED_AT = 8, 20


class Database(Protocol):
    """What queries need of a connection; the values of a row are what the table's columns hold."""

    def execute(self, statements: str, bindings: Any = None, /) -> Any: ...

    def executemany(self, statements: str, sequence_of_bindings: Any, /) -> Any: ...

    def changes(self) -> int: ...

    def last_insert_rowid(self) -> int: ...


class StorageUnavailable(Exception):
    """The disk or the database cannot be used now. The sentence says why and what to do."""


class StorageDamaged(StorageUnavailable):
    """The disk gave back something other than what was written there."""


def refuse_broken_version(version: str = apsw.sqlite_lib_version()) -> None:
    """Raise StorageUnavailable for a SQLite with the WAL-reset bug."""
    number = tuple(int(part) for part in version.split("."))
    if BROKEN_FROM <= number <= BROKEN_TO:
        raise StorageUnavailable(
            f"SQLite {version} can corrupt data (its WAL-reset bug); install apsw 3.51.3 or newer from "
            f"its wheel."
        )


@cache
def load_checksums() -> None:
    """Have SQLite check every page that it reads from then on, in databases that have checksums.

    Raises:
        StorageUnavailable: the extension is not there.
    """
    connection = apsw.Connection(":memory:")
    try:
        apsw.sqlite_extra.load(connection, CHECKSUMS)
    except (apsw.sqlite_extra.NotAvailable, apsw.Error, OSError, ValueError) as error:
        raise StorageUnavailable(
            "SQLite's extension for checksums is missing; install apsw from its wheel."
        ) from error
    finally:
        connection.close()


def reserve(connection: apsw.Connection, size_bytes: int) -> None:
    """Keep so much of each page for checksums; a database that has pages must be written anew for it."""
    wanted = ctypes.c_int(size_bytes)
    connection.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(wanted))


def give_checksums(connection: apsw.Connection, path: Path) -> None:
    """See that the pages of a database have checksums: a new one from the start, an old one is written anew.

    An old one that is busy, or has no room on its disk, gets them another time.
    """
    with path.open("rb") as file:
        header = file.read(RESERVED_AT + 1)
    if len(header) > RESERVED_AT and header[RESERVED_AT] == CHECKSUM_BYTES:
        return
    reserve(connection, CHECKSUM_BYTES)
    if header:
        with suppress(apsw.BusyError, apsw.FullError):
            connection.execute("VACUUM")
            connection.pragma("wal_checkpoint(TRUNCATE)")


def connect(path: Path, *, cache_kib: int = 4096, read_only: bool = False) -> apsw.Connection:
    """A connection in WAL mode with full durability. The file is created readable by its owner only.

    Raises:
        StorageUnavailable: the folder or file cannot be used, in one sentence.
    """
    refuse_broken_version()
    load_checksums()
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    with explained(path):
        if not read_only and not path.exists():
            path.touch(mode=0o600)
        connection = apsw.Connection(str(path), flags=flags, statementcachesize=200)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        # Without it SQLite may plan a statement anew for each value bound to it: five times the cost here.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if not read_only:
            give_checksums(connection, path)
            _write_ahead(connection)
        for pragma in (
            "synchronous=FULL",
            f"cache_size=-{cache_kib}",
            "temp_store=MEMORY",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
    return connection


def _write_ahead(connection: apsw.Connection) -> None:
    """Go over to WAL mode. Where several open a new file at once, SQLite tells all but one of them that it is
    busy without waiting: its busy timeout does not hold here.
    """
    until = time.monotonic() + BUSY_MILLISECONDS / 1_000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
        time.sleep(OPENING_SECONDS)


def let_go(connection: apsw.Connection) -> None:
    """Close a connection. What a failing disk does not let it carry over into the database stays in the
    write-ahead log, from where whoever opens the database next reads it.
    """
    with suppress(apsw.IOError, apsw.FullError, apsw.ReadOnlyError):
        connection.close()


@contextmanager
def exclusively(connection: apsw.Connection) -> Iterator[None]:
    """Everything or nothing, with no other writer meanwhile; durable on the way out."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a failing disk may have ended it already
            connection.execute("ROLLBACK")
        raise


def lay_out(connection: apsw.Connection, path: Path, tables: str, version: int) -> None:
    """Make the tables of a file where there are none.

    Raises:
        StorageUnavailable: a newer gainstage made them.
    """
    if not connection.pragma("user_version"):
        with exclusively(connection):
            if not connection.pragma("user_version"):  # somebody else may have been quicker
                connection.execute(tables)
                connection.execute(f"PRAGMA user_version = {version}")
    if (found := connection.pragma("user_version")) > version:
        raise StorageUnavailable(
            f"{path} was written by a newer gainstage (schema {found}); use that one or a newer one."
        )


#: How often, and how long apart, a journal is tried to be emptied while somebody reads or writes.
JOURNAL_TRIES, JOURNAL_SECONDS = 40, 0.05
#: So much of a file is looked at at once.
LOOKED_AT_BYTES = 16 * 1024 * 1024


def emptied_journal(connection: apsw.Connection) -> bool:
    """Carry everything from the write-ahead log over into the database and cut it to nothing; False where
    others were busy with it all the time. Nobody waits longer than a moment for it: others write in between.
    """
    connection.set_busy_timeout(int(JOURNAL_SECONDS * 1_000))
    try:
        for _ in range(JOURNAL_TRIES):
            with contextlib.suppress(apsw.BusyError):
                row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if row is not None and not row[0]:
                    return True
            time.sleep(JOURNAL_SECONDS)
        return False
    finally:
        connection.set_busy_timeout(BUSY_MILLISECONDS)


def count_texts(path: Path, texts: Sequence[bytes]) -> int:
    """How often texts (in lower case) stand in a database and its write-ahead log, in any letter case."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(_count_in(file, texts) for file in files if texts and file.exists())


def _count_in(path: Path, texts: Sequence[bytes]) -> int:
    found, tail, longest = 0, b"", max(map(len, texts))
    with path.open("rb") as file:
        while read := file.read(LOOKED_AT_BYTES):
            chunk = tail + read.lower()
            found += sum(chunk.count(text) - tail.count(text) for text in texts)
            tail = chunk[-(longest - 1) :] if longest > 1 else b""
    return found


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the errors of disk and database into StorageUnavailable, one clear sentence each."""
    try:
        yield
    except apsw.FullError as error:
        raise StorageUnavailable(f"The disk that holds {path.name} is full; free some space.") from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, PermissionError) as error:
        if out_of_descriptors():
            raise StorageUnavailable(_no_descriptor(path)) from error
        raise StorageUnavailable(
            f"{path} cannot be opened for writing; give this user write access to the folder, on a disk that "
            "is not read-only."
        ) from error
    except apsw.BusyError as error:
        raise StorageUnavailable(
            f"{path.name} is held by another process for too long; try again."
        ) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StorageDamaged(_damaged(path)) from error
    except (apsw.IOError, OSError) as error:
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
            raise StorageDamaged(_damaged(path)) from error
        if getattr(error, "extendedresult", 0) in NO_ROOM or getattr(error, "errno", 0) in NO_ROOM_ERRNO:
            raise StorageUnavailable(f"The disk that holds {path.name} is full; free some space.") from error
        if getattr(error, "errno", 0) in NO_DESCRIPTOR_ERRNO:
            raise StorageUnavailable(_no_descriptor(path)) from error
        raise StorageUnavailable(f"The disk that holds {path.name} reports an error ({error}).") from error


def out_of_descriptors() -> bool:
    """Whether this process has as many files and connections open as it may."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in NO_DESCRIPTOR_ERRNO
    return False


def _no_descriptor(path: Path) -> str:
    return f"{path.name} cannot be opened: too many files are open; raise the limit (`ulimit -n`)."


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged; check the disk, and do what docs/reliability.md says of a damaged {path.name}."
    )
