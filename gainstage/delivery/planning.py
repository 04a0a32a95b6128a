"""Planning: what an event asks of each destination, entered into ledger and lanes.

The same code plans events when they are routed and when they are planned anew (news of a user, changed
settings, a retry). What it gathers is written at once by `write`, within the same transaction.
"""

import logging
from collections.abc import Sequence

import msgspec

from gainstage.clock import SECOND_US
from gainstage.computed import computed_by
from gainstage.delivery.destinations import Active
from gainstage.delivery.identity import watched
from gainstage.delivery.merging import merge
from gainstage.destination import CANARY_OBJECT, Plan, Planned
from gainstage.event import Event, Identity
from gainstage.operating import CANARY_SOURCE
from gainstage.operation import Append, Operation, Record, Upsert
from gainstage.outcome import Filtered, Parked, Rejected
from gainstage.store.contract import Transaction
from gainstage.store.records import renamed
from gainstage.store.rows import (
    DELIVERED,
    FAILED,
    FILTERED,
    LIVE,
    PARKED,
    PENDING,
    NewDelivery,
    NewOperation,
    NewTurn,
    OperationRow,
    State,
)

#: How long a live upsert waits for others of the same record: with nothing of the budget used, with half of
#: it used (until then it is ample), and with all of it used.
LINGER_US = 2 * SECOND_US
AMPLE_LINGER_US = 5 * SECOND_US
LONGEST_LINGER_US = 30 * SECOND_US
UPSERT, APPEND = 0, 1
#: What a canary asks of every destination, whatever that takes.
CANARY = Planned((Append(Record(CANARY_OBJECT, "canary"), {}),))

logger = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Routed(msgspec.Struct, frozen=True):
    """An event on its way into lanes."""

    event_id: int
    source_id: int
    event: Event
    identity: Identity
    #: The event's, made once for all its operations.
    stamp: bytes
    #: No lingering: its `send` has read all its input.
    hurried: bool = False
    #: How urgent it is; see `gainstage.store.rows.PRIORITIES`.
    priority: int = LIVE


def linger_us(used: float) -> int:
    """How long an upsert waits with this share of the budget used (0 to 1)."""
    start_us, end_us, part = (
        (LINGER_US, AMPLE_LINGER_US, used * 2)
        if used < 0.5
        else (AMPLE_LINGER_US, LONGEST_LINGER_US, used * 2 - 1)
    )
    return start_us + int((end_us - start_us) * part)


class Planner:
    """Plans events within one transaction."""

    def __init__(self, transaction: Transaction, now_us: int) -> None:
        self._transaction = transaction
        self._now_us = now_us
        self._operations: list[NewOperation] = []
        self._lanes: dict[tuple[int, int], tuple[str, int, int | None]] = {}
        self._busy: set[int] = set()
        self._linger_us: dict[int, int] = {}

    def plan(self, routed: Routed, active: Active) -> NewDelivery:
        """Plan one event at one destination. The caller enters the delivery; `write` enters the rest."""
        planned = self._planned(routed, active)
        if isinstance(planned, NewDelivery):
            return planned
        for name in planned.unmapped:
            self._transaction.ledger.count_unmapped(active.number, name)
        return self._carry_out(routed, active, planned.plan)

    def replan(self, routed: Routed, active: Active, was: int | None, *, appends: bool) -> NewDelivery | None:
        """Plan an event that is sent again, whose delivery had the word `was`; None where it stays as it was.

        What was delivered stays so if today's settings ask for nothing of it, or only for appends while these
        do not go again.
        """
        planned = self._planned(routed, active)
        if isinstance(planned, NewDelivery):
            return None if was == DELIVERED and planned.word != PENDING else planned
        plan = planned.plan
        if isinstance(plan, Filtered | Rejected | Parked):
            return None if was == DELIVERED else self._carry_out(routed, active, plan)
        if not appends:
            plan = tuple(operation for operation in plan if not isinstance(operation, Append))
        return self._carry_out(routed, active, plan) if plan else None

    def _planned(self, routed: Routed, active: Active) -> Planned | NewDelivery:
        """What the destination makes of an event, or why it is not asked."""
        event, settings = routed.event, active.settings
        place = (routed.event_id, active.number, routed.source_id)
        is_canary = event.source == CANARY_SOURCE
        refusal = None if is_canary else active.connected.refuses(event)
        if refusal is not None:
            return NewDelivery(*place, FILTERED, refusal.code, refusal.detail)
        if settings is None:
            problem = active.connected.problem
            detail = problem.detail if problem else "The settings cannot be used."
            return NewDelivery(*place, PENDING, "configuration_invalid", detail)
        try:
            if is_canary:
                return CANARY
            type_, computed = active.connected.type, computed_by(event)
            if computed is not None and type_.plan_computed is not None:
                return type_.plan_computed(settings, event, computed, routed.identity, active.schema)
            return type_.plan(settings, event, routed.identity, active.schema)
        except Exception as error:  # a defect of a destination must not stop the router
            logger.exception("plan_failed", extra={"destination": active.connected.name})
            return NewDelivery(*place, FAILED, "internal_error", f"Planning failed: {type(error).__name__}.")

    def _carry_out(self, routed: Routed, active: Active, plan: Plan) -> NewDelivery:
        """Let the plan's operations wait, or say what else becomes of the event."""
        place = (routed.event_id, active.number, routed.source_id)
        match plan:
            case Filtered(code, detail):
                return NewDelivery(*place, FILTERED, code, detail)
            case Rejected(code, detail):
                return NewDelivery(*place, FAILED, code, detail)
            case Parked(code, detail):
                return self._park(routed, active, code, detail)
            case operations if over := self._over_name_limit(active, operations):
                return NewDelivery(*place, FAILED, "event_limit", over)
            case operations:
                opened = self._enter(routed, active, operations)
                if not opened:
                    return NewDelivery(*place, DELIVERED, "unchanged", "Every value is at Gainsight already.")
                return NewDelivery(*place, PENDING, open=opened)

    @property
    def waiting(self) -> Sequence[NewOperation]:
        """The operations that `write` will enter."""
        return self._operations

    def _over_name_limit(self, active: Active, operations: Sequence[Operation]) -> str:
        """Why the event's name is one too many for the tenant; empty where it is not."""
        limit = active.names
        if limit is None:
            return ""
        for operation in operations:
            name = operation.name if isinstance(operation, Append) else ""
            if name and not self._transaction.vocabulary.admit(active.tenant_id, name, limit.most):
                return (
                    f"{active.connected.type.title} keeps {limit.most:,} distinct event names, all are in "
                    f"use, and {name!r:.100} would be one more. Send fewer names, or raise "
                    f"`{limit.setting}` where Gainsight keeps more; then retry."
                )
        return ""

    def _park(self, routed: Routed, active: Active, code: str, detail: str) -> NewDelivery:
        keys = watched(self._transaction.intake, routed.event)
        self._transaction.ledger.park(routed.event_id, active.number, keys)
        until_us = None if code == "setting_missing" else routed.event.received_us + active.park_us
        if until_us is not None and until_us <= self._now_us:
            until_us = self._now_us + active.park_us  # parked again after a retry: a new term
        return NewDelivery(
            routed.event_id, active.number, routed.source_id, PARKED, code, detail, until_us=until_us
        )

    def _enter(self, routed: Routed, active: Active, operations: Sequence[Operation]) -> int:
        """Let the operations wait in their lanes; returns how many do: none where they change nothing.

        All or none do: an event that fails for one of them says nothing by another, not even that a value is
        still so.
        """
        named: dict[Record, Record] = {}
        placed = [self._placed(active.tenant_id, planned, named) for planned in operations]
        there = [self._there(number, operation, routed, active) for number, operation in placed]
        if all(there):
            for (number, _), state in zip(placed, there, strict=True):
                self._transaction.records.write_state(number, state or {})
            return 0
        records = {operation.record for _, operation in placed}
        for (number, operation), state in zip(placed, there, strict=True):
            after = operation.after if isinstance(operation, Upsert) else ()
            waits = sum(1 for record in after if record in records)
            self._operations.append(
                NewOperation(
                    active.number,
                    number,
                    routed.event_id,
                    routed.source_id,
                    len(placed) == 1,
                    UPSERT if isinstance(operation, Upsert) else APPEND,
                    active.row.plan,
                    waits,
                    routed.stamp,
                    routed.event.time_us,
                    _encode(operation.fields if isinstance(operation, Upsert) else operation.content),
                    _encode(after) if after else None,
                    routed.priority,
                )
            )
            self._busy.add(number)
            lingers = isinstance(operation, Upsert) and not routed.hurried and not state
            due_us = None if waits else self._now_us + (self._linger(active) if lingers else 0)
            self._note_lane((active.number, number), operation.record.object, routed.priority, due_us)
        return len(placed)

    def _placed(
        self, tenant_id: int, operation: Operation, named: dict[Record, Record]
    ) -> tuple[int, Operation]:
        """The operation under the names that its records are kept by, and the number of its own; `named`
        holds the names of those that the event asked for before.
        """
        if isinstance(operation, Append):
            return self._transaction.records.record_number(tenant_id, operation.record), operation
        place = self._transaction.keys.identify(tenant_id, operation.record, operation.keys, operation.kinds)
        fields, after = operation.fields, operation.after
        others = {old.key: named[old].key for old in after if named.get(old, old) != old}
        if others:
            fields, after = renamed(fields, others), tuple(named.get(old, old) for old in after)
        named[operation.record] = place.record
        return place.number, Upsert(place.record, fields, after)

    def _linger(self, active: Active) -> int:
        """How long an upsert waits for others: the more of a budget is used, the longer.

        Never longer than the budget's own window: by then its calls may be made again.
        """
        longest_us = self._linger_us.get(active.number)
        if longest_us is None:
            longest_us = LINGER_US
            for budget in active.family(""):
                free = self._transaction.calls.available([budget], self._now_us) or 0
                wanted_us = linger_us(1 - free / budget.usable)
                longest_us = max(longest_us, min(wanted_us, int(budget.window_seconds * SECOND_US)))
            self._linger_us[active.number] = longest_us
        return longest_us

    def _note_lane(self, lane: tuple[int, int], object_: str, priority: int, due_us: int | None) -> None:
        noted = self._lanes.get(lane)
        if noted is not None:
            priority = min(priority, noted[1])
            if noted[2] is not None:
                due_us = noted[2] if due_us is None else min(due_us, noted[2])
        self._lanes[lane] = (object_, priority, due_us)

    def _there(self, number: int, operation: Operation, routed: Routed, active: Active) -> State | None:
        """The record's state with the times of this event, where every value is confirmed already and nothing
        of the record is on its way; else None.
        """
        records = self._transaction.records
        if number in self._busy or not isinstance(operation, Upsert):
            return None
        row = records.record(number)
        if (
            not row.state
            or row.in_doubt
            or row.leased
            or row.joining
            or self._transaction.lanes.waiting(number)
        ):
            self._busy.add(number)
            return None
        event = routed.event
        asked = OperationRow(
            0,
            routed.event_id,
            routed.source_id,
            1,
            UPSERT,
            routed.stamp,
            event.time_us,
            0,
            "",
            operation.fields,
        )
        merged = merge(
            [asked], row.state, now_us=self._now_us, resend_us=active.resend_us, abandoned=row.abandoned
        )
        return merged.state if not merged.fields else None

    def write(self) -> None:
        """Enter the operations and their lanes."""
        lanes = self._transaction.lanes
        lanes.add(self._operations)
        lanes.touch(
            NewTurn(destination, number, *noted) for (destination, number), noted in self._lanes.items()
        )
        self._operations, self._lanes = [], {}
