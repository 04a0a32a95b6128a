"""What failed or is parked: listed, counted, corrected, tried again, taken off the list."""

import time
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec

from gainstage.app.causes import Causes, says
from gainstage.app.editing import Change, edited
from gainstage.app.entries import entry_of, read
from gainstage.app.moments import iso
from gainstage.app.searching import Person, who
from gainstage.errors import UsageError
from gainstage.event import Event, Identity
from gainstage.log.local import LocalLog
from gainstage.store.contract import Transaction
from gainstage.store.reading import DeliveryRow, Reading, json_or_text
from gainstage.store.store import Store

CHANGED_AT_ONCE = ROWS_A_PAGE = 1_000
#: Where a row stands: the numbers of event and destination.
Place = tuple[int, int]
FIRST: Place = (0, 0)
Page = Callable[[Reading, Place, int], list[tuple[Place, DeliveryRow]]]

_identity = msgspec.json.Decoder(Identity)
_encode_entry = msgspec.msgpack.Encoder().encode


class Dead:
    """The failed and parked deliveries of a data folder, refused messages among them."""

    def __init__(self, store: Store, log: LocalLog) -> None:
        self._store, self._log = store, log

    def rows(
        self,
        destination: str | None = None,
        reason: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        outcome: str | None = None,
        limit: int | None = None,
        **filters: Any,
    ) -> Iterator[dict[str, Any]]:
        """All of them that fit, oldest first."""
        for _, row in islice(self._found(destination, reason, since_us, until_us, outcome, **filters), limit):
            yield self._listed(row)

    def page(self, limit: int, after: Place = FIRST, **filters: Any) -> dict[str, Any]:
        """The `limit` rows behind a place, and the place to go on from; None at the end."""
        found = list(islice(self._found(**filters, after=after), limit + 1))
        more = found[limit - 1][0] if len(found) > limit else None
        return {"events": [self._listed(row) for _, row in found[:limit]], "next": more}

    def exported(self, limit: int | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
        """The rows, each with its message as `message`, and as `known` what was known of its user."""
        for _, row in islice(self._found(**filters), limit):
            event = self._event(row)
            message = event.message if event else self._raw(row)
            yield {**_row(row, event), "known": self._known(row), "message": message}

    def summary(self, **filters: Any) -> list[dict[str, Any]]:
        """How many events, and of how many people and companies, failed or wait for each reason; the most
        people first.
        """
        problems: list[dict[str, Any]] = self.causes(**filters)["problems"]
        return problems

    def causes(self, limit: int | None = None, **filters: Any) -> dict[str, Any]:
        """The same with how many were looked at, the newest `limit` at the most."""
        return Causes(self._store, self._log, **filters).told(limit)

    def count(self, message_ids: Sequence[str] | None = None, **filters: Any) -> int:
        """How many fit."""
        return sum(1 for _ in self._named(message_ids, filters))

    def retry(self, message_ids: Sequence[str] | None = None, **filters: Any) -> int:
        """Have failed and parked events planned again; how many.

        Refused messages stay: they would be refused again.
        """

        def again(transaction: Transaction, row: DeliveryRow, now_us: int) -> bool:
            number = transaction.names.destination(row.destination)
            return transaction.ledger.retry(row.event_id, number, now_us)

        return self._change(again, (row for row in self._named(message_ids, filters) if row.destination))

    def purge(self, message_ids: Sequence[str] | None = None, **filters: Any) -> int:
        """Give failed and parked events up: they count as failed for good, and are listed no more."""

        def away(transaction: Transaction, row: DeliveryRow, now_us: int) -> bool:
            detail = f"Given up {iso(now_us)}; it was {row.word} with {row.code}: {row.detail}"
            if not row.destination:
                return transaction.ledger.give_up_refused(row.event_id, detail)
            number = transaction.names.destination(row.destination)
            return transaction.ledger.give_up(row.event_id, number, detail, now_us)

        return self._change(away, self._named(message_ids, filters))

    def edit(self, message_id: str, change: Change, source: str | None = None) -> dict[str, Any]:
        """Correct the message of an event that failed or is parked, and have it planned again.

        Returns what it came to: `{"message_id", "source", "destinations", "message"}`.

        Raises:
            UsageError: there is no such event, nothing of it failed or is parked, several sources sent it, or
                the corrected message would be refused.
        """
        row = self._one(message_id, source)
        now_us = time.time_ns() // 1_000
        entry = entry_of(self._log, row)
        if entry is None:
            raise UsageError(f"The message of {message_id} is kept no more: send it again.")
        corrected, event = edited(entry, change, row, now_us)
        with self._store.transaction() as transaction:
            refused = row["code"] is not None
            transaction.intake.edit(row["id"], _encode_entry(corrected), now_us)
            if refused:
                again = transaction.ledger.admit(row["id"], now_us)
            else:
                again = transaction.ledger.retry_all(row["id"], now_us)
        if not again:
            raise UsageError(
                f"Nothing of {message_id} is failed or parked by now."
                if not refused
                else f"The source {row['source']} feeds no destination: connect it to one first."
            )
        return {
            "message_id": message_id,
            "source": row["source"],
            "destinations": sorted(again),
            "message": event.message,
        }

    def _one(self, message_id: str, source: str | None) -> dict[str, Any]:
        """The event that is to be corrected."""
        with self._store.reading() as reading:
            events = [row for row in reading.events(message_id) if source in (None, row["source"])]
            kept = [row for row in events if row["code"] is not None or reading.is_dead(row["id"])]
        if not events:
            raise UsageError(f"There is no event {message_id}: check the messageId.")
        if not kept:
            raise UsageError(f"Nothing of {message_id} failed or is parked: there is nothing to correct.")
        if len(kept) > 1:
            names = ", ".join(sorted(row["source"] for row in kept))
            raise UsageError(f"Several sources sent {message_id} ({names}): name one with --source.")
        return {**kept[0], "message_id": message_id}

    def _change(
        self, change: Callable[[Transaction, DeliveryRow, int], bool], rows: Iterator[DeliveryRow]
    ) -> int:
        """Change rows, some at a time; how many were."""
        now_us, changed = time.time_ns() // 1_000, 0
        while batch := list(islice(rows, CHANGED_AT_ONCE)):
            with self._store.transaction() as transaction:
                changed += sum(change(transaction, row, now_us) for row in batch)
        return changed

    def _named(self, message_ids: Sequence[str] | None, filters: dict[str, Any]) -> Iterator[DeliveryRow]:
        wanted = set(message_ids) if message_ids is not None else None
        return (row for _, row in self._found(**filters) if wanted is None or row.message_id in wanted)

    def _found(
        self,
        destination: str | None = None,
        reason: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        outcome: str | None = None,
        user: str | None = None,
        kind: str | None = None,
        name: str | None = None,
        after: Place = FIRST,
    ) -> Iterator[tuple[Place, DeliveryRow]]:
        kinds = (self._paged(ask, after) for ask in (Reading.dead, Reading.refused))
        found = (
            (place, row)
            for place, row in merge(*kinds, key=itemgetter(0))
            if (destination is None or row.destination == destination)
            and (reason is None or row.code == reason)
            and (outcome is None or row.word == outcome)
            and (since_us is None or row.at_us >= since_us)
            and (until_us is None or row.at_us < until_us)
        )
        if user is None and kind is None and name is None:
            return found
        person = self._who(user) if user is not None else None
        return (one for one in found if says(self._event(one[1]), person, kind, name))

    def _who(self, user: str) -> Person:
        with self._store.reading() as reading:
            return who(reading, user)

    def _paged(self, ask: Page, place: Place) -> Iterator[tuple[Place, DeliveryRow]]:
        """Page by page, each a view of its own: a long list holds back nobody and fills no memory."""
        while True:
            with self._store.reading() as reading:
                page = ask(reading, place, ROWS_A_PAGE)
            yield from page
            if len(page) < ROWS_A_PAGE:
                return
            place = page[-1][0]

    def _listed(self, row: DeliveryRow) -> dict[str, Any]:
        return _row(row, self._event(row))

    def _event(self, row: DeliveryRow) -> Event | None:
        place = self._place(row)
        entry = entry_of(self._log, place)
        result = read(place, entry) if entry is not None else None
        return result if isinstance(result, Event) else None

    def _known(self, row: DeliveryRow) -> dict[str, str]:
        with self._store.reading() as reading:
            found = reading.browsing.events([row.event_id])
        known = _identity.decode(found[0]["identity"]) if found and found[0]["identity"] else Identity()
        told = {"user_id": known.user_id, "email": known.email, "company": known.account}
        return {name: value for name, value in told.items() if value}

    def _raw(self, row: DeliveryRow) -> Any:
        """The message of an event that is none, as it came."""
        entry = entry_of(self._log, self._place(row))
        return json_or_text(entry.body.decode("utf-8", "replace")) if entry is not None else None

    def _place(self, row: DeliveryRow) -> dict[str, Any]:
        with self._store.reading() as reading:
            body = reading.body(row.event_id)
        return {"entry": body, "partition": row.partition, "offset": row.offset}


def _row(row: DeliveryRow, event: Event | None) -> dict[str, Any]:
    return {
        "message_id": row.message_id,
        "destination": row.destination or None,
        "outcome": row.word,
        "reason": row.code,
        "detail": row.detail,
        "at": iso(row.at_us),
        "received_at": iso(row.received_us),
        "source": row.source,
        "type": event.kind if event else None,
        "user_id": event.person_id if event else None,
        "event": event.name if event else None,
    }
