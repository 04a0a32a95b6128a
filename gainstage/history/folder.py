"""The archive's folder: files that are there whole or not at all, and who may write and delete when.

A file is written under a temporary name, made durable, renamed, and its folder made durable; whether it
counts is the index's to say. Locks are the system's and end with their process: one step at a time writes,
whichever process makes it, and what was replaced is deleted when nobody reads.
"""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gainstage.sqlite import explained

FOLDER_NAME = "history"
INDEX_NAME = "index.db"
#: Where batches lie until they are parted by day, and what the disk altered.
NEW_FOLDER, DAMAGED_FOLDER = "new", "damaged"
ENDING, WRITTEN_ENDING = ".parquet", ".parquet.new"


class Disk:
    """What is asked of the disk, deed by deed; tests have one that fails."""

    def write(self, path: Path, content: bytes) -> None:
        """A new file, durable when this returns; its name is not yet."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, path: Path, target: Path) -> None:
        """Another name, within a folder or not."""
        path.replace(target)

    def remove(self, path: Path) -> None:
        """Gone, or gone before."""
        path.unlink(missing_ok=True)

    def sync(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Folder:
    """`history` in a data folder, made there if there is none."""

    def __init__(self, data: Path, disk: Disk | None = None) -> None:
        self.path = data / FOLDER_NAME
        self._disk = disk or Disk()

    @property
    def index(self) -> Path:
        """Where the index lies."""
        return self.path / INDEX_NAME

    def prepare(self) -> None:
        """Make what is not there."""
        with explained(self.path):
            for folder in (self.path, self.path / NEW_FOLDER):
                self._make(folder)

    def sync(self) -> None:
        """Make the names in the folder durable."""
        with explained(self.path):
            self._disk.sync(self.path)

    def file(self, name: str) -> Path:
        """Where a file of the index lies."""
        return self.path / name

    def write(self, name: str, content: bytes) -> None:
        """A file under its name, durable, or none."""
        path = self.file(name)
        with explained(path):
            self._make(path.parent)
            written = path.with_name(path.name.removesuffix(ENDING) + WRITTEN_ENDING)
            self._disk.write(written, content)
            self._disk.rename(written, path)
            self._disk.sync(path.parent)

    def read(self, name: str) -> bytes | None:
        """A file's content; None where the disk cannot give it."""
        path = self.file(name)
        with explained(path):
            try:
                return path.read_bytes()
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EIO):
                    return None
                raise

    def set_aside(self, name: str) -> str:
        """Move a file that the disk altered out of the way; its name there."""
        path, target = self.file(name), f"{DAMAGED_FOLDER}/{name.replace('/', '-')}"
        with explained(path):
            self._make(self.path / DAMAGED_FOLDER)
            if path.exists():
                self._disk.rename(path, self.file(target))
                self._disk.sync(self.path / DAMAGED_FOLDER)
                self._disk.sync(path.parent)
        return target

    def remove(self, names: Iterable[str]) -> None:
        """Delete files, and the folders of days that become empty."""
        folders = set()
        for name in names:
            path = self.file(name)
            with explained(path):
                self._disk.remove(path)
            folders.add(path.parent)
        for folder in folders:
            if folder.exists():
                with explained(folder):
                    self._disk.sync(folder)
                    if folder.name.startswith("day=") and not any(folder.iterdir()):
                        folder.rmdir()

    def names(self) -> set[str]:
        """Every file of rows that is there, also those that are not finished."""
        with explained(self.path):
            return {
                str(path.relative_to(self.path))
                for ending in (ENDING, WRITTEN_ENDING)
                for path in self.path.rglob(f"*{ending}")
                if path.parent.name != DAMAGED_FOLDER
            }

    def damaged(self) -> set[str]:
        """The files that were set aside."""
        with explained(self.path):
            return {f"{DAMAGED_FOLDER}/{path.name}" for path in (self.path / DAMAGED_FOLDER).glob("*")}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who changes the archive; waits for a step of somebody else's to end."""
        with self._locked("writer.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While files are read none is deleted."""
        with self._locked("readers.lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def unread(self) -> Iterator[bool]:
        """Whether nobody reads, and nobody begins to meanwhile."""
        try:
            with self._locked("readers.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        with explained(self.path):
            descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._disk.sync(folder.parent)
