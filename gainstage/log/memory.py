"""A log in memory, for tests: nothing survives the process.

Handles made over one `Shelf` see the same entries, as processes that open the same folder do.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from gainstage.log.contract import Claim, Entry, Erased, Load, LogKept, LogUnavailable, Position, Stored
from gainstage.log.partition import partition_of


@dataclass
class Shelf:
    """What outlives a handle: the entries, and who holds which group."""

    partitions: list[list[Stored]]
    last: list[int]
    bytes_kept: int = 0
    holders: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, partitions: int) -> "Shelf":
        """An empty shelf."""
        return cls([[] for _ in range(partitions)], [0] * partitions)


class MemoryLog:
    """The log's contract over lists.

    `limit_bytes` bounds the bodies kept, as a full disk would; `shelf` shares entries between handles.
    """

    def __init__(
        self, partitions: int = 1, *, shelf: Shelf | None = None, limit_bytes: int | None = None
    ) -> None:
        self._shelf = shelf or Shelf.of(partitions)
        self._limit_bytes = limit_bytes
        self._closed = False

    @property
    def partitions(self) -> int:
        return len(self._shelf.partitions)

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        self._usable()
        shelf = self._shelf
        size_bytes = sum(len(entry.body) for entry in entries)
        if self._limit_bytes is not None and shelf.bytes_kept + size_bytes > self._limit_bytes:
            raise LogUnavailable(f"The log is full: it may hold {self._limit_bytes} bytes.")
        positions = []
        for entry in entries:
            number = partition_of(entry.key, self.partitions)
            shelf.last[number] += 1
            shelf.partitions[number].append(Stored(shelf.last[number], entry))
            positions.append(Position(number, shelf.last[number]))
        shelf.bytes_kept += size_bytes
        return positions

    async def read(self, partition: int, after: int, limit: int) -> Sequence[Stored]:
        self._usable()
        kept = self._shelf.partitions[partition]
        start = bisect_right(kept, after, key=_offset)
        return kept[start : start + limit]

    async def count(self, partition: int, after: int, source: str) -> int:
        self._usable()
        kept = self._shelf.partitions[partition]
        behind = kept[bisect_right(kept, after, key=_offset) :]
        return sum(stored.entry.source == source for stored in behind)

    async def kept(self) -> LogKept:
        self._usable()
        heads = [kept[0] if kept else None for kept in self._shelf.partitions]
        received = [head.entry.received_us for head in heads if head]
        first = tuple(head.offset if head else 0 for head in heads)
        return LogKept(min(received, default=None), self._shelf.bytes_kept, first)

    async def trim(self, partition: int, upto: int, before_us: int, limit: int) -> int:
        self._usable()
        kept, count = self._shelf.partitions[partition], 0
        for offset, entry in kept[: min(limit, len(kept) - 1)]:
            if offset > upto or entry.received_us >= before_us:
                break
            self._shelf.bytes_kept -= len(entry.body)
            count += 1
        del kept[:count]
        return count

    async def erase(self, partition: int, offsets: Sequence[int]) -> Erased:
        self._usable()
        kept, gone = self._shelf.partitions[partition], set(offsets)
        left = [stored for stored in kept if stored.offset not in gone]
        self._shelf.partitions[partition] = left
        self._shelf.bytes_kept -= sum(len(one.entry.body) for one in kept if one.offset in gone)
        return Erased(len(kept) - len(left))

    async def scrub(self, texts: Sequence[bytes], known: int) -> int | None:
        self._usable()
        entries = [stored.entry for kept in self._shelf.partitions for stored in kept]
        held = b"\0".join(b"%s\0%s" % (entry.key.encode(), entry.body) for entry in entries).lower()
        return sum(held.count(text) for text in texts)

    async def end(self, partition: int) -> int:
        self._usable()
        return len(self._shelf.partitions[partition])

    def load(self) -> Load:
        return Load(0, 0, self._limit_bytes or 0)

    def claim(self, group: str) -> AbstractAsyncContextManager[Claim]:
        self._usable()
        return self._claimed(group)

    @asynccontextmanager
    async def _claimed(self, group: str) -> AsyncIterator[Claim]:
        claim = _MemoryClaim(self._shelf, group)
        try:
            yield claim
        finally:
            if self._shelf.holders.get(group) is claim:
                del self._shelf.holders[group]

    async def close(self) -> None:
        self._closed = True

    def _usable(self) -> None:
        if self._closed:
            raise LogUnavailable("The log is closed.")


def _offset(stored: Stored) -> int:
    return stored.offset


class _MemoryClaim:
    """Whoever asks first while nobody holds the group gets every partition."""

    def __init__(self, shelf: Shelf, group: str) -> None:
        self._shelf = shelf
        self._group = group

    @property
    def partitions(self) -> Sequence[int]:
        holder = self._shelf.holders.setdefault(self._group, self)
        return range(len(self._shelf.partitions)) if holder is self else ()


def entries_by_source(log: MemoryLog) -> dict[str, list[Entry]]:
    """Everything that a log holds, by source and in order of partition and offset: for assertions."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for partition in log._shelf.partitions:
        for stored in partition:
            found[stored.entry.source].append(stored.entry)
    return found
