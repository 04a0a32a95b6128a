"""A process that appends to a local log from many tasks and prints each position once it is acknowledged."""

import asyncio
import itertools
import sys
from pathlib import Path

from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog


async def append_for_ever(folder: Path, round_name: str) -> None:
    log = LocalLog(folder, partitions=2)
    numbers = itertools.count()

    async def append(task: int) -> None:
        while True:
            chosen = [next(numbers) for _ in range(1 + task % 4)]
            entries = [
                Entry("site", f"task {task}", 1, 0, b"", f"{round_name}-{n} {'x' * (n % 3000)}".encode())
                for n in chosen
            ]
            positions = await log.append(entries)
            for position, entry in zip(positions, entries, strict=True):
                print(position.partition, position.offset, entry.body.split()[0].decode(), flush=True)

    await asyncio.gather(*[append(task) for task in range(8)])


if __name__ == "__main__":
    asyncio.run(append_for_ever(Path(sys.argv[1]), sys.argv[2]))
