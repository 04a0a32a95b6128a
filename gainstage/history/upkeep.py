"""Keeping the archive small and quick to read: parting batches by day, merging small files, letting old days
go. A step at a time, each bounded; whoever archives calls it in between.

Batches of the log lie in `new` first, each a file, whatever days its events are of. Some of them together are
parted by day. The files of a day merge with others of their size, so that a row is written anew a few times
only; a day into which nothing comes any more ends as one file, or as a few full ones.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gainstage.clock import DAY_US, MINUTE_US
from gainstage.history import once, parquet
from gainstage.history.archive import Archive, FileDamaged
from gainstage.history.index import NO_FLOOR, File, Transaction
from gainstage.history.mending import examine, set_aside

if TYPE_CHECKING:
    import pyarrow as pa

#: So many batches, or rows of them, are parted by day; or fewer, when the oldest has lain for so long.
NEW_FILES, NEW_ROWS, NEW_US = 24, 1_000_000, 60 * MINUTE_US
#: So much is taken into memory in a step.
MOST_ROWS, MOST_RAW_BYTES = 250_000, 256 * 1024 * 1024
#: Of more days in one step the fuller ones are parted first.
DAYS_AT_ONCE = 64
#: So many files of one size merge; sizes are one when they are within this factor.
MERGED_FILES = 8
#: A day with several files into which nothing came for so long is merged, too.
QUIET_US = 6 * 60 * MINUTE_US
#: When there was nothing to do and nothing was written since, it is looked again after this.
LOOK_EVERY_US = MINUTE_US
#: How often one file is read to see that it is as it was written.
PATROL_EVERY_US = MINUTE_US


class Keep(NamedTuple):
    """How much is kept; None for no limit."""

    days: float | None = None
    size_bytes: int | None = None


class Upkeep:
    """Does one step after the other; what it knows between two is lost with it and does no harm."""

    def __init__(self, archive: Archive, now_us: Callable[[], int]) -> None:
        self._archive, self._now_us = archive, now_us
        self._seen = -1  # the number of the newest file when there was nothing to do
        self._look_us = self._patrol_us = 0

    def step(self, keep: Keep = Keep()) -> bool:  # noqa: B008 - it cannot be changed
        """One step; True when there is certainly more to do at once."""
        self._archive.delete_replaced()
        now_us = self._now_us()
        try:
            if self._carry_over() or self._let_go(keep, now_us):
                return True
            if self._is_due(now_us):
                if self._part(now_us) or self._merge(now_us):
                    return True
                with self._archive.index.reading() as view:
                    self._seen = view.meta("file")
                self._look_us = now_us + LOOK_EVERY_US
            self._patrol(now_us)
        except FileDamaged as damaged:
            set_aside(self._archive, damaged.file, now_us)
            return True
        return False

    def _is_due(self, now_us: int) -> bool:
        if not self._look_us - LOOK_EVERY_US <= now_us < self._look_us:
            return True
        with self._archive.index.reading() as view:
            return view.meta("file") != self._seen

    def _carry_over(self) -> bool:
        with self._archive.index.reading() as view:
            if not once.is_due(view.meta("once_new"), view.meta("position")):
                return False
        with self._archive.changing() as transaction:
            once.carry_over(transaction)
        return True

    # parting and merging

    def _part(self, now_us: int) -> bool:
        with self._archive.index.reading() as view:
            files = view.files("day IS NULL")
        rows = sum(file.rows for file in files)
        if not files or (
            len(files) < NEW_FILES and rows < NEW_ROWS and now_us - files[0].written_us < NEW_US
        ):
            return False
        taken = within_limits(files)
        with self._archive.changing() as transaction:
            if not transaction.all_count(taken):
                return True
            table = parquet.joined([self._archive.read(file) for file in taken])
            parts = by_day(table)
            chosen = sorted(parts, key=lambda day: -parts[day].num_rows)[:DAYS_AT_ONCE]
            rest = [part for day, part in parts.items() if day not in chosen]
            transaction.replace(taken)
            for day in sorted(chosen):
                self._archive.add(transaction, parts[day], day)
            if rest:
                self._archive.add(transaction, parquet.joined(rest), None)
        return True

    def _merge(self, now_us: int) -> bool:
        with self._archive.index.reading() as view:
            files = view.files("day IS NOT NULL AND rows < ?", (MOST_ROWS,))
        days: dict[int, list[File]] = {}
        for file in files:
            days.setdefault(file.day or 0, []).append(file)
        for day, small in days.items():
            if taken := mergeable(small, now_us):
                with self._archive.changing() as transaction:
                    if not transaction.all_count(taken):
                        return True
                    table = parquet.joined([self._archive.read(file) for file in taken])
                    transaction.replace(taken)
                    self._archive.add(transaction, table, day)
                return True
        return False

    # retention

    def _let_go(self, keep: Keep, now_us: int) -> bool:
        """Of what is too old, a file at a time."""
        with self._archive.index.reading() as view:
            floor, totals = view.meta("floor_day", NO_FLOOR), view.totals()
        wanted = floor if floor <= now_us // DAY_US else NO_FLOOR  # the clock was ahead, and was set right
        if keep.days is not None:
            wanted = max(wanted, int((now_us - keep.days * DAY_US) // DAY_US))
        if totals.first_day is not None and totals.last_day is not None:
            too_large = keep.size_bytes is not None and totals.size_bytes > keep.size_bytes
            if too_large and floor <= totals.first_day < totals.last_day:
                wanted = max(wanted, totals.first_day + 1)
        with self._archive.index.reading() as view:
            old = view.files("first_day < ?", (wanted,))
        if wanted == floor and not old:
            return False
        with self._archive.changing() as transaction:
            transaction.set("floor_day", wanted)
            if old and transaction.all_count(old[:1]):
                self._without(transaction, old[0], wanted)
        return bool(old)

    def _without(self, transaction: Transaction, file: File, floor: int) -> None:
        """A file without the rows of days that are kept no more."""
        parts = by_day(self._archive.read(file))
        gone = [part for day, part in parts.items() if day < floor]
        left = [part for day, part in parts.items() if day >= floor]
        transaction.count_no_more(one for part in gone for one in part["once"].to_pylist())
        transaction.replace([file])
        if left:
            self._archive.add(transaction, parquet.joined(left), file.day)

    # looking for damages

    def _patrol(self, now_us: int) -> None:
        if self._patrol_us - PATROL_EVERY_US <= now_us < self._patrol_us:
            return
        self._patrol_us = now_us + PATROL_EVERY_US
        with self._archive.index.reading() as view:
            after = view.meta("patrol")
            files = view.files("id > ?", (after,), limit=1) or view.files(limit=1)
        if files:
            examine(self._archive, files, now_us)
            with self._archive.changing() as transaction:
                transaction.set("patrol", files[0].id)


def within_limits(files: Iterable[File]) -> list[File]:
    """As many of the files, from the first on, as a step takes into memory; at least one."""
    taken: list[File] = []
    rows = raw_bytes = 0
    for file in files:
        rows, raw_bytes = rows + file.rows, raw_bytes + file.raw_bytes
        if taken and (rows > MOST_ROWS or raw_bytes > MOST_RAW_BYTES):
            break
        taken.append(file)
    return taken


def mergeable(files: Sequence[File], now_us: int) -> list[File]:
    """Which of a day's files are to become one; empty: none."""
    ordered = sorted(files, key=lambda file: file.rows)
    sizes: dict[int, list[File]] = {}
    for file in ordered:
        sizes.setdefault((file.rows.bit_length() - 1) // 3, []).append(file)
    for same in sizes.values():
        if len(same) >= MERGED_FILES and len(taken := within_limits(same)) > 1:
            return taken
    if now_us - max(file.written_us for file in files) >= QUIET_US:
        taken = within_limits(ordered)
        return taken if len(taken) > 1 else []
    return []


def by_day(table: "pa.Table") -> dict[int, "pa.Table"]:
    """A table's rows by the day of their time, in the order that they had."""
    import pyarrow as pa
    import pyarrow.compute as pc

    days = pc.floor_temporal(table["time"], unit="day").cast(pa.int64())
    return {
        day // DAY_US: table.filter(pc.equal(days, pa.scalar(day, pa.int64())))
        for day in sorted(pc.unique(days).to_pylist())
    }
