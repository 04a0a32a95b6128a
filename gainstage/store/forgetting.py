"""Forgetting: requests, whose events are not let in, and what is purged of a person."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gainstage.event import Identity
from gainstage.operation import Record
from gainstage.sqlite import Database
from gainstage.store.calls import Calls
from gainstage.store.forgetting_rows import ForgettingRow, Phase, Purged, Someone
from gainstage.store.lanes import Lanes
from gainstage.store.ledger import Ledger
from gainstage.store.receipts import COLUMNS, rows_of
from gainstage.store.records import KnownNames, Records
from gainstage.store.replays import Replays
from gainstage.store.rows import FILTERED, PARKED, PENDING

#: What stands for a request or an answer that told of a forgotten person beside others.
TAKEN_OUT = '"Taken out: it told of a person who was forgotten."'
_json = msgspec.json.Encoder().encode
_identity = msgspec.json.Decoder(Identity)


class Forgetting:
    """The part of a transaction that forgets people."""

    def __init__(
        self, connection: Database, known: KnownNames, ledger: Ledger, lanes: Lanes, calls: Calls
    ) -> None:
        self._connection = connection
        self._known = known
        self._ledger, self._lanes, self._calls = ledger, lanes, calls
        self._records = Records(connection, known)

    # requests

    def ask(
        self, asked: bytes, person: Someone, digests: Iterable[bytes], vendors: dict[str, Any], now_us: int
    ) -> int:
        """Keep a request; from the end of this transaction on no event of the person passes, and no call is
        begun for their records. Returns its number.
        """
        self._connection.execute(
            "INSERT INTO forgetting (asked, asked_us, phase, person, place, counts, vendors) "
            "VALUES (?, ?, ?, ?, '{}', '{}', ?)",
            (asked, now_us, Phase.LOG, _json(person), _json(vendors)),
        )
        number = self._connection.last_insert_rowid()
        self.suppress(number, digests)
        self.hold(person)
        return number

    def hold(self, person: Someone) -> None:
        """Begin no call for the person's records: they are about to go."""
        for number in self._numbers(person):
            self._connection.execute("UPDATE record SET joining = 2 WHERE id = ?", (number,))

    def open(self) -> list[ForgettingRow]:
        """Requests that are not done, the oldest first."""
        return rows_of(
            self._connection.execute(f"SELECT {COLUMNS} FROM forgetting WHERE done_us IS NULL ORDER BY id")
        )

    def save(self, row: ForgettingRow) -> None:
        """Write a request back."""
        self._connection.execute(
            "UPDATE forgetting SET phase = ?, person = ?, place = ?, counts = ?, vendors = ?, detail = ?, "
            "due_us = ?, done_us = ?, log_gone_us = ? WHERE id = ?",
            (
                row.phase, _json(row.person) if row.person is not None else None, _json(row.place),
                _json(row.counts), _json(row.vendors), row.detail, row.due_us, row.done_us, row.log_gone_us,
                row.id,
            ),
        )  # fmt: skip

    # whose events are not let in

    def revision(self) -> int:
        """Rises with every change of whose events are let in; 0 before the first."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'suppression'").fetchone()
        return int(row[0]) if row else 0

    def suppressed(self) -> frozenset[bytes]:
        """The keyed hashes of those whose events are not let in."""
        return frozenset(row[0] for row in self._connection.execute("SELECT digest FROM suppressed"))

    def suppress(self, number: int, digests: Iterable[bytes]) -> None:
        """Let no event in any more of whom these mean."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO suppressed VALUES (?, ?)", ((digest, number) for digest in digests)
        )
        self._changed()

    def suppress_with(self, known: Iterable[bytes], new: Iterable[bytes]) -> None:
        """Let no event in of whom the new ones mean, for the same requests as those that are known."""
        these = list(new)
        self._connection.executemany(
            "INSERT OR IGNORE INTO suppressed SELECT ?1, forgetting_id FROM suppressed WHERE digest = ?2",
            [(digest, one) for one in known for digest in these],
        )
        self._changed()

    def lift(self, number: int, now_us: int) -> bool:
        """Let events of the person in again; False where the request is not done, or lifted, or unknown."""
        self._connection.execute(
            "UPDATE forgetting SET lifted_us = ? WHERE id = ? AND lifted_us IS NULL AND done_us IS NOT NULL",
            (now_us, number),
        )
        if not self._connection.changes():
            return False
        self._connection.execute("DELETE FROM suppressed WHERE forgetting_id = ?", (number,))
        self._changed()
        return True

    def _changed(self) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('suppression', ?)", (self.revision() + 1,)
        )

    def key_check(self) -> bytes | None:
        """What was kept to know the key of the keyed hashes by."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'people_key'").fetchone()
        return bytes(row[0]) if row else None

    def keep_key_check(self, check: bytes) -> None:
        """Keep it."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('people_key', ?)", (check,))

    # what is to go

    def erase_later(self, places: Iterable[tuple[int, int]]) -> int:
        """Note entries of the log (partition, offset) that are to be erased; how many are new."""
        before = self._marked()
        self._connection.executemany("INSERT OR IGNORE INTO erasure VALUES (?, ?)", places)
        return self._marked() - before

    def _marked(self) -> int:
        return int(self._connection.execute("SELECT total_changes()").fetchone()[0])

    def erasures(self, limit: int) -> list[tuple[int, int]]:
        """Entries that are to be erased."""
        rows = self._connection.execute(
            'SELECT partition, "offset" FROM erasure ORDER BY partition, "offset" LIMIT ?', (limit,)
        )
        return [(int(partition), int(offset)) for partition, offset in rows]

    def erased(self, places: Iterable[tuple[int, int]]) -> None:
        """They are erased."""
        self._connection.executemany('DELETE FROM erasure WHERE partition = ? AND "offset" = ?', places)

    def note(self, number: int, events: Iterable[int]) -> None:
        """Note events that are to be purged."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO forgotten_event VALUES (?, ?)", ((event, number) for event in events)
        )

    def unresolve(self, events: Iterable[int], emails: Iterable[str]) -> None:
        """Take e-mails out of what is kept of events of others: what was resolved for them, what was said in
        calls, details. `emails` in lower case.
        """
        self._ledger.flush()
        self._calls.flush()
        texts = [email.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for email in emails]
        for event in events:
            self._unresolve(event)
            for text in texts:
                named = "instr(lower(request), ?3) OR instr(lower(url), ?3) OR instr(lower(response), ?3)"
                self._connection.execute(
                    "UPDATE call SET request = ?2, url = '', response = CASE WHEN response IS NULL THEN NULL "
                    "ELSE ?2 END WHERE id IN (SELECT call_id FROM call_event WHERE event_id = ?1) "
                    f"AND ({named})",
                    (event, TAKEN_OUT, text),
                )
                self._connection.execute(
                    "UPDATE delivery SET detail = '' WHERE event_id = ? AND instr(lower(detail), ?)",
                    (event, text),
                )

    def _unresolve(self, event: int) -> None:
        row = self._connection.execute("SELECT identity FROM event WHERE id = ?", (event,)).fetchone()
        if row is not None and row[0]:
            known = msgspec.structs.replace(_identity.decode(row[0]), email="")
            self._connection.execute("UPDATE event SET identity = ? WHERE id = ?", (_json(known), event))

    def note_keys(self, number: int, keys: Iterable[bytes]) -> None:
        """Note the events with these keys; see `gainstage.store.rows.event_key`."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO forgotten_event SELECT id, ?2 FROM event WHERE key = ?1",
            ((key, number) for key in keys),
        )

    # purging

    def purge(self, number: int, after: int, limit: int) -> Purged:
        """Purge noted events above `after` from ledger, lanes and calls. Counters stay: what was pending or
        parked counts as filtered. An event for which a call may be under way stays until that has ended.
        """
        self._ledger.flush()
        self._calls.flush()
        events = [
            int(row[0])
            for row in self._connection.execute(
                "SELECT event_id FROM forgotten_event WHERE event_id > ? AND forgetting_id = ? "
                "ORDER BY event_id LIMIT ?",
                (after, number, limit),
            )
        ]
        purged = deliveries = calls = busy = 0
        for event in events:
            if self._is_busy(event):
                busy += 1
                continue
            deliveries += self._purge_deliveries(event)
            calls += self._purge_calls(event)
            purged += self._purge_event(event)
        self._ledger.flush()
        return Purged(purged, deliveries, calls, busy, events[-1] if events else after, len(events) == limit)

    def _is_busy(self, event: int) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM operation JOIN record ON record.id = record_id WHERE event_id = ? "
            "AND (leased_until_us > 0 OR occupied_until_us > 0) LIMIT 1",
            (event,),
        ).fetchone()
        return row is not None

    def _purge_deliveries(self, event: int) -> int:
        lanes = self._connection.execute(
            "DELETE FROM operation WHERE event_id = ? RETURNING destination_id, record_id", (event,)
        ).fetchall()
        rows = self._connection.execute(
            "DELETE FROM delivery WHERE event_id = ? RETURNING destination_id, source_id, word", (event,)
        ).fetchall()
        for destination, source, word in rows:
            if word in (PENDING, PARKED):
                self._ledger.count(source, destination, word, -1)
                self._ledger.count(source, destination, FILTERED)
        for destination, record in dict.fromkeys(lanes):
            self._lanes.settle_lane(destination, record, 0)
        self._connection.execute("DELETE FROM parked WHERE event_id = ?", (event,))
        return len(rows)

    def _purge_calls(self, event: int) -> int:
        """Calls that carried nothing else go; of the others, what was said in them."""
        rows = self._connection.execute(
            "DELETE FROM call_event WHERE event_id = ? RETURNING call_id", (event,)
        ).fetchall()
        for (call,) in rows:
            self._keep_number("last_call", call)
            self._connection.execute(
                "UPDATE call SET request = ?2, url = '', response = CASE WHEN response IS NULL THEN NULL "
                "ELSE ?2 END WHERE id = ?1 AND EXISTS (SELECT 1 FROM call_event WHERE call_id = ?1)",
                (call, TAKEN_OUT),
            )
            if not self._connection.changes():
                self._connection.execute("DELETE FROM call WHERE id = ?", (call,))
        return len(rows)

    def _purge_event(self, event: int) -> int:
        self._keep_number("last_event", event)
        for table in ("body", "edited", "replayed", "forgotten_event"):
            self._connection.execute(f"DELETE FROM {table} WHERE event_id = ?", (event,))
        self._connection.execute("DELETE FROM event WHERE id = ?", (event,))
        return self._connection.changes()

    def _keep_number(self, name: str, number: int) -> None:
        """No number is given twice, also where the highest goes."""
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) "
            "DO UPDATE SET value = max(value, excluded.value)",
            (name, number),
        )

    def purge_person(self, number: int, person: Someone) -> bool:
        """Purge what is known of the person beside events: identity memory, records with what was confirmed.

        False while a call may be under way, or events still wait for one of the records: these are noted.
        """
        numbers = self._numbers(person)
        for record in numbers:
            rows = self._connection.execute("SELECT event_id FROM operation WHERE record_id = ?", (record,))
            events = [int(row[0]) for row in rows]
            busy = self._connection.execute(
                "SELECT 1 FROM record WHERE id = ? AND (leased_until_us > 0 OR occupied_until_us > 0)",
                (record,),
            ).fetchone()
            self.note(number, events)
            if events or busy:
                return False
        for record in numbers:
            self._connection.execute("DELETE FROM lane WHERE record_id = ?", (record,))
            self._connection.execute("DELETE FROM record_key WHERE record_id = ?", (record,))
            self._connection.execute("DELETE FROM joining WHERE ? IN (record_id, into_id)", (record,))
            self._connection.execute("DELETE FROM record WHERE id = ?", (record,))
        self._known.clear()
        for key in person.keys:
            self._connection.execute("DELETE FROM identity WHERE key = ?", (key,))
            self._connection.execute("DELETE FROM parked WHERE key = ?", (key,))
        Replays(self._connection).cancel_of(person.ids, person.emails)
        for name in (*person.emails, *person.ids):
            self._connection.execute(
                "UPDATE destination SET detail = '' WHERE instr(lower(detail), ?) > 0", (name.lower(),)
            )
        return True

    def _numbers(self, person: Someone) -> list[int]:
        """The records of the person, of every tenant."""
        tenants = [int(row[0]) for row in self._connection.execute("SELECT id FROM tenant")]
        places = (
            self._records.find(tenant, Record(*key)) for tenant in tenants for key in person.record_keys()
        )
        return list(dict.fromkeys(place.number for place in places if place is not None))
