"""The machine's clock under a real server, set forward and back as a person or a time server does.

`GAINSTAGE_CLOCK` names a file that says by how much; all processes of a server follow it at once. What
measures durations (`time.monotonic`) goes on as it does on a machine whose clock is set.
"""

import mmap
import struct
import time
from pathlib import Path

#: One number: nanoseconds ahead of the true time.
FORM = "q"


def install(path: str) -> None:
    """Have this process read the time from a clock that may be set."""
    with Path(path).open("rb") as file:
        ahead = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)).cast(FORM)
    true_ns = time.time_ns
    time.time_ns = lambda: true_ns() + ahead[0]
    time.time = lambda: time.time_ns() / 1e9


class Clock:
    """The clock of a server, set from outside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set(0)

    def environment(self) -> dict[str, str]:
        """What a server must be started with to go by it."""
        return {"GAINSTAGE_CLOCK": str(self._path)}

    def set(self, seconds: float) -> None:
        """So far ahead of the true time from now on; negative: behind."""
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(struct.pack(FORM, round(seconds * 1e9)))
