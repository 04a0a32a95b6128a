"""The processes that the demo starts: found by the address that they print, stopped in order at the end."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gainstage.errors import UsageError

ADDRESS = re.compile(rb"http://[^\s/]+")
START_SECONDS = 30.0
#: The server lets calls under way finish.
STOP_SECONDS = 30.0
LOOPBACK = "127.0.0.1,localhost"


class Process:
    """A command of ours in a process of its own, with its output in a file."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        self._output = folder / f"{name}.out"
        with self._log.open("wb") as log, self._output.open("wb") as output:
            # A session of its own: Ctrl-C is for us, and we stop everything in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gainstage", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
                # A gainstage.yaml that lies where the demo is started is none of the demo's.
                cwd=folder,
                env=os.environ | direct(),
            )

    def address(self) -> str:
        """The first address that the process prints."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = ADDRESS.search(self._output.read_bytes())
            if found:
                return found[0].decode()
            if not self.runs:
                break
            time.sleep(0.02)
        raise UsageError(f"The demo's {self.name} did not start: {self.last_words()}")

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def last_words(self) -> str:
        """The last line that it said on stderr."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with code {self._process.poll()} and said nothing."

    def stop(self) -> None:
        """Ask it to stop, and make it after a while."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def direct() -> dict[str, str]:
    """Environment by which calls to this machine go past any proxy."""
    known = [os.environ[name] for name in ("NO_PROXY", "no_proxy") if os.environ.get(name)]
    value = ",".join([*known[:1], LOOPBACK])
    return {"NO_PROXY": value, "no_proxy": value}


@contextlib.contextmanager
def started(name: str, arguments: list[str], folder: Path) -> Iterator[Process]:
    """A process that is stopped at the end of the block, however it ends."""
    process = Process(name, arguments, folder)
    try:
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that everything is stopped and cleared away."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
