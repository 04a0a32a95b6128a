"""The log of one machine: a SQLite database in the data folder, durable before `append` returns.

Any number of processes may append and read; SQLite's lock lets one transaction write at a time. Writing
happens in a thread of its own (`writer`), reading in another, trimming and erasing in a third: the event loop
never waits for the disk.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from gainstage.log.claim import claimed
from gainstage.log.contract import Claim, Entry, Erased, Load, LogKept, LogUnavailable, Position, Stored
from gainstage.log.damage import read_around
from gainstage.log.file import FILE_NAME, LogDamaged, create, opened, translated
from gainstage.log.keeping import Keeper
from gainstage.log.rows import rows
from gainstage.log.writer import Writer
from gainstage.sqlite import explained

CACHE_KIB = 1024

T = TypeVar("T")


class LocalLog:
    """The log in a data folder, made there if there is none.

    `partitions` counts when the log is created; an existing log keeps its number. `limit_bytes` bounds the
    database file: beyond it the log is as unavailable as on a full disk.

    Raises:
        LogUnavailable: the folder or the file cannot be used; the sentence says what to do.
    """

    def __init__(self, folder: Path, *, partitions: int = 1, limit_bytes: int | None = None) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME
        self._partitions = create(folder, partitions)
        self._writer = Writer(self._path, self._partitions, limit_bytes)
        self._reader: apsw.Connection | None = None
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")
        self._keeper = Keeper(self._path, self._partitions)
        self._keeping = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-keeper")
        self._closed = False

    @property
    def partitions(self) -> int:
        return self._partitions

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        if not entries:
            return ()
        return await self._writer.append(entries)

    async def read(self, partition: int, after: int, limit: int) -> Sequence[Stored]:
        try:
            return await self._read(partition, lambda connection: rows(connection, partition, after, limit))
        except LogDamaged:
            return await self._read(partition, lambda opened: read_around(opened, partition, after, limit))

    async def count(self, partition: int, after: int, source: str) -> int:
        def counted(connection: apsw.Connection, how: str = "") -> int:
            statement = (
                f'SELECT count(*) FROM partition_{partition:d} {how} WHERE source = ? AND "offset" > ?'
            )
            return int(connection.execute(statement, (source, after)).get)

        try:
            return await self._read(partition, counted)
        except LogDamaged:  # of the index: the table is slower and has the same entries
            return await self._read(partition, lambda connection: counted(connection, "NOT INDEXED"))

    async def kept(self) -> LogKept:
        return await self._keep(self._keeper.kept)

    async def trim(self, partition: int, upto: int, before_us: int, limit: int) -> int:
        return await self._keep(lambda: self._keeper.trim(partition, upto, before_us, limit))

    async def erase(self, partition: int, offsets: Sequence[int]) -> Erased:
        return Erased(await self._keep(lambda: self._keeper.erase(partition, offsets)))

    async def scrub(self, texts: Sequence[bytes], known: int) -> int | None:
        return await self._keep(lambda: self._keeper.scrub(texts, known))

    async def end(self, partition: int) -> int:
        def newest(connection: apsw.Connection) -> int:
            return int(connection.execute(f'SELECT max("offset") FROM partition_{partition:d}').get or 0)

        return await self._read(partition, newest)

    def load(self) -> Load:
        return self._writer.load()

    def claim(self, group: str) -> AbstractAsyncContextManager[Claim]:
        return self._claimed(group)

    @asynccontextmanager
    async def _claimed(self, group: str) -> AsyncIterator[Claim]:
        with claimed(self._folder, group, self._partitions) as claim:
            yield claim

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._writer.close()
        self._reading.shutdown()
        self._keeping.shutdown()
        self._keeper.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    async def _keep(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise LogUnavailable("The log is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._keeping, work)

    async def _read(self, partition: int, query: Callable[[apsw.Connection], T]) -> T:
        if self._closed:
            raise LogUnavailable("The log is closed.")
        if not 0 <= partition < self._partitions:
            raise ValueError(f"partition {partition} is none of 0 to {self._partitions - 1}")
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._query, query)

    def _query(self, query: Callable[[apsw.Connection], T]) -> T:
        """Run in the reader's thread, on the reader's own connection."""
        try:
            if self._reader is None:
                self._reader = opened(self._path, cache_kib=CACHE_KIB)
            with translated(), explained(self._path):
                return query(self._reader)
        except LogUnavailable:
            reader, self._reader = self._reader, None
            if reader is not None:
                reader.close(force=True)
            raise
