"""What a start of `gainstage serve` costs: time until it answers, processor time and memory of its processes.

Each figure is the median of some starts, on an empty data folder, once every process is at work. What they
share of memory counts once (proportional set size). Run from the repository's root:

    python -m tests.benchmarks.starting [--starts 7] [--quick]
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.benchmarks.memory import resident_mib
from tests.ports import free_port
from tests.world import children

#: Until then the computing process has begun, too.
SECONDS = 6.0
TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(process: int) -> float:
    """Processor time of a process and its children."""
    found = 0
    for one in (process, *children(process)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        found += int(fields[11]) + int(fields[12])
    return found / TICK


def start() -> tuple[float, float, float]:
    """Seconds until it answers, processor seconds and MiB once all are at work."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "gainstage", "serve", "--port", str(port), "--data", data]
        began = time.monotonic()
        server = subprocess.Popen(command, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not _answers(port):
                time.sleep(0.01)
            answers = time.monotonic() - began
            time.sleep(SECONDS)
            return answers, processor_seconds(server.pid), resident_mib(server.pid)
        finally:
            os.kill(server.pid, signal.SIGTERM)
            server.wait(30)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--starts", type=int, default=7)
    arguments.add_argument("--quick", action="store_true")
    given = arguments.parse_args()
    found = [start() for _ in range(2 if given.quick else given.starts)]
    answers, processor, memory = (statistics.median(column) for column in zip(*found, strict=True))
    print(
        f"answers_after_s={answers:.2f} processor_s={processor:.2f} memory_mib={memory:.0f} "
        f"starts={len(found)}"
    )


if __name__ == "__main__":
    main()
