"""Who did what: rows that are only added, ended once, and let go when they are old."""

from typing import Any

from gainstage.sqlite import Database
from gainstage.store.account_rows import AuditFilter, AuditRow

_COLUMNS = "id, at_us, kind, actor, action, object, outcome, address, detail"
#: An action is meant with all that begin with its word: `user` means `user.add`, too.
_CONDITIONS = {
    "actor": "actor = :actor",
    "action": "(action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')",
    "outcome": "outcome = :outcome",
    "since_us": "at_us >= :since_us",
    "until_us": "at_us < :until_us",
}


class AuditReading:
    """Questions about what was done."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def page(self, wanted: AuditFilter, before: int | None, limit: int) -> list[AuditRow]:
        """The newest of what fits, of those with numbers below `before`."""
        conditions = ["id < :before"]
        given: dict[str, Any] = {"before": 2**62 if before is None else before, "limit": limit}
        for name in AuditFilter._fields:
            if (value := getattr(wanted, name)) is not None:
                given[name] = value
                conditions.append(_CONDITIONS[name])
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT :limit",
            given,
        )
        return [AuditRow(*row) for row in rows]


class Audit(AuditReading):
    """The part of a transaction that notes what is done."""

    def begin(self, row: AuditRow) -> int:
        """Note that somebody is about to do something, or what came of it at once; the entry's number."""
        self._connection.execute(
            "INSERT INTO audit (at_us, kind, actor, action, object, outcome, address, detail) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(row[1:]),
        )
        return self._connection.last_insert_rowid()

    def end(self, number: int, outcome: str, object_: str, detail: bytes) -> None:
        """Note what came of it, on what it was done, and how."""
        self._connection.execute(
            "UPDATE audit SET outcome = ?, object = ?, detail = ? WHERE id = ?",
            (outcome, object_, detail, number),
        )

    def trim(self, before_us: int, limit: int) -> int:
        """Let the oldest entries from before that instant go, at most so many; how many went."""
        self._connection.execute(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_us < ? ORDER BY at_us, id LIMIT ?)",
            (before_us, limit),
        )
        return self._connection.changes()
