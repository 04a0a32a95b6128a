"""A data folder with a real log, store and archive, and time of its own."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gainstage.app.sending import user_of
from gainstage.clock import DAY_US, SECOND_US
from gainstage.history import Archive, Archiver, Taken
from gainstage.history.folder import Disk
from gainstage.history.relation import attach
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.normalise import Surroundings
from gainstage.pseudonym import Pseudonyms
from gainstage.store.store import Store

#: 22 November 2026, noon.
NOON_US = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * SECOND_US
TODAY = NOON_US // DAY_US


class Shelf:
    """Takes messages as delivery would have routed them, and archives them."""

    def __init__(self, data: Path, *, partitions: int = 1, disk: Disk | None = None) -> None:
        self.data = data
        self.now_us = NOON_US
        self.log = LocalLog(data, partitions=partitions)
        self.store = Store(data)
        self.pseudonyms = Pseudonyms(b"a key for tests")
        self.disk = disk
        self.archive = self.opened()

    def opened(self) -> Archive:
        """Another handle on the archive."""
        return Archive(self.data, disk=self.disk, now_us=lambda: self.now_us)

    @property
    def archiver(self) -> Archiver:
        return Archiver(self.archive, self.log, self.store, self.pseudonyms, own_sources={"own"})

    async def accept(self, *messages: dict[str, Any], source: str = "app", routed: bool = True) -> None:
        """Append messages to the log."""
        around = Surroundings().encoded()
        entries = []
        for place, message in enumerate(messages):
            self.now_us += 1
            body = json.dumps(message).encode()
            key = user_of(body)
            entries.append(Entry(source, key, self.now_us, place, around, body))
        await self.log.append(entries)
        if routed:
            await self.route()

    async def route(self) -> None:
        """Let delivery have read everything."""
        for partition in range(self.log.partitions):
            end = await self.log.end(partition)
            with self.store.transaction() as transaction:
                before = transaction.intake.offset(partition)
                if end != before:
                    transaction.intake.advance(partition, before, end)

    async def take(self, *messages: dict[str, Any], source: str = "app") -> Taken:
        """Accept and archive."""
        await self.accept(*messages, source=source)
        return await self.archiver.archive()

    def ask(self, query: str, archive: Archive | None = None) -> list[tuple[Any, ...]]:
        """What DuckDB finds in the archive."""
        with (archive or self.archive).snapshot() as snapshot, duckdb.connect() as connection:
            attach(connection, snapshot)
            return connection.execute(query).fetchall()

    def ids(self) -> list[str]:
        """The message ids of all rows, in order."""
        return [row[0] for row in self.ask("SELECT message_id FROM archive ORDER BY message_id")]

    def files(self) -> list[str]:
        """The files that are on disk."""
        return sorted(self.archive.folder.names())

    def close(self) -> None:
        self.archive.close()
        asyncio.run(self.log.close())
        self.store.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    one = Shelf(tmp_path)
    yield one
    one.close()


def at(days: float) -> str:
    """A time as messages have it, so many days before noon of today."""
    return datetime.fromtimestamp(NOON_US / SECOND_US - days * 86_400, UTC).isoformat()


def track(
    number: int, user: str = "ann", name: str = "Used", days: float = 0.0, **more: Any
) -> dict[str, Any]:
    """A track call, known by its number."""
    return {
        "type": "track", "messageId": f"m-{number:06d}", "userId": user, "event": name,
        "timestamp": at(days), "properties": {"n": number}, **more,
    }  # fmt: skip
