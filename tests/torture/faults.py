"""A disk under a real server that refuses to write for a while: full, read-only, or failing.

`GAINSTAGE_DISK` names a file; while it holds one of the words, every write of SQLite ends with that error.
While it holds `unsynced`, writes go well and every sync fails.
"""

from pathlib import Path

import apsw

ERRORS: dict[str, type[apsw.Error]] = {
    "full": apsw.FullError,
    "read-only": apsw.ReadOnlyError,
    "failing": apsw.IOError,
}
UNSYNCED = "unsynced"


def install(switch: str) -> None:
    """Put every database that is opened from now on, in this process, on such a disk."""
    global _kept
    _kept = _Vfs(Path(switch))


_kept: apsw.VFS | None = None


def failing_sync() -> apsw.Error:
    """What SQLite hears of a sync that failed."""
    error = apsw.IOError("The disk of this test does not sync.")
    error.extendedresult = apsw.SQLITE_IOERR_FSYNC
    return error


class _Vfs(apsw.VFS):
    def __init__(self, switch: Path) -> None:
        self._switch = switch
        super().__init__("faulty", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self._switch, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, switch: Path, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._switch = switch
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if error := ERRORS.get(self._fault()):
            raise error("The disk of this test does not take it.")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._fault() == UNSYNCED:
            raise failing_sync()
        super().xSync(flags)

    def _fault(self) -> str:
        return self._switch.read_text() if self._switch.exists() else ""
