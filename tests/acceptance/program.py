"""The program as its users run it: a process, its exit code, what it prints where."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 60


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Program:
    """`gainstage` in a folder of its own, beside a sandbox."""

    folder: Path
    sandbox: str

    def run(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "gainstage", *arguments],
            cwd=self.folder,
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=surroundings(environment),
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def configure(self, **replaced: str) -> Path:
        """`gainstage.yaml` of the examples, pointed at the sandbox, with texts replaced."""
        path = self.example("sandbox.yaml", "gainstage.yaml")
        text = path.read_text(encoding="utf-8")
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        return path

    def example(self, name: str, called: str = "") -> Path:
        """A file of the examples in this folder, pointed at the sandbox."""
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        path = self.folder / (called or name)
        path.write_text(text.replace("http://127.0.0.1:8090", self.sandbox), encoding="utf-8")
        return path

    @contextlib.contextmanager
    def serving(self, *arguments: str) -> Iterator[str]:
        """A running server; its address. It is stopped at the end and must then end well."""
        process = subprocess.Popen(
            [sys.executable, "-m", "gainstage", "serve", "--port", "0", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=surroundings(None),
        )
        try:
            assert process.stdout is not None and process.stderr is not None
            found = re.search(r"http://[^/\s]+", process.stdout.readline().decode())
            assert found, process.stderr.read().decode()
            yield found[0]
        finally:
            process.terminate()
            out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, (out, err)


def surroundings(extra: Mapping[str, str] | None) -> dict[str, str]:
    """The environment of a command: ours, without what changes how output looks."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "TERM")
    }
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "PYTHONPATH": str(ROOT), **(extra or {})}


def wait_for(condition: Any, seconds: float = 20.0) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)
    return answer
