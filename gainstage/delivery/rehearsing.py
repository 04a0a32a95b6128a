"""What a replay would come to: planned as it would be, in transactions of which nothing remains.

Its calls are counted by carrying out its exchanges with the answers of a healthy vendor. What is counted is
what today's store and settings lead to; people in bulk are counted one by one.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from gainstage.connection import Configuration
from gainstage.delivery.destinations import Active, activate
from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.forecasting import finishes_us
from gainstage.delivery.merging import merge
from gainstage.delivery.planning import UPSERT
from gainstage.delivery.replaying import OPEN_AT_MOST, HistorySlice, Replayer, read_history
from gainstage.delivery.router import Router
from gainstage.delivery.suppressing import Suppression
from gainstage.destination import Destination, Request, Response, Work
from gainstage.log.contract import Log
from gainstage.operation import Record
from gainstage.pseudonym import Pseudonyms
from gainstage.store.contract import Store, Transaction
from gainstage.store.replay import RUNNING, Asked, Part, Replay, Tally
from gainstage.store.rows import NewOperation, OperationRow, RecordRow, State

#: Records of which it is remembered what the rehearsal has sent; of the others the store is asked again.
REMEMBERED = 100_000
#: More requests than any exchange needs.
REQUESTS_AT_MOST = 1_000
#: The order in which operations go: those of a record that wait for another record go by a call of their own.
AT_ONCE, FOLLOWING, APPENDED = TURNS = range(3)

_follows = msgspec.json.Decoder(tuple[Record, ...])
Name = tuple[str, Record]


@dataclass
class Lane:
    """The operations of a record that would wait together."""

    row: RecordRow
    keys: tuple[str, ...]
    operations: list[OperationRow] = field(default_factory=list)


@dataclass
class Rehearsed:
    """What a replay would come to."""

    tally: Tally = field(default_factory=Counter)
    #: By destination and budget family.
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: By destination: when the last call will have been made; None where that cannot be told.
    finishes_us: dict[str, int | None] = field(default_factory=dict)
    begins_us: int = 0


class Rehearsal:
    """Goes through history without sending anything."""

    def __init__(self, store: Store, log: Log, configuration: Configuration, now: Callable[[], int]) -> None:
        self._store, self._log, self._configuration, self._now = store, log, configuration, now
        self._active: dict[str, Active] = {}
        self._lanes: dict[tuple[str, Record, int], Lane] = {}
        self._facts: OrderedDict[Name, dict[str, Any]] = OrderedDict()
        self._states: OrderedDict[Name, State] = OrderedDict()
        self._open = 0
        self._found = Rehearsed()

    async def run(self, asked: Asked, ends: Mapping[int, int]) -> Rehearsed:
        """The whole of it."""
        parts = {number: Part(number, 0, end) for number, end in ends.items()}
        while True:
            replay = Replay(0, RUNNING, 0, 0, 0, asked, {}, tuple(parts.values()))
            slice_ = await read_history(self._log, replay, list(parts))
            if slice_ is None:
                break
            parts[slice_.partition] = parts[slice_.partition]._replace(offset=slice_.offset)
            self._found.begins_us = max(self._found.begins_us, slice_.begins_us)
            self._take(asked, slice_)
            if self._open >= OPEN_AT_MOST:
                self._send()
        self._send()
        self._forecast()
        return self._found

    def _take(self, asked: Asked, slice_: HistorySlice) -> None:
        """Plan a slice, and keep what would wait."""
        if not slice_.entries:
            return
        with self._store.rehearsal() as transaction:
            now_us = self._now()
            self._active = activate(transaction, self._configuration, now_us)
            nobody = Suppression(Pseudonyms(b""))  # who is forgotten has been erased from the log
            router = Router(transaction, self._configuration, self._active, now_us, nobody)
            replayer = Replayer(transaction, self._configuration, self._active, router, now_us)
            tally = replayer.take(0, asked, slice_.partition, slice_.entries)
            self._wait(transaction, replayer.planner.waiting)
        for name, n in tally.items():
            self._found.tally[name] = self._found.tally.get(name, 0) + n
        self._open += tally.get("planned", 0)

    def _wait(self, transaction: Transaction, operations: Sequence[NewOperation]) -> None:
        rows = transaction.records.records({operation.record_id for operation in operations})
        names = {active.number: active for active in self._active.values()}
        for operation in operations:
            active, row = names[operation.destination_id], rows[operation.record_id]
            follows = _follows.decode(operation.follows) if operation.follows else ()
            turn = APPENDED if operation.kind != UPSERT else FOLLOWING if operation.waits else AT_ONCE
            place = (active.connected.name, row.record, turn)
            lane = self._lanes.get(place)
            if lane is None:
                keyed = row.record.object in active.connected.type.key_facts
                keys = transaction.keys.of(row.id) if keyed else ()
                lane = self._lanes[place] = Lane(row, keys)
                tenant = active.connected.tenant
                self._facts.setdefault((tenant, row.record), row.facts)
                for followed in follows:
                    facts = transaction.records.facts(active.tenant_id, followed)
                    self._facts.setdefault((tenant, followed), facts)
            lane.operations.append(
                OperationRow(
                    0, operation.event_id, operation.source_id, 0, operation.kind, operation.stamp,
                    operation.time_us, 0, "", msgspec.json.decode(operation.content), follows,
                )
            )  # fmt: skip

    def _send(self) -> None:
        """Count the calls of what waits, in the order in which it would go; many records to a call where a
        destination takes them so.
        """
        lanes, self._lanes, self._open = self._lanes, {}, 0
        for turn in TURNS:
            groups: dict[tuple[str, str], list[Work]] = {}
            for (name, record, its), lane in lanes.items():
                if its == turn:
                    groups.setdefault((name, record.object), []).extend(
                        self._works(self._active[name], record, lane, appends=turn == APPENDED)
                    )
            for (name, object_), works in groups.items():
                active = self._active[name]
                most = 1 if turn == APPENDED else active.connected.type.batch.get(object_, 1)
                for batch in _batches(iter(works), most):
                    self._count(active, batch)
        for remembered in (self._facts, self._states):
            while len(remembered) > REMEMBERED:
                remembered.popitem(last=False)

    def _works(self, active: Active, record: Record, lane: Lane, *, appends: bool) -> Iterator[Work]:
        tenant, facts = active.connected.tenant, self._facts
        if appends:
            for row in lane.operations:
                yield Work("append", record, row.content, facts=facts.get((tenant, record), {}),
                           time_us=row.time_us, message_id="rehearsal")  # fmt: skip
            return
        state, now_us = self._states.get((tenant, record), lane.row.state), self._now()
        merged = merge(lane.operations, state, now_us=now_us, resend_us=active.resend_us,
                       in_doubt=lane.row.in_doubt)  # fmt: skip
        self._states[(tenant, record)] = merged.confirmed(now_us)
        if merged.fields:
            after = {one: facts.get((tenant, one), {}) for row in lane.operations for one in row.follows}
            keys = {record: lane.keys} if lane.keys and lane.keys != (record.key,) else {}
            yield Work(
                "upsert", record, merged.fields, merged.known, facts.get((tenant, record), {}), after, keys
            )

    def _count(self, active: Active, works: Sequence[Work]) -> None:
        """Carry an exchange out with pretended answers."""
        tenant, type_ = active.connected.tenant, active.connected.type
        # What was learnt since the works were gathered, of the records that they follow, too.
        works = [
            msgspec.structs.replace(
                work, after={one: self._facts.get((tenant, one), {}) for one in work.after}
            )
            for work in works
        ]
        members = [Member(0, work.record, (), None, 0, 0, None) for work in works]
        flight = Flight(active, members, works)
        settled, asked = flight.begin(), 0
        while flight.request is not None and asked < REQUESTS_AT_MOST:
            asked += 1
            families = [flight.request.family, *flight.request.also]
            for family in families:
                self._found.calls[(active.connected.name, family or first_family(active))] += 1
            settled.extend(flight.answer(_answer(type_, flight.request, works)))
        for one in settled:
            self._facts[(tenant, works[one.work].record)] = {
                **self._facts.get((tenant, works[one.work].record), {}), **one.facts
            }  # fmt: skip

    def _forecast(self) -> None:
        """When the last call will have been made, within what live events leave of the budgets."""
        now_us, found = self._now(), self._found
        with self._store.rehearsal() as transaction:
            active = activate(transaction, self._configuration, now_us)
            needed: Counter[tuple[str, str]] = Counter()  # destinations of one tenant share its budgets
            for (name, family), n in found.calls.items():
                needed[(active[name].connected.tenant, family)] += n
            for one in active.values():
                ahead = transaction.reading.waiting(one.number)
                needed[(one.connected.tenant, first_family(one))] += ahead
            for name, family in found.calls:
                one = active[name]
                ends_us = None
                if one.runs and not one.row.blocked:
                    calls = needed[(one.connected.tenant, family)]
                    ends_us = calls_end_us(transaction, one, family, calls, now_us)
                known_us = found.finishes_us.get(name, now_us)
                both = ends_us is not None and known_us is not None
                found.finishes_us[name] = max(ends_us or 0, known_us or 0) if both else None


def calls_end_us(
    transaction: Transaction, active: Active, family: str, calls: int, now_us: int
) -> int | None:
    """When so many calls will have been made, at the pace of the last ones."""
    rows = [transaction.budgets.get(budget, now_us) for budget in active.family(family)]
    side_by_side = max(1, active.connected.type.concurrency - 1)  # one stays free for live events
    call_us = transaction.reading.call_us(active.number) / side_by_side
    return finishes_us(rows, calls, now_us, call_us)


def _answer(type_: Destination, request: Request, works: Sequence[Work]) -> Response:
    """What a healthy vendor says: it has the records of which it told something before."""
    answer = type_.pretend(request)
    known = all(work.facts for index, work in enumerate(works) if index in (request.works or [index]))
    return Response(204, answer.headers, b"") if answer.status == 404 and known else answer


def first_family(active: Active) -> str:
    """The budget family that calls count against unless they say otherwise."""
    return active.budgets[0].family if active.budgets else ""


def _batches(works: Iterator[Work], most: int) -> Iterator[list[Work]]:
    while batch := list(islice(works, most)):
        yield batch
