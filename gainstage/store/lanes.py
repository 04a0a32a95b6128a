"""The operations that wait for records, in order."""

from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from gainstage.operation import Record
from gainstage.sqlite import Database
from gainstage.store.rows import PRIORITIES, LaneRow, NewOperation, NewTurn, OperationRow

#: Nobody is at work on the record, neither we nor the vendor with an asynchronous call, and it stays one.
_FREE = "leased_until_us = 0 AND occupied_until_us = 0 AND joining = 0"
#: What a call may have written is not to be overtaken: neither by another destination of the tenant, nor by
#: older values of the same one while the newer wait (planned anew, they follow another record again).
_UNDISTURBED = """
(unsure = 0
 OR holder = lane.destination_id AND NOT EXISTS
    (SELECT 1 FROM operation WHERE record_id = record.id AND operation.destination_id = holder AND waits > 0
     AND kind = 0 AND operation.in_doubt > 0)
 OR holder != lane.destination_id AND NOT EXISTS
    (SELECT 1 FROM lane AS theirs WHERE theirs.destination_id = holder AND theirs.record_id = record.id
     AND holder IN (SELECT connection.destination_id FROM connection)))
"""
#: What may go of a lane, ?1 its record and ?2 its destination. An append waits for an older upsert that waits
#: for others itself, unless the vendor has the record already: without it, the append may be refused.
_READY = """
waits = 0 AND (kind = 0 OR event_id < coalesce(
    (SELECT min(event_id) FROM operation WHERE record_id = ?1 AND destination_id = ?2 AND waits > 0
     AND kind = 0 AND length(coalesce((SELECT state FROM record WHERE id = ?1), '')) <= 2),
    9223372036854775807))
"""
#: A lane is as urgent as what is left in it.
_URGENCY = """
priority = CASE WHEN EXISTS (SELECT 1 FROM operation
     WHERE record_id = ?1 AND destination_id = ?2 AND priority = lane.priority) THEN priority
    ELSE (SELECT min(priority) FROM operation WHERE record_id = ?1 AND destination_id = ?2) END
"""
_OPERATIONS = """
SELECT record_id, id, event_id, source_id, alone, kind, stamp, time_us, in_doubt,
    CASE kind WHEN 1 THEN (SELECT message_id FROM event WHERE id = event_id) END, content, follows, priority,
    failing_from_us
FROM operation
"""
#: The lanes of destination ?1 that are due later than ?2, as their index has them.
_LATER = f"destination_id = ?1 AND priority IN {PRIORITIES} AND due_us > ?2"
_follows = msgspec.json.Decoder(tuple[Record, ...])


class Lanes:
    """The part of a transaction that keeps pending operations in order."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    # operations

    def waiting(self, number: int) -> bool:
        """Whether operations wait for the record, at some destination."""
        row = self._connection.execute("SELECT 1 FROM operation WHERE record_id = ? LIMIT 1", (number,))
        return row.fetchone() is not None

    def accompany(self, event_id: int, destination_id: int) -> None:
        """More operations come for an event that asked for one only."""
        self._connection.execute(
            "UPDATE operation SET alone = 0 WHERE event_id = ? AND destination_id = ?",
            (event_id, destination_id),
        )

    def add(self, operations: Iterable[NewOperation]) -> None:
        """Let operations wait."""
        self._connection.executemany(
            "INSERT INTO operation (destination_id, record_id, event_id, source_id, alone, kind, plan, "
            "waits, stamp, "
            "time_us, content, follows, priority) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            map(astuple, operations),
        )

    def ready(self, destination_id: int, numbers: Sequence[int], limit: int) -> dict[int, list[OperationRow]]:
        """The operations of lanes that may go, by record and at most `limit` of each: upserts first, then
        appends, each in the order of their events, those that were planned anew among them. An append waits
        for older upserts that wait for other records, while nothing is known of its own.
        """
        found: dict[int, list[OperationRow]] = {number: [] for number in numbers}
        rows = self._connection.executemany(
            f"{_OPERATIONS} WHERE record_id = ?1 AND destination_id = ?2 AND {_READY} "
            "ORDER BY kind, event_id, id LIMIT ?3",
            ((number, destination_id, limit) for number in numbers),
        )
        for row in rows:
            found[row[0]].append(_operation(row[1:]))
        return found

    def outdated(self, destination_id: int, plan: int, after: int, limit: int) -> dict[int, dict[int, int]]:
        """Events above `after` with operations of an earlier plan; by kind, how many calls may have brought
        some.
        """
        rows = self._connection.execute(
            "SELECT event_id, max(in_doubt * (kind = 0)), max(in_doubt * (kind = 1)) FROM operation "
            "WHERE event_id > ? AND destination_id = ? AND plan != ? GROUP BY event_id ORDER BY event_id "
            "LIMIT ?",
            (after, destination_id, plan, limit),
        )
        return {int(row[0]): {kind: row[1 + kind] for kind in (0, 1) if row[1 + kind]} for row in rows}

    def upserts(self, event_id: int, destination_id: int) -> list[tuple[int, OperationRow]]:
        """The upserts of an event that wait at a destination, each with the number of its record."""
        rows = self._connection.execute(
            f"{_OPERATIONS} WHERE event_id = ? AND destination_id = ? AND kind = 0 ORDER BY id",
            (event_id, destination_id),
        )
        return [(int(row[0]), _operation(row[1:])) for row in rows]

    def doubtful(self, number: int, destination_id: int) -> list[OperationRow]:
        """The upserts of a destination that wait for a record and were perhaps received."""
        rows = self._connection.execute(
            f"{_OPERATIONS} WHERE record_id = ? AND destination_id = ? AND kind = 0 AND in_doubt > 0",
            (number, destination_id),
        )
        return [_operation(row[1:]) for row in rows]

    def remove(self, operations: Iterable[int]) -> set[int]:
        """Take settled operations out; returns those that had not been withdrawn meanwhile."""
        removed = set()
        for number in operations:
            self._connection.execute("DELETE FROM operation WHERE id = ?", (number,))
            if self._connection.changes():
                removed.add(number)
        return removed

    def remove_event(self, event_id: int, destination_id: int) -> list[int]:
        """Take all operations of an event at a destination out; returns their records."""
        rows = self._connection.execute(
            "DELETE FROM operation WHERE event_id = ? AND destination_id = ? RETURNING record_id",
            (event_id, destination_id),
        ).fetchall()
        return [int(number) for (number,) in rows]

    def unblock(
        self, event_id: int, destination_id: int, records: Container[Record]
    ) -> list[tuple[int, str]]:
        """An operation of the event is done: those that follow its record (under any of its names) wait for
        one less.

        Returns free records and the objects that they are of.
        """
        free = []
        rows = self._connection.execute(
            "SELECT operation.id, record_id, object, waits, follows FROM operation "
            "JOIN record ON record.id = record_id WHERE event_id = ? AND destination_id = ? AND waits > 0",
            (event_id, destination_id),
        ).fetchall()
        for operation, number, object_, waits, follows in rows:
            if any(record in records for record in _follows.decode(follows)):
                self._connection.execute(
                    "UPDATE operation SET waits = ? WHERE id = ?", (waits - 1, operation)
                )
                if waits == 1:
                    free.append((int(number), str(object_)))
        return free

    def doubt_event(self, event_id: int, destination_id: int, kind: int, calls: int) -> None:
        """The event's operations of a kind were perhaps received, from so many calls, under an earlier
        plan.
        """
        self._connection.execute(
            "UPDATE operation SET in_doubt = ? WHERE event_id = ? AND destination_id = ? AND kind = ?",
            (calls, event_id, destination_id, kind),
        )

    def doubt(self, operations: Iterable[int], calls: int = 1) -> None:
        """They were perhaps received, from one more call; with fewer than 0 `calls`, surely not from so
        many.
        """
        self._connection.executemany(
            "UPDATE operation SET in_doubt = max(in_doubt + ?, 0) WHERE id = ?",
            ((calls, number) for number in operations),
        )

    def fail(self, operations: Iterable[int], failing_us: int) -> None:
        """Their first call failed, when those to their destination had failed for so long, ever."""
        self._connection.executemany(
            "UPDATE operation SET failing_from_us = ? WHERE id = ?",
            ((failing_us, number) for number in operations),
        )

    # lanes

    def touch(self, turns: Iterable[NewTurn]) -> None:
        """Operations came, or may go now: make their lanes, or let them go earlier."""
        self._connection.executemany(
            "INSERT INTO lane (destination_id, record_id, object, priority, due_us) VALUES (?1, ?2, ?3, "
            "?4, ?5) "
            "ON CONFLICT (destination_id, record_id) DO UPDATE SET priority = min(priority, ?4), "
            "due_us = CASE WHEN ?5 IS NULL OR (attempts > 0 AND due_us IS NOT NULL) THEN due_us "
            "ELSE min(coalesce(due_us, ?5), ?5) END",
            turns,
        )

    def due(
        self, destination_id: int, now_us: int, limit: int, priorities: Sequence[int] = PRIORITIES
    ) -> list[LaneRow]:
        """Lanes whose turn it is and whose record nobody holds: by priority, then by how long they
        are due.

        Where a call may have written values of the record, nothing goes that may be older: what it sent goes
        first, also where another destination sent it.
        """
        rows: list[LaneRow] = []
        for priority in priorities:  # one after the other: lanes due later are not even looked at
            found = self._connection.execute(
                "SELECT record_id, lane.object, attempts, take, priority FROM lane "
                "JOIN record ON record.id = record_id WHERE destination_id = ? AND priority = ? "
                f"AND due_us <= ? AND {_FREE} AND {_UNDISTURBED} ORDER BY due_us LIMIT ?",
                (destination_id, priority, now_us, limit - len(rows)),
            )
            rows.extend(LaneRow(*row) for row in found)
            if len(rows) == limit:
                break
        return rows

    def backlog(self, destination_id: int, object_: str, now_us: int, limit: int) -> int:
        """How many lanes of an object may go now that did not fail; no more than `limit` are counted."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM lane JOIN record ON record.id = record_id "
            "WHERE destination_id = ? AND lane.object = ? AND due_us <= ? AND attempts = 0 "
            f"AND {_FREE} LIMIT ?)",
            (destination_id, object_, now_us, limit),
        ).fetchone()
        return int(count)

    def last_due(self, destination_id: int, object_: str, now_us: int, limit: int) -> list[LaneRow]:
        """Lanes of an object that would be the last to go; without those that failed or are in doubt."""
        found = self._connection.execute(
            "SELECT record_id, lane.object, attempts, take, priority FROM lane "
            "JOIN record ON record.id = record_id WHERE destination_id = ? AND lane.object = ? "
            f"AND due_us <= ? AND attempts = 0 AND take IS NULL AND in_doubt = 0 AND {_FREE} "
            f"AND {_UNDISTURBED} ORDER BY priority DESC, due_us DESC LIMIT ?",
            (destination_id, object_, now_us, limit),
        )
        return [LaneRow(*row) for row in found]

    def settle_lane(self, destination_id: int, number: int, now_us: int, *, take: int | None = None) -> None:
        """After a success or a refusal: go on with what is left, at once; or end the lane."""
        self._connection.execute(
            "DELETE FROM lane WHERE destination_id = ?1 AND record_id = ?2 AND NOT EXISTS "
            "(SELECT 1 FROM operation WHERE record_id = ?2 AND destination_id = ?1)",
            (destination_id, number),
        )
        if self._connection.changes() == 0:
            self._connection.execute(
                "UPDATE lane SET attempts = 0, code = '', detail = '', take = ?3, "
                "due_us = CASE WHEN EXISTS (SELECT 1 FROM operation WHERE record_id = ?1 AND "
                f"destination_id = ?2 AND {_READY}) THEN ?4 END, "
                f"{_URGENCY} WHERE destination_id = ?2 AND record_id = ?1",
                (number, destination_id, take, now_us),
            )

    def settle_lane_unless_leased(self, destination_id: int, number: int, now_us: int) -> None:
        """After operations were withdrawn: go on with what is left, in its time; a call under way settles its
        own.
        """
        row = self._connection.execute(
            "SELECT leased_until_us FROM record WHERE id = ?", (number,)
        ).fetchone()
        if row is None or row[0] == 0:
            self.leave_lane(destination_id, number, now_us)
        else:
            self.end_lane(destination_id, number)

    def leave_lane(self, destination_id: int, number: int, now_us: int) -> None:
        """Operations ended without a call: go on with what is left, after a failure not before its time."""
        self.end_lane(destination_id, number)
        self._connection.execute(
            "UPDATE lane SET due_us = CASE WHEN attempts > 0 AND due_us IS NOT NULL THEN due_us "
            "WHEN EXISTS (SELECT 1 FROM operation WHERE record_id = ?1 AND destination_id = ?2 AND "
            f"{_READY}) THEN ?3 END, {_URGENCY} WHERE destination_id = ?2 AND record_id = ?1",
            (number, destination_id, now_us),
        )

    def end_lane(self, destination_id: int, number: int) -> None:
        """Operations were withdrawn: a lane that is empty is gone."""
        self._connection.execute(
            "DELETE FROM lane WHERE destination_id = ?1 AND record_id = ?2 AND NOT EXISTS "
            "(SELECT 1 FROM operation WHERE record_id = ?2 AND destination_id = ?1)",
            (destination_id, number),
        )

    def postpone(
        self,
        destination_id: int,
        number: int,
        due_us: int,
        code: str,
        detail: str,
        *,
        attempt: bool,
    ) -> None:
        """After a failure that may pass: wait until `due_us`; `attempt` counts it."""
        self._connection.execute(
            "UPDATE lane SET due_us = ?, code = ?, detail = ?, attempts = attempts + ? "
            "WHERE destination_id = ? AND record_id = ?",
            (due_us, code, detail, int(attempt), destination_id, number),
        )

    def bring_forward(self, destination_id: int, latest_us: int) -> None:
        """Nothing waits for longer than until then."""
        self._connection.execute(f"UPDATE lane SET due_us = ?2 WHERE {_LATER}", (destination_id, latest_us))

    def move(self, destination_id: int, after_us: int, back_us: int) -> None:
        """What is due later than at an instant is so much earlier: the clock was set back."""
        self._connection.execute(
            f"UPDATE lane SET due_us = due_us - ?3 WHERE {_LATER}", (destination_id, after_us, back_us)
        )

    def hurry(self, destination_ids: Sequence[int], now_us: int) -> None:
        """Nothing lingers any more: every lane that only waits to merge goes now."""
        for destination_id in destination_ids:
            self._connection.execute(
                "UPDATE lane SET due_us = ?1 WHERE destination_id = ?2 AND due_us > ?1 AND attempts = 0",
                (now_us, destination_id),
            )

    def restart(self, destination_id: int, now_us: int) -> None:
        """The settings changed: what waits after failures is tried now."""
        self._connection.execute(
            "UPDATE lane SET due_us = ?1, attempts = 0, code = '', detail = '' "
            "WHERE destination_id = ?2 AND due_us IS NOT NULL AND (attempts > 0 OR code != '')",
            (now_us, destination_id),
        )


def _operation(row: tuple[Any, ...]) -> OperationRow:
    values = list(row)
    values[8] = row[8] or ""
    values[9] = msgspec.json.decode(row[9])
    values[10] = _follows.decode(row[10]) if row[10] else ()
    return OperationRow(*values)
