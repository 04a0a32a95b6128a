"""What computations have told: who has which value, in which version, and what is still to be said. SQLite.

A value and the call that will say it are written in one transaction. A call is known by computation, subject
and version, so that one that is said twice, after a crash, counts once.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from gainstage.clock import MINUTE_US
from gainstage.sqlite import connect, emptied_journal, exclusively, explained, lay_out, let_go

SCHEMA_VERSION = 1
#: The folder of computations in a data folder, and the file in it.
FOLDER_NAME = "audiences"
FILE_NAME = "memberships.db"
#: Sizes are kept for stretches of time.
MEASURED_US = 15 * MINUTE_US
#: Before a key in `meta`: somebody who may have had a value was forgotten since it was measured.
RECOUNT = "recount:"
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- Every computation that there ever was: a key is not given again.
CREATE TABLE computation (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',       -- of the definition that was evaluated for everybody
    evaluated_us INTEGER NOT NULL DEFAULT 0,
    told TEXT NOT NULL DEFAULT '[]',       -- destinations that have been told everything so far
    created_us INTEGER NOT NULL
) WITHOUT ROWID;
-- value: JSON; NULL: there is none any more. said: what was said last; NULL: nothing, or that there is none.
CREATE TABLE membership (
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    value TEXT,
    said TEXT,
    version INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (key, subject)
) WITHOUT ROWID;
CREATE INDEX membership_subject ON membership (subject);
-- only_for: JSON list of the destinations that are to be told; NULL: all. saying: the version that is being
-- said, with its value and time; NULL: none. A call that may stand in the log is said again as it was.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    only_for TEXT,
    saying INTEGER,
    saying_value TEXT,
    saying_us INTEGER,
    UNIQUE (key, subject)
);
CREATE TABLE size (
    key TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    subjects INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    "left" INTEGER NOT NULL,
    PRIMARY KEY (key, at_us)
) WITHOUT ROWID;
"""
_json = msgspec.json.Encoder().encode


class Change(NamedTuple):
    """What a subject has from now on; None: nothing any more."""

    key: str
    subject: str
    value: str | None


class Kept(NamedTuple):
    """A computation as it was evaluated."""

    key: str
    kind: str
    name: str
    subject: str
    removed: bool
    digest: str
    evaluated_us: int
    told: tuple[str, ...]


class Call(NamedTuple):
    """What is to be said: the value that a subject has by now."""

    id: int
    key: str
    subject: str
    value: str | None
    said: str | None
    version: int
    changed_us: int
    #: It may stand in the log already.
    again: bool
    only_for: tuple[str, ...] | None


class Size(NamedTuple):
    """How many had a value at an instant, and how many got one or lost it since the time before."""

    at_us: int
    subjects: int
    entered: int
    left: int


class Moved(NamedTuple):
    """How many got a value and how many lost it, all told."""

    entered: int
    left: int


class State:
    """One handle on the memberships of a data folder."""

    def __init__(self, folder: Path) -> None:
        """Open them, making the file where there is none.

        Raises:
            StorageUnavailable: the folder or the file cannot be used.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._connection = connect(self.path)
        with explained(self.path):
            self._connection.pragma("secure_delete", True)
            lay_out(self._connection, self.path, _SCHEMA, SCHEMA_VERSION)

    def close(self) -> None:
        """Let go of the file."""
        let_go(self._connection)

    @contextmanager
    def transaction(self) -> Iterator["State"]:
        """Everything or nothing; durable on the way out."""
        with explained(self.path), exclusively(self._connection):
            yield self

    # computations

    def computations(self) -> dict[str, Kept]:
        """Every computation by key, removed ones too."""
        rows = self._connection.execute(
            "SELECT key, kind, name, subject, removed, digest, evaluated_us, told FROM computation "
            "ORDER BY key"
        )
        return {
            key: Kept(
                key, kind, name, subject, bool(removed), digest, at_us, tuple(msgspec.json.decode(told))
            )
            for key, kind, name, subject, removed, digest, at_us, told in rows
        }

    def own(self, key: str, kind: str, name: str, subject: str, now_us: int) -> None:
        """Give a computation its key, or note its name of today."""
        self._connection.execute(
            "INSERT INTO computation (key, kind, name, subject, created_us) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET name = excluded.name, removed = 0",
            (key, kind, name, subject, now_us),
        )

    def remove(self, key: str) -> None:
        """A definition is gone: its values go, what was said of it stays, and the key is taken."""
        self._connection.execute("UPDATE computation SET removed = 1, digest = '' WHERE key = ?", (key,))
        self._connection.execute("DELETE FROM outbox WHERE key = ?", (key,))
        self._connection.execute("DELETE FROM membership WHERE key = ?", (key,))

    def evaluated(self, key: str, digest: str, now_us: int) -> None:
        """A computation was evaluated, as of now."""
        self._connection.execute(
            "UPDATE computation SET digest = ?, evaluated_us = ? WHERE key = ?", (digest, now_us, key)
        )

    def tell(self, key: str, destinations: Sequence[str]) -> None:
        """From now on these are told; those that were not before are told what everybody has."""
        kept = self.computations()[key]
        fresh = [name for name in destinations if name not in kept.told]
        if tuple(destinations) == kept.told:
            return
        if fresh:
            self._connection.execute(
                "INSERT INTO outbox (key, subject, only_for) SELECT key, subject, ? FROM membership "
                "WHERE key = ? AND value IS NOT NULL ON CONFLICT DO UPDATE SET "
                "only_for = iif(saying IS NULL, NULL, only_for)",
                (_json(fresh).decode() if kept.told else None, key),
            )
        self._connection.execute(
            "UPDATE computation SET told = ? WHERE key = ?", (_json(destinations).decode(), key)
        )

    # values

    def apply(self, changes: Iterable[Change], now_us: int) -> None:
        """Let subjects have other values, and have that said."""
        rows = list(changes)
        self._connection.executemany(
            "INSERT INTO membership (key, subject, value, version, changed_us) VALUES (?1, ?2, ?3, 1, ?4) "
            "ON CONFLICT DO UPDATE SET value = ?3, version = version + 1, "
            "changed_us = max(?4, changed_us + 1)",
            ((one.key, one.subject, one.value, now_us) for one in rows),
        )
        self._connection.executemany(
            "INSERT INTO outbox (key, subject) VALUES (?, ?) ON CONFLICT DO UPDATE SET "
            "only_for = iif(saying IS NULL, NULL, only_for)",
            ((one.key, one.subject) for one in rows),
        )
        self.count("changes", len(rows))

    def revive(self, subjects: Iterable[str]) -> None:
        """Say of these what was not said while they were called otherwise."""
        self._connection.execute(
            "INSERT INTO outbox (key, subject) SELECT key, subject FROM membership WHERE said IS NOT value "
            "AND subject IN (SELECT value FROM json_each(?)) ON CONFLICT DO NOTHING",
            (_json(tuple(subjects)).decode(),),
        )

    def values(self, keys: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        """Rows (key, subject, value) of those who have one."""
        rows = self._connection.execute(
            "SELECT key, subject, value FROM membership WHERE value IS NOT NULL "
            "AND key IN (SELECT value FROM json_each(?))",
            (_json(tuple(keys)).decode(),),
        )
        yield from rows

    def value(self, key: str, subject: str) -> str | None:
        """What a subject has."""
        row = self._connection.execute(
            "SELECT value FROM membership WHERE key = ? AND subject = ?", (key, subject)
        ).fetchone()
        return row[0] if row is not None else None

    def sizes(self) -> dict[str, int]:
        """By key, how many have a value: as measured, and counted where somebody was forgotten since."""
        rows = self._connection.execute(
            "SELECT key, subjects FROM size "
            "WHERE (key, at_us) IN (SELECT key, max(at_us) FROM size GROUP BY key)"
        )
        measured: dict[str, int] = dict(iter(rows))
        for (name,) in self._connection.execute("SELECT name FROM meta WHERE name GLOB ?", (f"{RECOUNT}*",)):
            key = name.removeprefix(RECOUNT)
            measured[key] = self._count(key)
        return measured

    def _count(self, key: str) -> int:
        [(size,)] = self._connection.execute(
            "SELECT count(*) FROM membership WHERE key = ? AND value IS NOT NULL", (key,)
        )
        return int(size)

    def forget(self, subjects: Iterable[str]) -> int:
        """Nothing of these subjects is kept any more; how many values there were."""
        named = _json(tuple(subjects)).decode()
        among = "subject IN (SELECT value FROM json_each(?))"
        self._connection.execute(
            "INSERT OR REPLACE INTO meta SELECT DISTINCT ? || key, 1 FROM membership "
            "WHERE subject IN (SELECT value FROM json_each(?))",
            (RECOUNT, named),
        )
        self._connection.execute(f"DELETE FROM outbox WHERE {among}", (named,))
        self._connection.execute(f"DELETE FROM membership WHERE {among}", (named,))
        return self._connection.changes()

    def scrub(self) -> bool:
        """Leave nothing in the file's journal of what is gone; False where others were busy with it."""
        with explained(self.path):
            return emptied_journal(self._connection)

    # what is to be said

    def waiting(self) -> dict[str, int]:
        """By key, how many calls wait to be said."""
        return dict(iter(self._connection.execute("SELECT key, count(*) FROM outbox GROUP BY key")))

    def next_calls(self, keys: Iterable[str], limit: int) -> list[Call]:
        """The oldest calls of these computations."""
        rows = self._connection.execute(
            "SELECT id, key, subject, iif(saying IS NULL, value, saying_value), said, "
            "coalesce(saying, version), coalesce(saying_us, changed_us), saying IS NOT NULL, only_for "
            "FROM outbox JOIN membership USING (key, subject) WHERE key IN (SELECT value FROM json_each(?)) "
            "ORDER BY id LIMIT ?",
            (_json(tuple(keys)).decode(), limit),
        )
        return [
            Call._make((*row[:8], tuple(msgspec.json.decode(row[8])) if row[8] is not None else None))
            for row in rows
        ]

    def saying(self, calls: Iterable[Call]) -> None:
        """These are about to be appended to the log."""
        listed = list(calls)
        self._connection.executemany(
            "UPDATE membership SET said = ? WHERE key = ? AND subject = ?",
            ((one.value, one.key, one.subject) for one in listed),
        )
        self._connection.executemany(
            "UPDATE outbox SET saying = ?, saying_value = ?, saying_us = ? WHERE id = ?",
            ((one.version, one.value, one.changed_us, one.id) for one in listed),
        )

    def said(self, calls: Iterable[Call]) -> None:
        """These stand in the log now, or need not. What changed meanwhile is said in its turn."""
        listed = list(calls)
        self._connection.executemany(
            "DELETE FROM outbox WHERE id = ?1 AND EXISTS (SELECT 1 FROM membership WHERE key = outbox.key "
            "AND subject = outbox.subject AND version = ?2)",
            ((one.id, one.version) for one in listed),
        )
        self._connection.executemany(
            "UPDATE outbox SET saying = NULL, saying_value = NULL, saying_us = NULL, only_for = NULL "
            "WHERE id = ?",
            ((one.id,) for one in listed),
        )

    # numbers

    def number(self, name: str) -> int:
        """A number that is kept under a name; 0 where none is."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row is not None else 0

    def put(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def count(self, name: str, more: int) -> None:
        """Add to a number."""
        self._connection.execute(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + ?2", (name, more)
        )

    def measure(self, key: str, at_us: int, entered: int, left: int, *, count: bool = False) -> None:
        """Keep how many have a value now, and how many got one or lost it in this stretch of time. `count`
        them, or go by how many there were; whom somebody forgot is found by counting, too.
        """
        before = self._connection.execute(
            "SELECT subjects FROM size WHERE key = ? ORDER BY at_us DESC LIMIT 1", (key,)
        ).fetchone()
        if count or before is None or self.number(f"{RECOUNT}{key}"):
            size = self._count(key)
            self._connection.execute("DELETE FROM meta WHERE name = ?", (f"{RECOUNT}{key}",))
        else:
            size = before[0] + entered - left
        self._connection.execute(
            "INSERT INTO size VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET subjects = excluded.subjects, "
            'entered = entered + excluded.entered, "left" = "left" + excluded."left"',
            (key, at_us - at_us % MEASURED_US, size, entered, left),
        )

    def history(self, key: str, limit: int = 1_000) -> list[Size]:
        """Sizes over time, the newest first."""
        rows = self._connection.execute(
            'SELECT at_us, subjects, entered, "left" FROM size WHERE key = ? ORDER BY at_us DESC LIMIT ?',
            (key, limit),
        )
        return [Size(*row) for row in rows]

    def moved(self, key: str) -> Moved:
        """How many got a value of a computation and how many lost it, ever."""
        statement = 'SELECT total(entered), total("left") FROM size WHERE key = ?'
        [(entered, left)] = self._connection.execute(statement, (key,))
        return Moved(int(entered), int(left))

    def members(self, key: str, limit: int) -> list[tuple[str, str]]:
        """Some of those who have a value, with it."""
        rows = self._connection.execute(
            "SELECT subject, value FROM membership WHERE key = ? AND value IS NOT NULL "
            "ORDER BY subject LIMIT ?",
            (key, limit),
        )
        return list(rows)
