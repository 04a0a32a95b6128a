"""Entries read from a partition's table, as long as the disk gives back what was written."""

import apsw

from gainstage.log.contract import Entry, Stored

#: One `read` stops after this much, however many entries were asked for.
READ_BYTES = 8 * 1024 * 1024


def rows(connection: apsw.Connection, partition: int, after: int, limit: int) -> list[Stored]:
    """Up to `limit` entries above an offset, in order."""
    found: list[Stored] = []
    size_bytes = 0
    statement = (
        'SELECT "offset", source, "key", received_us, place, surroundings, body'
        f' FROM partition_{partition:d} WHERE "offset" > ? AND received_us >= 0 ORDER BY "offset" LIMIT ?'
    )
    cursor = connection.execute(statement, (after, limit))
    for offset, *values in cursor:
        found.append(Stored(offset, Entry(*values)))
        size_bytes += len(values[-1])
        if size_bytes >= READ_BYTES:
            cursor.close()
            break
    return found
