"""What is known of the records at the vendors."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from gainstage.operation import Record
from gainstage.store.rows import Abandoned, Place, RecordRow, State


class Records(Protocol):
    """A tenant's records: what the vendor confirmed of each, what it told, and who is at work on it.

    Whoever makes a call for a record leases it: the lease carries a fence, rising with each, without which
    nothing is recorded. A lease that ran out makes the values and appends under way unknown (`in_doubt`), and
    its fence void.
    """

    def place(self, tenant_id: int, record: Record) -> Place:
        """Where a record is kept, by any of its keys; a place is made for one not met before."""

    def find(self, tenant_id: int, record: Record) -> Place | None:
        """Where a record is kept; None where none is known by the key."""

    def named(self, tenant_id: int, record: Record) -> Place | None:
        """The record that a link names, or that an operation follows; None where there is none.

        They name it by its own key, or by the one that it had before it was joined into another. Events may
        find another record by that key by now.
        """

    def record_number(self, tenant_id: int, record: Record) -> int:
        """The local number of a record, given at first sight."""

    def record(self, number: int) -> RecordRow:
        """A record with what is known of it."""

    def records(self, numbers: Iterable[int]) -> dict[int, RecordRow]:
        """Records by number, with what is known of each."""

    def facts(self, tenant_id: int, record: Record) -> dict[str, Any]:
        """What the vendor told about a record that a link names; empty where nothing is known."""

    def write_state(self, number: int, state: State) -> None:
        """Keep what is known of a record's fields."""

    def folded(self, tenant_id: int) -> Mapping[str, str]:
        """Keys of records that were joined into others, with the keys of those; mostly there are none.

        What names a record by such a key (the links among a record's fields, what operations follow) means
        the other. States come with their links renamed.
        """

    def abandon(self, number: int, values: Abandoned) -> None:
        """Note values that a call may have written, and that nothing asks for any more; the newest of each
        field.
        """

    def silence(self, number: int, fields: Iterable[str], event_id: int) -> None:
        """These fields are left out, neither said anew nor said as it was before, until a call for this event
        shows whose fault a refusal was; 0 ends that.
        """

    def recall(self, number: int, fields: Iterable[str]) -> None:
        """These fields were said anew, or need not be: what may have been written of them is forgotten."""

    def learn(self, number: int, facts: dict[str, Any]) -> dict[str, Any]:
        """Merge facts into the record's; None forgets one. Returns what was known of them before."""

    def forget(self, number: int) -> State:
        """The vendor no longer has the record: its facts are void, and so is what was confirmed.

        A call for it that is under way records nothing, and counts as lost when its lease is over. Returns
        the values that are known of the record.
        """

    def lease(
        self, records: Iterable[tuple[RecordRow, Sequence[int]]], destination_id: int, until_us: int
    ) -> None:
        """Take records for calls of a destination that are to bring these operations, by their numbers; the
        `next_fence` of each must still hold when its answer is recorded. The rows are as read in this
        transaction.
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
        occupied: bool = False,
    ) -> bool:
        """Give the record back, with its state if a call confirmed one; False when the lease was lost.

        `in_doubt`: an answer was lost; None leaves it as it is. `unsure`: the call may have written values
        without confirming them; that ends when all operations that it carried are among the `confirmed`.
        `occupied`: the vendor may still be at work on it, see `occupy`.
        """

    def occupy(self, numbers: Iterable[int], until_us: int) -> None:
        """The vendor may carry out an asynchronous call until then: nobody's turn comes before, also when the
        lease is lost.
        """

    def vacate(self, now_us: int) -> None:
        """Where that time has passed, turns come again."""

    def expire(self, before_us: int, held: Iterable[int] = ()) -> list[int]:
        """End leases that ran out, but those of records `held`; returns them. Their calls are unknown."""
