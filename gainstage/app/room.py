"""How much room there is: on the disk, and for events that wait. Servers watch it, and reports tell it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gainstage.ingest.pressure import Reading
from gainstage.log.contract import Log
from gainstage.store.contract import Store

if TYPE_CHECKING:  # reports come without it, and without the server that it belongs to
    from gainstage.management.aside import Aside


async def read(data: Path, store: Store, log: Log, disk: "Aside | None" = None) -> Reading:
    """How things stand now. `disk` is where to ask for free space without keeping the loop waiting.

    Raises:
        StorageUnavailable, LogUnavailable, OSError: it cannot be told now.
    """
    found = await disk.run(lambda: os.statvfs(data)) if disk is not None else os.statvfs(data)
    with store.reading() as reading:
        waiting = reading.waiting_events()
        offsets = {number: reading.offset(number) for number in range(log.partitions)}
    behind = [max(0, await log.end(number) - offset) for number, offset in offsets.items()]
    return Reading(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, waiting, sum(behind))
