"""What people and pages ask of the store: counts, one event's life, what failed or waits and why."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from gainstage.reason import WORDS
from gainstage.schema import Schema
from gainstage.sqlite import Database
from gainstage.store.accounts import AccountsReading
from gainstage.store.alerts import Alerts
from gainstage.store.audit import AuditReading
from gainstage.store.browsing import Browsing
from gainstage.store.budgets import Budgets
from gainstage.store.heaps import Heaps
from gainstage.store.pending import why_pending
from gainstage.store.receipts import Receipts
from gainstage.store.replays import Told
from gainstage.store.rows import (
    DUPLICATE,
    GIVEN_UP,
    PENDING,
    REFUSED,
    AlertRow,
    BudgetRow,
    DestinationRow,
    Document,
    event_key,
)
from gainstage.store.schemas import Schemas
from gainstage.store.settings import Documents, destination_row
from gainstage.store.spending import Spending
from gainstage.store.vocabulary import Spoken


class DeliveryRow(NamedTuple):
    """A delivery as the ledger shows it."""

    event_id: int
    message_id: str
    source: str
    destination: str
    word: str
    code: str
    detail: str
    at_us: int
    received_us: int
    partition: int
    offset: int
    moves_us: int | None = None


_DELIVERY = (
    "SELECT event.id, message_id, source.name, destination.name, word, delivery.code, delivery.detail, "
    "at_us, "
    'received_us, partition, "offset", destination.id FROM delivery JOIN event ON event.id = event_id '
    "JOIN source ON source.id = delivery.source_id JOIN destination ON destination.id = destination_id "
)
_REFUSED = (
    "SELECT event.id, message_id, source.name, event.code, event.detail, received_us, partition, "
    '"offset" FROM event JOIN source ON source.id = source_id WHERE event.code IS NOT NULL '
)


class Reading:
    """Questions within one view of the store."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        #: What events are called.
        self.vocabulary = Spoken(connection)
        #: Requests to forget a person.
        self.receipts = Receipts(connection)
        #: What of history is sent again.
        self.replays = Told(connection)
        #: Who may manage the server.
        self.accounts = AccountsReading(connection)
        #: Who did what.
        self.audit = AuditReading(connection)
        #: Events, to look through.
        self.browsing = Browsing(connection)
        #: What failed or is parked, by reason.
        self.heaps = Heaps(connection)
        #: Which calls were made.
        self.spending = Spending(connection)

    def revision(self) -> int:
        """The configuration's revision."""
        return Documents(self._connection).revision()

    def documents(self) -> list[Document]:
        """The configuration."""
        return Documents(self._connection).all()

    def counters(self) -> dict[tuple[str, str], dict[str, int]]:
        """Per (source, destination) the counts by word."""
        counts: dict[tuple[str, str], dict[str, int]] = {}
        rows = self._connection.execute(
            "SELECT source.name, destination.name, word, n FROM counter JOIN source ON source.id = source_id "
            "JOIN destination ON destination.id = destination_id"
        )
        for source, destination, word, n in rows:
            counts.setdefault((source, destination), dict.fromkeys(WORDS, 0))[WORDS[word]] = n
        return counts

    def connected(self) -> set[tuple[str, str]]:
        """The (source, destination) pairs in force."""
        rows = self._connection.execute(
            "SELECT source.name, destination.name FROM connection JOIN source ON source.id = source_id "
            "JOIN destination ON destination.id = destination_id"
        )
        return {(source, destination) for source, destination in rows}

    def met_none(self) -> dict[str, dict[str, int]]:
        """Per source what met no destination: refused messages and duplicates."""
        counts: dict[str, dict[str, int]] = {}
        rows = self._connection.execute(
            "SELECT source.name, word, n FROM counter JOIN source ON source.id = source_id WHERE "
            "destination_id = 0"
        )
        for source, word, n in rows:
            named = counts.setdefault(source, {"refused": 0, "duplicates": 0})
            named["refused" if word == REFUSED else "duplicates"] = n if word in (REFUSED, DUPLICATE) else 0
        return counts

    def offset(self, partition: int) -> int:
        """How far the partition was routed."""
        row = self._connection.execute(
            'SELECT "offset" FROM partition WHERE number = ?', (partition,)
        ).fetchone()
        return int(row[0]) if row else 0

    def complete_since_us(self) -> int | None:
        """Since when every event is kept, by receipt; None where nothing was let go yet."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'trimmed_us'").fetchone()
        return int(row[0]) if row else None

    def oldest_event_us(self) -> int | None:
        """Receipt of the first event that is kept."""
        row = self._connection.execute(
            "SELECT received_us FROM event WHERE id > 0 ORDER BY id LIMIT 1"
        ).fetchone()
        return int(row[0]) if row else None

    def size_bytes(self) -> int:
        """How large the store is, without room that waits to be used again."""
        sizes = [
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        return int((sizes[0] - sizes[1]) * sizes[2])

    def waiting_events(self) -> int:
        """How many events wait at destinations."""
        (waiting,) = self._connection.execute(
            "SELECT coalesce(sum(n), 0) FROM counter WHERE word = ? AND destination_id != 0", (PENDING,)
        ).fetchone()
        return int(waiting)

    def oldest_pending_us(self) -> int | None:
        """Receipt of the oldest event that is still on its way; None when nothing is. Those that a replay
        carries were on time once: how old they are says nothing.
        """
        planned = self._connection.execute(
            "SELECT received_us FROM operation JOIN event ON event.id = event_id WHERE NOT EXISTS (SELECT 1 "
            "FROM replayed WHERE replayed.event_id = operation.event_id "
            "AND replayed.destination_id = operation.destination_id) ORDER BY operation.id LIMIT 1"
        ).fetchall()
        unplanned = self._connection.execute(
            "SELECT received_us FROM destination JOIN json_each(?) JOIN event ON event.id = "
            "(SELECT min(event_id) FROM delivery "
            "WHERE kept = 1 AND destination_id = destination.id AND code = value)",
            ('["queued", "configuration_invalid"]',),
        ).fetchall()
        return min((int(received_us) for (received_us,) in planned + unplanned), default=None)

    def destination_states(self) -> dict[str, DestinationRow]:
        """The state of every destination that was ever configured."""
        rows = self._connection.execute(
            "SELECT id, name, fingerprint, plan, paused, code, detail, since_us, blocked, failures, "
            "resume_us "
            "FROM destination"
        )
        return {row[1]: destination_row(row) for row in rows}

    def budgets(self) -> list[BudgetRow]:
        """What is known of every budget."""
        return Budgets(self._connection).all()

    def schema(self, tenant: str) -> Schema | None:
        """What is known of a tenant's objects; None where nothing is."""
        return Schemas(self._connection).get(tenant)

    def alerts(self) -> list[AlertRow]:
        """Alerts that stand, or whose end was not told yet."""
        return Alerts(self._connection).all()

    def users(self, person: str, emails: Iterable[str]) -> list[tuple[str, str, str]]:
        """Rows of identity memory (key, user id, e-mail) that an id or e-mails lead to; all are looked at."""
        rows = self._connection.execute(
            "WITH met AS (SELECT key, user_id FROM identity WHERE key IN ('u:' || ?1, 'a:' || ?1) OR "
            "lower(email) IN (SELECT value FROM json_each(?2))), "
            "users AS (SELECT user_id AS id FROM met WHERE user_id != '' UNION "
            "SELECT substr(key, 3) FROM met WHERE key LIKE 'u:%') "
            "SELECT key, user_id, email FROM identity WHERE key IN (SELECT key FROM met) "
            "OR user_id IN (SELECT id FROM users) OR key IN (SELECT 'u:' || id FROM users)",
            (person, msgspec.json.encode(list(emails)).decode()),
        )
        return [(str(key), str(user_id), str(email)) for key, user_id, email in rows]

    def events(self, message_id: str) -> list[dict[str, Any]]:
        """The events of this message id, one a source that sent it."""
        sources = self._connection.execute("SELECT id FROM source").fetchall()
        keys = [event_key(source_id, message_id) for (source_id,) in sources]
        marks = ", ".join("?" * len(keys))
        rows = self._connection.execute(
            'SELECT event.id, source.name, received_us, partition, "offset", identity, code, detail, '
            "coalesce(body.entry, edited.entry) "
            "FROM event JOIN source ON source.id = source_id LEFT JOIN body ON body.event_id = event.id "
            "LEFT JOIN edited ON edited.event_id = event.id "
            f"WHERE event.key IN ({marks}) ORDER BY event.id",
            keys,
        )
        names = ("id", "source", "received_us", "partition", "offset", "identity", "code", "detail", "entry")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def deliveries(self, event_id: int, now_us: int) -> list[DeliveryRow]:
        """What became of an event at each destination."""
        rows = self._connection.execute(
            _DELIVERY + "WHERE event.id = ? ORDER BY destination.name", (event_id,)
        )
        return [self._delivery(row, now_us) for row in rows.fetchall()]

    def attempts(self, event_id: int, destination: str) -> list[dict[str, Any]]:
        """Every call that carried the event to the destination."""
        rows = self._connection.execute(
            "SELECT call.at_us, method, url, status, request, response FROM call_event "
            "JOIN call ON call.id = call_id JOIN destination ON destination.id = destination_id "
            "WHERE event_id = ? AND destination.name = ? ORDER BY call.id",
            (event_id, destination),
        )
        names = ("at_us", "method", "url", "status", "request", "response")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def dead(self, after: tuple[int, int], limit: int) -> list[tuple[tuple[int, int], DeliveryRow]]:
        """What failed or is parked, oldest first, each with its place; `after` is the place before the first.

        A place is the numbers of event and destination.
        """
        rows = self._connection.execute(
            _DELIVERY.replace("FROM delivery", "FROM delivery INDEXED BY delivery_dead")
            + "WHERE kept = 1 AND word IN (2, 3) AND (event_id, destination_id) > (?, ?) "
            "ORDER BY event_id, destination_id LIMIT ?",
            (*after, limit),
        )
        return [((row[0], row[11]), self._delivery(row, 0)) for row in rows]

    def is_dead(self, event_id: int) -> bool:
        """Whether the event failed or is parked at some destination, and was not given up."""
        row = self._connection.execute(
            "SELECT 1 FROM delivery WHERE event_id = ? AND kept = 1 AND word IN (2, 3) LIMIT 1", (event_id,)
        ).fetchone()
        return row is not None

    def refused(self, after: tuple[int, int], limit: int) -> list[tuple[tuple[int, int], DeliveryRow]]:
        """Messages refused before they met a destination, as `dead` gives them."""
        rows = self._connection.execute(
            _REFUSED + "AND event.code != ? AND event.id > ? ORDER BY event.id LIMIT ?",
            (GIVEN_UP, after[0], limit),
        )
        return [((row[0], 0), _refused(row)) for row in rows]

    def body(self, event_id: int) -> bytes | None:
        """The log entry of an event that is not settled, or was corrected."""
        row = self._connection.execute(
            "SELECT entry FROM body WHERE event_id = ?1 UNION ALL "
            "SELECT entry FROM edited WHERE event_id = ?1 LIMIT 1",
            (event_id,),
        ).fetchone()
        return row[0] if row else None

    def run(self, run: int) -> tuple[int, int]:
        """How many messages of a `send` were routed, duplicates among them, and how many those are."""
        row = self._connection.execute("SELECT routed, duplicates FROM run WHERE id = ?", (run,)).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def run_counts(self, run: int) -> dict[tuple[str, str], dict[str, int]]:
        """Per (source, destination) the counts by word of one `send`."""
        counts: dict[tuple[str, str], dict[str, int]] = {}
        rows = self._connection.execute(
            "SELECT source.name, destination.name, word, count(*) FROM event JOIN delivery ON event_id = "
            "event.id "
            "JOIN source ON source.id = event.source_id JOIN destination ON destination.id = destination_id "
            "WHERE run = ? GROUP BY 1, 2, 3",
            (run,),
        )
        for source, destination, word, n in rows:
            counts.setdefault((source, destination), dict.fromkeys(WORDS, 0))[WORDS[word]] = n
        return counts

    def run_refused(self, run: int) -> list[DeliveryRow]:
        """The refused messages of one `send`."""
        return [
            _refused(row)
            for row in self._connection.execute(_REFUSED + "AND run = ? ORDER BY event.id", (run,))
        ]

    def run_undelivered(self, run: int, now_us: int, words: tuple[int, ...]) -> Iterator[DeliveryRow]:
        """The deliveries of one `send` with one of the words."""
        marks = ", ".join("?" * len(words))
        rows = self._connection.execute(
            _DELIVERY + f"WHERE run = ? AND word IN ({marks}) ORDER BY event.id, destination.id",
            (run, *words),
        )
        for row in rows:
            yield self._delivery(row, now_us)

    def last_call(self) -> int:
        """The number of the newest call."""
        (number,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM call").fetchone()
        return int(number)

    def calls_since(self, call: int) -> dict[str, int]:
        """Calls made after a call, by destination."""
        rows = self._connection.execute(
            "SELECT destination.name, count(*) FROM call JOIN destination ON destination.id = destination_id "
            "WHERE call.id > ? GROUP BY 1",
            (call,),
        )
        return {name: int(n) for name, n in rows}

    def waiting(self, destination_id: int) -> int:
        """How many records have something that waits for the destination."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM lane WHERE destination_id = ?", (destination_id,)
        ).fetchone()
        return int(count)

    def call_us(self, destination_id: int) -> float:
        """How long the destination's last calls took, on average; 0 where there was none."""
        (mean,) = self._connection.execute(
            "SELECT avg(answered_us - at_us) FROM call WHERE id > (SELECT max(id) FROM call) - 200 "
            "AND destination_id = ? AND answered_us IS NOT NULL",
            (destination_id,),
        ).fetchone()
        return float(mean or 0)

    def unmapped(self) -> dict[str, dict[str, int]]:
        """Per destination the traits that had no field to go to, counted by name."""
        counts: dict[str, dict[str, int]] = {}
        rows = self._connection.execute(
            "SELECT destination.name, unmapped.name, n FROM unmapped JOIN destination ON destination.id "
            "= destination_id"
        )
        for destination, name, n in rows:
            counts.setdefault(destination, {})[name] = n
        return counts

    def _delivery(self, row: tuple[Any, ...], now_us: int) -> DeliveryRow:
        word, code, detail, moves_us = row[4], row[5], row[6], None
        if word == PENDING and (code in ("", "-")):
            code, detail, moves_us = why_pending(self._connection, row[0], row[11], now_us)
        return DeliveryRow._make((*row[:4], WORDS[word], code, detail, *row[7:11], moves_us))


def _refused(row: tuple[Any, ...]) -> DeliveryRow:
    event_id, message_id, source, code, detail, received_us, partition, offset = row
    return DeliveryRow(
        event_id, message_id, source, "", "failed", code, detail, received_us, received_us, partition, offset
    )


def json_or_text(value: str | None) -> Any:
    """A stored request or answer as JSON where it is JSON."""
    if value is None:
        return None
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
