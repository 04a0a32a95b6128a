"""The events of one person, found in the log: who asks why somebody was not updated knows no message id."""

import asyncio
from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from gainstage.app.moments import iso
from gainstage.delivery.replaying import is_of
from gainstage.event import Event
from gainstage.log.contract import Stored
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise
from gainstage.store.reading import Reading
from gainstage.store.store import Store

READ_AT_ONCE = 2_000
EVENTS_SHOWN = 20


class Person(NamedTuple):
    """Whom an e-mail or id means, by what is remembered of users."""

    ids: Set[str]
    emails: Set[str]

    def is_meant(self, event: Event) -> bool:
        """Whether an event is this person's: by its ids, or by the e-mail that it tells."""
        return is_of(event, self.ids, self.emails)


def events_of(store: Store, log: LocalLog, person: str, limit: int, now_us: int) -> dict[str, Any]:
    """What a person's newest events became: `{"user", "ids", "messages_since", "events": [...]}`.

    `person`: a userId, an anonymousId or an e-mail. Everything that was accepted is looked through, up to so
    many events that are the person's.
    """
    with store.reading() as reading:
        meant = who(reading, person)
        ends = {partition: reading.offset(partition) for partition in range(log.partitions)}
    found = sorted(
        (one for partition, end in ends.items() for one in _newest(log, partition, end, meant, limit)),
        key=lambda one: one[1].received_us,
        reverse=True,
    )[:limit]
    with store.reading() as reading:
        events = [_outcomes(reading, source, event, now_us) for source, event in found]
    since_us = asyncio.run(log.kept()).since_us
    return {
        "user": person,
        "ids": sorted(meant.ids | meant.emails),
        "messages_since": iso(since_us) if since_us is not None else None,
        "events": events,
    }


def who(reading: Reading, person: str) -> Person:
    """The ids and e-mails that are known to belong together with this one."""
    ids, emails = {person}, {person.strip().lower()} if "@" in person else set()
    for key, user_id, email in reading.users(person.strip(), emails):
        ids |= {key.partition(":")[2], user_id} - {""}
        emails |= {email.lower()} - {""}
    return Person(ids, emails)


def _newest(log: LocalLog, partition: int, end: int, person: Person, limit: int) -> list[tuple[str, Event]]:
    """A person's newest events of a partition."""
    found: list[tuple[str, Event]] = []
    for stored in _backwards(log, partition, end):
        result = normalise(f"{partition}-{stored.offset}", stored.entry)
        if isinstance(result, Event) and person.is_meant(result):
            found.append((stored.entry.source, result))
            if len(found) == limit:
                break
    return found


def _backwards(log: LocalLog, partition: int, end: int) -> Iterator[Stored]:
    """What stands in the log up to an offset, the newest first."""
    while end > 0:
        start = max(0, end - READ_AT_ONCE)
        slice_ = asyncio.run(log.read(partition, start, READ_AT_ONCE))
        yield from (stored for stored in reversed(slice_) if stored.offset <= end)
        end = start


def _outcomes(reading: Reading, source: str, event: Event, now_us: int) -> dict[str, Any]:
    rows = [row for row in reading.events(event.message_id) if row["source"] == source]
    deliveries = reading.deliveries(rows[0]["id"], now_us) if rows else []
    return {
        "message_id": event.message_id,
        "source": source,
        "received_at": iso(event.received_us),
        "type": event.kind,
        "event": event.name or None,
        "destinations": [
            {"destination": one.destination, "outcome": one.word, "reason": one.code, "detail": one.detail}
            for one in deliveries
        ],
    }
