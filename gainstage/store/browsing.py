"""Looking through events: which of them fit, the newest first, within bounds that the caller sets.

Nothing here reads more than a range of event numbers or so many rows; where there is an index (what failed,
is parked or pending, was refused) only its entries in the range are looked at.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from gainstage.sqlite import Database
from gainstage.store.rows import FAILED, GIVEN_UP, PARKED, PENDING, REFUSED

_EVENT = (
    'SELECT event.id, message_id, source.name, received_us, partition, "offset", identity, event.code, '
    "event.detail, coalesce(body.entry, edited.entry) FROM json_each(?) JOIN event ON event.id = value "
    "JOIN source ON source.id = event.source_id LEFT JOIN body ON body.event_id = event.id "
    "LEFT JOIN edited ON edited.event_id = event.id ORDER BY event.id DESC"
)
_NAMES = (
    "id", "message_id", "source", "received_us", "partition", "offset", "identity", "code", "detail", "entry",
)  # fmt: skip
_DEAD = (
    "SELECT event.id, message_id, source.name, destination.name, word, delivery.code, person, identity, "
    'delivery.at_us, partition, "offset", coalesce(body.entry, edited.entry) '
    "FROM delivery INDEXED BY {index} CROSS JOIN event ON event.id = delivery.event_id "
    "JOIN source ON source.id = event.source_id JOIN destination ON destination.id = destination_id "
    "LEFT JOIN body ON body.event_id = event.id LEFT JOIN edited ON edited.event_id = event.id "
    "WHERE kept = 1 AND word IN (2, 3){at} ORDER BY delivery.event_id DESC LIMIT ?"
)


class Wanted(NamedTuple):
    """Which events: what is None or empty leaves nothing out. `word` and `code` are of one delivery, at the
    destination where one is named; with REFUSED as word, of the event itself.
    """

    source: int | None = None
    destination: int | None = None
    word: int | None = None
    code: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    #: Hashes of people, and an e-mail in lower case as what was resolved may hold it.
    people: Sequence[bytes] = ()
    email: str = ""

    @property
    def is_indexed(self) -> bool:
        """Whether only events that nearly fit are looked at."""
        return self.word in (REFUSED, PENDING) or (self.word in (FAILED, PARKED) and self.code != GIVEN_UP)


class DeadRow(NamedTuple):
    """A delivery that failed or is parked, with what tells whom it is about."""

    event_id: int
    message_id: str
    source: str
    destination: str
    word: int
    code: str
    person: bytes | None
    identity: bytes | None
    at_us: int
    partition: int
    offset: int
    entry: bytes | None


class Browsing:
    """Questions of those who look through events."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def ends(self) -> tuple[int, int]:
        """The numbers of the oldest and of the newest event that is kept; 1 and 0 where there is none."""
        oldest, newest = self._connection.execute(
            "SELECT (SELECT min(id) FROM event WHERE id > 0), (SELECT max(id) FROM event)"
        ).fetchone()
        return (int(oldest), int(newest)) if oldest is not None else (1, 0)

    def first_since(self, instant_us: int) -> int:
        """The number of the first event that was received then or later, as events are numbered by receipt;
        the one behind the newest where there is none.
        """
        low, newest = self.ends()
        high = newest + 1
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(
                "SELECT id, received_us FROM event WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
            ).fetchone()
            if row[1] < instant_us:
                low = int(row[0]) + 1
            else:
                high = middle
        return low

    def received_us(self, event_id: int) -> int | None:
        """Receipt of the first event at or behind this number."""
        row = self._connection.execute(
            "SELECT received_us FROM event WHERE id >= ? ORDER BY id LIMIT 1", (event_id,)
        ).fetchone()
        return int(row[0]) if row else None

    def number(self, kind: str, name: str) -> int | None:
        """The number of a source or destination; None where no event ever met one of that name."""
        assert kind in ("source", "destination")
        row = self._connection.execute(f"SELECT id FROM {kind} WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def users(self, person: str) -> set[str]:
        """The keys of identity memory that an id leads to: its own, and of the user whom it belongs to."""
        keys = {f"u:{person}", f"a:{person}"}
        found = self._connection.execute(
            "SELECT user_id FROM identity WHERE key IN (?, ?) AND user_id != ''", sorted(keys)
        )
        return keys | {f"u:{user_id}" for (user_id,) in found}

    def users_of(self, email: str) -> set[str]:
        """The keys under which identity memory has an e-mail, in any letter case, and their users'."""
        found = self._connection.execute(
            "SELECT key, user_id FROM identity WHERE email = ? COLLATE NOCASE", (email,)
        )
        return {name for key, user_id in found for name in (key, f"u:{user_id}" if user_id else key)}

    def between(self, wanted: Wanted, floor: int, below: int, limit: int) -> list[int]:
        """Up to `limit` numbers of events that fit, from `floor` on and under `below`, the newest first."""
        if wanted.word == REFUSED:
            statement, values = _refused(wanted, floor, below)
        elif wanted.word == PENDING:
            statement, values = _pending(wanted, floor, below)
        elif wanted.word is not None or wanted.code is not None or wanted.destination is not None:
            statement, values = _delivered(wanted, floor, below)
        else:
            statement, values = _any(wanted, floor, below)
        rows = self._connection.execute(f"{statement} LIMIT ?", (*values, limit))
        return [int(number) for (number,) in rows]

    def events(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """These events, the newest first, each with its log entry where the store has it."""
        rows = self._connection.execute(_EVENT, (msgspec.json.encode(list(numbers)).decode(),))
        return [dict(zip(_NAMES, row, strict=True)) for row in rows]

    def dead(self) -> Iterator[DeadRow]:
        """What failed or is parked, the newest first, without refused messages."""
        statement = _DEAD.format(index="delivery_dead", at="")
        return (DeadRow._make(row) for row in self._connection.execute(statement, (-1,)))

    def dead_of(self, destination: str, code: str, limit: int) -> list[DeadRow]:
        """The newest `limit` of them, of one destination and reason."""
        statement = _DEAD.format(
            index="delivery_kept",
            at=" AND delivery.destination_id = (SELECT id FROM destination WHERE name = ?) "
            "AND delivery.code = ?",
        )
        rows = self._connection.execute(statement, (destination, code, limit))
        return [DeadRow._make(row) for row in rows]

    def dead_counts(self) -> list[tuple[str, int, str, int]]:
        """How many failed or are parked, by destination and reason: destination, word, code, count."""
        rows = self._connection.execute(
            "SELECT destination.name, (SELECT word FROM delivery AS one WHERE one.event_id = newest "
            "AND one.destination_id = counted.destination_id), counted.code, n FROM (SELECT destination_id, "
            "code, count(*) AS n, max(event_id) AS newest FROM delivery INDEXED BY delivery_kept "
            "WHERE kept = 1 GROUP BY destination_id, code) AS counted "
            "JOIN destination ON destination.id = destination_id"
        )
        return [(name, word, code, n) for name, word, code, n in rows if word in (FAILED, PARKED)]


Query = tuple[str, list[Any]]


def _any(wanted: Wanted, floor: int, below: int) -> Query:
    """Every event."""
    where, values = _of_event(wanted)
    return (
        f"SELECT event.id FROM event WHERE event.id >= ? AND event.id < ?{where} ORDER BY event.id DESC",
        [floor, below, *values],
    )


def _refused(wanted: Wanted, floor: int, below: int) -> Query:
    """Messages that met no destination; those given up only if they are asked for."""
    where, values = _of_event(wanted)
    code, codes = (
        (" AND event.code = ?", [wanted.code]) if wanted.code else (" AND event.code != ?", [GIVEN_UP])
    )
    return (
        "SELECT event.id FROM event INDEXED BY event_refused WHERE event.code IS NOT NULL "
        f"AND event.id >= ? AND event.id < ?{code}{where} ORDER BY event.id DESC",
        [floor, below, *codes, *values],
    )


def _pending(wanted: Wanted, floor: int, below: int) -> Query:
    """What has operations, or waits to be planned. Why it waits is in no column: `code` is left aside."""
    where, values = _of_event(wanted)
    at, destinations = _at(wanted)
    return (
        "SELECT DISTINCT waiting.event_id FROM (SELECT event_id FROM operation WHERE event_id >= ? AND "
        "event_id < ? UNION SELECT event_id FROM delivery INDEXED BY delivery_dead WHERE kept = 1 AND "
        "event_id >= ? AND event_id < ?) AS waiting "
        "CROSS JOIN delivery ON delivery.event_id = waiting.event_id "
        "CROSS JOIN event ON event.id = waiting.event_id "
        f"WHERE delivery.word = 4{at}{where} ORDER BY waiting.event_id DESC",
        [floor, below, floor, below, *destinations, *values],
    )


def _delivered(wanted: Wanted, floor: int, below: int) -> Query:
    """By what became of an event at a destination."""
    where, values = _of_event(wanted)
    at, named = _at(wanted)
    index = ""
    if wanted.is_indexed:
        by = "kept" if wanted.destination is not None and wanted.code is not None else "dead"
        index, at = f" INDEXED BY delivery_{by}", f" AND delivery.kept = 1{at}"
    for column, value in (("word", wanted.word), ("code", wanted.code)):
        if value is not None:
            at, named = f"{at} AND delivery.{column} = ?", [*named, value]
    return (
        f"SELECT DISTINCT delivery.event_id FROM delivery{index} "
        "CROSS JOIN event ON event.id = delivery.event_id "
        f"WHERE delivery.event_id >= ? AND delivery.event_id < ?{at}{where} ORDER BY delivery.event_id DESC",
        [floor, below, *named, *values],
    )


def _at(wanted: Wanted) -> Query:
    if wanted.destination is None:
        return "", []
    return " AND delivery.destination_id = ?", [wanted.destination]


def _of_event(wanted: Wanted) -> Query:
    """The conditions that are about the event itself."""
    where = ""
    values: list[Any] = []
    for condition, value in (
        ("event.source_id = ?", wanted.source),
        ("event.received_us >= ?", wanted.since_us),
        ("event.received_us < ?", wanted.until_us),
    ):
        if value is not None:
            where, values = f"{where} AND {condition}", [*values, value]
    if wanted.people or wanted.email:
        marks = ", ".join("?" * len(wanted.people))
        told = " OR instr(lower(CAST(event.identity AS TEXT)), ?) > 0" if wanted.email else ""
        where = f"{where} AND (event.person IN ({marks}){told})"
        needle = f'"email":{msgspec.json.encode(wanted.email).decode()}'
        values = [*values, *wanted.people, *([needle] if wanted.email else [])]
    return where, values
