"""Reading a log around the pages that its disk altered: the entries on them are named, all others are given.

Which entries there are, and whose, stands twice: in the table and in the index by source. Where a page of the
index is damaged as well, the offsets are tried one by one.
"""

import logging
from collections.abc import Iterable

import apsw

from gainstage.log.contract import Entry, Stored
from gainstage.log.rows import READ_BYTES, rows

logger = logging.getLogger(__name__)


def read_around(connection: apsw.Connection, partition: int, after: int, limit: int) -> list[Stored]:
    """As `rows`, entry by entry; `Entry.damaged` for each that cannot be read.

    Raises:
        apsw.Error: not even the last offset can be read.
    """
    found: list[Stored] = []
    lost: list[int] = []
    size_bytes, received_us = 0, _received_us(connection, partition, after)
    for offset, source in _offsets(connection, partition, after, limit):
        try:
            one = rows(connection, partition, offset - 1, 1)
        except (apsw.IOError, apsw.CorruptError):
            lost.append(offset)
            found.append(Stored(offset, Entry.damaged(source, received_us)))
            continue
        if one and one[0].offset == offset:
            found.append(one[0])
            received_us = one[0].entry.received_us
            size_bytes += len(one[0].entry.body)
        if len(found) >= limit or size_bytes >= READ_BYTES:
            break
    if lost:
        remedy = "They are kept as failed (entry_damaged), and all others go on: check the disk."
        told = {"partition": partition, "offsets": _listed(lost), "entries": len(lost), "remedy": remedy}
        logger.error("log_damaged", extra=told)
    return found


def _received_us(connection: apsw.Connection, partition: int, offset: int) -> int:
    """When the entry at an offset came, or one of the next pages; 0 where nothing tells."""
    for near in (offset, *(offset + 4**step for step in range(8))):
        try:
            if found := rows(connection, partition, max(near - 1, 0), 1):
                return found[0].entry.received_us
        except (apsw.IOError, apsw.CorruptError):
            continue
    return 0


def _offsets(
    connection: apsw.Connection, partition: int, after: int, limit: int
) -> Iterable[tuple[int, str]]:
    """The next offsets and their sources by the index; where it is damaged, all that there may be."""
    table, index = f"partition_{partition:d}", f"partition_{partition:d}_source"
    try:
        found: list[tuple[int, str]] = []
        source: str | None = None
        while row := connection.execute(
            f"SELECT min(source) FROM {table} INDEXED BY {index} WHERE source > ?", (source or "",)
        ).get:
            source = str(row)
            query = (
                f'SELECT "offset" FROM {table} INDEXED BY {index} WHERE source = ? AND "offset" > ? '
                'ORDER BY "offset" LIMIT ?'
            )
            offsets = connection.execute(query, (source, after, limit))
            found += [(offset, source) for (offset,) in offsets]
        return sorted(found)[:limit]
    except (apsw.IOError, apsw.CorruptError):
        last = connection.execute(f'SELECT max("offset") FROM {table}').get or 0
        return ((offset, "") for offset in range(after + 1, last + 1))


def _listed(offsets: list[int]) -> str:
    """Offsets as ranges."""
    parts: list[list[int]] = []
    for offset in offsets:
        if parts and parts[-1][-1] == offset - 1:
            parts[-1] = [parts[-1][0], offset]
        else:
            parts.append([offset])
    return ",".join("-".join(map(str, part)) for part in parts)
