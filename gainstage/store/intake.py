"""Events on their way in: offsets, duplicates, bodies, identity memory."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import astuple

from gainstage.event import Identity
from gainstage.sqlite import Database
from gainstage.store.contract import PartitionLost
from gainstage.store.rows import Kept, KnownUser, NewEvent

_identity = msgspec.json.Decoder(Identity)


class Intake:
    """The part of a transaction that lets events in."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._next_event: int | None = None
        self._users: dict[str, KnownUser | None] = {}
        self._learnt: set[str] = set()

    def offset(self, partition: int) -> int:
        """How far the partition was routed; 0 at the start."""
        for (offset,) in self._connection.execute(
            'SELECT "offset" FROM partition WHERE number = ?', (partition,)
        ):
            return int(offset)
        return 0

    def advance(self, partition: int, expected: int, offset: int) -> None:
        """Set the offset if it is still `expected`.

        Raises:
            PartitionLost: it is not; the transaction must be rolled back.
        """
        if self.offset(partition) != expected:
            raise PartitionLost(f"Partition {partition} was routed by another process.")
        self._connection.execute(
            "INSERT INTO partition VALUES (?, ?) "
            'ON CONFLICT (number) DO UPDATE SET "offset" = excluded."offset"',
            (partition, offset),
        )

    def next_event_id(self) -> int:
        """A number for a new event."""
        if self._next_event is None:
            numbers = self._connection.execute(
                "SELECT max(id) FROM event UNION ALL SELECT value FROM meta WHERE name = 'last_event'"
            )
            self._next_event = max((number for (number,) in numbers if number is not None), default=0)
        self._next_event += 1
        return self._next_event

    def seen(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys under which an event was routed before."""
        marks = ", ".join("?" * len(keys))
        rows = self._connection.execute(f"SELECT key FROM event WHERE key IN ({marks})", keys)
        return {key for (key,) in rows}

    def add(self, events: Iterable[NewEvent]) -> None:
        """Enter the events."""
        self._connection.executemany(
            "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", map(astuple, events)
        )

    def keep_bodies(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        """Keep the log entries of events that are not settled."""
        self._connection.executemany("INSERT OR REPLACE INTO body VALUES (?, ?)", bodies)

    def kept(self, event_id: int) -> Kept | None:
        """The event with its body; None when it is settled and its body gone."""
        row = self._connection.execute(
            'SELECT id, source_id, message_id, partition, "offset", run, identity, entry FROM event '
            "JOIN body ON event_id = id WHERE id = ?",
            (event_id,),
        ).fetchone()
        if row is None:
            return None
        identity = _identity.decode(row[6]) if row[6] else Identity()
        return Kept._make((*row[:6], identity, row[7]))

    def edit(self, event_id: int, entry: bytes, now_us: int) -> None:
        """Let this log entry stand for the event from now on; what was resolved for it is forgotten."""
        self._connection.execute("INSERT OR REPLACE INTO edited VALUES (?, ?, ?)", (event_id, entry, now_us))
        self.keep_bodies([(event_id, entry)])
        self._connection.execute("UPDATE event SET identity = NULL WHERE id = ?", (event_id,))

    def resolve(self, event_id: int, identity: bytes) -> None:
        """Store what was resolved for an event later than at routing."""
        self._connection.execute("UPDATE event SET identity = ? WHERE id = ?", (identity, event_id))

    def look_up(self, keys: Iterable[str]) -> None:
        """Read what identity memory holds under these keys at once: `user` will be asked for them."""
        unread = [key for key in keys if key not in self._users]
        self._users.update(dict.fromkeys(unread))
        rows = self._connection.executemany(
            "SELECT key, user_id, email, email_stamp, account, account_stamp FROM identity WHERE key = ?",
            ((key,) for key in unread),
        )
        self._users.update((row[0], KnownUser(*row[1:])) for row in rows)

    def user(self, key: str) -> KnownUser | None:
        """What identity memory holds under a key; the row is locked until the transaction ends.

        Not to be changed.
        """
        if key not in self._users:
            self.look_up([key])
        return self._users[key]

    def remember(self, key: str, user: KnownUser) -> None:
        """Change a row of identity memory."""
        self._users[key] = user
        self._learnt.add(key)

    def flush(self) -> None:
        """Write what was learnt; part of the commit."""
        learnt = ((key, user) for key in self._learnt if (user := self._users[key]) is not None)
        self._connection.executemany(
            "INSERT OR REPLACE INTO identity VALUES (?, ?, ?, ?, ?, ?)",
            ((key, u.user_id, u.email, u.email_stamp, u.account, u.account_stamp) for key, u in learnt),
        )

    def run_ended(self, run: int) -> bool:
        """Whether the input of a `send` has ended."""
        row = self._connection.execute("SELECT ended FROM run WHERE id = ?", (run,)).fetchone()
        return bool(row and row[0])

    def end_run(self, run: int) -> None:
        """The input of a `send` has ended: nothing of it lingers."""
        self._connection.execute(
            "INSERT INTO run (id, ended) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET ended = 1", (run,)
        )

    def count_run(self, run: int, routed: int, duplicates: int) -> None:
        """Add to the counts of a `send`."""
        self._connection.execute(
            "INSERT INTO run (id, routed, duplicates) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "routed = routed + excluded.routed, duplicates = duplicates + excluded.duplicates",
            (run, routed, duplicates),
        )


class Names:
    """Numbers for the names of sources, destinations and tenants."""

    def __init__(self, connection: Database, known: dict[tuple[str, str], int]) -> None:
        self._connection = connection
        self._known = known

    def source(self, name: str) -> int:
        return self._number("source", name)

    def tenant(self, name: str) -> int:
        return self._number("tenant", name)

    def destination(self, name: str) -> int:
        return self._number("destination", name)

    def _number(self, table: str, name: str) -> int:
        number = self._known.get((table, name))
        if number is None:
            self._connection.execute(f"INSERT OR IGNORE INTO {table} (name) VALUES (?)", (name,))
            (number,) = self._connection.execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()
            self._known[(table, name)] = number
        return int(number)
