"""A disk under a real server that refuses to write for a while: full, read-only, or failing.

`GAINSTAGE_DISK` names a file; while it holds one of the words, every write of SQLite ends with that error.
"""

from pathlib import Path

import apsw

ERRORS: dict[str, type[apsw.Error]] = {
    "full": apsw.FullError,
    "read-only": apsw.ReadOnlyError,
    "failing": apsw.IOError,
}


def install(switch: str) -> None:
    """Put every database that is opened from now on, in this process, on such a disk."""
    global _kept
    _kept = _Vfs(Path(switch))


_kept: apsw.VFS | None = None


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
        if error := ERRORS.get(self._switch.read_text() if self._switch.exists() else ""):
            raise error("The disk of this test does not take it.")
        super().xWrite(data, offset)
