"""The ledger: what became of each event at each destination, and the counters that always balance."""

from gainstage.sqlite import Database
from gainstage.store.rows import DELIVERED, FAILED, FILTERED, GIVEN_UP, PARKED, PENDING, REFUSED, NewDelivery

_SETTLE_ONE = """
UPDATE delivery SET
    word = CASE WHEN open <= 1 THEN 0 ELSE word END,
    code = CASE WHEN :code = '' OR code = '-'
                THEN CASE WHEN open <= 1 THEN '' ELSE '-' END
                ELSE CASE WHEN open <= 1 THEN :code ELSE '' END END,
    open = open - 1, at_us = :now
WHERE event_id = :event AND destination_id = :destination AND word = 4 AND open > 0
RETURNING open, source_id
"""


class Ledger:
    """The part of a transaction that writes the ledger. Counters are written when the transaction ends."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._counts: dict[tuple[int, int, int], int] = {}
        self._unmapped: dict[tuple[int, str], int] = {}
        self._alone: list[tuple[str, int, int, int]] = []
        self._settled: list[tuple[int]] = []

    def add(self, deliveries: list[NewDelivery], now_us: int) -> None:
        """Enter deliveries of new events."""
        self._connection.executemany(
            "INSERT INTO delivery VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                (
                    d.event_id,
                    d.destination_id,
                    d.source_id,
                    d.word,
                    d.code,
                    d.detail,
                    d.open,
                    now_us,
                    *_kept(d),
                )
                for d in deliveries
            ),
        )
        for d in deliveries:
            self.count(d.source_id, d.destination_id, d.word)

    def count(self, source_id: int, destination_id: int, word: int, n: int = 1) -> None:
        """Add to a counter."""
        key = (source_id, destination_id, word)
        self._counts[key] = self._counts.get(key, 0) + n

    def count_unmapped(self, destination_id: int, name: str) -> None:
        """Count a trait that had no field to go to."""
        key = (destination_id, name)
        self._unmapped[key] = self._unmapped.get(key, 0) + 1

    def deliver_alone(
        self, event_id: int, destination_id: int, source_id: int, code: str, now_us: int
    ) -> None:
        """The only operation of a pending delivery is done."""
        self._alone.append((code, now_us, event_id, destination_id))
        self.count(source_id, destination_id, PENDING, -1)
        self.count(source_id, destination_id, DELIVERED)
        self._settled.append((event_id,))

    def deliver_one(self, event_id: int, destination_id: int, code: str, now_us: int) -> int | None:
        """One operation of the delivery is done; the last one makes it delivered.

        Returns how many operations are still open, None where the delivery is not pending.
        """
        row = self._connection.execute(
            _SETTLE_ONE, {"code": code, "now": now_us, "event": event_id, "destination": destination_id}
        ).fetchone()
        if row is None:
            return None
        still_open, source_id = row
        if still_open == 0:
            self.count(source_id, destination_id, PENDING, -1)
            self.count(source_id, destination_id, DELIVERED)
            self._settled.append((event_id,))
        return int(still_open)

    def change(self, delivery: NewDelivery, now_us: int, *, was: int | None = None) -> None:
        """Give a delivery another word; the counters follow. `was` saves a look when the caller knows."""
        if was is None:
            row = self._connection.execute(
                "SELECT word FROM delivery WHERE event_id = ? AND destination_id = ?",
                (delivery.event_id, delivery.destination_id),
            ).fetchone()
            if row is None:
                return
            was = int(row[0])
        self._connection.execute(
            "UPDATE delivery SET word=?, code=?, detail=?, open=?, at_us=?, kept=?, until_us=? "
            "WHERE event_id=? AND destination_id=?",
            (
                delivery.word, delivery.code, delivery.detail, delivery.open, now_us, *_kept(delivery),
                delivery.event_id, delivery.destination_id,
            ),
        )  # fmt: skip
        if was != delivery.word:
            self.count(delivery.source_id, delivery.destination_id, was, -1)
            self.count(delivery.source_id, delivery.destination_id, delivery.word)
        if delivery.word in (DELIVERED, FILTERED):
            self._settled.append((delivery.event_id,))

    def open_more(self, event_id: int, destination_id: int, operations: int) -> None:
        """So many more operations are open for a pending delivery."""
        self._connection.execute(
            "UPDATE delivery SET open = open + ? WHERE event_id = ? AND destination_id = ? AND word = 4",
            (operations, event_id, destination_id),
        )

    def retry(self, event_id: int, destination_id: int, now_us: int) -> bool:
        """Have a failed or parked delivery planned again; False when it is neither by now, or given up."""
        row = self._connection.execute(
            "SELECT word, source_id FROM delivery WHERE event_id = ? AND destination_id = ? AND kept = 1",
            (event_id, destination_id),
        ).fetchone()
        if row is None or row[0] not in (FAILED, PARKED):
            return False
        self.unpark(event_id, destination_id)
        again = NewDelivery(event_id, destination_id, row[1], PENDING, "queued", "Is planned again.")
        self.change(again, now_us, was=row[0])
        return True

    def retry_all(self, event_id: int, now_us: int) -> list[str]:
        """Have all failed and parked deliveries of an event planned again; their destinations' names."""
        rows = self._connection.execute(
            "SELECT destination.id, name FROM delivery JOIN destination ON id = destination_id "
            "WHERE event_id = ? AND kept = 1",
            (event_id,),
        ).fetchall()
        return [name for number, name in rows if self.retry(event_id, number, now_us)]

    def admit(self, event_id: int, now_us: int) -> list[str]:
        """Let an event in that was refused: it is planned at all destinations that its source feeds by now.

        Their names; empty where there is none, or the event is not refused by now. Then nothing is changed.
        """
        fed = self._connection.execute(
            "SELECT connection.destination_id, name, event.source_id FROM event "
            "JOIN connection ON connection.source_id = event.source_id "
            "JOIN destination ON destination.id = connection.destination_id "
            "WHERE event.id = ? AND event.code IS NOT NULL",
            (event_id,),
        ).fetchall()
        if not fed:
            return []
        self._connection.execute("UPDATE event SET code = NULL, detail = NULL WHERE id = ?", (event_id,))
        self.count(fed[0][2], 0, REFUSED, -1)
        queued = ("queued", "Is planned again.")
        self.add(
            [NewDelivery(event_id, number, source, PENDING, *queued) for number, _, source in fed], now_us
        )
        return [name for _, name, _ in fed]

    def give_up(self, event_id: int, destination_id: int, detail: str, now_us: int) -> bool:
        """Let a failed or parked delivery count as failed for good; False when it is neither by now."""
        row = self._connection.execute(
            "SELECT word, source_id FROM delivery WHERE event_id = ? AND destination_id = ? AND kept = 1",
            (event_id, destination_id),
        ).fetchone()
        if row is None or row[0] not in (FAILED, PARKED):
            return False
        place = (event_id, destination_id, row[1])
        self.unpark(event_id, destination_id)
        self.change(NewDelivery(*place, FAILED, GIVEN_UP, detail), now_us, was=row[0])
        self._connection.execute(
            "UPDATE delivery SET kept = NULL WHERE event_id = ? AND destination_id = ?", place[:2]
        )
        self._settled.append((event_id,))
        return True

    def give_up_refused(self, event_id: int, detail: str) -> bool:
        """Let a refused message be for good; False when it is not refused by now."""
        self._connection.execute(
            "UPDATE event SET code = ?1, detail = ?2 WHERE id = ?3 AND code IS NOT NULL AND code != ?1",
            (GIVEN_UP, detail, event_id),
        )
        if not self._connection.changes():
            return False
        self._settled.append((event_id,))
        return True

    def source_of(self, event_id: int) -> int:
        """The number of the source of an event."""
        (source_id,) = self._connection.execute(
            "SELECT source_id FROM event WHERE id = ?", (event_id,)
        ).fetchone()
        return int(source_id)

    def park(self, event_id: int, destination_id: int, keys: tuple[str, ...]) -> None:
        """Note whose news a parked delivery waits for."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO parked VALUES (?, ?, ?)", ((key, event_id, destination_id) for key in keys)
        )

    def unpark(self, event_id: int, destination_id: int) -> None:
        """It waits no more."""
        self._connection.execute(
            "DELETE FROM parked WHERE event_id = ? AND destination_id = ?", (event_id, destination_id)
        )

    def parked_for(self, key: str, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
        """(event, destination) pairs above `after` that wait for news of a user, oldest first."""
        rows = self._connection.execute(
            "SELECT event_id, destination_id FROM parked WHERE key = ? "
            "AND (event_id, destination_id) > (?, ?) ORDER BY event_id, destination_id LIMIT ?",
            (key, *after, limit),
        )
        return [(int(event), int(destination)) for event, destination in rows]

    def kept_with(self, destination_id: int, codes: tuple[str, ...], after: int, limit: int) -> list[int]:
        """Events kept at a destination with one of the codes, by number, above `after`."""
        found: list[int] = []
        for code in codes:
            rows = self._connection.execute(
                "SELECT event_id FROM delivery WHERE kept = 1 AND destination_id = ? AND code = ? "
                "AND event_id > ? ORDER BY event_id LIMIT ?",
                (destination_id, code, after, limit),
            )
            found.extend(int(row[0]) for row in rows)
        return sorted(found)[:limit]

    def expired(self, now_us: int, limit: int) -> list[NewDelivery]:
        """Parked deliveries whose time is over."""
        rows = self._connection.execute(
            "SELECT event_id, destination_id, source_id, word, code, detail, open, until_us FROM delivery "
            "WHERE until_us IS NOT NULL AND until_us <= ? ORDER BY until_us LIMIT ?",
            (now_us, limit),
        )
        return [NewDelivery(*row) for row in rows]

    def flush(self) -> None:
        """Write what was gathered, let go of the bodies of settled events, count; part of the commit."""
        self._connection.executemany(
            "UPDATE delivery SET word = 0, code = ?, open = 0, at_us = ? WHERE event_id = ? AND "
            "destination_id = ?",
            self._alone,
        )
        self._connection.executemany(
            "DELETE FROM body WHERE event_id = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM delivery WHERE event_id = ?1 AND (word = 4 OR kept = 1))",
            self._settled,
        )
        self._connection.executemany(
            "INSERT INTO counter VALUES (?, ?, ?, ?) "
            "ON CONFLICT (source_id, destination_id, word) DO UPDATE SET n = n + excluded.n",
            ((*key, n) for key, n in self._counts.items() if n),
        )
        self._connection.executemany(
            "INSERT INTO unmapped VALUES (?, ?, ?) ON CONFLICT (destination_id, name) DO UPDATE SET n = "
            "n + excluded.n",
            ((*key, n) for key, n in self._unmapped.items()),
        )
        self._alone, self._settled, self._counts, self._unmapped = [], [], {}, {}


def _kept(delivery: NewDelivery) -> tuple[int | None, int | None]:
    """The columns `kept` and `until_us`: what the admin's lists and the expiry are found by."""
    unplanned = delivery.word == PENDING and delivery.open == 0
    return (1 if delivery.word in (FAILED, PARKED) or unplanned else None), delivery.until_us
