"""Ports for servers of tests, where many tests run at once."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Below those that systems give to outgoing connections: nobody gets one of these by chance.
FIRST, LAST = 20_000, 32_000
_taken: set[int] = set()
_files: list[int] = []


def free_port() -> int:
    """A port that nothing listens on and that no other test gets while this process runs."""
    return next(port for port in _candidates() if port not in _taken and _reserved(port))


def _candidates() -> Iterator[int]:
    start = random.SystemRandom().randrange(FIRST, LAST)
    yield from range(start, LAST)
    yield from range(FIRST, start)


def _reserved(port: int) -> bool:
    """Take a port among all processes that ask here, by a lock on the byte of one file; False where it is
    another's, or something listens there.
    """
    if not _files:
        path = Path(tempfile.gettempdir()) / f"gainstage-test-ports-{os.getuid()}"
        _files.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        fcntl.lockf(_files[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _taken.add(port)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
