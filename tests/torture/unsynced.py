"""A disk that fails a sync and loses its power later: `python -m tests.torture.unsynced let-go|restart`.

Prints what was promised and is gone then, as JSON; there must be nothing. After a sync that failed SQLite may
read the file anew, and take what it was about for committed: where everybody lets go of the log (`let-go`),
or a process ends with a store whose disk still fails, and another one starts (`restart`). In a process of its
own, see `tests.torture.power`.
"""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.simulation.__main__ import memory
from tests.torture.disk import Disk, Vfs

DISK = Disk(random.Random(0))
VFS = Vfs(DISK)

from gainstage.app.folder import held  # noqa: E402
from gainstage.log.contract import Entry, LogUnavailable  # noqa: E402
from gainstage.log.local import LocalLog  # noqa: E402
from gainstage.sqlite import StorageUnavailable  # noqa: E402
from gainstage.store.store import Store  # noqa: E402

ROUNDS = 20
#: Holds the lock that a reader of an SQLite database holds, and nothing else of a connection's.
READER = """
import fcntl, sys
file = open(sys.argv[1], "rb")
fcntl.lockf(file, fcntl.LOCK_SH, 510, 0x40000002)
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def reader(path: Path) -> Iterator[None]:
    """Another process that keeps the last connection from knowing that it is the last."""
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


async def append(log: LocalLog, name: str) -> set[str]:
    """What of it was acknowledged."""
    try:
        await log.append([Entry("site", "key", 1, 0, b"", name.encode())])
    except LogUnavailable:
        return set()
    return {name}


async def read(log: LocalLog) -> set[str]:
    return {one.entry.body.decode() for one in await log.read(0, 0, 1_000)}


def fail_once() -> None:
    """The next sync of the log fails."""
    left = [True]
    DISK.fails = lambda name: name == "log.db-wal" and bool(left and left.pop())


async def let_go(before: Path, after: Path) -> list[str]:
    """What is gone of a log."""
    log = LocalLog(before)
    acknowledged = await append(log, "first")
    with reader(before / "log.db"):
        fail_once()
        assert not await append(log, "refused")
    for number in range(5):
        acknowledged |= await append(log, f"later {number}")
    assert "later 4" in acknowledged
    cut(after)
    with contextlib.suppress(Exception):
        await log.close()
    DISK.plug(after)
    log = LocalLog(after)
    found = await read(log)
    await log.close()
    return sorted(acknowledged - found)


async def restart(before: Path, after: Path) -> list[str]:
    """What is gone of a store."""
    store = Store(before)
    write(store, "first")
    DISK.fails = lambda name: True
    with contextlib.suppress(StorageUnavailable):
        write(store, "refused")
        raise AssertionError("The disk took it.")
    store.close()
    DISK.fails = lambda name: False
    with held(before):
        store = Store(before)
        later = [f"later {number}" for number in range(5)]
        for name in later:
            write(store, name)
        cut(after)
        store.close()
    DISK.plug(after)
    store = Store(after)
    found = {name for (name,) in store._connection.execute("SELECT name FROM source")}
    store.close()
    return sorted({"first", *later} - found)


def write(store: Store, name: str) -> None:
    with store.transaction() as transaction:
        transaction.names.source(name)


def cut(after: Path) -> None:
    """The power goes; what is left is found in another folder."""
    DISK.unplug("at rest")
    DISK.leave(after)


def main(how: str) -> int:
    lost = []
    for number in range(ROUNDS):
        DISK.chance = random.Random(number)
        with tempfile.TemporaryDirectory(dir=memory(), prefix="gainstage-unsynced-") as name:
            before, after = Path(name) / "before", Path(name) / "after"
            before.mkdir()
            after.mkdir()
            DISK.plug(before)
            lost.append(asyncio.run({"let-go": let_go, "restart": restart}[how](before, after)))
    print(json.dumps(lost))
    return int(any(lost))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
