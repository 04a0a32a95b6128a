"""Dispatch: whose turn it is. From due lanes to flights, within concurrency and budget."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gainstage.clock import SECOND_US
from gainstage.delivery import yielding
from gainstage.delivery.destinations import Active
from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.merging import Merged, merge, newest_values
from gainstage.delivery.pace import Pace
from gainstage.delivery.planning import LONGEST_LINGER_US, UPSERT
from gainstage.delivery.retrying import FAILURES_BEFORE_PROBING
from gainstage.delivery.settling import Settler
from gainstage.destination import Allowance, Backlog, Work
from gainstage.operation import Record
from gainstage.store.contract import Transaction
from gainstage.store.records import renamed
from gainstage.store.rows import LIVE, PRIORITIES, LaneRow, OperationRow, RecordRow

#: How long a process may hold a record without news; longer than any call with its time limit.
LEASE_US = 90 * SECOND_US
LANES_A_TURN = 500
OPERATIONS_A_CALL = 500
#: A backlog is counted up to here.
BACKLOG_COUNTED = 50_000
OTHERS = PRIORITIES[1:]
#: What is not live and held back is looked at again after this.
LOOK_AGAIN_US = SECOND_US

#: A record to be leased, and the operations that its call is to bring.
Taken = tuple[RecordRow, list[int]]


class Dispatcher:
    """Picks within one transaction."""

    def __init__(
        self, transaction: Transaction, settler: Settler, now_us: int, pace: Pace | None = None
    ) -> None:
        self._transaction = transaction
        self._pace = pace or Pace()
        self._settler = settler
        self._now_us = now_us

    def pick(self, active: Active, under_way: int, flying: int, gathered: Mapping[str, int]) -> list[Flight]:
        """New flights for a destination; each has its first call reserved or needs none.

        `under_way`: its flights, without those that only wait; `flying`: those of the tenant, each of which
        may need another call; `gathered`: by object, how many of its flights carry a backlog.
        """
        room = self._room(active, under_way)
        if room <= 0:
            return []
        budget = self._transaction.calls.available(active.family(""), self._now_us)
        if budget == 0:
            self._note_spent(active)
            return []
        flights = self._gather(active, gathered)
        groups: dict[tuple[str, bool], list[tuple[Member, Work]]] = {}
        leased: list[Taken] = []
        due, seen = self._transaction.lanes.due(active.number, self._now_us, LANES_A_TURN, (LIVE,)), 0
        others = self._room_for_others(active, room, flying)
        if others > 0 and len(due) < LANES_A_TURN:
            left = LANES_A_TURN - len(due)
            due.extend(self._transaction.lanes.due(active.number, self._now_us, left, OTHERS))
        most = room if budget is None else min(room, budget)
        for lane, record, operations in self._read(active, due, room):
            begun, may = len(flights) + len(groups), most if lane.priority == LIVE else min(most, others)
            if begun >= may and not self._fits(active, lane, groups):
                break
            seen += 1
            prepared = self._prepare(active, lane, record, operations)
            if prepared is None:
                continue
            member, work = prepared
            leased.append(_taken(record, member))
            group = groups.setdefault((work.record.object, member.merged is None), [])
            group.append(prepared)
            if len(group) >= self._most(active, member):
                flights.append(_flight(active, groups.pop((work.record.object, member.merged is None))))
        for group in groups.values():
            leased.extend(self._fill(active, group, due, seen, PRIORITIES if others > 0 else (LIVE,)))
            flights.append(_flight(active, group))
        self._transaction.records.lease(leased, active.number, self._now_us + LEASE_US)
        return flights

    def _gather(self, active: Active, under_way: Mapping[str, int]) -> list[Flight]:
        """A flight for the end of a long backlog, where the destination has a cheaper call for many records.

        The last ones: what is about to go by itself is quicker so.
        """
        ways = active.connected.type.gather(active.settings)
        certain = active.proven and not active.row.blocked and not active.row.failures
        if not ways or not certain or 0 < active.looks_at_us - self._now_us <= SECOND_US:
            return []
        active.looks_at_us = self._now_us + SECOND_US
        calls, lanes = self._transaction.calls, self._transaction.lanes
        allowances = tuple(
            Allowance(budget, calls.available([budget], self._now_us) or 0) for budget in active.budgets
        )
        flights = []
        for object_, choose in ways.items():
            waiting = lanes.backlog(active.number, object_, self._now_us, BACKLOG_COUNTED)
            most = choose(Backlog(waiting, under_way.get(object_, 0), allowances))
            if most < 2:
                continue
            group: list[tuple[Member, Work]] = []
            taken: list[Taken] = []
            last = lanes.last_due(active.number, object_, self._now_us, most)
            for lane, record, operations in self._read(active, last, most):
                prepared = self._prepare(active, lane, record, operations)
                if prepared is not None and prepared[0].merged is not None:
                    group.append(prepared)
                    taken.append(_taken(record, prepared[0]))
            if group:
                self._transaction.records.lease(taken, active.number, self._now_us + LEASE_US)
                flights.append(_flight(active, group, object_))
        return flights

    def _fill(
        self,
        active: Active,
        group: list[tuple[Member, Work]],
        due: Sequence[LaneRow],
        seen: int,
        priorities: Sequence[int],
    ) -> list[Taken]:
        """A call is made anyway: while it has room, records ride along that would wait for others to go first
        (those after the first `seen`), and then such as only linger.

        Returns them.
        """
        room, object_ = self._most(active, group[0][0]) - len(group), group[0][1].record.object
        if room <= 0:
            return []
        riding = [lane for lane in due[seen:] if lane.object == object_]
        if len(riding) < room and len(due) < LANES_A_TURN:  # else those that linger are far behind
            known = {lane.record_id for lane in due}
            soon_us = self._now_us + LONGEST_LINGER_US
            for lane in self._transaction.lanes.due(active.number, soon_us, LANES_A_TURN, priorities):
                if lane.object == object_ and not lane.attempts and lane.record_id not in known:
                    riding.append(lane)
        taken = []
        for lane, record, operations in self._read(active, riding[:room], room):
            prepared = self._prepare(active, lane, record, operations)
            if prepared is not None and prepared[0].merged is not None:
                group.append(prepared)
                taken.append(_taken(record, prepared[0]))
        return taken

    def _read(
        self, active: Active, turns: Sequence[LaneRow], at_once: int
    ) -> Iterator[tuple[LaneRow, RecordRow, Sequence[OperationRow]]]:
        """Lanes with their records and operations."""
        lanes = self._transaction.lanes
        for start in range(0, len(turns), at_once):
            some = turns[start : start + at_once]
            numbers = [lane.record_id for lane in some]
            records = self._transaction.records.records(numbers)
            operations = lanes.ready(active.number, numbers, OPERATIONS_A_CALL)
            if folded := self._transaction.records.folded(active.tenant_id):
                operations = {
                    number: [_with_names_of_today(row, folded) for row in rows]
                    for number, rows in operations.items()
                }
            for lane in some:
                yield lane, records[lane.record_id], operations[lane.record_id]

    def _room(self, active: Active, under_way: int) -> int:
        """How many flights may start now.

        None while paused or while waiting events are planned anew, one while it is uncertain that calls
        succeed.
        """
        row = active.row
        if not active.runs or row.resume_us > self._now_us or row.replan_after is not None:
            return 0
        most = active.connected.type.concurrency
        enough = self._pace.side_by_side(active.family(""))
        most = most if enough is None else min(most, enough)
        return (1 if _uncertain(active) else most) - under_way

    def _room_for_others(self, active: Active, room: int, flying: int) -> int:
        """How many flights may start, those for live events among them, before one that is not for any.

        One call more than these stays free for live events, and of the budget what they may need; `flying`
        flights may need another call each.
        """
        if 0 < active.yields_until_us - self._now_us <= LOOK_AGAIN_US:
            return 0
        if not self._transaction.lanes.due(active.number, self._now_us, 1, OTHERS):
            return room
        rows = [self._transaction.budgets.get(one, self._now_us) for one in active.family("")]
        short = [row for row in rows if yielding.room(row, self._now_us) <= flying]
        again = (yielding.room_again_us(row, self._now_us) for row in short)
        until_us = max(again, default=0)
        active.yields_until_us = min(until_us, self._now_us + LOOK_AGAIN_US)
        told_us = active.row.yields_until_us
        if (until_us and told_us <= self._now_us) or abs(told_us - until_us) > LOOK_AGAIN_US:
            active.row.yields_until_us = until_us
            self._transaction.destinations.save(active.row)
        if short:
            return 0
        free = room if _uncertain(active) else max(room - 1, int(active.connected.type.concurrency == 1))
        return min([free, *(yielding.room(row, self._now_us) - flying for row in rows)])

    def look_at_budget(self, active: Active) -> None:
        """After calls were reserved: were they the last ones, it is known at once when more may go."""
        if self._transaction.calls.available(active.family(""), self._now_us) == 0:
            self._note_spent(active)

    def _note_spent(self, active: Active) -> None:
        """The budget is used up: say so where it holds something back, and look again when it renews."""
        row = active.row
        if self._transaction.lanes.due(active.number, self._now_us, 1):
            if not row.blocked:  # what blocked it is still the reason
                row.code, row.detail, row.since_us = *self._why_spent(active), self._now_us
            row.resume_us = self._transaction.calls.renews_us(active.family(""), self._now_us)
            self._transaction.destinations.save(row)

    def _why_spent(self, active: Active) -> tuple[str, str]:
        if self._transaction.budgets.refused(active.family(""), self._now_us):
            return "throttled", "The vendor refused a call for its limit."
        return "out_of_budget", "The call budget is used up."

    def _fits(self, active: Active, lane: LaneRow, groups: dict[tuple[str, bool], Any]) -> bool:
        """Whether the lane may ride along in a flight that is being filled."""
        return (lane.object, False) in groups

    def _most(self, active: Active, member: Member) -> int:
        if member.merged is None or active.row.blocked:
            return 1
        return active.connected.type.batch.get(member.record.object, 1)

    def _prepare(
        self, active: Active, lane: LaneRow, record: RecordRow, operations: Sequence[OperationRow]
    ) -> tuple[Member, Work] | None:
        """The lane's next piece of work; None when it needs no call now."""
        if not operations:
            self._transaction.lanes.settle_lane(active.number, record.id, self._now_us)
            return None
        if operations[0].kind != UPSERT:
            operation = operations[0]
            member = _member(record, [operation], None, lane)
            return member, _append(record, operation)
        operations = [operation for operation in operations if operation.kind == UPSERT]
        behind: Sequence[OperationRow] = ()
        if lane.take is not None and lane.take < len(operations):
            operations, behind = part(operations, lane.take)
        if record.unsure_of not in (0, active.number):
            record = self._without(record)
        merged = merge(
            operations,
            record.state,
            now_us=self._now_us,
            resend_us=active.resend_us,
            in_doubt=record.in_doubt,
            abandoned=record.abandoned,
        )
        member = _member(record, operations, merged, lane)
        if not merged.fields:
            self._settle_unchanged(active, member, merged)
            return None
        return member, self._upsert(record, merged, active, behind)

    def _without(self, record: RecordRow) -> RecordRow:
        """The record, whose last call was of a destination that is switched off: nobody waits for that one.

        What its call may have written is noted, as what nothing asks for any more.
        """
        records = self._transaction.records
        records.abandon(
            record.id, newest_values(self._transaction.lanes.doubtful(record.id, record.unsure_of))
        )
        return records.record(record.id)

    def _upsert(
        self, record: RecordRow, merged: Merged, active: Active, behind: Sequence[OperationRow]
    ) -> Work:
        after: dict[Record, dict[str, Any]] = {}
        keys = self._keys(active, record.record, record.id)
        for operation in merged.operations:
            for followed in operation.follows:
                if followed not in after:
                    after[followed] = self._transaction.records.facts(active.tenant_id, followed)
                    place = self._transaction.records.named(active.tenant_id, followed)
                    keys |= self._keys(active, followed, place.number) if place else {}
        return Work(
            kind="upsert",
            record=record.record,
            fields=merged.fields,
            known=merged.known,
            facts=record.facts,
            after=after,
            keys=keys,
            behind={name: value for name, (_, value) in newest_values(behind).items()},
            in_doubt=record.in_doubt,
            time_us=min(operation.time_us for operation in merged.operations),
        )

    def _keys(self, active: Active, record: Record, number: int) -> dict[Record, tuple[str, ...]]:
        """The keys of a record that may have several."""
        if record.object not in active.connected.type.key_facts:
            return {}
        keys = self._transaction.keys.of(number)
        return {} if keys == (record.key,) else {record: keys}

    def _settle_unchanged(self, active: Active, member: Member, merged: Merged) -> None:
        """Everything is there already: delivered without a call."""
        lanes = self._transaction.lanes
        self._transaction.records.write_state(member.number, merged.state)
        lanes.remove(operation.id for operation in member.operations)
        for index, operation in enumerate(member.operations):
            self._settler.deliver_operation(active, member, operation, merged.code(index))
        lanes.leave_lane(active.number, member.number, self._now_us)


def _taken(record: RecordRow, member: Member) -> Taken:
    return record, [operation.id for operation in member.operations]


def _uncertain(active: Active) -> bool:
    """Whether it is uncertain that calls succeed: they go one at a time."""
    row = active.row
    return row.blocked or row.failures >= FAILURES_BEFORE_PROBING or not active.proven


def part(operations: Sequence[OperationRow], count: int) -> tuple[list[OperationRow], list[OperationRow]]:
    """So many of them, while a bad one is sought, and the older ones that wait meanwhile.

    The oldest ones: what made the record goes before what only adds to it. But while a call is in doubt, just
    what that call carried: the vendor has either all of it or, refusing it again, nothing; any other part
    could put an older value over a newer one that arrived.
    """
    taken = [operation for operation in operations if operation.in_doubt]
    if not taken:
        stamps = sorted(operation.stamp for operation in operations)
        return [operation for operation in operations if operation.stamp <= stamps[count - 1]][:count], []
    last, numbers = max(operation.stamp for operation in taken), {operation.id for operation in taken}
    behind = [one for one in operations if one.id not in numbers and one.stamp < last]
    return taken, behind


def _with_names_of_today(operation: OperationRow, folded: Mapping[str, str]) -> OperationRow:
    """An operation whose links and followed records have the names that they are kept by now."""
    follows = tuple(one._replace(key=folded.get(one.key, one.key)) for one in operation.follows)
    return msgspec.structs.replace(operation, content=renamed(operation.content, folded), follows=follows)


def _member(
    record: RecordRow, operations: Sequence[OperationRow], merged: Merged | None, lane: LaneRow
) -> Member:
    return Member(
        record.id, record.record, operations, merged, record.next_fence,
        lane.attempts, lane.take, lane.priority,
    )  # fmt: skip


def _flight(active: Active, group: Sequence[tuple[Member, Work]], gathered: str = "") -> Flight:
    return Flight(active, [member for member, _ in group], [work for _, work in group], gathered)


def _append(record: RecordRow, operation: OperationRow) -> Work:
    return Work(
        kind="append",
        record=record.record,
        fields=operation.content,
        facts=record.facts,
        in_doubt=bool(operation.in_doubt),
        message_id=operation.message_id,
        time_us=operation.time_us,
    )
