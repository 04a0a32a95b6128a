"""History is sent again: events of the log that fit, planned through today's settings as history.

A replay is carried on in slices, each within a transaction of the engine, which moves the replay's place in
the log from the value that was read. An event keeps its stamp, so its values reach the vendor only where
nothing newer is. It is not received again: its delivery gets another word.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from gainstage.clock import SECOND_US
from gainstage.connection import Configuration
from gainstage.delivery.destinations import Active
from gainstage.delivery.identity import keys
from gainstage.delivery.planning import Planner, Routed
from gainstage.delivery.router import Router, restored
from gainstage.event import Event, Identity
from gainstage.log.contract import Entry, Log, Stored
from gainstage.normalise import normalise
from gainstage.operating import CANARY_SOURCE
from gainstage.reason import WORDS
from gainstage.store.contract import Store, Transaction
from gainstage.store.replay import (
    CANCELLED,
    DONE,
    NEW,
    RUNNING,
    Asked,
    Carried,
    Entered,
    Part,
    Replay,
    Standing,
    Tally,
)
from gainstage.store.rows import (
    DELIVERED,
    FILTERED,
    GIVEN_UP,
    HISTORY,
    PARKED,
    PENDING,
    NewDelivery,
    event_key,
)

#: Entries that are planned in one turn, and slices without any that are read before it.
SLICE = 500
SKIPPED_SLICES = 20
#: Deliveries of a replay that are on their way at once: the more, the more merge; the fewer, the less waits.
OPEN_AT_MOST = 10_000
#: How often outcomes are counted.
COUNTED_EVERY_US = SECOND_US
FIRST = (0, 0)

_identity = msgspec.json.Decoder(Identity)
_encode_entry = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode


class HistorySlice(NamedTuple):
    """Entries that were read for a replay; `begins_us`: the log had nothing older by then."""

    number: int
    partition: int
    expected: int
    offset: int
    entries: Sequence[Stored]
    begins_us: int = 0


async def read_history(log: Log, replay: Replay, partitions: Sequence[int]) -> HistorySlice | None:
    """The next entries of a replay that were received in its time; None where no partition has more."""
    for partition, start, end in replay.parts:
        if partition not in partitions or start >= end:
            continue
        begins_us, offset, fitting = 0, start, list[Stored]()
        for _ in range(SKIPPED_SLICES):
            slice_ = await log.read(partition, offset, SLICE)
            if offset == start and (not slice_ or slice_[0].offset > start + 1):
                begins_us = await _begin_us(log, replay, partition, slice_)
            if not slice_ or slice_[-1].offset >= end:
                offset = end
            else:
                offset = slice_[-1].offset
            fitting = [one for one in slice_ if one.offset <= end and _may_fit(one.entry, replay.asked)]
            if fitting or offset == end:
                break
        return HistorySlice(replay.id, partition, start, offset, fitting, begins_us)
    return None


async def _begin_us(log: Log, replay: Replay, partition: int, slice_: Sequence[Stored]) -> int:
    """When the oldest entry of a partition was received whose older ones are gone; 0 where none are."""
    head = await log.read(partition, 0, 1)
    if not head:
        return replay.asked.to_us
    return head[0].entry.received_us if slice_ and head[0].offset == slice_[0].offset else 0


def _may_fit(entry: Entry, asked: Asked) -> bool:
    """Whether it was received in the time asked for; a canary is of its moment, and not sent again."""
    return entry.source != CANARY_SOURCE and asked.from_us <= entry.received_us < asked.to_us


class Met(NamedTuple):
    """An entry that fits, and the event that it was routed as."""

    event: Event
    entry: Entry
    entered: Entered
    source_id: int


class Replayer:
    """Sends history again within one transaction."""

    def __init__(
        self,
        transaction: Transaction,
        configuration: Configuration,
        active: Mapping[str, Active],
        router: Router,
        now_us: int,
    ) -> None:
        self._transaction, self._configuration, self._active = transaction, configuration, active
        self._router, self._now_us = router, now_us
        self.planner = Planner(transaction, now_us)

    # the log

    def take(self, number: int, asked: Asked, partition: int, entries: Sequence[Stored]) -> Tally:
        """Plan what of a slice fits; what came of it. The caller lets the planner write."""
        tally: Counter[str] = Counter()
        met = self._met(asked, partition, entries, tally)
        standing = self._transaction.replays.standing(one.entered.id for one in met)
        self._transaction.intake.look_up({key for one in met for key in keys(one.event)})
        for one in met:
            actives = [self._active[name] for name in self._wanted(asked, one.event.source)]
            found = [(active, standing.get((one.entered.id, active.number))) for active in actives]
            meant = [pair for pair in found if not asked.outcomes or _word(pair[1]) in asked.outcomes]
            tally["events"] += bool(meant)
            tally.update(self._again(number, asked, one, *pair) for pair in meant)
        return {name: n for name, n in tally.items() if n}

    def _met(self, asked: Asked, partition: int, entries: Sequence[Stored], tally: Counter[str]) -> list[Met]:
        """The events of a slice that fit, each as somebody corrected it, and once."""
        read: dict[bytes, tuple[Stored, int]] = {}
        for stored in entries:
            source_id = self._transaction.names.source(stored.entry.source)
            result = normalise(f"{partition}-{stored.offset}", stored.entry)
            read.setdefault(event_key(source_id, result.message_id), (stored, source_id))
        routed = self._transaction.replays.routed(list(read))
        met = []
        for key, (stored, source_id) in read.items():
            entered, entry = routed.get(key), stored.entry
            if entered is not None and (entered.partition, entered.offset) != (partition, stored.offset):
                continue  # a duplicate of one that stands elsewhere
            if entered is not None and entered.edited:
                entry = _decode_entry(entered.edited)
            event = normalise(f"{partition}-{stored.offset}", entry)
            if not isinstance(event, Event):
                tally["skipped_refused"] += not _restricts(asked)
            elif not fits(asked, event):
                continue
            elif entered is None:
                tally["skipped_unknown"] += 1
            elif entered.refused:
                tally["skipped_refused"] += 1
            elif self._router.hides(event):
                tally["skipped_forgotten"] += 1
            else:
                met.append(Met(event, entry, entered, source_id))
        return met

    def _wanted(self, asked: Asked, source: str) -> list[str]:
        fed = (connected.name for connected in self._configuration.fed_by(source))
        return [name for name in fed if not asked.destinations or name in asked.destinations]

    def _again(self, number: int, asked: Asked, met: Met, active: Active, standing: Standing | None) -> str:
        """Plan one event at one destination again; what is counted."""
        word, code = (standing.word, standing.code) if standing is not None else (None, "")
        if word == PENDING:
            return "skipped_pending"
        if code == GIVEN_UP:
            return "skipped_given_up"
        event_id = met.entered.id
        perhaps_there = word == DELIVERED or (word == PARKED and code == "answer_lost")
        appends = asked.resend_events or not perhaps_there
        stored = _identity.decode(met.entered.identity) if met.entered.identity else Identity()
        resolved = self._router.resolved(event_id, met.event, stored)
        if word == PARKED:
            self._transaction.ledger.unpark(event_id, active.number)
        routed = Routed(event_id, met.source_id, met.event, resolved, met.event.stamp, priority=HISTORY)
        delivery = self.planner.replan(routed, active, word, appends=appends)
        if delivery is None:
            return "skipped_delivered" if not appends else "skipped_settings"
        if word == DELIVERED and delivery.word == DELIVERED:
            return "unchanged"
        self._enter(number, met, delivery, standing, appends=appends)
        return "planned" if delivery.word == PENDING else WORDS[delivery.word]

    def _enter(
        self, number: int, met: Met, delivery: NewDelivery, standing: Standing | None, *, appends: bool
    ) -> None:
        ledger, place = self._transaction.ledger, (delivery.event_id, delivery.destination_id)
        if standing is None:
            ledger.add([delivery], self._now_us)
        else:
            self._count_before(place, standing)
            ledger.change(delivery, self._now_us, was=standing.word)
        if delivery.word not in (DELIVERED, FILTERED):
            self._transaction.intake.keep_bodies([(delivery.event_id, _encode_entry(met.entry))])
        if delivery.word == PENDING:
            carried = Carried(*place, number, None, appends=appends)
            if standing is not None:
                carried = msgspec.structs.replace(carried, **standing._asdict())
            self._transaction.replays.carry([carried])

    def _count_before(self, place: tuple[int, int], standing: Standing) -> None:
        """What another replay has sent already, and not counted yet, counts for that one."""
        replays = self._transaction.replays
        carried = replays.carried(*place)
        if carried is not None:
            replays.count(carried.replay_id, {WORDS[standing.word]: 1})
            replays.drop(carried)

    # pause, resume, cancel

    def withdraw(self, carried: Carried, *, hold: bool) -> bool:
        """Take a delivery back, if no call was made: until the replay goes on, or to what it was before."""
        event_id, destination_id = place = carried.event_id, carried.destination_id
        transaction = self._transaction
        if not transaction.replays.untouched(*place):
            return False
        for number in transaction.lanes.remove_event(*place):
            transaction.lanes.settle_lane_unless_leased(destination_id, number, self._now_us)
        source_id = transaction.ledger.source_of(event_id)
        if hold:
            detail = "The replay that sends it again is paused."
            paused = NewDelivery(*place, source_id, PENDING, "replay_paused", detail)
            transaction.ledger.change(paused, self._now_us, was=PENDING)
            transaction.replays.hold(carried)
            return True
        before = restored(carried, source_id)
        if carried.word == PARKED and carried.code != "answer_lost":  # what it lacked may have come meanwhile
            before = NewDelivery(*place, source_id, PENDING, "queued", "Is planned again.")
        transaction.ledger.change(before, self._now_us, was=PENDING)
        transaction.replays.drop(carried)
        return True

    def resume(self, carried: Carried) -> None:
        """Plan a delivery that was withdrawn while the replay was paused."""
        by_number = {one.number: one for one in self._active.values()}
        active, kept = by_number.get(carried.destination_id), self._transaction.intake.kept(carried.event_id)
        self._transaction.replays.send(carried)
        if kept is None:
            self._transaction.replays.drop(carried)
        elif active is not None:
            self._router.plan_again(kept, active)
        else:
            place = carried.event_id, carried.destination_id, kept.source_id
            queued = NewDelivery(*place, PENDING, "queued", "Is planned again.")
            self._transaction.ledger.change(queued, self._now_us, was=PENDING)


class Replaying:
    """The engine's share in replays: which one goes on in this turn, and how far."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store, self._log = store, log
        self._any = True
        self._counts_us = 0
        #: How far each was withdrawn, since outcomes were last counted.
        self._withdrawn: dict[int, tuple[int, int]] = {}

    async def read(self, partitions: Sequence[int]) -> HistorySlice | None:
        """What the oldest replay that runs is to plan next; before the turn's transaction."""
        if not self._any:
            return None
        with self._store.reading() as reading:
            running = (number for number, state in reading.replays.active() if state == RUNNING)
            replays = [replay for number in running if (replay := reading.replays.get(number)) is not None]
        for replay in replays:
            if replay.held or any(part.partition in partitions and _is_open(part) for part in replay.parts):
                full = replay.held or replay.open >= OPEN_AT_MOST
                return None if full else await read_history(self._log, replay, partitions)
        return None

    def work(
        self, transaction: Transaction, replayer: Replayer, slice_: HistorySlice | None, now_us: int
    ) -> bool:
        """A turn's share; True when there is more to do at once."""
        active = transaction.replays.active()
        self._any = bool(active)
        if not active:
            return False
        counts = not now_us < self._counts_us <= now_us + COUNTED_EVERY_US
        if counts:
            self._counts_us = now_us + COUNTED_EVERY_US
            self._withdrawn.clear()
        worked = slice_ is not None and self._plan(transaction, replayer, slice_)
        for number, state in active:
            if state == RUNNING:
                worked |= _resume(transaction, replayer, number)
            else:
                worked |= self._withdraw(transaction, replayer, number, state)
            if counts:
                transaction.replays.settle(number)
                self._end(transaction, number, now_us)
        return worked

    def _plan(self, transaction: Transaction, replayer: Replayer, slice_: HistorySlice) -> bool:
        replays = transaction.replays
        if not replays.advance(slice_.number, slice_.partition, slice_.expected, slice_.offset):
            return False  # somebody paused it, or another process was here
        replay = replays.get(slice_.number)
        assert replay is not None
        if slice_.begins_us:
            replays.begins(slice_.number, slice_.begins_us)
        replays.count(
            slice_.number, replayer.take(slice_.number, replay.asked, slice_.partition, slice_.entries)
        )
        replayer.planner.write()
        return True

    def _withdraw(self, transaction: Transaction, replayer: Replayer, number: int, state: int) -> bool:
        """Take back what has not been sent; what is under way is counted when it has ended."""
        after = self._withdrawn.get(number, FIRST)
        found = list(transaction.replays.carried_by(number, after, SLICE, held=False))
        if found:
            self._withdrawn[number] = found[-1].event_id, found[-1].destination_id
        if state == CANCELLED:
            found += transaction.replays.carried_by(number, FIRST, SLICE, held=True)
        taken = [replayer.withdraw(carried, hold=state != CANCELLED) for carried in found]
        return any(taken)

    def _end(self, transaction: Transaction, number: int, now_us: int) -> None:
        replay = transaction.replays.get(number)
        if replay is not None and not (replay.open or replay.held or any(map(_is_open, replay.parts))):
            transaction.replays.change(number, DONE, now_us)


def _resume(transaction: Transaction, replayer: Replayer, number: int) -> bool:
    """What was withdrawn goes first."""
    held = transaction.replays.carried_by(number, FIRST, SLICE, held=True)
    for carried in held:
        replayer.resume(carried)
    return bool(held)


def _is_open(part: Part) -> bool:
    return part.offset < part.until_offset


def _word(standing: Standing | None) -> str:
    return WORDS[standing.word] if standing is not None else NEW


def _restricts(asked: Asked) -> bool:
    """Whether it is asked for events by what they say."""
    return bool(asked.kinds or asked.names or asked.user)


def fits(asked: Asked, event: Event) -> bool:
    """Whether an event is one that was asked for, by what it says."""
    return (
        (not asked.sources or event.source in asked.sources)
        and (not asked.kinds or event.kind in asked.kinds)
        and (not asked.names or event.name in asked.names)
        and (not asked.user or is_of(event, asked.ids, asked.emails))
    )


def is_of(event: Event, ids: Iterable[str], emails: Iterable[str]) -> bool:
    """Whether an event is a person's: by its ids, or by the e-mail that it tells."""
    told = (event.traits.get("email"), event.context_traits.get("email"))
    return any(one and one in ids for one in (event.user_id, event.anonymous_id)) or any(
        isinstance(email, str) and email.strip().lower() in emails for email in told
    )
