"""The router: from the log into the store, each event exactly once.

One transaction takes a slice of a partition: duplicates are taken off, identities resolved and learnt, every
event planned at the destinations that its source feeds, and the offset advanced from the value it was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from gainstage.computed import COMPUTED_SOURCE
from gainstage.connection import Configuration
from gainstage.delivery import identity as memory
from gainstage.delivery.destinations import Active
from gainstage.delivery.observing import Observer
from gainstage.delivery.planning import Planner, Routed
from gainstage.delivery.suppressing import SUPPRESSED, Suppression
from gainstage.event import Event, Identity, Refusal
from gainstage.log.contract import Entry, Stored
from gainstage.normalise import is_edited, normalise, priority_of, run_of
from gainstage.operating import CANARY_SOURCE
from gainstage.store.contract import Transaction
from gainstage.store.replay import Carried
from gainstage.store.rows import (
    DELIVERED,
    DUPLICATE,
    FAILED,
    FILTERED,
    GIVEN_UP,
    HISTORY,
    PENDING,
    REFUSED,
    Kept,
    NewDelivery,
    NewEvent,
    event_key,
)

_encode = msgspec.json.Encoder().encode
_encode_entry = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
#: How many parked events are read at once when news sets them free.
UNPARKED_AT_ONCE = 500
#: Kinds of events that have names of their own.
NAMED = frozenset({"track", "page", "screen"})


class Taken(msgspec.Struct, frozen=True):
    """An entry of the log, read."""

    stored: Stored
    source_id: int
    result: Event | Refusal
    key: bytes


class Router:
    """Routes within one transaction."""

    def __init__(
        self,
        transaction: Transaction,
        configuration: Configuration,
        active: Mapping[str, Active],
        now_us: int,
        suppression: Suppression,
        observer: Observer | None = None,
    ) -> None:
        self._transaction = transaction
        self._suppression = suppression
        self._observer = observer or Observer()
        self._configuration = configuration
        self._active = active
        self._by_number = {one.number: one for one in active.values()}
        self._now_us = now_us
        self._planner = Planner(transaction, now_us)
        self._events: list[NewEvent] = []
        self._deliveries: list[NewDelivery] = []
        self._bodies: list[tuple[int, bytes]] = []
        self._runs: dict[int, list[int]] = {}
        self._fed: dict[str, Sequence[Active]] = {}

    def route(self, partition: int, expected: int, slice_: Sequence[Stored]) -> None:
        """Let a slice of the log in and advance the offset behind it.

        Raises:
            PartitionLost: another router was here; roll back.
        """
        self._transaction.intake.advance(partition, expected, slice_[-1].offset)
        taken = [self._read(partition, stored) for stored in slice_]
        events = (one.result for one in taken if isinstance(one.result, Event))
        self._transaction.intake.look_up({key for event in events for key in memory.keys(event)})
        seen = self._transaction.intake.seen([one.key for one in taken])
        for one in taken:
            self._take(partition, one, duplicate=one.key in seen)
            seen.add(one.key)
        self._write()

    def plan_again(self, kept: Kept, active: Active) -> NewDelivery:
        """Plan an event anew at a destination, with what is known of its user by now."""
        entry = _decode_entry(kept.entry)
        event = normalise(f"{kept.partition}-{kept.offset}", entry)
        if isinstance(event, Refusal):  # stricter rules since it was routed
            place = (kept.event_id, active.number, kept.source_id)
            refused = NewDelivery(*place, FAILED, event.code, event.detail)
            self._transaction.ledger.change(refused, self._now_us)
            return refused
        if self._suppression.meets(event):
            self._transaction.ledger.unpark(kept.event_id, active.number)
            hidden = _suppressed(kept.event_id, active.number, kept.source_id)
            self._transaction.ledger.change(hidden, self._now_us)
            return hidden
        if is_edited(entry):
            self.wake(memory.learn_correction(self._transaction.intake, event))
        resolved = self.resolved(kept.event_id, event, kept.identity)
        self._transaction.ledger.unpark(kept.event_id, active.number)
        again = self._transaction.replays.carried(kept.event_id, active.number)
        urgency = self._hurried(kept.run), HISTORY if again is not None else priority_of(entry)
        routed = Routed(kept.event_id, kept.source_id, event, resolved, event.stamp, *urgency)
        delivery: NewDelivery | None
        if again is None:
            delivery = self._planned(routed, active)
        else:
            delivery = self._planner.replan(routed, active, again.word, appends=again.appends)
            delivery = delivery or restored(again, kept.source_id)
        self._planner.write()
        self._transaction.ledger.change(delivery, self._now_us)
        return delivery

    def resolved(self, event_id: int, event: Event, stored: Identity) -> Identity:
        """What was resolved for an event when it was routed; what nobody knew then is filled in and kept."""
        known = memory.resolve(self._transaction.intake, event)
        resolved = Identity(
            stored.user_id or known.user_id, stored.email or known.email, stored.account or known.account
        )
        if resolved != stored:
            self._transaction.intake.resolve(event_id, _encode(resolved))
        return resolved

    def hides(self, event: Event) -> bool:
        """Whether the event is about somebody whose events are not let in."""
        return self._suppression.meets(event)

    def expire(self, delivery: NewDelivery) -> None:
        """What a parked event lacked did not come in time: it fails, and can be retried."""
        self._transaction.ledger.unpark(delivery.event_id, delivery.destination_id)
        place = (delivery.event_id, delivery.destination_id, delivery.source_id)
        failed = NewDelivery(*place, FAILED, "parked_too_long", f"Waited in vain: {delivery.detail}")
        self._transaction.ledger.change(failed, self._now_us)

    def _read(self, partition: int, stored: Stored) -> Taken:
        entry = stored.entry
        source_id = self._transaction.names.source(entry.source)
        result = normalise(f"{partition}-{stored.offset}", entry)
        return Taken(stored, source_id, result, event_key(source_id, result.message_id))

    def _take(self, partition: int, taken: Taken, *, duplicate: bool) -> None:
        result, source_id, entry = taken.result, taken.source_id, taken.stored.entry
        run = run_of(entry)
        if run is not None:
            counts = self._runs.setdefault(run, [0, 0])
            counts[0] += 1
            counts[1] += duplicate
        hidden = (
            self._suppression.meets(result)
            if isinstance(result, Event)
            else self._suppression.names(entry.key)
        )
        if hidden:  # an entry that was let in before has been erased: this one, too
            self._transaction.forgetting.erase_later([(partition, taken.stored.offset)])
            if isinstance(result, Event):
                self._suppression.learn(self._transaction, result)
        if duplicate:
            self._transaction.ledger.count(source_id, 0, DUPLICATE)
            return
        number = self._transaction.intake.next_event_id()
        place = (
            number, taken.key, source_id, result.message_id, entry.received_us, partition,
            taken.stored.offset,
        )  # fmt: skip
        if hidden:
            self._hide(NewEvent(*place, None, run), result)
            return
        if isinstance(result, Refusal):
            self._events.append(NewEvent(*place, None, run, result.code, result.detail))
            self._bodies.append((number, _encode_entry(entry)))
            self._transaction.ledger.count(source_id, 0, REFUSED)
            return
        self._count(source_id, result)
        resolved, known = self._identify(result)
        person = self._suppression.pseudonyms.of_person(result)
        self._events.append(NewEvent(*place, known, run, person=person))
        urgency = self._hurried(run), priority_of(entry)
        routed = Routed(number, source_id, result, resolved, result.stamp, *urgency)
        self._plan(routed, entry)

    def _hide(self, event: NewEvent, result: Event | Refusal) -> None:
        """Let an event of somebody who was forgotten in without anything that it tells, its id among that."""
        number, source_id = event.id, event.source_id
        event = msgspec.structs.replace(event, message_id="")
        if isinstance(result, Refusal):
            refused = msgspec.structs.replace(event, code=GIVEN_UP, detail=SUPPRESSED.detail)
            self._events.append(refused)
            self._transaction.ledger.count(source_id, 0, REFUSED)
            return
        self._events.append(event)
        self._deliveries.extend(
            _suppressed(number, active.number, source_id) for active in self._fed_by(result.source)
        )

    def _count(self, source_id: int, event: Event) -> None:
        """Count what the event is called, and keys of `integrations` that are nearly a destination's name."""
        vocabulary = self._transaction.vocabulary
        if event.source in (CANARY_SOURCE, COMPUTED_SOURCE):
            return
        if event.kind in NAMED:
            vocabulary.count(source_id, event.kind, event.name, event.properties, event.received_us)
        if event.integrations:
            for key, meant in self._configuration.near_misses(event.source, event.integrations).items():
                vocabulary.count_miss(source_id, key, meant, event.received_us)

    def _identify(self, event: Event) -> tuple[Identity, bytes | None]:
        """What is known of the event's user by now, and the part of it that is kept; learn from the event."""
        intake = self._transaction.intake
        resolved = memory.resolve(intake, event)
        # What a computation says of a user is an echo of what was known when it was computed.
        news = memory.learn(intake, event) if event.source != COMPUTED_SOURCE else ()
        if news:
            self.wake(news)
        told = resolved.email or resolved.account or resolved.user_id != event.user_id
        return resolved, _encode(resolved) if told else None

    def _plan(self, routed: Routed, entry: Entry) -> None:
        fed = self._fed_by(entry.source)
        deliveries = [self._planned(routed, active) for active in fed]
        if self._observer.tracing.spans is not None:
            met = {
                active.connected.name: delivery.word for active, delivery in zip(fed, deliveries, strict=True)
            }
            self._observer.routed(routed.event, met, self._now_us)
        self._deliveries.extend(deliveries)
        if any(delivery.word >= 2 for delivery in deliveries):
            self._bodies.append((routed.event_id, _encode_entry(entry)))

    def _planned(self, routed: Routed, active: Active) -> NewDelivery:
        delivery = self._planner.plan(routed, active)
        if delivery.word == DELIVERED:
            received_us = routed.event.received_us
            self._observer.delivered(active.connected.name, received_us, routed.priority, self._now_us)
        return delivery

    def wake(self, news: Iterable[str]) -> None:
        """Something is known now that parked events may have waited for: plan them, before this one."""
        for key in news:
            for event_id, destination_id in self._parked_for(key):
                active = self._by_number.get(destination_id)
                kept = self._transaction.intake.kept(event_id)
                if kept is None:
                    continue
                if active is not None and active.settings is not None:
                    self.plan_again(kept, active)
                else:
                    self._queue(kept, destination_id)

    def _queue(self, kept: Kept, destination_id: int) -> None:
        """News came while the destination cannot plan: the event is planned as soon as it can."""
        self._transaction.ledger.unpark(kept.event_id, destination_id)
        place = (kept.event_id, destination_id, kept.source_id)
        queued = NewDelivery(*place, PENDING, "queued", "Is planned again.")
        self._transaction.ledger.change(queued, self._now_us)

    def _parked_for(self, key: str) -> Iterator[tuple[int, int]]:
        """The deliveries that wait for a user, oldest first; those parked again on the way come once."""
        after = (0, 0)
        while waiting := self._transaction.ledger.parked_for(key, after, UNPARKED_AT_ONCE):
            self._write()
            yield from waiting
            after = waiting[-1]

    def _fed_by(self, source: str) -> Sequence[Active]:
        found = self._fed.get(source)
        if found is None:
            found = [self._active[connected.name] for connected in self._configuration.fed_by(source)]
            self._fed[source] = found
        return found

    def _hurried(self, run: int | None) -> bool:
        return run is not None and self._transaction.intake.run_ended(run)

    def _write(self) -> None:
        intake, ledger = self._transaction.intake, self._transaction.ledger
        intake.add(self._events)
        ledger.add(self._deliveries, self._now_us)
        intake.keep_bodies(self._bodies)
        self._planner.write()
        for run, (routed, duplicates) in self._runs.items():
            intake.count_run(run, routed, duplicates)
        self._events, self._deliveries, self._bodies, self._runs = [], [], [], {}


def _suppressed(event_id: int, destination_id: int, source_id: int) -> NewDelivery:
    return NewDelivery(event_id, destination_id, source_id, FILTERED, SUPPRESSED.code, SUPPRESSED.detail)


def restored(carried: Carried, source_id: int) -> NewDelivery:
    """The delivery as it was before it was sent again."""
    place = (carried.event_id, carried.destination_id, source_id)
    if carried.word is None:
        detail = "The replay that brought it here was cancelled before it was sent."
        return NewDelivery(*place, FILTERED, "replay_cancelled", detail)
    return NewDelivery(*place, carried.word, carried.code, carried.detail, until_us=carried.until_us)
