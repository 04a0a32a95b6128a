"""Mending a log whose disk altered a page that appends need: written anew, with what cannot be read named.

Reading goes around damaged pages by itself (`damage`); writing cannot. The writer notes that it met one, and
whoever takes hold of the data folder next writes the log anew, while nobody else has it open. Offsets stay as
they are, and the damaged file is kept beside the new one.
"""

import logging
import os
from pathlib import Path

import apsw
from msgspec.structs import astuple

from gainstage.log.contract import Entry, LogUnavailable
from gainstage.log.damage import read_around
from gainstage.log.file import FILE_NAME, lay_out, locked, opened, sync_folder, translated
from gainstage.sqlite import BUSY_MILLISECONDS, explained, load_checksums

#: There while the log waits to be mended.
NOTE_NAME = "log.damaged"
KEPT_NAME = "log.db.damaged"
NEW_NAME = "log.db.new"
AT_ONCE = 500

logger = logging.getLogger(__name__)
_INSERT = (
    'INSERT INTO partition_{number} ("offset", source, "key", received_us, place, surroundings, body) '
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def note_damage(folder: Path) -> None:
    """Have the log mended when the server is started next."""
    (folder / NOTE_NAME).touch(mode=0o600)


def mend(folder: Path) -> bool:
    """Write the log anew if somebody noted that it must be; whether it was.

    Raises:
        LogUnavailable: another process has it open, or the disk cannot be used.
    """
    if not (folder / NOTE_NAME).exists() or not (folder / FILE_NAME).exists():
        return False
    load_checksums()
    path, new = folder / FILE_NAME, folder / NEW_NAME
    with translated(), explained(path), locked(folder / "log.lock"):
        _remove(new)
        damaged = _alone_with(path)
        try:
            _copy(damaged, new)
        finally:
            damaged.close()
        (folder / KEPT_NAME).unlink(missing_ok=True)
        os.link(path, folder / KEPT_NAME)
        new.replace(path)
        (folder / NOTE_NAME).unlink()
        sync_folder(folder)
    return True


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
                if (connection.execute(f'SELECT max("offset") FROM partition_{number:d}').get or 0) >= offset:
                    return False
                missing = Entry.damaged("", 0)
                connection.execute(_INSERT.format(number=number), (offset, *astuple(missing)))
        finally:
            connection.close()
    logger.error(
        "log_older_than_store partition=%d offset=%d The log lacks entries that were routed before; new ones "
        "go on behind them.",
        number,
        offset,
    )
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
    partitions = int(damaged.execute("SELECT partitions FROM log").get)
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
