"""What waits to be sent."""

from collections.abc import Container, Iterable, Sequence
from typing import Protocol

from gainstage.operation import Record
from gainstage.store.rows import PRIORITIES, LaneRow, NewOperation, NewTurn, OperationRow


class Lanes(Protocol):
    """The operations that wait for records, in order.

    A lane holds those of one record for one destination.
    """

    def waiting(self, number: int) -> bool:
        """Whether operations wait for the record, at some destination."""

    def accompany(self, event_id: int, destination_id: int) -> None:
        """More operations come for an event that asked for one only."""

    def add(self, operations: Iterable[NewOperation]) -> None:
        """Let operations wait."""

    def ready(self, destination_id: int, numbers: Sequence[int], limit: int) -> dict[int, list[OperationRow]]:
        """What may go of lanes, at most `limit` of each: upserts first, then appends, in order of arrival.

        An append to a record of which nothing is known waits for older upserts of it that wait for others.
        """

    def outdated(self, destination_id: int, plan: int, after: int, limit: int) -> dict[int, dict[int, int]]:
        """Events above `after` with operations of an earlier plan; by kind, how many calls may have brought
        some.
        """

    def upserts(self, event_id: int, destination_id: int) -> list[tuple[int, OperationRow]]:
        """The upserts of an event that wait at a destination, each with the number of its record."""

    def doubtful(self, number: int, destination_id: int) -> list[OperationRow]:
        """The upserts of a destination that wait for a record and were perhaps received."""

    def remove(self, operations: Iterable[int]) -> set[int]:
        """Take settled operations out; returns those that had not been withdrawn meanwhile."""

    def remove_event(self, event_id: int, destination_id: int) -> list[int]:
        """Take all operations of an event at a destination out; returns their records."""

    def unblock(
        self, event_id: int, destination_id: int, records: Container[Record]
    ) -> list[tuple[int, str]]:
        """An operation of the event is done: those that follow its record (under any of its names) wait for
        one less.

        Returns free records and the objects that they are of.
        """

    def doubt_event(self, event_id: int, destination_id: int, kind: int, calls: int) -> None:
        """The event's operations of a kind were perhaps received, from so many calls, under an earlier
        plan.
        """

    def doubt(self, operations: Iterable[int], calls: int = 1) -> None:
        """They were perhaps received, from one more call; with fewer than 0 `calls`, surely not from so
        many.
        """

    def touch(self, turns: Iterable[NewTurn]) -> None:
        """Operations came, or may go now: make their lanes, or let them go earlier."""

    def due(
        self, destination_id: int, now_us: int, limit: int, priorities: Sequence[int] = PRIORITIES
    ) -> list[LaneRow]:
        """Lanes whose turn it is and whose record nobody holds, by priority, then by how long they are due.

        A lane is as urgent as the most urgent of what waits in it. Those of records that are about to be
        joined are left out.

        Where a call may have written values of the record, what it sent goes first: the rest may be older.
        """

    def backlog(self, destination_id: int, object_: str, now_us: int, limit: int) -> int:
        """How many lanes of an object may go now that did not fail; no more than `limit` are counted."""

    def last_due(self, destination_id: int, object_: str, now_us: int, limit: int) -> list[LaneRow]:
        """Lanes of an object that would be the last to go; without those that failed or are in doubt."""

    def settle_lane(self, destination_id: int, number: int, now_us: int, *, take: int | None = None) -> None:
        """After a success or a refusal: go on with what is left, at once; or end the lane."""

    def end_lane(self, destination_id: int, number: int) -> None:
        """Operations were withdrawn: a lane that is empty is gone."""

    def settle_lane_unless_leased(self, destination_id: int, number: int, now_us: int) -> None:
        """Like `leave_lane` where operations were withdrawn; a call under way settles its own."""

    def leave_lane(self, destination_id: int, number: int, now_us: int) -> None:
        """Operations ended without a call: go on with what is left, after a failure not before its time."""

    def fail(self, operations: Iterable[int], failing_us: int) -> None:
        """Their first call failed, when those to their destination had failed for so long, ever."""

    def postpone(
        self,
        destination_id: int,
        number: int,
        due_us: int,
        code: str,
        detail: str,
        *,
        attempt: bool,
    ) -> None:
        """After a failure that may pass: wait until `due_us`; `attempt` counts it."""

    def bring_forward(self, destination_id: int, latest_us: int) -> None:
        """Nothing waits for longer than until then."""

    def move(self, destination_id: int, after_us: int, back_us: int) -> None:
        """What is due later than at an instant is so much earlier: the clock was set back."""

    def hurry(self, destination_ids: Sequence[int], now_us: int) -> None:
        """Nothing lingers any more: every lane that only waits to merge goes now."""

    def restart(self, destination_id: int, now_us: int) -> None:
        """The settings changed: what waits after failures is tried now."""
