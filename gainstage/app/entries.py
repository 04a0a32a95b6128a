"""The message behind a row of the ledger: as it was corrected, as the store keeps it, as the log has it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from gainstage.event import Event, Refusal
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise

_entry = msgspec.msgpack.Decoder(Entry)


def entry_of(log: LocalLog, row: Mapping[str, Any]) -> Entry | None:
    """The log entry of an event: the store's copy while it has one, else the log's; None if both are gone.

    `row` has `entry`, `partition` and `offset`.
    """
    if row["entry"]:
        return _entry.decode(row["entry"])
    found = asyncio.run(log.read(row["partition"], row["offset"] - 1, 1))
    return found[0].entry if found and found[0].offset == row["offset"] else None


def read(row: Mapping[str, Any], entry: Entry) -> Event | Refusal:
    """What an entry holds."""
    return normalise(f"{row['partition']}-{row['offset']}", entry)
