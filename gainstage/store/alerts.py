"""Alerts that stand, or whose end was not told yet: one row each."""

from gainstage.sqlite import Database
from gainstage.store.rows import AlertRow


class Alerts:
    """The part of a transaction that keeps what was announced."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def all(self) -> list[AlertRow]:
        """Every one, the oldest first."""
        rows = self._connection.execute("SELECT key, begun_us, ended_us, told, body FROM alert")
        found = [AlertRow(key, begun, ended, bool(told), body) for key, begun, ended, told, body in rows]
        return sorted(found, key=lambda row: (row.begun_us, row.key))

    def save(self, row: AlertRow) -> None:
        """Keep one as it is."""
        self._connection.execute(
            "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?)",
            (row.key, row.begun_us, row.ended_us, row.told, row.body),
        )

    def remove(self, key: str) -> None:
        """Forget one; nothing where there is none."""
        self._connection.execute("DELETE FROM alert WHERE key = ?", (key,))
