"""The newest events of the log, read backwards: what sources sent lately. Bounded."""

import asyncio
from collections.abc import Collection, Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

from gainstage.app.moments import iso
from gainstage.errors import DataUnusable
from gainstage.event import Event
from gainstage.log.contract import LogUnavailable, Stored
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise

#: Entries that are read at once, and looked at, over all partitions.
READ_AT_ONCE = 1_000
LOOKED_AT = 20_000
#: The same where only the newest of each source is asked for.
GLANCED_AT = 5_000


class Seen(NamedTuple):
    """An event, and the source that sent it."""

    source: str
    event: Event


class Lately(NamedTuple):
    """The newest events, the newest first, and how many entries were looked at to find them."""

    events: list[Seen]
    looked_at: int


def newest(
    data: Path, sources: Set[str], kinds: Collection[str], limit: int, looked_at: int = LOOKED_AT
) -> Lately:
    """The newest events of some sources that are of these kinds, at most so many.

    Raises:
        DataUnusable: the log cannot be read.
    """
    found: list[Seen] = []
    words = [kind.encode() for kind in kinds]
    looked = 0
    log = _opened(data)
    try:
        share = max(1, looked_at // log.partitions)
        for partition in range(log.partitions):
            mine = 0
            for stored in _backwards(log, partition, share):
                looked += 1
                entry = stored.entry
                # Most are passed over unread: that takes longest. A kind may stand in the path alone.
                told = entry.surroundings, entry.body
                if entry.source not in sources or not any(word in text for word in words for text in told):
                    continue
                event = normalise(f"{partition}-{stored.offset}", entry)
                if isinstance(event, Event) and event.kind in kinds:
                    found.append(Seen(stored.entry.source, event))
                    mine += 1
                    if mine == limit:
                        break
    except LogUnavailable as error:
        raise DataUnusable(str(error)) from None
    finally:
        asyncio.run(log.close())
    found.sort(key=lambda one: one.event.received_us, reverse=True)
    return Lately(found[:limit], looked)


def newest_by_source(data: Path, sources: Set[str]) -> dict[str, dict[str, Any]]:
    """By source its newest message, where that is among the newest of all.

    Raises:
        DataUnusable: the log cannot be read.
    """
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    log = _opened(data)
    try:
        share = max(1, GLANCED_AT // log.partitions)
        for partition in range(log.partitions):
            missing = set(sources)
            for stored in _backwards(log, partition, share):
                name, at_us = stored.entry.source, stored.entry.received_us
                if name not in missing:
                    continue
                missing.discard(name)
                if name not in found or found[name][0] < at_us:
                    found[name] = at_us, _told(partition, stored)
                if not missing:
                    break
    except LogUnavailable as error:
        raise DataUnusable(str(error)) from None
    finally:
        asyncio.run(log.close())
    return {name: told for name, (_, told) in found.items()}


def _told(partition: int, stored: Stored) -> dict[str, Any]:
    result = normalise(f"{partition}-{stored.offset}", stored.entry)
    is_event = isinstance(result, Event)
    return {
        "message_id": result.message_id,
        "received_at": iso(stored.entry.received_us),
        "type": result.kind if isinstance(result, Event) else None,
        "event": (result.name or None) if isinstance(result, Event) else None,
        "refused": None if is_event else getattr(result, "code", None),
    }


def _opened(data: Path) -> LocalLog:
    try:
        return LocalLog(data)
    except LogUnavailable as error:
        raise DataUnusable(str(error)) from None


def _backwards(log: LocalLog, partition: int, limit: int) -> Iterator[Stored]:
    """The newest entries of a partition, the newest first, so many at the most."""
    end = asyncio.run(log.end(partition))
    floor = max(0, asyncio.run(log.kept()).first[partition] - 1)
    given = 0
    while end > floor and given < limit:
        start = max(floor, end - READ_AT_ONCE)
        slice_ = asyncio.run(log.read(partition, start, READ_AT_ONCE))
        for stored in reversed(slice_):
            if stored.offset <= end:
                yield stored
                given += 1
                if given == limit:
                    return
        end = start
