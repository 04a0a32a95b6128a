"""Who routes a local log: a lock file per group, held by one handle of one process at a time.

The system lets go of the lock when its holder dies, however it dies.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gainstage.log.contract import LogUnavailable


class FileClaim:
    """Every partition for whoever holds the lock; whoever does not tries again each time it asks."""

    def __init__(self, descriptor: int, partitions: int) -> None:
        self._descriptor = descriptor
        self._partitions = partitions
        self._held = False

    @property
    def partitions(self) -> Sequence[int]:
        if not self._held:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return ()
            self._held = True
        return range(self._partitions)


@contextmanager
def claimed(folder: Path, group: str, partitions: int) -> Iterator[FileClaim]:
    """Take part in `group` (letters, digits and hyphens).

    Raises:
        LogUnavailable: the lock file cannot be opened.
    """
    if not group.replace("-", "").isalnum():
        raise ValueError(f"not a name for a group: {group!r}")
    path = folder / f"claim-{group}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LogUnavailable(
            f"{path} cannot be opened ({error.strerror}); give this user write access."
        ) from error
    try:
        yield FileClaim(descriptor, partitions)
    finally:
        os.close(descriptor)
