"""The message behind a row of the ledger: as it was corrected, as the store keeps it, as the log has it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gainstage.event import Event, Refusal
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise

#: Entries so far apart are read together with what stands between, so many at a time.
NEAR, RUN = 8, 2_000

_entry = msgspec.msgpack.Decoder(Entry)


def entry_of(log: LocalLog, row: Mapping[str, Any]) -> Entry | None:
    """The log entry of an event: the store's copy while it has one, else the log's; None if both are gone.

    `row` has `entry`, `partition` and `offset`.
    """
    if row["entry"]:
        return _entry.decode(row["entry"])
    found = asyncio.run(log.read(row["partition"], row["offset"] - 1, 1))
    return found[0].entry if found and found[0].offset == row["offset"] else None


def entries_of(log: LocalLog, rows: Sequence[Mapping[str, Any]]) -> list[Entry | None]:
    """The log entries of several events: those that stand near one another are read together."""
    places = [(row["partition"], row["offset"]) for row in rows if not row["entry"]]
    found = asyncio.run(_read(log, places)) if places else {}
    return [
        _entry.decode(row["entry"]) if row["entry"] else found.get((row["partition"], row["offset"]))
        for row in rows
    ]


async def _read(log: LocalLog, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Entry]:
    found: dict[tuple[int, int], Entry] = {}
    for partition, first, last in _runs(sorted(places)):
        after = first - 1
        while after < last:
            stored = await log.read(partition, after, last - after)
            found.update({(partition, one.offset): one.entry for one in stored if one.offset <= last})
            if not stored:
                break
            after = stored[-1].offset
    return found


def _runs(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Stretches of a partition in which most entries are wanted: partition, first and last offset."""
    start = 0
    for number in range(1, len(places) + 1):
        last = places[number - 1]
        apart = number == len(places) or places[number][0] != last[0] or places[number][1] - last[1] > NEAR
        if apart or number - start == RUN:
            yield last[0], places[start][1], last[1]
            start = number


def read(row: Mapping[str, Any], entry: Entry) -> Event | Refusal:
    """What an entry holds."""
    return normalise(f"{row['partition']}-{row['offset']}", entry)
