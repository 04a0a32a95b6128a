"""Mending a log whose disk altered a page that appends need: written anew, with what cannot be read named.

Reading goes around damaged pages by itself (`damage`); writing cannot. The writer notes that it met one, and
whoever takes hold of the data folder next writes the log anew, while nobody else has it open. Offsets stay as
they are. The damaged file is not kept: it would hold what somebody may ask to have forgotten.
"""

import logging
from pathlib import Path

import apsw
from msgspec.structs import astuple

from gainstage.log.contract import Entry, LogUnavailable
from gainstage.log.damage import read_around
from gainstage.log.file import FILE_NAME, LogDamaged, lay_out, locked, opened, sync_folder, translated
from gainstage.sqlite import BUSY_MILLISECONDS, explained, load_checksums

#: There while the log waits to be mended.
NOTE_NAME = "log.damaged"
NEW_NAME = "log.db.new"
AT_ONCE = 500

logger = logging.getLogger(__name__)
#: The tables of the partitions.
_TABLES = "FROM sqlite_schema WHERE type = 'table' AND name GLOB 'partition_[0-9]*'"
_INSERT = (
    'INSERT INTO partition_{number} ("offset", source, "key", received_us, place, surroundings, body) '
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def note_damage(folder: Path) -> None:
    """Have the log mended when the server is started next."""
    (folder / NOTE_NAME).touch(mode=0o600)


def mend(folder: Path) -> bool:
    """Write the log anew if it cannot grow, or somebody noted so; whether it was.

    Raises:
        LogUnavailable: another process has it open, or the disk cannot be used.
    """
    path, new = folder / FILE_NAME, folder / NEW_NAME
    if not path.exists() or not path.stat().st_size:
        return False
    if not ((folder / NOTE_NAME).exists() or _is_damaged_where_it_grows(path)):
        return False
    load_checksums()
    with translated(), explained(path), locked(folder / "log.lock"):
        _remove(new)
        damaged = _alone_with(path)
        try:
            _copy(damaged, new)
        finally:
            damaged.close()
        new.replace(path)
        (folder / NOTE_NAME).unlink(missing_ok=True)
        sync_folder(folder)
    return True


def _is_damaged_where_it_grows(path: Path) -> bool:
    """Whether what says how many partitions there are, or the last pages of one or of its index, are not as
    they were written.
    """
    try:
        with translated(), explained(path):
            connection = opened(path, cache_kib=1024)
            try:
                if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get:
                    return False  # whoever was to make the tables came to its end before
                connection.execute("SELECT partitions FROM log").fetchall()
                for (name,) in connection.execute(f"SELECT name {_TABLES}").fetchall():
                    connection.execute(f'SELECT body FROM {name} ORDER BY "offset" DESC LIMIT 1').fetchall()
                    connection.execute(f"SELECT max(source) FROM {name} INDEXED BY {name}_source").fetchall()
            finally:
                connection.close()
    except LogDamaged:
        return True
    return False


def reach(folder: Path, number: int, offset: int) -> bool:
    """See that the next entry of a partition stands above an offset that was routed; whether that was news.

    A log that was put back from an older copy would give offsets again, and nobody would read there.

    Raises:
        LogUnavailable: the disk cannot be used.
    """
    path = folder / FILE_NAME
    with translated(), explained(path):
        connection = opened(path, cache_kib=1024)
        try:
            with connection:
                last = connection.execute(
                    f'SELECT "offset", max(received_us, -1 - received_us) FROM partition_{number:d} '
                    'ORDER BY "offset" DESC LIMIT 1'
                ).fetchone() or (0, 0)
                if last[0] >= offset:
                    return False
                # As an entry that was erased: nobody reads it, and it ages with its neighbours.
                erased = Entry("", "", -1 - last[1], 0, b"", b"")
                connection.execute(_INSERT.format(number=number), (offset, *astuple(erased)))
        finally:
            connection.close()
    told = {"partition": number, "offset": offset, "remedy": "New entries go on behind the offset."}
    logger.error("log_older_than_store", extra=told)
    return True


def _alone_with(path: Path) -> apsw.Connection:
    """The only connection to the log, with everything in the one file."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    try:
        connection.pragma("locking_mode", "EXCLUSIVE")
        connection.pragma("journal_mode", "DELETE")
    except apsw.BusyError:
        connection.close()
        raise LogUnavailable(
            f"{path} is to be mended, but another process has it open; end that one and start again."
        ) from None
    return connection


def _copy(damaged: apsw.Connection, new: Path) -> None:
    partitions = damaged.execute(f"SELECT count(*) {_TABLES}").get
    new.touch(mode=0o600)
    lay_out(new, partitions)
    connection = apsw.Connection(str(new))
    try:
        connection.pragma("synchronous", "FULL")
        for number in range(partitions):
            after = 0
            while found := read_around(damaged, number, after, AT_ONCE):
                after = found[-1].offset
                rows = [(offset, *astuple(one)) for offset, one in found]
                with connection:
                    connection.executemany(_INSERT.format(number=number), rows)
        connection.pragma("wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _remove(new: Path) -> None:
    """What an attempt that was interrupted left."""
    for ending in ("", "-wal", "-shm", "-journal"):
        new.with_name(new.name + ending).unlink(missing_ok=True)
