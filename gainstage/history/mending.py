"""Files that the disk altered: set aside, named, and their rows taken from the log again as far as it can.

The rest of the archive goes on. A file that was set aside is kept for whoever wants to look at it, until
somebody is to be forgotten: nobody could say whether it holds something of theirs.
"""

import logging
from collections.abc import Collection, Iterable, Sequence

from gainstage.history.archive import Archive, FileDamaged, Snapshot, date_of
from gainstage.history.index import AGAIN, LIVE, Cursor, Damage, File, Transaction
from gainstage.history.rows import Row

logger = logging.getLogger(__name__)


def examine(archive: Archive, files: Iterable[File], now_us: int) -> list[File]:
    """See that files are as they were written; those that are not are set aside and returned."""
    damaged = []
    for file in files:
        try:
            archive.read(file)
        except FileDamaged:
            if set_aside(archive, file, now_us):
                damaged.append(file)
    return damaged


def set_aside(archive: Archive, file: File, now_us: int) -> bool:
    """Take a damaged file out of what counts, and have the log read once more.

    False where it did not count.
    """
    with archive.changing() as transaction:
        if not transaction.all_count([file]):
            return False
        transaction.add_damage(file, archive.folder.set_aside(file.name), now_us)
        transaction.add_to("epoch", 1)
        for cursor in transaction.cursors(LIVE).values():
            transaction.point(Cursor(AGAIN, cursor.partition, 0, cursor.offset))
    logger.error(
        "history_damaged",
        extra={
            "file": file.name,
            "days": f"{date_of(file.first_day)}..{date_of(file.last_day)}",
            "rows": file.rows,
            "problem": "The disk altered it; it was set aside, and its events are taken from the log again "
            "as far as it has them.",
        },
    )
    return True


def lost(archive: Archive, transaction: Transaction, rows: Sequence[Row]) -> list[Row]:
    """Those of rows that were read again that stood in a damaged file: they count, and stand in no file.

    Raises:
        FileDamaged: another file is damaged.
    """
    open_ = [damage for damage in transaction.damages() if damage.ended_us is None]
    maybe = {row.once: row for row in rows if any(one.first_day <= row.day <= one.last_day for one in open_)}
    counting = transaction.known(maybe)
    if not counting:
        return []
    there = standing(archive, transaction.files(), counting)
    return [maybe[once] for once in sorted(counting - there)]


def standing(archive: Archive, files: Sequence[File], hashes: Collection[int]) -> set[int]:
    """Those of the hashes that stand in files."""
    import duckdb
    import pyarrow as pa

    if not files:
        return set()
    snapshot = Snapshot(archive.folder.path, tuple(files), 0, 0, 0)
    with duckdb.connect() as connection:
        connection.register("wanted", pa.table({"once": pa.array(list(hashes), pa.int64())}))
        try:
            rows = connection.execute(
                "SELECT DISTINCT once FROM read_parquet(?, hive_partitioning = false) "
                "WHERE once IN (SELECT once FROM wanted)",
                (snapshot.paths,),
            ).fetchall()
        except duckdb.Error:
            for file in files:
                archive.read(file)
            raise
    return {int(row[0]) for row in rows}


def told(damages: Iterable[Damage]) -> list[str]:
    """What became of damaged files, a sentence each."""
    sentences = []
    for one in damages:
        days = f"{date_of(one.first_day)} to {date_of(one.last_day)}"
        named = f"{one.name}: the disk altered {one.rows:,} archived events of {days}"
        if one.ended_us is None:
            sentences.append(f"{named}; they are taken from the log again ({one.restored:,} so far).")
        elif one.restored < one.rows:
            sentences.append(f"{named}; {one.rows - one.restored:,} of them are lost.")
    return sentences
