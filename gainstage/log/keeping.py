"""What makes a local log smaller: trimming, erasing single entries, and making sure that nothing is left of
them.

A connection of its own, with `secure_delete`: what is taken out is overwritten with zeros, so that pages
that wait to be used again hold nothing. An erased entry stays as a row of zeros of the same length, marked
by a negative time of receipt: SQLite overwrites it where it stands, and neither moves nor leaves a copy of
it or of its neighbours. Appends wait for as long as one slice takes.
"""

from collections.abc import Sequence
from pathlib import Path

import apsw

from gainstage.log.contract import LogKept
from gainstage.log.file import opened, translated
from gainstage.sqlite import count_texts, emptied_journal, explained

CACHE_KIB = 1024
ERASED_AT_ONCE = 200
#: Where VACUUM would stop appends for too long, remains are overwritten by time alone; bytes.
REWRITTEN_AT_MOST = 1024 * 1024 * 1024

_ERASE = """
UPDATE partition_{number} SET
    "key" = substr(hex(zeroblob(length(CAST("key" AS BLOB)))), 1, length(CAST("key" AS BLOB))),
    received_us = -1 - received_us,
    surroundings = zeroblob(length(surroundings)), body = zeroblob(length(body))
WHERE "offset" = ? AND received_us >= 0
"""


class Keeper:
    """Works on one log file, one call at a time, in whichever thread calls."""

    def __init__(self, path: Path, partitions: int) -> None:
        self._path = path
        self._partitions = partitions
        self._connection: apsw.Connection | None = None

    def kept(self) -> LogKept:
        """What there is."""
        with translated(), explained(self._path):
            connection = self._open()
            heads = []
            for number in range(self._partitions):
                row = connection.execute(
                    f'SELECT "offset", received_us FROM partition_{number} ORDER BY "offset" LIMIT 1'
                ).fetchone()
                heads.append((int(row[0]), max(row[1], -1 - row[1])) if row else (0, None))
            pages = connection.pragma("page_count") - connection.pragma("freelist_count")
            size_bytes = int(pages * connection.pragma("page_size"))
        received = [received_us for _, received_us in heads if received_us is not None]
        return LogKept(min(received, default=None), size_bytes, tuple(offset for offset, _ in heads))

    def trim(self, number: int, upto: int, before_us: int, limit: int) -> int:
        """Take out the oldest entries of a partition; how many. What they hold is not read."""
        with translated(), explained(self._path):
            connection = self._open()
            rows: list[tuple[int, int]] = connection.execute(
                f'SELECT "offset", max(received_us, -1 - received_us) FROM partition_{number} '
                f'WHERE "offset" <= ? AND "offset" < (SELECT max("offset") FROM partition_{number}) '
                'ORDER BY "offset" LIMIT ?',
                (upto, limit),
            ).fetchall()  # type: ignore[assignment]
            last, count = 0, 0
            for offset, received_us in rows:
                if received_us >= before_us:
                    break
                last, count = offset, count + 1
            if count:
                with connection:
                    connection.execute(f'DELETE FROM partition_{number} WHERE "offset" <= ?', (last,))
        return count

    def erase(self, number: int, offsets: Sequence[int]) -> int:
        """Overwrite entries with zeros, in the file and in its journal; how many were not erased before."""
        count = 0
        with translated(), explained(self._path):
            connection = self._open()
            for start in range(0, len(offsets), ERASED_AT_ONCE):
                with connection:
                    for offset in offsets[start : start + ERASED_AT_ONCE]:
                        connection.execute(_ERASE.format(number=number), (offset,))
                        count += connection.changes()
            emptied_journal(connection)
        return count

    def scrub(self, texts: Sequence[bytes], known: int) -> int:
        """How often texts stand in the files, after what is no entry was cleaned away if need be."""
        with translated(), explained(self._path):
            connection = self._open()
            emptied_journal(connection)
            found = count_texts(self._path, texts)
            size_bytes = connection.pragma("page_count") * connection.pragma("page_size")
            if found > known and size_bytes <= REWRITTEN_AT_MOST:
                connection.execute("VACUUM")
                emptied_journal(connection)
                found = count_texts(self._path, texts)
        return found

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            connection = opened(self._path, cache_kib=CACHE_KIB)
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA temp_store=FILE")
            self._connection = connection
        return self._connection
