"""The rounds: a sandbox and a server under load, killed and started again.

Some kills come at random moments; the others wait for one that matters: in the middle of a commit, of an
fsync, of a transaction, of a call, between a call's answer and its record. A world lives for some rounds;
then everything settles and is judged, and the next one begins.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture.load import Message, Sender, Sent
from tests.torture.marks import DOOMS, Marks, in_fsync
from tests.torture.oracle import judge
from tests.torture.report import Report
from tests.torture.sdks import SdkSender
from tests.torture.watching import Watcher
from tests.world import World, clickstream, configured, counts_of, cs, fetch, px, sandbox_process

SENDERS = 3
ROUNDS_A_WORLD = 40
#: A busy machine may be slow, but something must go on.
STANDSTILL_SECONDS = 60.0
KINDS = ("server", "delivery", "both", "while starting")
WEIGHTS = (4, 4, 3, 1)
#: The moments that a kill may wait for, by the process that has them.
SERVER_MOMENTS = ("log transaction", "fsync", "before a log commit", "after a log commit")
DELIVERY_MOMENTS = ("store transaction", "fsync", "exchange", "answer", "before a store commit",
                    "after a store commit", "at a call", "at an answer")  # fmt: skip
AIMED = 0.75
#: How long a kill waits for the delivery process to be at work, and then for its moment.
WORK_SECONDS, AIM_SECONDS = 10.0, 4.0
#: How far into a moment a kill comes, at most.
INTO_SECONDS = {"exchange": 0.01, "store transaction": 0.001}


def torture(folder: Path, rounds: int, seed: int, say: Callable[[str], None]) -> Report:
    """Run the rounds, world after world, and judge each."""
    report = Report(seed)
    while report.rounds < rounds and not report.problems:
        place = folder / f"world-{report.worlds}"
        place.mkdir()
        with sandbox_process() as sandbox:
            world = World(place, sandbox, configured(clickstream(sandbox), cs(sandbox), px(sandbox)))
            chance = random.Random(f"{seed} {report.worlds}")
            # Answers take a moment, so that kills meet calls under way.
            delay = {"fault": "delay", "seconds": 0.03, "probability": 0.3, "times": None, "seed": seed}
            fetch(f"{sandbox}/__sandbox__/faults", delay)
            # Whether PX honours the ids that it is sent with events is not known: both are tried.
            keyed = report.worlds % 2 == 0
            fetch(f"{sandbox}/__sandbox__/behaviour", {"px_event_id": "deduplicate" if keyed else "ignore"})
            try:
                lived = _Life(world, report, chance, say, keyed=keyed)
                lived.live(min(ROUNDS_A_WORLD, rounds - report.rounds))
            finally:
                world.close()
    return report


class _Life:
    """One world, from its first start to its judgement."""

    def __init__(
        self, world: World, report: Report, chance: random.Random, say: Callable[[str], None], *, keyed: bool
    ) -> None:
        self._world, self._report, self._chance, self._say = world, report, chance, say
        self._keyed = keyed
        self._sent = Sent()
        self._stop = threading.Event()
        self._watcher = Watcher(world.data, "site", self._sent)
        self._kills: list[float] = []
        self._marks = Marks(world.folder / "marks")
        world.environment = self._marks.environment()

    def live(self, rounds: int) -> None:
        seed = self._chance.randrange(1_000_000)
        senders = [
            Sender(f"s{number}", seed + number, self._post, self._stop, self._sent)
            for number in range(SENDERS)
        ]
        self._world.start()
        for thread in (self._watcher, *senders):
            thread.start()
        sdks = SdkSender(self._world.address, self._sent)
        for number in range(rounds):
            if number == rounds // 2:
                sdks.start()
            hit = self._round()
            self._report.rounds += 1
            acknowledged = self._report.acknowledged + len(self._sent.acknowledged)
            self._say(f"round {self._report.rounds}: {acknowledged} acknowledged; hit: {hit}")
        self._stop.set()
        for sender in senders:
            sender.join()
        sdks.finish()
        self._settle()
        self._judge()

    def _post(self, batch: list[Message]) -> int:
        return self._world.post(batch)

    # rounds

    def _round(self) -> str:
        """One kill, and everything up again. What it hit."""
        chance = self._chance
        time.sleep(chance.choice((chance.uniform(0.0, 0.3), chance.uniform(0.3, 1.5))))
        kind = chance.choices(KINDS, WEIGHTS)[0]
        self._report.kills[kind] += 1
        if kind == "while starting":
            self._kill(["server"], "")
            self._world.launch()
            time.sleep(chance.uniform(0.05, 1.2))
            hit = self._kill(["server"], "") | {"a start"}
            self._world.start()
        else:
            killed = {"both": ["server", "delivery"]}.get(kind, [kind])
            moments = (*(SERVER_MOMENTS if "server" in killed else ()),
                       *(DELIVERY_MOMENTS if "delivery" in killed else ()))  # fmt: skip
            hit = self._kill(killed, chance.choice(moments) if chance.random() < AIMED else "")
            if "server" in killed:
                self._world.start()
        self._report.moments.update(hit or {"nothing in particular"})
        return ", ".join(sorted(hit)) or "nothing in particular"

    def _kill(self, kinds: Sequence[str], moment: str) -> set[str]:
        """SIGKILL for these processes at the moment, or now; what they were at when they ended."""
        world = self._world
        assert world.server is not None
        pids = {"server": world.server.pid if "server" in kinds else None,
                "delivery": self._delivery() if "delivery" in kinds else None}  # fmt: skip
        first = "delivery" if moment in DELIVERY_MOMENTS and pids["delivery"] else kinds[0]
        seen = self._wait_for(pids[first], moment)
        order = sorted(kinds, key=lambda kind: kind != first)
        for kind in order:
            if (pid := pids[kind]) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._kills.append(time.time())
        if "server" in kinds:
            world.server.wait()
        hit = {name for kind in kinds for name in self._marks.of(pids[kind])}
        # A commit is mostly its fsync; whoever was seen in one just before it was killed counts for that.
        return hit | ({"fsync"} if seen and moment == "fsync" else set())

    def _delivery(self) -> int | None:
        """The delivery process, once it is at work; none where the server has not started one in time."""
        deadline = time.monotonic() + WORK_SECONDS
        while time.monotonic() < deadline:
            pid = self._world.delivery_pid()
            if pid is not None and self._marks.is_followed(pid):
                return pid
            time.sleep(0.02)
        return self._world.delivery_pid()

    def _wait_for(self, pid: int | None, moment: str) -> bool:
        """Wait until the process is at it, but not for ever."""
        if pid is None or not self._marks.is_followed(pid) or not moment:
            return False
        deadline = time.monotonic() + AIM_SECONDS
        if moment in DOOMS:
            self._marks.doom(pid, moment)
        while time.monotonic() < deadline:
            if in_fsync(pid) if moment == "fsync" else moment in self._marks.of(pid):
                time.sleep(self._chance.uniform(0.0, INTO_SECONDS.get(moment, 0.0)))
                return True
        return False

    # the end

    def _settle(self) -> None:
        """Wait until nothing is pending; then stop as an operator would."""
        began = time.monotonic()

        moved, pending = began, -1
        while pending and time.monotonic() < moved + STANDSTILL_SECONDS:
            rows = self._world.status()["connections"]
            # A delivery process that was killed at each of its starts has connected nothing yet.
            left = sum(counts["pending"] for counts in rows) if rows else len(self._sent.acknowledged)
            if left != pending:
                moved, pending = time.monotonic(), left
            time.sleep(0.2)
        if pending:
            self._report.problems.append(f"not settled: {self._world.status()}")
        self._report.settled_seconds = max(self._report.settled_seconds, time.monotonic() - began)
        self._watcher.finish()

    def _judge(self) -> None:
        world, report = self._world, self._report
        status = world.report("status")
        traced = self._chance.sample(sorted(self._sent.acknowledged), min(3, len(self._sent.acknowledged)))
        traces = {message_id: world.report("trace", message_id) for message_id in traced}
        world.stop()
        state = fetch(f"{world.sandbox}/__sandbox__/state")
        verdict = judge(
            world.data,
            "site",
            self._sent.messages,
            self._sent.acknowledged,
            state,
            self._kills,
            keyed=frozenset({"px"}) if self._keyed else frozenset(),
        )
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
        report.add(verdict)
        report.readings += self._watcher.readings
        report.slowest_reading_seconds = max(report.slowest_reading_seconds, self._watcher.slowest_seconds)
