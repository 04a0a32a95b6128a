"""Requests to forget people as they stand, and who is who: what the store tells about forgetting."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from gainstage.event import Identity
from gainstage.sqlite import Database
from gainstage.store.forgetting_rows import ForgettingRow, Found, Someone

COLUMNS = (
    "id, asked, asked_us, phase, person, place, counts, vendors, detail, due_us, done_us, lifted_us, "
    "log_gone_us"
)
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

    def someone(
        self, keys: Iterable[str], emails: Iterable[str], told: Iterable[str] = ()
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Every id and e-mail that is known to belong together with these; all rows of identity memory are
        looked at.

        An alias is the same person, a device is its last user's, and people with one e-mail are one. `told`
        are keys of those who told one of the e-mails at any time: not a device that is a user's by now.
        """
        known, mails, before = {*keys, *self._own(told)}, set(emails), (0, 0)
        while (len(known), len(mails)) != before:
            before = len(known), len(mails)
            users = [key[2:] for key in known if key.startswith("u:")]
            rows = self._connection.execute(
                "SELECT key, user_id, lower(email) FROM identity "
                "WHERE key IN (SELECT value FROM json_each(?)) "
                "OR user_id != '' AND user_id IN (SELECT value FROM json_each(?)) "
                "OR email != '' AND lower(email) IN (SELECT value FROM json_each(?))",
                tuple(_json(list(names)).decode() for names in (known, users, mails)),
            ).fetchall()
            for key, user_id, email in rows:
                known |= {key, f"u:{user_id}"} if user_id else {key}
                mails |= {email} if email else set()
        return tuple(sorted(known)), tuple(sorted(mails))

    def _own(self, keys: Iterable[str]) -> list[str]:
        rows = self._connection.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN "
            "(SELECT key FROM identity WHERE key LIKE 'a:%' AND user_id != '')",
            (_json(list(keys)).decode(),),
        )
        return [str(key) for (key,) in rows]

    def find(self, digests: Collection[bytes], person: Someone, after: int, limit: int) -> Found:
        """Among the next events above `after` those of whom the hashes mean, or for whom the person was
        resolved.
        """
        rows = self._connection.execute(
            "SELECT id, person, identity, coalesce(body.entry, edited.entry) FROM event "
            "LEFT JOIN body ON body.event_id = id LEFT JOIN edited ON edited.event_id = id "
            "WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        ).fetchall()
        found = [
            int(number)
            for number, whose, identity, _ in rows
            if whose in digests or (identity and _is_resolved(identity, person))
        ]
        kept = [(int(number), bytes(entry)) for number, _, _, entry in rows if entry is not None]
        last = int(rows[-1][0]) if len(rows) == limit else None
        return Found(found, kept, last)

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


def _is_resolved(identity: bytes, person: Someone) -> bool:
    known = _identity.decode(identity)
    theirs = bool(known.user_id) and f"u:{known.user_id}" in person.keys
    return theirs or known.email.lower() in person.emails
