"""Requests to forget people as they stand, and who is who: what the store tells about forgetting."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from gainstage.event import Identity
from gainstage.sqlite import Database
from gainstage.store.forgetting_rows import ForgettingRow, Found, Someone
from gainstage.store.rows import event_key

COLUMNS = (
    "id, asked, asked_us, phase, person, place, counts, vendors, detail, due_us, done_us, lifted_us, "
    "log_gone_us"
)
#: So much of kept messages is taken at once.
KEPT_BYTES = 8 * 1024 * 1024
_json = msgspec.json.Encoder().encode
_decode = msgspec.json.decode
_identity = msgspec.json.Decoder(Identity)
_person = msgspec.json.Decoder(Someone)


class Receipts:
    """What people ask about requests, within one view of the store."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def all(self, asked: Sequence[bytes] | None = None, limit: int = 1_000) -> list[ForgettingRow]:
        """The newest requests first; only those in which somebody was named so."""
        if asked is None:
            return rows_of(
                self._connection.execute(
                    f"SELECT {COLUMNS} FROM forgetting ORDER BY id DESC LIMIT ?", (limit,)
                )
            )
        found = [
            row
            for digest in asked
            for row in rows_of(
                self._connection.execute(
                    f"SELECT {COLUMNS} FROM forgetting WHERE asked = ?1 OR id IN "
                    "(SELECT forgetting_id FROM suppressed WHERE digest = ?1)",
                    (digest,),
                )
            )
        ]
        return sorted({row.id: row for row in found}.values(), key=lambda row: -row.id)[:limit]

    def suppressed(self) -> frozenset[bytes]:
        """The keyed hashes of those whose events are not let in."""
        return frozenset(row[0] for row in self._connection.execute("SELECT digest FROM suppressed"))

    def someone(self, keys: Iterable[str], emails: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Every id and e-mail that is known to belong together with these; all rows of identity memory are
        looked at.

        An alias is the same person, a device is its last user's, and people with one e-mail are one.
        """
        known, mails, before = set(keys), set(emails), (0, 0)
        while (len(known), len(mails)) != before:
            before = len(known), len(mails)
            for key, user_id, email in self._known(known, mails):
                known |= {key, f"u:{user_id}"} if user_id else {key}
                mails |= {email.lower()} if email else set()
        return tuple(sorted(known)), tuple(sorted(mails))

    def _known(self, keys: Iterable[str], emails: Iterable[str]) -> list[tuple[str, str, str]]:
        users = [key[2:] for key in keys if key.startswith("u:")]
        rows = self._connection.execute(
            "SELECT key, user_id, email FROM identity "
            "WHERE key IN (SELECT value FROM json_each(?)) "
            "OR user_id != '' AND user_id IN (SELECT value FROM json_each(?)) "
            "OR email != '' AND lower(email) IN (SELECT value FROM json_each(?))",
            tuple(_json(list(names)).decode() for names in (keys, users, emails)),
        ).fetchall()
        beyond_ascii = {email for email in emails if not email.isascii()}
        if beyond_ascii:  # whose capitals SQLite does not know
            others = self._connection.execute(
                "SELECT key, user_id, email FROM identity WHERE email GLOB '*[^ -~]*'"
            )
            rows += [row for row in others if row[2].lower() in beyond_ascii]
        return [(str(key), str(user_id), str(email)) for key, user_id, email in rows]

    def entered(self, messages: Iterable[tuple[str, str]]) -> set[int]:
        """The events of these messages, each a source's name and a message id."""
        sources = dict(self._connection.execute("SELECT name, id FROM source").fetchall())
        keys = (event_key(sources[source], told) for source, told in messages if source in sources)
        found = (self._connection.execute("SELECT id FROM event WHERE key = ?", (key,)) for key in keys)
        return {int(number) for rows in found for (number,) in rows}

    def corrected(self, messages: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these messages that somebody corrected, each a source's name and a message id."""
        return {
            message
            for message in messages
            for number in self.entered([message])
            if self._connection.execute("SELECT 1 FROM edited WHERE event_id = ?", (number,)).fetchone()
        }

    def find(self, digests: Collection[bytes], person: Someone, after: int, limit: int) -> Found:
        """Among the next events above `after` those of whom the hashes mean, or for whom the person was
        resolved. Fewer than `limit` are looked at where the store keeps large messages of them.
        """
        rows = self._connection.execute(
            "SELECT id, person, identity, coalesce(body.entry, edited.entry) FROM event "
            "LEFT JOIN body ON body.event_id = id LEFT JOIN edited ON edited.event_id = id "
            "WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        found, resolved, kept = list[int](), list[int](), list[tuple[int, bytes]]()
        looked = size = last = 0
        for last, whose, encoded, entry in rows:
            looked += 1
            identity = _identity.decode(encoded) if encoded else Identity()
            named = identity.email.lower() in person.emails
            theirs = f"u:{identity.user_id}" in person.keys if identity.user_id else named
            if theirs or whose in digests:
                found.append(last)
            elif named:
                resolved.append(last)
            if entry is not None:
                kept.append((last, entry))
                size += len(entry)
                if size > KEPT_BYTES:
                    break
        ended = looked < limit and size <= KEPT_BYTES
        return Found(found, resolved, kept, None if ended else last)

    def get(self, number: int) -> ForgettingRow | None:
        """One request."""
        rows = rows_of(self._connection.execute(f"SELECT {COLUMNS} FROM forgetting WHERE id = ?", (number,)))
        return rows[0] if rows else None


def rows_of(rows: Iterable[Any]) -> list[ForgettingRow]:
    """Rows of the table as values."""
    return [_row(*row) for row in rows]


def _row(
    number: int, asked: bytes, asked_us: int, phase: int, person: bytes, place: bytes, counts: bytes,
    vendors: bytes, *rest: Any,
) -> ForgettingRow:  # fmt: skip
    known = _person.decode(person) if person else None
    told = (_decode(place), _decode(counts), _decode(vendors))
    return ForgettingRow(number, asked, asked_us, phase, known, *told, *rest)
