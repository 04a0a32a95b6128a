"""Custom events to Gainsight PX at its limit of 200 requests a second: how close it comes, and what it costs.

The sandbox is a process of its own, with sockets in between; it answers each call after 50 ms and enforces
the limit. A backlog waits in the log; log, store, engine and transport are the real ones. Run from the root:

    python -m tests.benchmarks.px_events [--seconds 60] [--quick] [--algorithm leaky_bucket] [--profile]
"""

import argparse
import asyncio
import cProfile
import dataclasses
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from gainstage.app.worker import collect_rarely
from gainstage.clock import SystemClock
from gainstage.connection import Configuration, Connected, Source
from gainstage.delivery.engine import Engine
from gainstage.delivery.transport import HttpTransport
from gainstage.destination import Request, Response
from gainstage.destinations.registry import load
from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage.store.rows import Document
from gainstage.store.store import Store
from tests.ports import free_port

PER_SECOND, ANSWER_SECONDS = 200, 0.05
USERS = 1_000
#: Until then the first window fills and connections are opened.
WARM_UP_SECONDS = 3


class WatchedTransport(HttpTransport):
    """Notes when each answer came, and which it was."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[float, int]] = []
        self._came = asyncio.Event()

    async def send(self, request: Request) -> Response:
        response = await super().send(request)
        self.answers.append((time.time(), response.status))
        self._came.set()
        return response

    async def all_taken(self, count: int) -> None:
        """Wait until so many events were taken."""
        taken = seen = 0
        while taken < count:
            await self._came.wait()
            self._came.clear()
            taken += sum(status == 201 for _, status in self.answers[seen:])
            seen = len(self.answers)


def main() -> int:
    """Measure and print; exit code 1 where an event is missing, twice, out of order, or was refused."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--quick", action="store_true", help="10 seconds")
    arguments.add_argument("--algorithm", choices=("fixed_window", "leaky_bucket"), default="fixed_window")
    arguments.add_argument("--profile", action="store_true")
    given = arguments.parse_args()
    collect_rarely()
    seconds = 10 if given.quick else given.seconds
    url = f"http://127.0.0.1:{free_port()}"
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "gainstage_sandbox", "--port", url.rpartition(":")[2]],
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx2.Client(base_url=url, timeout=30) as client, tempfile.TemporaryDirectory() as folder:
            prepare(client, given.algorithm)
            profile = cProfile.Profile()
            if given.profile:
                profile.enable()
            run = asyncio.run(deliver(url, seconds, Path(folder), sandbox.pid))
            profile.disable()
            found = report(run, client, given.algorithm)
            if given.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(40)
            return found
    finally:
        sandbox.terminate()
        sandbox.wait()


def prepare(client: httpx2.Client, algorithm: str) -> None:
    """The sandbox's limit is exactly ours, and each call takes its time."""
    deadline = time.monotonic() + 20
    while True:
        try:
            client.get("/__sandbox__/limits").raise_for_status()
            break
        except httpx2.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    limits = {"px": {"per_second": PER_SECOND}, "algorithm": algorithm}
    client.post("/__sandbox__/limits", json=limits).raise_for_status()
    delay = {"fault": "delay", "seconds": ANSWER_SECONDS, "times": None}
    client.post("/__sandbox__/faults", json=delay).raise_for_status()


def messages(count: int) -> list[bytes]:
    """So many tracks of many users in turns."""
    return [
        msgspec.json.encode(
            {
                "type": "track",
                "messageId": f"m-{number}",
                "userId": f"user-{number * 7919 % USERS}",
                "event": "Report Exported",
                "properties": {"seq": number, "format": "pdf", "pages": number % 40},
            }
        )
        for number in range(count)
    ]


@dataclasses.dataclass
class Run:
    """What was seen from outside."""

    sent: int
    answers: list[tuple[float, int]]
    seconds: float
    own_cpu: float
    sandbox_cpu: float


async def deliver(url: str, seconds: int, folder: Path, sandbox: int) -> Run:
    """Fill the log, then run the engine until everything is delivered."""
    count = (seconds + WARM_UP_SECONDS) * PER_SECOND
    store, log, transport = Store(folder), LocalLog(folder), WatchedTransport()
    bodies = messages(count)
    for start in range(0, count, 500):
        now_us = time.time_ns() // 1000
        some = bodies[start : start + 500]
        await log.append([Entry("app", "", now_us + n, n, b"", body) for n, body in enumerate(some)])
    with store.transaction() as transaction:
        transaction.documents.replace([Document("source", "app", "file", {})], "file")
    engine = Engine(
        store, log, SystemClock(), transport, lambda documents, number: configuration(url, number)
    )
    stop = asyncio.Event()
    began, own, theirs = time.time(), time.process_time(), cpu_seconds(sandbox)
    task = asyncio.create_task(engine.run(stop))
    await asyncio.wait((task, asyncio.create_task(transport.all_taken(count))), return_when="FIRST_COMPLETED")
    passed = time.time() - began
    run = Run(count, transport.answers, passed, time.process_time() - own, cpu_seconds(sandbox) - theirs)
    stop.set()
    await task
    await transport.close()
    await log.close()
    store.close()
    return run


def configuration(url: str, revision: int) -> Configuration:
    """One source, PX with nothing kept back."""
    destination = load("gainsight_px")
    settings = destination.settings.model_validate(
        {
            "api_key": "key",
            "product_tag_key": "AP-XXXXXXXXXX-2",
            "api_url": url,
            "budget": {"per_second": PER_SECOND, "reserve_percent": 0},
        }
    )
    connected = Connected("px", destination, settings, frozenset({"app"}), frozenset(destination.kinds))
    return Configuration(revision, {"app": Source("app", "server", "k")}, {"px": connected})


def cpu_seconds(process: int) -> float:
    """What a process used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(run: Run, client: httpx2.Client, algorithm: str) -> int:
    """Print the figures; 1 where a promise was not kept."""
    events: list[dict[str, Any]] = client.get("/__sandbox__/state").json()["px"]["events"]
    numbers = [event["attributes"]["seq"] for event in events]
    last: dict[str, int] = {}
    disorder = 0
    for event in events:
        user, number = event["identifyId"], event["attributes"]["seq"]
        disorder += last.get(user, -1) > number
        last[user] = number
    began = min(at for at, _ in run.answers)
    by_second = Counter(int(at - began) for at, _ in run.answers)
    # The last second is not a whole one.
    rates = [by_second[second] for second in range(WARM_UP_SECONDS, max(by_second) - 1)]
    refused = sum(status == 429 for _, status in run.answers)
    statuses = dict(sorted(Counter(status for _, status in run.answers).items()))
    twice, missing = len(numbers) - len(set(numbers)), run.sent - len(set(numbers))
    print(
        f"{run.sent:,} custom events, {len(last):,} users, {ANSWER_SECONDS * 1000:.0f} ms an answer, "
        f"at most {PER_SECOND} a second ({algorithm})\n"
        f"  requests a second: min {min(rates)}, mean {sum(rates) / len(rates):.1f}, max {max(rates)}, "
        f"over {len(rates)} s; statuses {statuses}\n"
        f"  429: {refused}; out of order: {disorder}; twice: {twice}; missing: {missing}\n"
        f"  CPU of a core: product {run.own_cpu / run.seconds:.0%}, sandbox "
        f"{run.sandbox_cpu / run.seconds:.0%}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return int(bool(refused or disorder or twice or missing))


if __name__ == "__main__":
    sys.exit(main())
