"""From the log into the archive, a slice at a time: whoever runs it decides when.

Archived is what delivery has routed: by then it is known who was forgotten, and who they are. What is no
event, what gainstage sends itself, and the events of forgotten people are left out.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gainstage.event import Refusal
from gainstage.history.archive import Archive, Batch
from gainstage.history.index import AGAIN, LIVE, Cursor
from gainstage.history.rows import row_of
from gainstage.log.contract import Log, Stored
from gainstage.normalise import normalise
from gainstage.operating import CANARY_SOURCE
from gainstage.pseudonym import Pseudonyms
from gainstage.store.contract import Store

READ_AT_ONCE = 2_000
#: Of large messages fewer are taken at once.
BYTES_AT_ONCE = 64 * 1024 * 1024


@dataclass
class Taken:
    """What a slice came to, in events."""

    read: int = 0
    archived: int = 0
    duplicates: int = 0
    refused: int = 0
    #: Of gainstage's own sources.
    own: int = 0
    suppressed: int = 0
    #: Of days that are kept no more.
    too_old: int = 0
    #: The position of the newest row.
    position: int = 0
    #: There is certainly more to take at once.
    more: bool = False


class Passed(NamedTuple):
    """What delivery has routed, and whose events are not let in, as of one instant."""

    offsets: dict[int, int]
    suppressed: frozenset[bytes]


class _Slice(NamedTuple):
    cursor: Cursor
    entries: Sequence[Stored]
    offset: int


class Archiver:
    """Takes what was routed. One at a time does so: of two, the second finds a slice taken."""

    def __init__(
        self,
        archive: Archive,
        log: Log,
        store: Store,
        pseudonyms: Pseudonyms,
        *,
        own_sources: Collection[str] = (),
    ) -> None:
        self._archive, self._log, self._store, self._pseudonyms = archive, log, store, pseudonyms
        self._own = frozenset((*own_sources, CANARY_SOURCE))

    async def archive(self, limit: int = 10_000) -> Taken:
        """Take up to `limit` entries of the log.

        Raises:
            LogUnavailable: nothing was taken.
            ArchiveUnavailable: nothing was taken.
            ReaderMoved: another process takes them.
        """
        taken = Taken()
        slices = await self._read(limit)
        if slices:
            await asyncio.to_thread(self._take, slices, taken)
            taken.more = sum(len(one.entries) for one in slices) > 0
        return taken

    async def behind(self) -> int:
        """How many entries of the log were not looked at yet, at most: holes count, too."""
        cursors = await asyncio.to_thread(self._archive.cursors)
        ends = [await self._log.end(number) for number in range(self._log.partitions)]
        return sum(max(0, end - cursors.get(number, 0)) for number, end in enumerate(ends))

    async def _read(self, limit: int) -> list[_Slice]:
        """What is new first; then what is read once more."""
        passed = self._passed()
        await self._begin_anew()
        with self._archive.index.reading() as view:
            live, again = view.cursors(LIVE), view.cursors(AGAIN)
        wanted = [
            (live.get(number, Cursor(LIVE, number, 0)), passed.offsets[number])
            for number in range(self._log.partitions)
        ]
        wanted += [(cursor, cursor.until or 0) for cursor in again.values()]
        slices, left, size_bytes = [], limit, 0
        for cursor, upto in wanted:
            while cursor.offset < upto and left > 0 and size_bytes < BYTES_AT_ONCE:
                found = await self._log.read(cursor.partition, cursor.offset, min(left, READ_AT_ONCE))
                entries = [one for one in found if one.offset <= upto]
                # Beyond the last entry stand holes only, unless there is more to read.
                offset = entries[-1].offset if len(entries) == len(found) and entries else upto
                slices.append(_Slice(cursor, entries, offset))
                cursor = cursor._replace(offset=offset)
                left -= len(entries)
                size_bytes += sum(len(one.entry.body) for one in entries)
        return slices

    async def _begin_anew(self) -> None:
        """Read a log from its start that ends before the place up to which it was read: it is another one."""
        for number, offset in self._archive.cursors().items():
            if number < self._log.partitions and await self._log.end(number) < offset:
                with self._archive.changing() as transaction:
                    transaction.point(Cursor(LIVE, number, 0))

    def _passed(self) -> Passed:
        with self._store.reading() as reading:
            offsets = {number: reading.offset(number) for number in range(self._log.partitions)}
            return Passed(offsets, reading.receipts.suppressed())

    def _take(self, slices: Sequence[_Slice], taken: Taken) -> None:
        kept = self._archive.append(lambda: self._made(slices, taken))
        taken.archived, taken.duplicates, taken.too_old, taken.position = kept

    def _made(self, slices: Sequence[_Slice], taken: Taken) -> Batch:
        batch = Batch(read=[(one.cursor, one.offset) for one in slices])
        suppressed = self._passed().suppressed
        for one in slices:
            live = one.cursor.role == LIVE
            for stored in one.entries:
                if not live:
                    self._restore(batch, one.cursor.partition, stored, suppressed)
                    continue
                taken.read += 1
                if stored.entry.source in self._own:
                    taken.own += 1
                    continue
                result = normalise(f"{one.cursor.partition}-{stored.offset}", stored.entry)
                if isinstance(result, Refusal):
                    taken.refused += 1
                elif suppressed and not suppressed.isdisjoint(self._pseudonyms.all_of(result)):
                    taken.suppressed += 1
                else:
                    batch.rows.append(row_of(result))
        return batch

    def _restore(self, batch: Batch, partition: int, stored: Stored, suppressed: frozenset[bytes]) -> None:
        """A row of an entry that is read once more."""
        result = normalise(f"{partition}-{stored.offset}", stored.entry)
        if isinstance(result, Refusal) or stored.entry.source in self._own:
            return
        if not suppressed or suppressed.isdisjoint(self._pseudonyms.all_of(result)):
            batch.again.append(row_of(result))
