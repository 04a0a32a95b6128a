"""The configuration as given, and the state of each destination."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gainstage.sqlite import Database
from gainstage.store.rows import DestinationRow, Document

_STATE = (
    "id, name, fingerprint, plan, paused, code, detail, since_us, blocked, failures, resume_us, "
    "replan_after, yields_until_us, held_us, failing_us, failed_us"
)


def destination_row(row: tuple[Any, ...]) -> DestinationRow:
    """A row of the table as a value."""
    values = list(row)
    values[4], values[8] = bool(row[4]), bool(row[8])
    return DestinationRow(*values)


class Destinations:
    """The part of a transaction that keeps whether a destination may be called."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def get(self, name: str) -> DestinationRow:
        """The destination's row, made at first sight."""
        row = self._connection.execute(f"SELECT {_STATE} FROM destination WHERE name = ?", (name,)).fetchone()
        if row is None:
            self._connection.execute("INSERT INTO destination (name) VALUES (?)", (name,))
            return self.get(name)
        return destination_row(row)

    def save(self, row: DestinationRow) -> None:
        """Write the state back."""
        self._connection.execute(
            "UPDATE destination SET fingerprint=?, plan=?, paused=?, code=?, detail=?, since_us=?, "
            "blocked=?, "
            "failures=?, resume_us=?, replan_after=?, yields_until_us=?, held_us=?, failing_us=?, "
            "failed_us=? WHERE id=?",
            (
                row.fingerprint, row.plan, row.paused, row.code, row.detail, row.since_us, row.blocked,
                row.failures, row.resume_us, row.replan_after,
                row.yields_until_us, row.held_us, row.failing_us, row.failed_us, row.id,
            ),
        )  # fmt: skip

    def connect(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Keep which (source, destination) pairs are in force."""
        self._connection.execute("DELETE FROM connection")
        self._connection.executemany("INSERT INTO connection VALUES (?, ?)", pairs)


class Documents:
    """The part of a transaction that keeps the configuration."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def revision(self) -> int:
        """Rises with every change of the configuration; 0 before the first."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
        return int(row[0]) if row else 0

    def all(self) -> list[Document]:
        """Every document, in the order given."""
        rows = self._connection.execute(
            "SELECT kind, name, owner, body FROM document ORDER BY kind DESC, place, name"
        )
        return [Document(kind, name, owner, msgspec.json.decode(body)) for kind, name, owner, body in rows]

    def replace(self, documents: Iterable[Document], owner: str) -> int:
        """Let these documents stand for all that the owner gave before; returns the revision.

        A document of another owner with the same kind and name is taken over.
        """
        before = self.all()
        self._connection.execute("DELETE FROM document WHERE owner = ?", (owner,))
        self._connection.executemany(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)",
            (
                (document.kind, document.name, owner, place, msgspec.json.encode(document.body))
                for place, document in enumerate(documents)
            ),
        )
        revision = self.revision()
        if self.all() != before or revision == 0:
            revision += 1
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('revision', ?)", (revision,))
        return revision
