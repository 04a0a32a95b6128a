"""How events enter, and the numbers that names are given."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from gainstage.store.rows import Kept, KnownUser, NewEvent


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

    def edit(self, event_id: int, entry: bytes, now_us: int) -> None:
        """Let this log entry stand for the event from now on; what was resolved for it is forgotten."""

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
