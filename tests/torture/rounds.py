"""The rounds: a sandbox and a server under load, killed at random moments and started again."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.load import Message, Sender, Sent
from tests.torture.oracle import Verdict, judge
from tests.torture.sdks import SdkSender
from tests.torture.watching import Watcher
from tests.world import World, clickstream, configured, counts_of, cs, fetch, px, sandbox_process

SENDERS = 3
#: A busy machine may be slow, but something must go on.
STANDSTILL_SECONDS = 60.0
KINDS = ("server", "delivery", "both", "while starting")
WEIGHTS = (4, 3, 3, 1)


@dataclass
class Report:
    """What a run of the torture found."""

    rounds: int
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    readings: int = 0
    slowest_reading_seconds: float = 0.0
    settled_seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def problems(self) -> list[str]:
        return self.verdict.problems

    def lines(self) -> list[str]:
        """The report for people."""
        kills = ", ".join(f"{name} {n}" for name, n in sorted(self.kills.items()))
        duplicates = ", ".join(f"{name} {n}" for name, n in sorted(self.verdict.duplicates.items()))
        return [
            f"rounds        {self.rounds} (seed {self.seed}; kills: {kills})",
            f"acknowledged  {self.verdict.acknowledged} events, {self.verdict.routed} in the ledger",
            f"lost          {len(self.verdict.lost)}",
            f"duplicates    {duplicates} (appends under way when killed)",
            f"readings      {self.readings}, the slowest in {self.slowest_reading_seconds:.2f} s",
            f"settled       {self.settled_seconds:.1f} s after the last round",
            *(f"PROBLEM       {problem}" for problem in self.problems),
        ]


def torture(folder: Path, rounds: int, seed: int, say: Callable[[str], None]) -> Report:
    """Run the rounds, let everything settle, and judge."""
    report = Report(rounds, seed)
    with sandbox_process() as sandbox:
        world = World(folder, sandbox, configured(clickstream(sandbox), cs(sandbox), px(sandbox)))
        # Answers take a moment, so that kills meet calls under way.
        delay = {"fault": "delay", "seconds": 0.03, "probability": 0.3, "times": None, "seed": seed}
        fetch(f"{sandbox}/__sandbox__/faults", delay)
        try:
            _Run(world, report, say).run()
        finally:
            world.close()
    return report


class _Run:
    def __init__(self, world: World, report: Report, say: Callable[[str], None]) -> None:
        self._world, self._report, self._say = world, report, say
        self._chance = random.Random(report.seed)
        self._sent = Sent()
        self._stop = threading.Event()
        self._watcher = Watcher(world.data, "site", self._sent)
        self._kills: list[float] = []

    def run(self) -> None:
        senders = [
            Sender(f"s{number}", self._report.seed * 100 + number, self._post, self._stop, self._sent)
            for number in range(SENDERS)
        ]
        self._world.start()
        for thread in (self._watcher, *senders):
            thread.start()
        sdks = SdkSender(self._world.address, self._sent)
        for number in range(self._report.rounds):
            if number == self._report.rounds // 2:
                sdks.start()
            self._round()
            self._say(f"round {number + 1}: {len(self._sent.acknowledged)} acknowledged")
        self._stop.set()
        for sender in senders:
            sender.join()
        sdks.finish()
        self._settle()
        self._judge()

    def _post(self, batch: list[Message]) -> int:
        return self._world.post(batch)

    def _round(self) -> None:
        """One kill at a random moment, and everything up again."""
        world, chance = self._world, self._chance
        time.sleep(chance.choice((chance.uniform(0.0, 0.3), chance.uniform(0.3, 2.0))))
        kind = chance.choices(KINDS, WEIGHTS)[0]
        self._report.kills[kind] += 1
        self._kills.append(time.time())
        if kind == "delivery":
            world.kill_delivery()
            return
        if kind == "both" and chance.random() < 0.5:
            world.kill_delivery()
        delivery = world.delivery_pid() if kind == "both" else None
        world.kill()
        if delivery is not None:
            _kill_orphan(delivery)
        if kind == "while starting":
            world.launch()
            time.sleep(chance.uniform(0.05, 1.2))
            world.kill()
            self._kills.append(time.time())
        world.start()

    def _settle(self) -> None:
        """Wait until nothing is pending; then stop as an operator would."""
        began = time.monotonic()

        moved, pending = began, -1
        while pending and time.monotonic() < moved + STANDSTILL_SECONDS:
            left = sum(counts["pending"] for counts in self._world.status()["connections"])
            if left != pending:
                moved, pending = time.monotonic(), left
            time.sleep(0.2)
        if pending:
            self._report.problems.append(f"not settled: {self._world.status()}")
        self._report.settled_seconds = time.monotonic() - began
        self._watcher.finish()

    def _judge(self) -> None:
        world, report = self._world, self._report
        status = world.report("status")
        traced = self._chance.sample(sorted(self._sent.acknowledged), min(5, len(self._sent.acknowledged)))
        traces = {message_id: world.report("trace", message_id) for message_id in traced}
        world.stop()
        state = fetch(f"{world.sandbox}/__sandbox__/state")
        earlier = report.problems
        report.verdict = judge(
            world.data, "site", self._sent.messages, self._sent.acknowledged, state, self._kills
        )
        verdict = report.verdict
        verdict.problems[:0] = earlier
        verdict.add("refused by the server", self._sent.refused)
        verdict.add("wrong readings", self._watcher.problems)
        for name in ("clickstream", "cs", "px"):
            counts = counts_of(status, name)
            if counts["received"] != verdict.routed or counts["delivered"] != verdict.routed:
                verdict.problems.append(f"status of {name} against {verdict.routed} in the ledger: {counts}")
        for message_id, trace in traces.items():
            outcomes = {row["destination"]: row["outcome"] for row in trace["destinations"]}
            if outcomes != dict.fromkeys(("clickstream", "cs", "px"), "delivered"):
                verdict.problems.append(f"trace of {message_id}: {outcomes}")
        if "Traceback" in world.said():
            verdict.problems.append(f"a process ended badly: {world.said()[-1500:]}")
        report.readings = self._watcher.readings
        report.slowest_reading_seconds = self._watcher.slowest_seconds


def _kill_orphan(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
