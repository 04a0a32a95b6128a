"""What follows from each outcome: ledger, lanes, what is known of the record, the destination's state."""

import random
from typing import Any

import msgspec

from gainstage.clock import SECOND_US
from gainstage.delivery.availability import Availability
from gainstage.delivery.destinations import Active
from gainstage.delivery.doubting import Doubts, is_in_doubt
from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.observing import Observer
from gainstage.delivery.planning import UPSERT
from gainstage.delivery.retrying import (
    LONGEST_RETRY_AFTER_SECONDS,
    LONGEST_THROTTLE_SECONDS,
    RETRY_HORIZON_US,
    retry_after_seconds,
    wait_seconds,
)
from gainstage.delivery.throttling import refused
from gainstage.destination import CANARY_OBJECT, OTHERS, Settled
from gainstage.operation import Record
from gainstage.outcome import (
    Blocked,
    Delivered,
    Filtered,
    Outcome,
    Parked,
    Rejected,
    Retry,
    Throttled,
    Unknown,
)
from gainstage.store.contract import Transaction
from gainstage.store.rows import (
    FAILED,
    FILTERED,
    PARKED,
    NewDelivery,
    NewOperation,
    NewTurn,
    OperationRow,
    Place,
    State,
)

DEFAULT_THROTTLE_SECONDS = 60.0
_encode = msgspec.json.Encoder().encode
#: No call was made: the work goes on as if nothing had been.
UNTRIED = ("queued", "out_of_budget")


def waits_for(number: int) -> str:
    """What an event is parked for that waits until the vendor has a record."""
    return f"r:{number}"


class Settler:
    """Records outcomes within one transaction."""

    def __init__(
        self,
        transaction: Transaction,
        now_us: int,
        chance: random.Random,
        observer: Observer | None = None,
    ) -> None:
        self._transaction = transaction
        self._doubts = Doubts(transaction)
        self._availability = Availability(transaction, now_us)
        self._now_us = now_us
        self._chance = chance
        self._observer = observer or Observer()
        #: What events that wait for a record are parked for, of records that a vendor turned out to have.
        self.appeared: list[str] = []

    def record(self, flight: Flight, settled: Settled) -> None:
        """Record how one work of a flight ended; if its lease was lost, only what is asked of everybody."""
        member, outcome = flight.members[settled.work], settled.outcome
        in_doubt = is_in_doubt(flight, settled)
        delivered = isinstance(outcome, Delivered)  # only that ends a doubt of an earlier call
        records, lanes = self._transaction.records, self._transaction.lanes
        confirmed = member.merged.confirmed(self._now_us) if delivered and member.merged is not None else None
        tried = isinstance(outcome, Retry) and outcome.code not in UNTRIED
        doubt = True if in_doubt else False if delivered else None
        unsure = member.merged is not None and (in_doubt or tried)
        done = [operation.id for operation in member.operations] if delivered else ()
        if not records.release(
            member.number, member.fence, in_doubt=doubt, unsure=unsure, confirmed=done, state=confirmed,
            occupied=settled.occupied,
        ):  # fmt: skip
            self._heed(flight, member, outcome)
            return
        joins = bool(settled.facts) and self._keep_told(flight.active, member, settled)
        for record, facts in settled.learnt.items():
            self._learn(flight.active, member.operations[0], record, facts)
        if unsure:
            self._doubts.unsure(member)
        left_out = delivered and self._doubts.taken(member)
        if unsure or in_doubt:
            lanes.doubt(operation.id for operation in member.operations)
        active = flight.active
        status = flight.last_response.status if flight.last_response is not None else None
        began_us = flight.reserved[1] or self._now_us
        name, object_ = active.connected.name, member.record.object
        self._observer.settled(member.operations, name, object_, outcome, status, began_us)
        match outcome:
            case Delivered() if (
                joins or left_out
            ):  # what else is known may be newer; what was left out may go
                self._availability.recovered(active)
                sentence = (
                    "The record turned out to be known by another key, too."
                    if joins
                    else "A value of earlier settings was at fault; what was left out for it goes now."
                )
                self._wait(active, member, self._now_us, "queued", sentence, attempt=False)
            case Delivered():
                if member.record.object != CANARY_OBJECT:  # that the vendor answers proves nothing of writing
                    self._availability.recovered(active)
                self._deliver(active, member, outcome)
            case Rejected():
                self._availability.recovered(active)
                self._reject(active, member, outcome)
            case Filtered(code, detail):
                if flight.last_response is not None:  # without one nothing was proven
                    self._availability.recovered(active)
                self._end(active, member, FILTERED, code, detail)
            case Parked(code, detail, for_record):
                self._availability.recovered(active)
                self._end(active, member, PARKED, code, detail, for_record=for_record)
            case Unknown(code, detail, hold=True):
                self._end(active, member, PARKED, "answer_lost", f"No answer came ({detail})")
            case Unknown(code, detail):
                self._retry(active, member, Retry(code, detail), flight)
            case Retry():
                self._retry(active, member, outcome, flight)
            case Throttled():
                self._throttle(active, member, outcome, flight)
            case Blocked(code, detail):
                self._availability.block(active, code, detail)
                self._wait(active, member, self._now_us, code, detail, attempt=False)

    # success

    def _deliver(self, active: Active, member: Member, outcome: Delivered) -> None:
        lanes = self._transaction.lanes
        removed = lanes.remove(operation.id for operation in member.operations)
        for index, operation in enumerate(member.operations):
            if operation.id in removed:  # the others were withdrawn while they were in flight
                code = member.merged.code(index) if member.merged is not None else outcome.code
                self.deliver_operation(active, member, operation, code)
        count = len(member.events)
        take = member.take * 2 if member.take is not None and count >= member.take else None
        lanes.settle_lane(active.number, member.number, self._now_us, take=take)

    def deliver_operation(self, active: Active, member: Member, operation: OperationRow, code: str) -> None:
        """One operation of an event is done; what followed it may go."""
        lanes, ledger, event_id = self._transaction.lanes, self._transaction.ledger, operation.event_id
        if operation.alone:
            ledger.deliver_alone(event_id, active.number, operation.source_id, code, self._now_us)
            self._observer.delivered_by(active.connected.name, operation, self._now_us)
            return
        still_open = ledger.deliver_one(event_id, active.number, code, self._now_us)
        if still_open == 0:
            self._observer.delivered_by(active.connected.name, operation, self._now_us)
        elif still_open:
            folded = self._transaction.records.folded(active.tenant_id)
            names = {member.record} | {
                member.record._replace(key=old) for old, new in folded.items() if new == member.record.key
            }
            free = lanes.unblock(event_id, active.number, names)
            lanes.touch(
                NewTurn(active.number, number, object_, operation.priority, self._now_us)
                for number, object_ in free
            )

    def _learn(
        self, active: Active, operation: OperationRow, record: Record, facts: dict[str, Any] | None
    ) -> None:
        """Keep what was learnt of a followed record. One that is gone is written again from what is known.

        Where something waits for it already, with what was confirmed: others may have made it anew meanwhile.
        """
        records = self._transaction.records
        place = records.named(active.tenant_id, record)
        number = place.number if place else records.record_number(active.tenant_id, record)
        if facts is not None:
            self._keep_facts(active, record, number, facts)
            return
        waiting = self._transaction.lanes.waiting(number)
        self._keep_facts(active, record, number, dict.fromkeys(records.record(number).facts))
        confirmed = {name for name, (_, _, at) in records.record(number).state.items() if at}
        state = records.forget(number)
        if waiting:
            state = {name: value for name, value in state.items() if name in confirmed}
        self.write_again(active, operation, Place(number, record), state)

    def _keep_told(self, active: Active, member: Member, settled: Settled) -> bool:
        """Keep what was told, unless it turns out to be about another record."""
        names = active.connected.type.key_facts.get(member.record.object, ())
        told = [f"{name}:{settled.facts[name]}" for name in names if settled.facts.get(name) is not None]
        if settled.apart and self._transaction.keys.tells_apart(
            member.number, (*told, *settled.keys), settled.apart
        ):
            known = self._transaction.records.record(member.number).facts.get(OTHERS, [])
            others = {OTHERS: sorted({*known, *told})}
            self._transaction.records.learn(member.number, others)
            return False
        joins = self._keep_facts(active, member.record, member.number, settled.facts)
        if settled.keys:
            joins |= self._transaction.keys.attach(member.number, settled.keys)
        return joins

    def _keep_facts(self, active: Active, record: Record, number: int, facts: dict[str, Any]) -> bool:
        """Keep what the vendor told of a record. True where that shows it to be the same as another one."""
        joins = False
        before = self._transaction.records.learn(number, facts)
        if facts.get("exists") and not before.get("exists"):
            self.appeared.append(waits_for(number))
        for name in active.connected.type.key_facts.get(record.object, ()):
            was, now = before.get(name), facts.get(name)
            if name in facts and was != now:
                if was is not None:
                    self._transaction.keys.void(number, [f"{name}:{was}"])
                if now is not None:
                    joins |= self._transaction.keys.attach(number, [f"{name}:{now}"])
        return joins

    def write_again(self, active: Active, operation: OperationRow, place: Place, state: State) -> None:
        """Let these values of a record be written once more, for the event of an operation that waits."""
        said_at: dict[str, dict[str, Any]] = {}
        for name, (stamp, value, _) in state.items():
            said_at.setdefault(stamp, {})[name] = value
        if not said_at:
            return
        lanes, row = self._transaction.lanes, operation
        about = (active.number, place.number, row.event_id, row.source_id, False, UPSERT, active.row.plan, 0)
        lanes.add(
            NewOperation(*about, stamp.encode(), row.time_us, _encode(fields), None, row.priority)
            for stamp, fields in said_at.items()
        )
        lanes.accompany(row.event_id, active.number)
        self._transaction.ledger.open_more(row.event_id, active.number, len(said_at))
        lanes.touch([NewTurn(active.number, place.number, place.record.object, row.priority, self._now_us)])

    # refusal

    def _reject(self, active: Active, member: Member, outcome: Rejected) -> None:
        """One event at fault fails whole. Several: those that gave the named fields, else they are taken
        apart.

        What was refused now was not taken from an earlier call that carried the same and is in doubt.
        """
        events = member.events
        if self._doubts.refused(member, outcome.fields):
            self._wait(active, member, self._now_us, "queued", outcome.detail, attempt=False)
            return
        if len(events) == 1:
            self._doubts.failed(member)
            self.fail_event(active, events[0], outcome.code, outcome.detail)
            take = member.take
        else:
            guilty = self._guilty(member, outcome.fields)
            if guilty and len(guilty) < len(events):
                for event_id in guilty:
                    self.fail_event(active, event_id, outcome.code, outcome.detail)
                take = member.take
            else:
                take = max(1, len(events) // 2)
        self._transaction.lanes.settle_lane(active.number, member.number, self._now_us, take=take)

    def _guilty(self, member: Member, fields: tuple[str, ...]) -> list[int]:
        merged = member.merged
        if merged is None:
            return []
        indexes = {
            merged.winners[name]
            for name in fields
            if name in merged.winners and name in merged.fields and name not in merged.recalled
        }
        return list(dict.fromkeys(merged.operations[index].event_id for index in sorted(indexes)))

    def fail_event(self, active: Active, event_id: int, code: str, detail: str) -> None:
        """The event fails whole: all its operations at this destination are withdrawn."""
        self._close_event(active, event_id, FAILED, code, detail)

    def _end(
        self, active: Active, member: Member, word: int, code: str, detail: str, *, for_record: bool = False
    ) -> None:
        """Its events end so; `for_record`: until the vendor has the record."""
        until_us = self._now_us + active.park_us if for_record else None
        for event_id in member.events:
            self._close_event(active, event_id, word, code, detail, until_us=until_us)
            if for_record:
                self._transaction.ledger.park(event_id, active.number, (waits_for(member.number),))
        self._transaction.lanes.settle_lane(active.number, member.number, self._now_us, take=member.take)

    def _close_event(
        self, active: Active, event_id: int, word: int, code: str, detail: str, until_us: int | None = None
    ) -> None:
        lanes, ledger = self._transaction.lanes, self._transaction.ledger
        for number in lanes.remove_event(event_id, active.number):
            lanes.settle_lane_unless_leased(active.number, number, self._now_us)
        source_id = ledger.source_of(event_id)
        told = active.mask(detail)
        ledger.change(
            NewDelivery(event_id, active.number, source_id, word, code, told, until_us=until_us), self._now_us
        )

    # failures that may pass

    def _retry(self, active: Active, member: Member, outcome: Retry, flight: Flight) -> None:
        if outcome.code in UNTRIED:
            self._wait(active, member, self._now_us, outcome.code, outcome.detail, attempt=False)
            return
        if self._give_up(active, member, outcome):
            return
        asked = self._asked(flight) if outcome.after_seconds is None else None
        seconds = outcome.after_seconds if asked is None else asked
        if seconds is None:
            seconds = wait_seconds(member.attempts + 1, self._chance)
        self._observer.retried(active.connected.name, outcome.code)
        self._heed(flight, member, outcome)
        due_us = self._now_us + int(seconds * SECOND_US)
        self._wait(active, member, due_us, outcome.code, outcome.detail, attempt=True)

    def _give_up(self, active: Active, member: Member, outcome: Retry) -> bool:
        """End the events whose calls have failed for so long; True where none is left to be tried again."""
        failing_us = self._availability.failing_us(active)
        self._transaction.lanes.fail(
            (operation.id for operation in member.operations if operation.failing_from_us is None), failing_us
        )
        late = dict.fromkeys(
            operation.event_id
            for operation in member.operations
            if operation.failing_from_us is not None
            and failing_us - operation.failing_from_us >= RETRY_HORIZON_US
        )
        told = f"Tried for seven days; last: {outcome.detail}"
        for event_id in late:
            self._close_event(active, event_id, FAILED, "retries_exhausted", told)
        if len(late) < len(member.events):
            return False
        self._transaction.lanes.settle_lane(active.number, member.number, self._now_us, take=member.take)
        return True

    def _heed(self, flight: Flight, member: Member, outcome: Outcome) -> None:
        """What a failed call says of the destination, whosever its work is by now."""
        match outcome:
            case Throttled():
                self.limited(flight, outcome)
            case Retry(code) if code not in (*UNTRIED, "record_gone"):
                asked = self._asked(flight) if outcome.after_seconds is None else None
                self._availability.failed(flight.active, flight, member, outcome, asked)

    def limited(self, flight: Flight, outcome: Throttled | None = None) -> None:
        """The vendor refused a flight's call for its limit."""
        seconds = outcome.after_seconds if outcome is not None else None
        if seconds is None:
            seconds = self._asked(flight, LONGEST_THROTTLE_SECONDS)
        if budgets := flight.reserved[0]:
            refused(self._transaction, budgets, flight.call or 0, self._now_us, seconds)
        else:
            detail = outcome.detail if outcome is not None else "The vendor refused a call for its limit."
            self._availability.throttle(flight.active, seconds or DEFAULT_THROTTLE_SECONDS, detail)

    def _throttle(self, active: Active, member: Member, outcome: Throttled, flight: Flight) -> None:
        self._heed(flight, member, outcome)
        self._wait(active, member, self._now_us, "throttled", outcome.detail, attempt=False)

    def _wait(
        self, active: Active, member: Member, due_us: int, code: str, detail: str, *, attempt: bool
    ) -> None:
        self._transaction.lanes.postpone(
            active.number,
            member.number,
            due_us,
            code,
            active.mask(detail),
            attempt=attempt,
        )

    def _asked(self, flight: Flight, longest: float = LONGEST_RETRY_AFTER_SECONDS) -> float | None:
        """What the vendor asked for with Retry-After, within a ceiling."""
        response = flight.last_response
        value = response.headers.get("retry-after") if response is not None else None
        return retry_after_seconds(value, self._now_us, longest) if value else None
