"""The data folder: made where there is none, held by one server at a time."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gainstage.errors import DataUnusable, UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.log.file import sync_folder
from gainstage.log.local import LocalLog
from gainstage.log.mending import mend, reach
from gainstage.sqlite import StorageDamaged, StorageUnavailable, connect, emptied_journal, explained, let_go
from gainstage.store.store import NoStore, Store
from gainstage.write_ahead import ENDING, mend_write_ahead

LOCK_NAME = "server.lock"
logger = logging.getLogger(__name__)
#: A server that was killed may take this long to let go.
PATIENCE_SECONDS = 2.0


def prepare(folder: Path) -> Path:
    """Make the folder, readable by its owner only.

    Raises:
        UsageError: it cannot be made or written.
    """
    try:
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for place in made:  # a power cut must not take the folder with everything in it
            sync_folder(place.parent)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder} is not a folder; name another with --data.") from None
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made ({error.strerror}); name another folder with --data."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{folder} is not writable; give this user write access or name another with --data."
        )
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder as its one server (or `send` without a server); what must be mended is.

    Raises:
        UsageError: another one holds it, or it is damaged in a way that cannot be mended.
    """
    descriptor = _open_lock(prepare(folder))
    try:
        if not _lock(descriptor):
            raise UsageError(
                f"{folder} is in use by another gainstage server or send; stop that one or name another "
                f"folder with --data."
            )
        try:
            _mend_write_ahead_logs(folder)
            mend(folder)
            carry_over_write_ahead_logs(folder)
        except (LogUnavailable, StorageUnavailable) as error:
            raise DataUnusable(str(error)) from None
        yield
    finally:
        os.close(descriptor)


def _mend_write_ahead_logs(folder: Path) -> None:
    for file in sorted(folder.rglob(f"*{ENDING}")):
        path = file.with_name(file.name.removesuffix(ENDING))
        with explained(path):
            mended = mend_write_ahead(path)
        if mended is not None:
            logger.error("write_ahead_log_mended", extra={"file": file.name, **mended._asdict()})


def carry_over_write_ahead_logs(folder: Path) -> None:
    """Write into the databases what their write-ahead logs hold: what is there may have missed its sync.

    Raises:
        StorageUnavailable: the disk does not allow it.
    """
    for file in sorted(folder.rglob(f"*{ENDING}")):
        path = file.with_name(file.name.removesuffix(ENDING))
        if not path.exists():  # nothing can be made of it, and no database is to be made here
            continue
        with suppress(StorageDamaged), explained(path):  # whoever reads it says what to do
            connection = connect(path)
            try:
                emptied_journal(connection)
            finally:
                let_go(connection)


def is_held(folder: Path) -> bool:
    """Whether a server or send is at work on the folder."""
    if not (folder / LOCK_NAME).exists():
        return False
    descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def open_parts(folder: Path, *, create: bool = True) -> tuple[Store, LocalLog]:
    """Store and log of the folder, made there where `create` allows.

    Raises:
        UsageError: one of them cannot be used.
    """
    try:
        store, log = Store(folder, create=create), LocalLog(folder)
        if create:
            with store.reading() as reading:
                offsets = {number: reading.offset(number) for number in range(log.partitions)}
            for number, offset in offsets.items():
                reach(folder, number, offset)
        return store, log
    except (StorageUnavailable, LogUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None


@contextmanager
def opened_store(folder: Path, *, create: bool = False) -> Iterator[Store]:
    """The store of the folder, for a while.

    Raises:
        UsageError: it cannot be used.
    """
    try:
        store = Store(prepare(folder) if create else folder, create=create)
    except NoStore as error:
        raise DataUnusable(f"{error} Start `gainstage serve`, or name the folder with --data.") from None
    except StorageUnavailable as error:
        raise DataUnusable(str(error)) from None
    try:
        yield store
    except StorageUnavailable as error:
        raise DataUnusable(str(error)) from None
    finally:
        store.close()


def _open_lock(folder: Path) -> int:
    try:
        return os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used ({error.strerror}); name another folder with --data."
        ) from None


def _lock(descriptor: int) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True
