"""Retention: what is finished and old goes, in slices that hold nobody up. SQLite uses the freed pages
again.
"""

import msgspec

from gainstage.sqlite import Database
from gainstage.store.contract.retention import Trimmed
from gainstage.store.rows import GIVEN_UP

_AMONG = "IN (SELECT value FROM json_each(?))"
_FINISHED = (
    f"SELECT id FROM event WHERE id {_AMONG} AND (code IS NULL OR code = '{GIVEN_UP}') AND NOT EXISTS "
    "(SELECT 1 FROM delivery WHERE event_id = id AND (word = 4 OR kept = 1))"
)


class Retention:
    """The part of a transaction that lets go of what is finished."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def trim(
        self, before_us: int, most_events: int | None, first: tuple[int, ...], after: int, limit: int
    ) -> Trimmed:
        """Look at the next events above `after`, and let go of those that are finished and old."""
        (newest,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
        oldest = newest - most_events if most_events is not None else 0
        rows = self._connection.execute(
            'SELECT id, received_us, partition, "offset" FROM event WHERE id > ? AND id < ? '
            "ORDER BY id LIMIT ?",
            (after, newest, limit),
        ).fetchall()
        old, last, ended = [], after, len(rows) < limit
        for number, received_us, partition, offset in rows:
            if received_us >= before_us and number > oldest:
                ended = True
                break
            last = number
            if partition < len(first) and offset < first[partition]:
                old.append((number, received_us))
        gone = self._let_go([number for number, _ in old])
        if gone:
            self._note("last_event", max(gone))
            self._note("trimmed_us", max(received_us for number, received_us in old if number in gone))
        return Trimmed(len(gone), None if ended else last)

    def _let_go(self, numbers: list[int]) -> set[int]:
        """Delete those of the events that are finished, and calls that carried nothing else."""
        if not numbers:
            return set()
        rows = self._connection.execute(_FINISHED, (_json(numbers),))
        finished = {int(number) for (number,) in rows}
        if not finished:
            return finished
        these = (_json(sorted(finished)),)
        carried = self._connection.execute(
            f"DELETE FROM call_event WHERE event_id {_AMONG} RETURNING call_id", these
        )
        calls = sorted({int(call) for (call,) in carried})
        if calls:
            self._note("last_call", calls[-1])
            self._connection.execute(
                f"DELETE FROM call WHERE id {_AMONG} AND NOT EXISTS "
                "(SELECT 1 FROM call_event WHERE call_id = id)",
                (_json(calls),),
            )
        for table in ("delivery", "edited"):
            self._connection.execute(f"DELETE FROM {table} WHERE event_id {_AMONG}", these)
        self._connection.execute(f"DELETE FROM event WHERE id {_AMONG}", these)
        return finished

    def _note(self, name: str, number: int) -> None:
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) "
            "DO UPDATE SET value = max(value, excluded.value)",
            (name, number),
        )


def _json(numbers: list[int]) -> str:
    return msgspec.json.encode(numbers).decode()
