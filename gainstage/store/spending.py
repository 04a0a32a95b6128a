"""Which calls were made since one of them, and for whom: what the figures over time count. Read only."""

from typing import NamedTuple

from gainstage.sqlite import Database


class Spent(NamedTuple):
    """Calls to a destination; `alone`: those that carried events of one source only."""

    calls: int
    alone: int


class Spending:
    """The part of a reading that counts calls."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def last_call(self) -> int:
        """The number of the newest call that there ever was."""
        rows = self._connection.execute(
            "SELECT max(id) FROM call UNION ALL SELECT value FROM meta WHERE name = 'last_call'"
        )
        return max((int(number) for (number,) in rows if number is not None), default=0)

    def since(self, call: int, source: str) -> dict[str, Spent]:
        """By destination the calls made after this one, and how many were for events of the source alone."""
        found = self._connection.execute("SELECT id FROM source WHERE name = ?", (source,)).fetchone()
        rows = self._connection.execute(
            "SELECT destination.name, count(*), sum(alone) FROM (SELECT destination_id, "
            "EXISTS (SELECT 1 FROM call_event JOIN event ON event.id = event_id "
            "WHERE call_id = call.id AND source_id = ?1) AND NOT EXISTS (SELECT 1 FROM call_event "
            "JOIN event ON event.id = event_id WHERE call_id = call.id AND source_id != ?1) AS alone "
            "FROM call WHERE id > ?2) JOIN destination ON destination.id = destination_id GROUP BY 1",
            (found[0] if found else -1, call),
        )
        return {name: Spent(int(calls), int(alone)) for name, calls, alone in rows}
