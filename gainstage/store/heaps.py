"""What failed or is parked, counted by reason, without looking at the events. Read only."""

from typing import NamedTuple

from gainstage.reason import WORDS
from gainstage.sqlite import Database
from gainstage.store.rows import FAILED, GIVEN_UP, PARKED

#: So many of one reason are counted; beyond, it is at least so many.
MOST_COUNTED = 1_000_000


class HeapRow(NamedTuple):
    """Events of one reason at one destination; `destination` is empty for messages that are no events."""

    destination: str
    word: str
    code: str
    events: int
    #: When the oldest that is still there was received.
    since_us: int


class Heaps:
    """The part of a reading that counts what needs somebody."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def all(self) -> list[HeapRow]:
        """Every heap of failed and parked events, and of refused messages; the largest first."""
        found = [*self._kept(), *self._refused()]
        return sorted(found, key=lambda one: (-one.events, one.destination, one.code))

    def _kept(self) -> list[HeapRow]:
        destinations = self._connection.execute("SELECT id, name FROM destination").fetchall()
        found = []
        for number, name in destinations:
            code: str | None = ""
            while (code := self._next_code(number, code)) is not None:
                event, word = self._connection.execute(
                    "SELECT event_id, word FROM delivery WHERE kept = 1 AND destination_id = ? AND code = ? "
                    "ORDER BY event_id LIMIT 1",
                    (number, code),
                ).fetchone()
                if word in (FAILED, PARKED):
                    (events,) = self._connection.execute(
                        "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE kept = 1 AND destination_id = ? "
                        "AND code = ? LIMIT ?)",
                        (number, code, MOST_COUNTED),
                    ).fetchone()
                    found.append(HeapRow(name, WORDS[word], code, events, self._received_us(event)))
        return found

    def _next_code(self, destination_id: int, after: str | None) -> str | None:
        row = self._connection.execute(
            "SELECT min(code) FROM delivery WHERE kept = 1 AND destination_id = ? AND code > ?",
            (destination_id, after),
        ).fetchone()
        return str(row[0]) if row and row[0] is not None else None

    def _refused(self) -> list[HeapRow]:
        rows = self._connection.execute(
            "SELECT code, count(*), min(id) FROM (SELECT id, code FROM event WHERE code IS NOT NULL "
            "AND code != ? LIMIT ?) GROUP BY code",
            (GIVEN_UP, MOST_COUNTED),
        ).fetchall()
        return [HeapRow("", "failed", code, events, self._received_us(event)) for code, events, event in rows]

    def _received_us(self, event_id: int) -> int:
        row = self._connection.execute("SELECT received_us FROM event WHERE id = ?", (event_id,)).fetchone()
        return int(row[0]) if row else 0
