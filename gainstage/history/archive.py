"""The archive as a whole: batches in, snapshots out, whichever process asks.

Every change is one step: under the writer's lock, files first, then one transaction of the index that names
them and takes out what they replace. A step that died leaves files that nobody names; whoever opens the
archive next removes them.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gainstage.history import parquet
from gainstage.history.folder import ENDING, NEW_FOLDER, Disk, Folder
from gainstage.history.index import (
    AGAIN,
    LIVE,
    NO_FLOOR,
    ArchiveUnavailable,
    Cursor,
    Damage,
    File,
    Index,
    Totals,
    Transaction,
)
from gainstage.history.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa

DIGEST_BYTES = 16
EPOCH_ORDINAL = 719_163


@dataclass
class Batch:
    """Rows that were made of entries of the log, and how far the log was read for them."""

    rows: list[Row] = field(default_factory=list)
    #: Rows of entries that were read once more, since the disk altered a file.
    again: list[Row] = field(default_factory=list)
    #: Each cursor as it was found, and where it is now.
    read: list[tuple[Cursor, int]] = field(default_factory=list)


class Kept(NamedTuple):
    """What became of a batch."""

    archived: int
    duplicates: int
    #: Of days that are kept no more.
    too_old: int
    #: The position of the newest row.
    position: int


class FileDamaged(Exception):
    """A file is not as it was written."""

    def __init__(self, file: File, why: str) -> None:
        super().__init__(f"{file.name} is not as it was written ({why})")
        self.file = file


@dataclass(frozen=True)
class Snapshot:
    """What the archive held at an instant; none of its files goes while it is open."""

    folder: Path
    files: tuple[File, ...]
    #: The position of the newest row.
    position: int
    #: Rises when rows went or came back otherwise than by archiving: what was computed from them is void.
    epoch: int
    #: Events of earlier days were let go by age or size.
    floor_day: int

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(file.rows for file in self.files)

    @property
    def size_bytes(self) -> int:
        """How large the files are."""
        return sum(file.size_bytes for file in self.files)

    @property
    def days(self) -> tuple[int, int] | None:
        """The first and the last day, counted from the epoch; None where there is nothing."""
        if not self.files:
            return None
        return min(file.first_day for file in self.files), max(file.last_day for file in self.files)

    @property
    def paths(self) -> list[str]:
        """The files, as a reader of Parquet takes them."""
        return [str(self.folder / file.name) for file in self.files]

    def within(
        self, first_day: int | None = None, last_day: int | None = None, *, after: int = 0
    ) -> "Snapshot":
        """Only the files that may have rows of these days with a position above `after`."""
        files = tuple(
            file
            for file in self.files
            if (first_day is None or file.last_day >= first_day)
            and (last_day is None or file.first_day <= last_day)
            and file.last_position > after
        )
        return Snapshot(self.folder, files, self.position, self.epoch, self.floor_day)


class Archive:
    """One handle on the archive of a data folder. Several processes may hold one each."""

    def __init__(
        self,
        data: Path,
        *,
        create: bool = True,
        disk: Disk | None = None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """Open the archive; where `create` allows it is made, and what a dead process left is removed.

        Raises:
            ArchiveMissing: nothing was archived yet, and it may not be made.
            ArchiveUnavailable: it cannot be used.
        """
        self.folder = Folder(data, disk)
        self._now_us = now_us
        if create:
            self.folder.prepare()
            with self.folder.writing():
                if not self.folder.index.exists() and self.folder.names():
                    raise ArchiveUnavailable(
                        f"{self.folder.index} is missing, and {self.folder.path} holds files of the archive; "
                        "put it back from a backup, or do what docs/history.md says of a missing index."
                    )
                made = not self.folder.index.exists()
                self.index = Index(self.folder.index)
                if made:  # files without it would be refused
                    self.folder.sync()
                self._sweep()
        else:
            self.index = Index(self.folder.index, create=False)

    def _sweep(self) -> None:
        """Remove what nobody names: no step is under way, and whoever reads, reads what is named."""
        with self.index.reading() as view:
            named = {file.name for file in view.files()} | set(view.replaced())
        self.folder.remove(self.folder.names() - named)

    def close(self) -> None:
        """Let go of every resource."""
        self.index.close()

    # in

    def append(self, made: Callable[[], Batch]) -> Kept:
        """Archive those rows that do not count yet and note how far the log was read, both or neither.

        The batch is made while nobody else changes the archive: whoever was forgotten before is not in it.

        Raises:
            ReaderMoved: another process archived meanwhile.
        """
        with self.changing() as transaction:
            batch = made()
            for cursor, offset in batch.read:
                transaction.advance(cursor, offset)
            fresh, too_old = self._fresh(transaction, batch.rows)
            transaction.count_once(row.once for row in fresh)
            rows = fresh + self._restored(transaction, batch)
            position = transaction.meta("position")
            if rows:
                first = position + 1
                rows = [row._replace(position=first + n) for n, row in enumerate(rows)]
                position = transaction.add_to("position", len(rows))
                self.add(transaction, parquet.table_of(rows), None)
        duplicates = len(batch.rows) - len(fresh) - too_old
        return Kept(len(fresh), duplicates, too_old, position)

    def _fresh(self, transaction: Transaction, rows: Sequence[Row]) -> tuple[list[Row], int]:
        """The rows that do not count yet, each once, and how many are too old."""
        floor = transaction.meta("floor_day", NO_FLOOR)
        young = [row for row in rows if row.day >= floor]
        known = transaction.known({row.once for row in young})
        fresh: dict[int, Row] = {}
        for row in young:
            if row.once not in known:
                fresh.setdefault(row.once, row)
        return list(fresh.values()), len(rows) - len(young)

    def _restored(self, transaction: Transaction, batch: Batch) -> list[Row]:
        """What reading the log once more gives back; note that, and its end."""
        from gainstage.history.mending import lost

        if not any(cursor.role == AGAIN for cursor, _ in batch.read):
            return []
        found = lost(self, transaction, batch.again)
        transaction.restored(len(found))
        for cursor in transaction.cursors(AGAIN).values():
            if cursor.until is None or cursor.offset >= cursor.until:
                transaction.drop_cursor(cursor)
        if not transaction.cursors(AGAIN):
            transaction.end_damages(self._now_us())
        return found

    # out

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """What there is now; none of its files is deleted within the block, by any process."""
        with self.folder.reading():
            with self.index.reading() as view:
                found = Snapshot(
                    self.folder.path,
                    tuple(view.files()),
                    view.meta("position"),
                    view.meta("epoch"),
                    view.meta("floor_day", NO_FLOOR),
                )
            yield found

    def totals(self) -> Totals:
        """How much there is."""
        with self.index.reading() as view:
            return view.totals()

    def cursors(self) -> dict[int, int]:
        """By partition, the offset up to which the log was archived."""
        with self.index.reading() as view:
            return {number: cursor.offset for number, cursor in view.cursors(LIVE).items()}

    def damages(self) -> list[Damage]:
        """What the disk altered, and how much of it the log gave back."""
        with self.index.reading() as view:
            return view.damages()

    # what steps are made of

    @contextmanager
    def changing(self) -> Iterator[Transaction]:
        """A step: alone, and one transaction of the index."""
        with self.folder.writing(), self.index.transaction() as transaction:
            yield transaction

    def add(self, transaction: Transaction, table: "pa.Table", day: int | None) -> File:
        """Write a table as a file, of a day or not parted yet; it counts with the transaction."""
        number = transaction.next_file()
        name = f"{folder_of(day)}/{number:010d}{ENDING}"
        content = parquet.encoded(table)
        file = described(table, number, name, day, content, self._now_us())
        self.folder.write(name, content)
        transaction.add(file)
        return file

    def read(self, file: File, columns: Collection[str] | None = None) -> "pa.Table":
        """A file's rows.

        Raises:
            FileDamaged: it is not as it was written.
        """
        content = self.folder.read(file.name)
        if content is None:
            raise FileDamaged(file, "it is gone, or the disk cannot read it")
        if digest_of(content) != file.digest:
            raise FileDamaged(file, "another digest")
        try:
            return parquet.decoded(content, tuple(columns) if columns is not None else None)
        except ValueError as error:
            raise FileDamaged(file, str(error)) from None

    def delete_replaced(self) -> int:
        """Delete the files that count no more, unless somebody reads; how many are left."""
        with self.index.reading() as view:
            names = view.replaced()
        if not names:
            return 0
        with self.folder.unread() as alone:
            if not alone:
                return len(names)
            with self.changing() as transaction:
                self.folder.remove(names)
                transaction.removed(names)
        return 0


def folder_of(day: int | None) -> str:
    """Where files of a day lie."""
    return NEW_FOLDER if day is None else f"day={date_of(day)}"


def date_of(day: int) -> str:
    """A day, counted from the epoch, as people write it."""
    from datetime import date

    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()


def digest_of(content: bytes) -> bytes:
    """By what it is known whether a file is as it was written."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def described(
    table: "pa.Table", number: int, name: str, day: int | None, content: bytes, now_us: int
) -> File:
    """What the index keeps of a file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from gainstage.clock import DAY_US

    days = pc.min_max(table["time"].cast(pa.int64())).as_py()
    positions = pc.min_max(table["position"]).as_py()
    return File(
        number, name, day, days["min"] // DAY_US, days["max"] // DAY_US, table.num_rows, len(content),
        table.nbytes, positions["min"], positions["max"], now_us, digest_of(content),
    )  # fmt: skip


def hashes_of(tables: Iterable["pa.Table"]) -> list[int]:
    """By what the events of tables are known when they come again."""
    return [one for table in tables for one in table["once"].to_pylist()]
