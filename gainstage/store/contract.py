"""The contract of the store: the present. `gainstage.testing.store_suite` tests what is said here.

One transaction is one step: everything in it becomes durable together when its block ends, or nothing does,
whether the block raised or the process was killed. Transactions of one store, from however many processes,
have one order, and each sees all of those before it. Whoever reads sees the store between two transactions,
never within one. A transaction has parts, one for each concern; it is used by one task, and never over an
await.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from gainstage.destination import Budget
from gainstage.operation import Record
from gainstage.store.reading import Reading
from gainstage.store.rows import (
    DestinationRow,
    Document,
    Kept,
    KnownUser,
    LaneRow,
    NewDelivery,
    NewEvent,
    NewOperation,
    NewTurn,
    OperationRow,
    RecordRow,
    State,
)


class PartitionLost(Exception):
    """Another router advanced the partition: this one commits nothing."""


class Intake(Protocol):
    """How events enter: each once, whichever log it came from and however often it is read there.

    The offset of a partition moves by compare-and-set, in the transaction that enters what stood before it:
    of two routers that read the same slice one commits, the other raises `PartitionLost` and has changed
    nothing. `seen` keeps out what came before under the same key. Looking up a row of identity memory locks
    it until the transaction ends, so that parking an event and the news that it waits for cannot miss each
    other.
    """

    def offset(self, partition: int) -> int:
        """How far the partition was routed; 0 at the start."""

    def advance(self, partition: int, expected: int, offset: int) -> None:
        """Set the offset if it is still `expected`.

        Raises:
            PartitionLost: it is not; the transaction must be rolled back.
        """

    def next_event_id(self) -> int:
        """A number for a new event."""

    def seen(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys under which an event was routed before."""

    def add(self, events: Iterable[NewEvent]) -> None:
        """Enter the events."""

    def keep_bodies(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        """Keep the log entries of events that are not settled."""

    def kept(self, event_id: int) -> Kept | None:
        """The event with its body; None when it is settled and its body gone."""

    def resolve(self, event_id: int, identity: bytes) -> None:
        """Store what was resolved for an event later than at routing."""

    def look_up(self, keys: Iterable[str]) -> None:
        """Read what identity memory holds under these keys at once: `user` will be asked for them."""

    def user(self, key: str) -> KnownUser | None:
        """What identity memory holds under a key; the row is locked until the transaction ends.

        Not to be changed.
        """

    def remember(self, key: str, user: KnownUser) -> None:
        """Change a row of identity memory."""

    def run_ended(self, run: int) -> bool:
        """Whether the input of a `send` has ended."""

    def end_run(self, run: int) -> None:
        """The input of a `send` has ended: nothing of it lingers."""

    def count_run(self, run: int, routed: int, duplicates: int) -> None:
        """Add to the counts of a `send`."""


class Names(Protocol):
    """Numbers for names, given at first sight and never changed."""

    def source(self, name: str) -> int: ...

    def tenant(self, name: str) -> int: ...

    def destination(self, name: str) -> int: ...


class Ledger(Protocol):
    """What became of each event at each destination, and counters that balance.

    At every commit each counter of a source, destination and word equals the number of deliveries with that
    word; counters outlive the rows. A body is kept while any delivery of its event is failed, parked or
    pending.
    """

    def add(self, deliveries: list[NewDelivery], now_us: int) -> None:
        """Enter deliveries of new events."""

    def count(self, source_id: int, destination_id: int, word: int, n: int = 1) -> None:
        """Add to a counter."""

    def count_unmapped(self, destination_id: int, name: str) -> None:
        """Count a trait that had no field to go to."""

    def deliver_alone(
        self, event_id: int, destination_id: int, source_id: int, code: str, now_us: int
    ) -> None:
        """The only operation of a pending delivery is done."""

    def deliver_one(self, event_id: int, destination_id: int, code: str, now_us: int) -> int | None:
        """One operation of the delivery is done; the last one makes it delivered.

        Returns how many operations are still open, None where the delivery is not pending.
        """

    def change(self, delivery: NewDelivery, now_us: int, *, was: int | None = None) -> None:
        """Give a delivery another word; the counters follow. `was` saves a look when the caller knows."""

    def open_more(self, event_id: int, destination_id: int, operations: int) -> None:
        """So many more operations are open for a pending delivery."""

    def retry(self, event_id: int, destination_id: int, now_us: int) -> bool:
        """Have a failed or parked delivery planned again; False when it is neither by now."""

    def source_of(self, event_id: int) -> int:
        """The number of the source of an event."""

    def park(self, event_id: int, destination_id: int, keys: tuple[str, ...]) -> None:
        """Note whose news a parked delivery waits for."""

    def unpark(self, event_id: int, destination_id: int) -> None:
        """It waits no more."""

    def parked_for(self, key: str, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
        """(event, destination) pairs above `after` that wait for news of a user, oldest first."""

    def kept_with(self, destination_id: int, codes: tuple[str, ...], after: int, limit: int) -> list[int]:
        """Events kept at a destination with one of the codes, by number, above `after`."""

    def expired(self, now_us: int, limit: int) -> list[NewDelivery]:
        """Parked deliveries whose time is over."""


class Lanes(Protocol):
    """Records, and the operations that wait for them in order.

    A lane holds the operations of one record for one destination. Whoever makes a call for it leases the
    record: the lease carries a fence, rising with each, without which nothing is recorded. A lease that ran
    out makes the values and appends under way unknown (`in_doubt`), and its fence void.
    """

    def record_number(self, tenant_id: int, record: Record) -> int:
        """The local number of a record, given at first sight."""

    def record(self, number: int) -> RecordRow:
        """A record with what is known of it."""

    def records(self, numbers: Iterable[int]) -> dict[int, RecordRow]:
        """Records by number, with what is known of each."""

    def facts(self, tenant_id: int, record: Record) -> dict[str, Any]:
        """What the vendor told about a record; empty where nothing is known."""

    def waiting(self, number: int) -> bool:
        """Whether operations wait for the record, at some destination."""

    def write_state(self, number: int, state: State) -> None:
        """Keep what is known of a record's fields."""

    def learn(self, number: int, facts: dict[str, Any]) -> None:
        """Merge facts into the record's; None forgets one."""

    def forget(self, number: int) -> State:
        """The vendor no longer has the record: its facts are void, and so is what was confirmed.

        Returns the values that are known of it.
        """

    def lease(self, records: Iterable[RecordRow], destination_id: int, until_us: int) -> None:
        """Take records for calls of a destination; the `next_fence` of each must still hold when its answer
        is recorded. The rows are as read in this transaction.
        """

    def extend(self, number: int, fence: int, until_us: int) -> bool:
        """Prolong a lease; False when it was lost."""

    def release(
        self,
        number: int,
        fence: int,
        *,
        in_doubt: bool | None,
        unsure: bool = False,
        confirmed: Iterable[int] = (),
        state: State | None = None,
    ) -> bool:
        """Give the record back, with its state if a call confirmed one; False when the lease was lost.

        `in_doubt`: an answer was lost; None leaves it as it is. `unsure`: the call may have written values
        without confirming them; that ends when all operations that it carried are among the `confirmed`.
        """

    def expire(self, before_us: int, held: Iterable[int] = ()) -> list[int]:
        """End leases that ran out, but those of records `held`; returns them. Their calls are unknown."""

    def accompany(self, event_id: int, destination_id: int) -> None:
        """More operations come for an event that asked for one only."""

    def add(self, operations: Iterable[NewOperation]) -> None:
        """Let operations wait."""

    def ready(self, destination_id: int, numbers: Sequence[int], limit: int) -> dict[int, list[OperationRow]]:
        """What may go of lanes, at most `limit` of each: upserts first, then appends, in order of arrival."""

    def outdated(self, destination_id: int, plan: int, after: int, limit: int) -> dict[int, set[int]]:
        """Events above `after` with operations of an earlier plan, and the kinds of those in doubt."""

    def remove(self, operations: Iterable[int]) -> set[int]:
        """Take settled operations out; returns those that had not been withdrawn meanwhile."""

    def remove_event(self, event_id: int, destination_id: int) -> list[int]:
        """Take all operations of an event at a destination out; returns their records."""

    def unblock(self, event_id: int, destination_id: int, record: Record) -> list[tuple[int, str]]:
        """An operation of the event is done: those that follow its record wait for one less.

        Returns free records and the objects that they are of.
        """

    def doubt_event(self, event_id: int, destination_id: int, kind: int) -> None:
        """The event's operations of a kind were perhaps received, under an earlier plan."""

    def doubt(self, operations: Iterable[int]) -> None:
        """They were perhaps received."""

    def touch(self, turns: Iterable[NewTurn]) -> None:
        """Operations came, or may go now: make their lanes, or let them go earlier."""

    def due(self, destination_id: int, now_us: int, limit: int) -> list[LaneRow]:
        """Lanes whose turn it is and whose record nobody holds, by priority, then by how long they are due.

        Where a call may have written values of the record, what it sent goes first: the rest may be older.
        """

    def settle_lane(self, destination_id: int, number: int, now_us: int, *, take: int | None = None) -> None:
        """After a success or a refusal: go on with what is left, at once; or end the lane."""

    def end_lane(self, destination_id: int, number: int) -> None:
        """Operations were withdrawn: a lane that is empty is gone."""

    def settle_lane_unless_leased(self, destination_id: int, number: int, now_us: int) -> None:
        """Like `settle_lane` where operations were withdrawn; a call under way settles its own."""

    def postpone(
        self,
        destination_id: int,
        number: int,
        due_us: int,
        code: str,
        detail: str,
        *,
        attempt: bool,
        now_us: int,
    ) -> None:
        """After a failure that may pass: wait until `due_us`; `attempt` counts it."""

    def hurry(self, destination_ids: Sequence[int], now_us: int) -> None:
        """Nothing lingers any more: every lane that only waits to merge goes now."""

    def restart(self, destination_id: int, now_us: int) -> None:
        """The settings changed: what waits after failures is tried now."""


class Calls(Protocol):
    """Calls reserved before they are made, and the budgets that they used.

    A budget's window slides: whatever the instants of the calls, no window of its length, however aligned,
    holds more calls than allowed. Calls count for every process and destination that shares the budget's
    account.
    """

    def begin(
        self, destination_id: int, at_us: int, method: str, url: str, request: str, events: Iterable[int]
    ) -> int:
        """Note a call about to be made and the events that it carries."""

    def end(self, call: int, status: int | None, response: str, at_us: int) -> None:
        """Note the answer, or in `response` why there is none."""

    def available(self, budgets: Iterable[Budget], now_us: int) -> int | None:
        """How many calls may be made now; None where no budget applies."""

    def renews_us(self, budgets: Iterable[Budget], now_us: int) -> int:
        """When at least one more call may be made."""

    def spend(self, budgets: Iterable[Budget], now_us: int, calls: int) -> None:
        """Reserve calls in every window."""

    def move(self, budgets: Iterable[Budget], from_us: int, to_us: int) -> None:
        """A call has ended: the vendor may have counted it at any moment until now."""

    def stop(self, budget: Budget, until_us: int) -> None:
        """The vendor said that the limit is reached: nothing goes before `until_us`."""

    def declare(self, budgets: Iterable[Budget]) -> None:
        """Keep the limits in force, for those who read."""


class Destinations(Protocol):
    """Whether a destination may be called, as its row says; and who is connected to it."""

    def get(self, name: str) -> DestinationRow:
        """The destination's row, made at first sight."""

    def save(self, row: DestinationRow) -> None:
        """Write the state back."""

    def connect(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Keep which (source, destination) pairs are in force."""


class Documents(Protocol):
    """The configuration as given. Its revision rises with every change and with nothing else."""

    def revision(self) -> int:
        """Rises with every change of the configuration; 0 before the first."""

    def all(self) -> list[Document]:
        """Every document, in the order given."""

    def replace(self, documents: Iterable[Document], owner: str) -> int:
        """Let these documents stand for all that the owner gave before; returns the revision.

        A document of another owner with the same kind and name is taken over.
        """


class Transaction(Protocol):
    """What may be changed together."""

    @property
    def intake(self) -> Intake: ...

    @property
    def names(self) -> Names: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def lanes(self) -> Lanes: ...

    @property
    def calls(self) -> Calls: ...

    @property
    def destinations(self) -> Destinations: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def reading(self) -> Reading: ...


class Store(Protocol):
    """One handle on the store; several processes may hold one each."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Everything or nothing; durable when the block has ended.

        Raises:
            StorageUnavailable: nothing was changed.
        """

    def reading(self) -> AbstractContextManager[Reading]:
        """One consistent view, of all transactions that ended before and of no part of another."""

    def close(self) -> None:
        """Let go of every resource."""
