"""A disk that forgets: what was written and not synced when the power goes may be there, or not, or in part.

It stands between SQLite and a folder in memory, as a VFS. The folder has what the system would show; of
every file the disk keeps what a sync has made safe, and the writes since then. A power cut, in the middle
of some write or sync, leaves what is safe and, of the rest, nothing, all, the beginning, or any part of it,
sector by sector. A new file's name is safe once its folder was synced. From the cut on every access fails.
A sync may fail, too: what it was to make safe is on the disk then, or not, or in part, and the system takes
it for written: no later sync brings it there.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from tests.torture.faults import failing_sync

NAME = "forgetful"
SECTOR_BYTES = 512
#: Journals and write-ahead logs: SQLite syncs the folder with the first sync of one that it made.
SYNCS_FOLDER = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL


@dataclass(frozen=True)
class Change:
    """A write (or, without data, a cut to a length) that is not safe yet."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            return
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class Content:
    """A file: what is safe of it, and what is not."""

    safe: bytearray
    since: list[Change] = field(default_factory=list)


@dataclass
class Disk:
    """What the machine has; one at a time is switched on."""

    chance: random.Random
    #: When the power goes: asked before each write and sync with the file's name and what is done to it.
    fate: Callable[[str, str], bool] = lambda name, deed: False
    #: Which syncs fail: asked before each one with the file's name.
    fails: Callable[[str], bool] = lambda name: False
    #: Those that failed since the power came back: of which file, and when.
    failed: list[tuple[str, float]] = field(default_factory=list)
    #: Says yes to syncs of files with this ending, and does nothing: on such a disk events must get lost.
    lies: str | None = None
    off: bool = False
    #: When the power went, by a clock that nobody sets.
    off_at: float = 0.0
    #: What was going on at the cut.
    moment: str = ""
    files: dict[str, Content] = field(default_factory=dict)
    safe_names: dict[str, Content] = field(default_factory=dict)
    syncs: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _left: dict[str, bytes] = field(default_factory=dict)

    def plug(self, folder: Path) -> None:
        """Switch on with the files of a folder, all safe."""
        self.off, self.moment, self.failed = False, "", []
        self.files = {str(path): Content(bytearray(path.read_bytes())) for path in folder.glob("*.db*")}
        self.safe_names = dict(self.files)

    def unplug(self, moment: str) -> None:
        """The power goes now."""
        with self.lock:
            if self.off:
                return
            self.off, self.off_at, self.moment = True, time.monotonic(), moment
            self._left = self._survivors()

    def leave(self, folder: Path) -> None:
        """Write what is left after the cut into a folder."""
        for name, content in self._left.items():
            (folder / Path(name).name).write_bytes(content)

    def names_are_safe(self, folder: str) -> None:
        """The folder was synced."""
        with self.lock:
            here = {name for name in (*self.files, *self.safe_names) if str(Path(name).parent) == folder}
            for name in here:
                if name in self.files:
                    self.safe_names[name] = self.files[name]
                else:
                    del self.safe_names[name]

    def _survivors(self) -> dict[str, bytes]:
        left = {}
        for name in {*self.files, *self.safe_names}:
            now, safe = self.files.get(name), self.safe_names.get(name)
            content = now if now is safe or self.chance.random() < 0.5 else safe
            if content is not None:
                left[name] = self.remains(content)
        return left

    def remains(self, content: Content) -> bytes:
        """What is safe of a file, with nothing, all or a part of the rest."""
        found = bytearray(content.safe)
        how = self.chance.choice(("none", "all", "beginning", "some", "torn"))
        changes = {
            "none": [],
            "all": content.since,
            "beginning": content.since[: self.chance.randint(0, len(content.since))],
        }.get(how, content.since)
        for change in changes:
            if how == "some" and self.chance.random() < 0.5:
                continue
            for part in self._sectors(change) if how == "torn" else [change]:
                part.apply(found)
        return bytes(found)

    def _sectors(self, change: Change) -> list[Change]:
        """The sectors of a write that made it."""
        if change.data is None:
            return [change] if self.chance.random() < 0.5 else []
        return [
            Change(change.offset + start, change.data[start : start + SECTOR_BYTES])
            for start in range(0, len(change.data), SECTOR_BYTES)
            if self.chance.random() < 0.7
        ]


class _File(apsw.VFSFile):
    """A file in the folder; the disk hears of every change and sync."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name or "")
        self._new_name = bool(flags[0] & SYNCS_FOLDER)
        kept = bool(flags[0] & (apsw.SQLITE_OPEN_MAIN_DB | SYNCS_FOLDER))
        self._content = Content(bytearray())
        super().__init__("unix", name, flags)
        if kept:
            with disk.lock:
                self._content = disk.files.setdefault(self._name, self._content)
                self._new_name = self._new_name and disk.safe_names.get(self._name) is not self._content

    def _alive(self, deed: str) -> None:
        if not self._disk.off and self._disk.fate(Path(self._name).name, deed):
            self._disk.unplug(f"{deed} of {Path(self._name).name}")
        if self._disk.off:
            raise apsw.IOError("The power is off.")

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self._disk.off:
            raise apsw.IOError("The power is off.")
        return super().xRead(amount, offset)

    def xLock(self, level: int) -> None:  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError as error:  # a file that was opened for reading only
            raise apsw.BusyError(str(error)) from None

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        with self._disk.lock:
            change = Change(offset, bytes(data))
            self._content.since.append(change)  # the cut may come in the middle of it
            self._alive("a write")
            super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        with self._disk.lock:
            self._alive("a write")
            self._content.since.append(Change(size, None))
            super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        with self._disk.lock:
            self._alive("a sync")
            if self._disk.lies is not None and self._name.endswith(self._disk.lies):
                return
            if self._disk.fails(Path(self._name).name):
                self._disk.failed.append((Path(self._name).name, time.monotonic()))
                self._content.safe = bytearray(self._disk.remains(self._content))
                self._content.since.clear()
                raise failing_sync()
            for change in self._content.since:
                change.apply(self._content.safe)
            self._content.since.clear()
            self._disk.syncs += 1
            if self._new_name:
                self._new_name = False
                self._disk.names_are_safe(str(Path(self._name).parent))


class Vfs(apsw.VFS):
    """Registered as the default: every connection that is made from then on is on the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        if "cksmvfs" in apsw.vfs_names():
            raise RuntimeError("The disk must be there before the checksums are: start a process of its own.")
        super().__init__(NAME, "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        with self._disk.lock:
            if self._disk.off:
                return
            super().xDelete(filename, syncdir)
            self._disk.files.pop(filename, None)
            if syncdir:
                self._disk.names_are_safe(str(Path(filename).parent))
