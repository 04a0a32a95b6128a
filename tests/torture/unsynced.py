"""A disk that fails a sync and loses its power later: `python -m tests.torture.unsynced HOW`.

Prints what was promised and is gone then, as JSON; there must be nothing. After a sync that failed SQLite may
read the file anew, and take what it was about for committed: where everybody lets go of the log (`let-go`),
where a process ends with a store whose disk still fails, and another one starts (`restart`), where only the
process that archives does (`archive`), and where what computations have told is opened anew (`computing`). In
a process of its own, see `tests.torture.power`.
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

from gainstage.app.archiving import Archiving  # noqa: E402
from gainstage.app.computing import Computing, follow  # noqa: E402
from gainstage.app.folder import held  # noqa: E402
from gainstage.clock import SystemClock  # noqa: E402
from gainstage.computing.state import FOLDER_NAME as AUDIENCES  # noqa: E402
from gainstage.computing.state import State  # noqa: E402
from gainstage.connection import Configuration  # noqa: E402
from gainstage.history.folder import FOLDER_NAME as HISTORY  # noqa: E402
from gainstage.history.folder import INDEX_NAME  # noqa: E402
from gainstage.history.index import Index  # noqa: E402
from gainstage.log.contract import Entry, LogUnavailable  # noqa: E402
from gainstage.log.local import LocalLog  # noqa: E402
from gainstage.pseudonym import Pseudonyms  # noqa: E402
from gainstage.sqlite import StorageUnavailable  # noqa: E402
from gainstage.store.store import Store  # noqa: E402

ROUNDS = 20
LATER = tuple(f"later {number}" for number in range(5))
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
    for name in LATER:
        acknowledged |= await append(log, name)
    assert LATER[-1] in acknowledged
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
    with failing():
        with refused():
            write(store, "refused")
        store.close()
    with held(before):
        store = Store(before)
        for name in LATER:
            write(store, name)
        cut(after)
        store.close()
    DISK.plug(after)
    store = Store(after)
    found = {name for (name,) in store._connection.execute("SELECT name FROM source")}
    store.close()
    return sorted({"first", *LATER} - found)


def write(store: Store, name: str) -> None:
    with store.transaction() as transaction:
        transaction.names.source(name)


async def archive(before: Path, after: Path) -> list[str]:
    """What is gone of the index of an archive."""
    store, log = Store(before), LocalLog(before)
    index = Index(made(before / HISTORY) / INDEX_NAME)
    tell(index, "first")
    with failing():
        with refused():
            tell(index, "refused")
        index.close()
    stop = asyncio.Event()
    following = asyncio.create_task(follow(before, stop))
    await asyncio.sleep(0.1)  # it has opened everything, and has nothing to do
    index = Index(before / HISTORY / INDEX_NAME)
    for name in LATER:
        tell(index, name)
    cut(made(after / HISTORY))
    stop.set()
    await asyncio.wait([following])
    for part in (index, store):
        part.close()
    await log.close()
    DISK.plug(after / HISTORY)
    index = Index(after / HISTORY / INDEX_NAME)
    with index.reading() as view:
        gone = sorted(name for name in ("first", *LATER) if not view.meta(name))
    index.close()
    return gone


def tell(index: Index, name: str) -> None:
    with index.transaction() as transaction:
        transaction.set(name, 1)


async def computing(before: Path, after: Path) -> list[str]:
    """What is gone of what computations have told."""
    store, log = Store(before), LocalLog(before)
    archiving = Archiving(before, log, store, Pseudonyms(b""))
    computing = Computing(before, archiving, log, store, Pseudonyms(b""), SystemClock())
    made(before / AUDIENCES)
    await compute(computing, "first")
    with failing():
        with refused():
            await compute(computing, "refused")
        computing.close()
    for name in LATER:
        await compute(computing, name)
    cut(made(after / AUDIENCES))
    for part in (computing, archiving, store):
        part.close()
    await log.close()
    DISK.plug(after / AUDIENCES)
    state = State(after / AUDIENCES)
    gone = sorted(name for name in ("first", *LATER) if not state.number(name))
    state.close()
    return gone


async def compute(computing: Computing, name: str) -> None:
    await computing.turn(Configuration(1, {}, {}))
    assert not computing.problem, computing.problem
    state: State = computing._parts[0]
    with state.transaction():
        state.put(name, 1)


@contextmanager
def failing() -> Iterator[None]:
    """Meanwhile every sync fails."""
    DISK.fails = lambda name: True
    yield
    DISK.fails = lambda name: False


@contextmanager
def refused() -> Iterator[None]:
    """The disk does not take what is done here, and whoever does it hears of it."""
    with contextlib.suppress(StorageUnavailable):
        yield
        raise AssertionError("The disk took it.")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def cut(after: Path) -> None:
    """The power goes; what is left is found in another folder."""
    DISK.unplug("at rest")
    DISK.leave(after)


HOW = {"let-go": let_go, "restart": restart, "archive": archive, "computing": computing}


def main(how: str) -> int:
    lost = []
    for number in range(ROUNDS):
        DISK.chance = random.Random(number)
        with tempfile.TemporaryDirectory(dir=memory(), prefix="gainstage-unsynced-") as name:
            before, after = Path(name) / "before", Path(name) / "after"
            before.mkdir()
            after.mkdir()
            DISK.plug(before)
            lost.append(asyncio.run(HOW[how](before, after)))
    print(json.dumps(lost))
    return int(any(lost))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
