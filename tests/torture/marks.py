"""What a process is at: notes that it writes into shared memory, which stay as they are when it is killed.

So the harness can wait for a moment, kill, and then read in what the process was really interrupted.
Moments that are over too soon for that have a doom: the process sends itself SIGKILL when it comes to one.
`install` runs in the process itself; `Marks` reads from outside. Each process has a file named by its id.
"""

import contextlib
import mmap
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import apsw

#: The database that each process of a server writes: the first one, delivery, and the one that computes.
FILES = {"log": "log.db", "store": "store.db", "history": "index.db"}
#: The notes, one byte each: what is open, or how many of it.
NAMES = ("log transaction", "log commit", "store transaction", "store commit", "exchange", "answer",
         "history transaction", "history commit")  # fmt: skip
#: Where a process ends itself when told to, by the number that tells it; 0 tells nothing.
DOOMS = (
    "",
    "before a log commit",
    "after a log commit",
    "before a store commit",
    "after a store commit",
    "at a call",
    "at an answer",
    "before a history commit",
    "after a history commit",
)
#: Which doom a process is told, and which it met.
DOOM, MET = 14, 15
SIZE_BYTES = 16
#: Where Python finds our `sitecustomize`.
PYTHONPATH = f"{Path(__file__).parent / 'within'}{os.pathsep}{Path(__file__).parents[2]}"
#: fsync and fdatasync, by machine.
SYNCS = {"x86_64": ("74 ", "75 "), "aarch64": ("82 ", "83 ")}.get(platform.machine(), ())


def install(folder: str) -> None:
    """Begin to note, if this process is a server's; what is forked from it begins for itself."""
    begun = {"gainstage.app.worker": "store", "gainstage.app.computing": "history", "serve": "log"}
    kind = next((kind for word, kind in begun.items() if word in sys.orig_argv), None)
    if kind is not None:
        os.register_at_fork(after_in_child=lambda: _look_whose(folder))
        _begin(folder, kind)


def _look_whose(folder: str) -> None:
    """A fork does not know yet what it is for: its title tells when it opens its first database."""

    def opened(connection: apsw.Connection) -> None:
        from setproctitle import getproctitle

        from gainstage.app.supervising import COMPUTING, DELIVERY

        apsw.connection_hooks.remove(opened)
        kind = {DELIVERY.title: "store", COMPUTING.title: "history"}.get(getproctitle())
        if kind is not None:
            _begin(folder, kind)
            apsw.connection_hooks[-1](connection)

    apsw.connection_hooks[:] = [opened]


def _begin(folder: str, kind: str) -> None:
    path = Path(folder) / f"{os.getpid()}.new"
    path.write_bytes(bytes(SIZE_BYTES))
    with path.open("r+b") as file:
        notes = mmap.mmap(file.fileno(), SIZE_BYTES)
    path.rename(path.with_suffix(".marks"))
    apsw.connection_hooks.append(lambda connection: _follow(connection, notes, kind))
    if kind == "store":
        _follow_calls(notes)


def _follow(connection: apsw.Connection, notes: mmap.mmap, kind: str) -> None:
    """Note the transactions of the process that write its database."""
    if Path(connection.filename).name != FILES[kind]:
        return
    open_, commit, answer = (
        NAMES.index(name) for name in (f"{kind} transaction", f"{kind} commit", "answer")
    )

    def noted(event: dict[str, Any]) -> None:
        sql, begins = event["sql"], event["code"] == apsw.SQLITE_TRACE_STMT
        if sql == "BEGIN IMMEDIATE" and not begins:
            notes[open_] = 1
        elif sql == "COMMIT" and notes[open_]:
            if begins:
                meet(notes, f"before a {kind} commit")
            notes[commit] = begins
            if not begins:
                notes[open_] = notes[answer] = 0
                meet(notes, f"after a {kind} commit")
        elif sql == "ROLLBACK":
            notes[open_] = 0

    connection.trace_v2(apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE, noted)


def meet(notes: mmap.mmap, doom: str) -> None:
    """Here the process ends, if this is what it is doomed to."""
    if notes[DOOM] and DOOMS[notes[DOOM]] == doom:
        notes[MET] = notes[DOOM]
        os.kill(os.getpid(), signal.SIGKILL)


def _follow_calls(notes: mmap.mmap) -> None:
    """Note the calls under way, and those whose answer is not recorded yet."""
    from gainstage.delivery.transport import HttpTransport

    exchange, answer = NAMES.index("exchange"), NAMES.index("answer")
    send = HttpTransport.send

    async def noted(self: HttpTransport, request: Any) -> Any:
        notes[exchange] += 1
        meet(notes, "at a call")
        try:
            return await send(self, request)
        finally:
            meet(notes, "at an answer")
            notes[exchange] -= 1
            notes[answer] = min(notes[answer] + 1, 255)

    HttpTransport.send = noted  # type: ignore[method-assign]


class Marks:
    """The notes of processes, read from outside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def environment(self) -> dict[str, str]:
        """What a server must be started with to leave notes."""
        return {"GAINSTAGE_MARKS": str(self._folder), "PYTHONPATH": PYTHONPATH}

    def of(self, pid: int | None) -> frozenset[str]:
        """What the process is at, or was when it ended; empty where nothing is known of it."""
        try:
            notes = (self._folder / f"{pid}.marks").read_bytes()
        except FileNotFoundError:
            return frozenset()
        at = {name for name, n in zip(NAMES, notes, strict=False) if n}
        return frozenset(at | {DOOMS[notes[MET]]} - {""})

    def calls(self, pid: int) -> int:
        """How many calls the process had under way, or answered and not recorded, when it ended."""
        try:
            notes = (self._folder / f"{pid}.marks").read_bytes()
        except FileNotFoundError:
            return 0
        return notes[NAMES.index("exchange")] + notes[NAMES.index("answer")]

    def ended_itself(self, pid: int) -> bool:
        """Whether the process met its doom."""
        return bool(self.of(pid) & set(DOOMS))

    def doom(self, pid: int, moment: str) -> None:
        """Have the process end itself when it comes to this moment."""
        with (self._folder / f"{pid}.marks").open("r+b") as notes:
            notes.seek(DOOM)
            notes.write(bytes([DOOMS.index(moment)]))

    def is_followed(self, pid: int | None) -> bool:
        """Whether the process notes already."""
        return (self._folder / f"{pid}.marks").exists()


def tells_fsync(folder: Path) -> bool:
    """Whether it can be seen that a process waits for the disk of a folder: not where that is in memory."""
    try:
        Path(f"/proc/{os.getpid()}/syscall").read_text()
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return False
    above = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    return bool(SYNCS) and max(above, key=lambda mount: len(mount[1]))[2] not in ("tmpfs", "ramfs")


def in_fsync(pid: int) -> bool:
    """Whether a thread of the process waits for the disk just now; False where the system does not tell."""
    if SYNCS:
        for path in Path(f"/proc/{pid}/task").glob("*/syscall"):
            with contextlib.suppress(OSError):
                if path.read_text().startswith(SYNCS):
                    return True
    return False
