"""Memory of `gainstage serve`: idle, and while events wait. All its processes together (shared memory once).

The destination's address refuses connections, so that whatever is routed waits in lanes. The events are put
into the log directly, beside the server. Run from the repository's root:

    python -m tests.benchmarks.memory [--events 1000000] [--seconds 240] [--quick]
"""

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from tests.benchmarks.delivery import stream
from tests.ports import free_port

CONFIGURATION = """
sources:
  - {{name: app, kind: server, write_key: k}}
destinations:
  - name: px
    type: gainsight_px
    settings: {{api_key: k, product_tag_key: AP-XXXXXXXXXX-2, api_url: "http://127.0.0.1:{port}"}}
"""


def resident_mib(parent: int) -> float:
    """Resident memory of a process and its children (proportional set size)."""
    return sum(_resident_kib(process) for process in (parent, *_children(parent))) / 1024


def _children(parent: int) -> Iterator[int]:
    for task in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since
            yield from [int(child) for child in (task / "children").read_text().split()]


def _resident_kib(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


async def fill(folder: Path, count: int) -> None:
    """Put messages into the log."""
    log = LocalLog(folder)
    batch: list[Entry] = []
    for number, body in enumerate(stream(count)):
        batch.append(Entry("app", "", time.time_ns() // 1000, number % 1000, b"", body))
        if len(batch) == 1000:
            await log.append(batch)
            batch = []
    await log.append(batch)
    await log.close()


def measure(count: int, seconds: float) -> None:
    """Print a line a reading."""
    with tempfile.TemporaryDirectory() as place:
        config, data = Path(place) / "gainstage.yaml", Path(place) / "data"
        config.write_text(CONFIGURATION.format(port=free_port()))
        command = [
            sys.executable,
            "-m",
            "gainstage",
            "serve",
            "--config",
            config,
            "--data",
            data,
            "--port",
            "0",
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(5)
            idle = resident_mib(server.pid)
            print(f"idle_mib={idle:.0f}", flush=True)
            asyncio.run(fill(data, count))
            print(f"events={count} waiting_mib={resident_mib(server.pid):.0f}", flush=True)
            peak, ends = idle, time.monotonic() + seconds
            while time.monotonic() < ends:
                time.sleep(seconds / 12)
                now = resident_mib(server.pid)
                peak = max(peak, now)
                routed = _routed(data)
                print(f"routed={routed} resident_mib={now:.0f}", flush=True)
                if routed >= count:
                    break
            print(f"peak_mib={peak:.0f} peak_to_idle={peak / idle:.2f}")
        finally:
            os.kill(server.pid, signal.SIGTERM)
            server.wait(30)


def _routed(data: Path) -> int:
    from gainstage.store import Store

    store = Store(data, create=False)
    try:
        with store.reading() as reading:
            return reading.offset(0)
    finally:
        store.close()


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--seconds", type=float, default=240)
    arguments.add_argument("--quick", action="store_true")
    given = arguments.parse_args()
    measure(20_000 if given.quick else given.events, 15 if given.quick else given.seconds)


if __name__ == "__main__":
    main()
