"""The contract of the log: the durable, ordered history of what was accepted.

Append, read by partition and offset, count, trim what is old, erase what must not stay. The log knows no
destinations, no retries and no readers' progress: how far a reader has come is kept in the store, in the
transaction that writes what it made of the entries. Every implementation passes
`gainstage.testing.log_suite`.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

import msgspec

from gainstage.meter import Histogram

#: The surroundings of an entry that was lost to a damage of the disk; see `gainstage.normalise.Surroundings`.
DAMAGED = b'{"damaged":true}'


class Entry(msgspec.Struct, frozen=True):
    """One accepted message with what the request around it said."""

    #: The source's name.
    source: str
    #: What decides the partition: the user (userId, else anonymousId, else the message id).
    key: str
    #: When it was accepted, microseconds since the epoch; rising within a process.
    received_us: int
    #: Its place in its request.
    place: int
    #: What the request said for all its messages, JSON; may be empty. See `gainstage.normalise.Surroundings`.
    surroundings: bytes
    #: The message as it came, JSON.
    body: bytes

    @classmethod
    def damaged(cls, source: str, received_us: int) -> "Entry":
        """What stands for an entry that the log can no longer give back as it was, and came about then."""
        return cls(source, "", received_us, 0, DAMAGED, b"")


class Position(NamedTuple):
    """Where an entry stands. Offsets rise within a partition; holes are allowed."""

    partition: int
    offset: int


class Stored(NamedTuple):
    """An entry read back, with its offset."""

    offset: int
    entry: Entry


class LogKept(NamedTuple):
    """What a log still has. `since_us`: receipt of the oldest entry, None where there is none."""

    since_us: int | None
    size_bytes: int
    #: By partition: the offset of its oldest entry, 0 where there is none.
    first: tuple[int, ...]


class Erased(NamedTuple):
    """What became of entries that were to be erased."""

    entries: int
    #: None: they are gone now. Else the log cannot take single entries out, and its retention ends them then.
    gone_by_us: int | None = None


class Load(NamedTuple):
    """What this handle has to do, and how it went so far."""

    #: Entries and bytes that were handed in and are not durable yet, and how many bytes may be.
    waiting_entries: int
    waiting_bytes: int
    most_bytes: int
    #: How long it took to make entries durable; None where that is not measured.
    commits: Histogram | None = None


class LogUnavailable(Exception):
    """The log cannot take or give entries now (a full disk, a lost broker).

    The sentence says why and what to do.
    """


class Claim(Protocol):
    """The partitions that this process may route, until it loses them."""

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions that are ours now; asked again at every turn."""
        ...


class Log(Protocol):
    """Safe to use from one event loop; several processes may open the same log."""

    @property
    def partitions(self) -> int:
        """How many partitions there are, numbered from 0; fixed when the log was created."""
        ...

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        """Keep the entries and return, once all are durable, where each stands, in the same order.

        Entries of one call with one key keep their order. All or none are kept.

        Raises:
            LogUnavailable: nothing of the call was kept, or it is not known to be.
        """
        ...

    async def read(self, partition: int, after: int, limit: int) -> Sequence[Stored]:
        """Up to `limit` entries with an offset above `after`, in order; empty at the end.

        0 reads from the start. Fewer than `limit` may come before the end, where they are large. For an entry
        that the disk no longer gives back as it was, `Entry.damaged` comes; its source is "" where that is
        not known either.
        """
        ...

    async def count(self, partition: int, after: int, source: str) -> int:
        """How many entries of `source` stand above the offset."""
        ...

    async def kept(self) -> LogKept:
        """Since when there are entries, where they begin, and how large they are."""
        ...

    async def trim(self, partition: int, upto: int, before_us: int, limit: int) -> int:
        """Take out the oldest entries, as long as they stand at or below `upto` and were received before that
        instant, `limit` of them at the most; how many.

        Offsets go on rising: the newest entry of a partition stays, and where what was taken out stood is a
        hole. The space is used again.
        """
        ...

    async def erase(self, partition: int, offsets: Sequence[int]) -> Erased:
        """Take single entries out, so that nothing of what they held can be found again. Idempotent.

        Only what every reader has passed may be erased: a count may still include it.
        """
        ...

    async def scrub(self, texts: Sequence[bytes], known: int) -> int | None:
        """Look for texts (in lower case) in all that the log's files hold, in any letter case. If they stand
        there more than `known` times, which entries that stay account for, everything that is not an entry is
        cleaned away.

        Returns how often they stand there then; None where nobody can look.
        """
        ...

    async def end(self, partition: int) -> int:
        """The offset of the newest entry; 0 where there never was one."""
        ...

    def load(self) -> Load:
        """What waits to become durable; never waits itself."""
        ...

    def claim(self, group: str) -> AbstractAsyncContextManager[Claim]:
        """Take part in a group of readers; every partition belongs to one member at a time."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of every resource. Idempotent."""
        ...
