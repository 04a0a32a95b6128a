"""The archive of a data folder: what delivery asks of it, archiving turn by turn, and what is told of it."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from gainstage.clock import SECOND_US
from gainstage.computing.state import FOLDER_NAME as AUDIENCES
from gainstage.computing.state import State
from gainstage.computing.workbench import FILE_NAME as WORK_FILE
from gainstage.connection import Retention
from gainstage.delivery.archived import Looked
from gainstage.history import Archive, ArchiveMissing, Archiver, ArchiveUnavailable
from gainstage.history.archive import date_of
from gainstage.history.erasing import erase, look
from gainstage.history.index import Damage, ReaderMoved, Totals
from gainstage.history.mending import examine, told
from gainstage.history.upkeep import Keep, Upkeep
from gainstage.log.contract import Log, LogUnavailable
from gainstage.pseudonym import Pseudonyms
from gainstage.store.contract import Store
from gainstage.store.forgetting_rows import Names, Someone

#: After an error it is tried again after this.
PAUSE_US = 30 * SECOND_US

logger = logging.getLogger(__name__)


def _now_us() -> int:
    return time.time_ns() // 1_000


def existing(data: Path) -> Archive | None:
    """The archive of a data folder; None where nothing was archived yet.

    Raises:
        ArchiveUnavailable: it cannot be used.
    """
    try:
        return Archive(data, create=False)
    except ArchiveMissing:
        return None


class ArchiveOf:
    """The archive as delivery knows it; opened for each question, since it may come into being any time."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def offsets(self) -> Mapping[int, int] | None:
        """By partition, up to which offset the log is archived; None before anything is."""
        archive = existing(self._data)
        if archive is None:
            return None
        try:
            return archive.cursors()
        finally:
            archive.close()

    def look(
        self, person: Someone, until_us: int, ended: Callable[[], bool] = lambda: False
    ) -> Looked | None:
        """What there is of a person; None where `ended` said so first. What was received later than
        `until_us` leads to no further names.
        """
        archive = existing(self._data)
        if archive is None:
            return Looked(0, Names())
        try:
            seen = look(archive, person, until_us, ended)
        finally:
            archive.close()
        return Looked(*seen) if seen is not None else None

    def erase(self, person: Someone, ended: Callable[[], bool]) -> str:
        """Take the events of a person out; why it has to be asked again, empty where nothing is left."""
        archive = existing(self._data)
        if archive is None:
            return ""
        try:
            gone = erase(archive, person.keys, person.emails, now_us=_now_us(), ended=ended)
            with archive.snapshot() as snapshot:
                computed = purged(self._data, person.keys, snapshot.epoch)
        finally:
            archive.close()
        if gone.waiting:
            return "Waits until nobody reads the archive's files that were written anew."
        return "" if computed else "Waits until audiences and traits are computed anew without the person."


def purged(data: Path, keys: Collection[str], epoch: int) -> bool:
    """Take a person out of what was computed. False: it is to be asked again, since computations have not
    been made anew of the rows that are left.

    Nobody else opens the file that they work in: whoever has it open makes another one.
    """
    folder = data / AUDIENCES
    if not folder.exists():
        return True
    state = State(folder)
    try:
        with state.transaction():
            state.forget(keys)
        anew = state.number("epoch") == epoch
        clean = state.scrub()
    finally:
        state.close()
    if not anew:
        for path in folder.glob(f"{WORK_FILE}*"):
            path.unlink(missing_ok=True)
    return anew and clean


class Archiving:
    """Archives and keeps in order, turn by turn, for the process whose work it is.

    From its opening on the log keeps what is not archived. `own_sources` are those of gainstage's own
    computations: nothing of theirs is archived.
    """

    def __init__(
        self,
        data: Path,
        log: Log,
        store: Store,
        pseudonyms: Pseudonyms,
        *,
        own_sources: Collection[str] = (),
        now_us: Callable[[], int] = _now_us,
    ) -> None:
        self.archive = Archive(data, now_us=now_us)
        self._archiver = Archiver(self.archive, log, store, pseudonyms, own_sources=own_sources)
        self._upkeep = Upkeep(self.archive, now_us)
        self._now_us = now_us
        self._pause_until_us = 0
        #: Why the last turn did not come to its end.
        self.problem = ""

    async def turn(self, retention: Retention, limit: int = 10_000) -> bool:
        """A slice of the log, then a step of upkeep; True when there is certainly more to do at once.

        What cannot be done now is told in the log and tried again after a while.
        """
        now_us = self._now_us()
        if now_us < self._pause_until_us <= now_us + PAUSE_US:
            return False
        self.problem = ""
        try:
            more = False
            if retention.history:
                more = (await self._archiver.archive(limit)).more
            return self._upkeep.step(Keep(retention.history_days, retention.history_bytes)) or more
        except (ArchiveUnavailable, LogUnavailable) as error:
            logger.error("history_unavailable", extra={"problem": str(error)})
            self._pause_until_us = now_us + PAUSE_US
            self.problem = str(error)
        except ReaderMoved as error:
            logger.warning("history_taken_elsewhere", extra={"problem": str(error)})
        return False

    async def examine(self) -> int:
        """Look at every file, for whoever met an error while reading; how many were damaged and set aside."""
        return await asyncio.to_thread(self._examine)

    def _examine(self) -> int:
        with self.archive.snapshot() as snapshot:
            return len(examine(self.archive, snapshot.files, self._now_us()))

    def close(self) -> None:
        """Let go of every resource."""
        self.archive.close()


async def report(data: Path, log: Log) -> dict[str, Any] | None:
    """What is archived, and how far that is behind the log; None where nothing was archived yet.

    `{"events", "bytes", "files", "first_day", "last_day", "behind", "damaged"}`
    """
    try:
        read = await asyncio.to_thread(_read, data)
    except ArchiveUnavailable as error:
        return {**_NOTHING, "damaged": [str(error)]}
    if read is None:
        return None
    totals, cursors, damages = read
    ends = [await log.end(number) for number in range(log.partitions)]
    return {
        "events": totals.rows,
        "bytes": totals.size_bytes,
        "files": totals.files,
        "first_day": date_of(totals.first_day) if totals.first_day is not None else None,
        "last_day": date_of(totals.last_day) if totals.last_day is not None else None,
        "behind": sum(max(0, end - cursors.get(number, 0)) for number, end in enumerate(ends)),
        "damaged": told(damages),
    }


def _read(data: Path) -> tuple[Totals, dict[int, int], list[Damage]] | None:
    archive = existing(data)
    if archive is None:
        return None
    try:
        return archive.totals(), archive.cursors(), archive.damages()
    finally:
        archive.close()


_NOTHING = {"events": 0, "bytes": 0, "files": 0, "first_day": None, "last_day": None, "behind": None}
