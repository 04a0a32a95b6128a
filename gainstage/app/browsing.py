"""Events to look through: the newest first, by filters and pages, and what came after a place.

Filters with an index behind them (a message id, what failed, is parked, pending or refused) find what there
is. All others look through events from the newest back, up to a limit, and say how far they came: the next
page goes on from there.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gainstage.app.browsing_filters import Asked, Meant, meant_by
from gainstage.app.entries import entries_of, read
from gainstage.app.folder import open_parts
from gainstage.app.moments import iso
from gainstage.app.pseudonyms import existing_pseudonyms
from gainstage.clock import SECOND_US
from gainstage.event import Event, Identity
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.store.reading import DeliveryRow, Reading

#: Events are numbered as they are routed, which is nearly the order of their receipt: so far they may differ.
SLACK_US = 3_600 * SECOND_US
#: Event numbers that one query looks at, and events that it gives at the most.
WINDOW, CHUNK = 20_000, 1_000

_identity = msgspec.json.Decoder(Identity)


class Bounds(NamedTuple):
    """How far one request looks: events in all, messages read, seconds."""

    events: int = 200_000
    messages: int = 10_000
    seconds: float = 0.1


BOUNDS = Bounds()


def browse(
    data: Path,
    asked: Asked,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    bounds: Bounds = BOUNDS,
) -> dict[str, Any]:
    """A page of events that fit, the newest first: `before` goes on where another page ended, `after` has
    only what came behind a place.

    Raises:
        UsageError: the folder holds no data, or a filter is none.
    """
    store, log = open_parts(data, create=False)
    ends_at = time.monotonic() + bounds.seconds
    with closing(store):
        try:
            pseudonyms = existing_pseudonyms(data, store)
            with store.reading() as reading:
                meant = meant_by(reading, asked, pseudonyms)
                found = _Search(reading, log, meant, bounds, ends_at).run(limit, before, after)
                offsets = {number: reading.offset(number) for number in range(log.partitions)}
            return {**found, "unrouted": _unrouted(log, offsets)}
        finally:
            _close(log)


def _unrouted(log: LocalLog, offsets: dict[int, int]) -> int:
    """How many accepted events the list cannot have yet."""

    async def behind() -> int:
        return sum([max(0, await log.end(number) - offset) for number, offset in offsets.items()])

    return asyncio.run(behind())


def _close(log: LocalLog) -> None:
    asyncio.run(log.close())


class _Search:
    """One request."""

    def __init__(
        self, reading: Reading, log: LocalLog, meant: Meant | None, bounds: Bounds, ends_at: float
    ) -> None:
        self._reading, self._browsing, self._log = reading, reading.browsing, log
        self._meant, self._bounds, self._ends_at = meant, bounds, ends_at
        self._now_us = time.time_ns() // 1_000
        self._read = 0

    def run(self, limit: int, before: int | None, after: int | None) -> dict[str, Any]:
        """The page, how far it looked, and where to go on."""
        oldest, newest = self._browsing.ends()
        floor = max(oldest, (after or 0) + 1)
        below = min(newest + 1, before if before is not None else newest + 1)
        rows: list[dict[str, Any]] = []
        start = below
        if self._meant is not None:
            floor, below = self._period(floor, below)
            start = below
            rows, below = self._look(floor, below, limit)
        else:
            below = floor
        more = below > floor
        reached_us = self._browsing.received_us(below) if more else None
        return {
            "events": self._shown(rows),
            "next": str(below) if more else None,
            "newest": str(max(newest, after or 0)),
            "looked_through": max(0, start - below),
            "back_to": iso(reached_us) if reached_us is not None else None,
        }

    def _period(self, floor: int, below: int) -> tuple[int, int]:
        """The numbers that events of the asked period may have."""
        assert self._meant is not None
        if self._meant.numbers is not None:
            return floor, below
        since_us, until_us = self._meant.wanted.since_us, self._meant.wanted.until_us
        if since_us is not None:
            floor = max(floor, self._browsing.first_since(since_us - SLACK_US))
        if until_us is not None:
            below = min(below, self._browsing.first_since(until_us + SLACK_US))
        return floor, below

    def _look(self, floor: int, below: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Rows that fit, and the number under which nothing was looked at yet."""
        found: list[dict[str, Any]] = []
        start = below
        while below > floor and len(found) < limit and not self._is_enough(start - below):
            numbers, down_to = self._candidates(floor, below, limit - len(found))
            fitting = self._fitting(numbers)
            found += fitting[: limit - len(found)]
            below = found[-1]["id"] if len(found) == limit and len(fitting) else down_to
        return found, max(below, floor)

    def _is_enough(self, looked_through: int) -> bool:
        assert self._meant is not None
        if (
            looked_through and time.monotonic() >= self._ends_at
        ):  # each request gets on, however slow the disk
            return True
        if self._read >= self._bounds.messages:
            return True
        return not self._meant.is_indexed and looked_through >= self._bounds.events

    def _candidates(self, floor: int, below: int, wanted: int) -> tuple[list[int], int]:
        """Events that fit as far as columns tell, and down to which number they were looked for."""
        assert self._meant is not None
        if self._meant.numbers is not None:
            return [number for number in self._meant.numbers if floor <= number < below], floor
        bottom = max(floor, below - WINDOW)
        most = CHUNK if self._meant.needs_more else wanted
        numbers = self._browsing.between(self._meant.wanted, bottom, below, most)
        return numbers, numbers[-1] if len(numbers) == most else bottom

    def _fitting(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        assert self._meant is not None
        rows = self._browsing.events(numbers)
        if not self._meant.needs_more:
            return rows
        if self._meant.reason is not None:
            rows = [row for row in rows if self._waits_for(row["id"], self._meant.reason)]
        if self._meant.of_message:
            rows = [row for row, entry in self._with_entries(rows) if self._meant.fits(row, entry)]
        self._read += len(numbers)
        return rows

    def _waits_for(self, event_id: int, reason: str) -> bool:
        assert self._meant is not None
        return any(
            one.word == "pending" and one.code == reason
            for one in self._reading.deliveries(event_id, self._now_us)
            if self._meant.destination in (None, one.destination)
        )

    def _with_entries(self, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Entry | None]]:
        return list(zip(rows, entries_of(self._log, rows), strict=True))

    def _shown(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            _row(row, entry, self._reading.deliveries(row["id"], self._now_us))
            for row, entry in self._with_entries(rows)
        ]


def _row(row: dict[str, Any], entry: Entry | None, deliveries: Sequence[DeliveryRow]) -> dict[str, Any]:
    """An event of the list."""
    event = read(row, entry) if entry is not None else None
    said = event if isinstance(event, Event) else None
    known = _identity.decode(row["identity"]) if row["identity"] else Identity()
    met: list[dict[str, Any]] = [
        {"destination": one.destination, "outcome": one.word, "reason": one.code, "detail": one.detail}
        for one in deliveries
    ]
    if row["code"] is not None:
        met = [{"destination": None, "outcome": "failed", "reason": row["code"], "detail": row["detail"]}]
    return {
        "message_id": row["message_id"],
        "source": row["source"],
        "received_at": iso(row["received_us"]),
        "type": said.kind if said else None,
        "event": (said.name or None) if said else None,
        "user_id": (said.user_id or None) if said else known.user_id or None,
        "anonymous_id": (said.anonymous_id or None) if said else None,
        "email": _email(said) or known.email or None,
        "company": (said.group_id if said else "") or known.account or None,
        "destinations": met,
    }


def _email(event: Event | None) -> str:
    told = (event.traits.get("email"), event.context_traits.get("email")) if event else ()
    return next((one for one in told if isinstance(one, str) and one), "")
