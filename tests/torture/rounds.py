"""The rounds: a sandbox and a server under load, killed and started again.

A world lives for some rounds; then everything settles and is judged, and the next one begins.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.torture.archive import judge_archive, uses_wrong
from tests.torture.killing import NAMED, Aims, Killer
from tests.torture.load import DESTINATIONS, Message, Sender, Sent, end_of
from tests.torture.marks import Marks, tells_fsync
from tests.torture.oracle import WORDS, judge, read_ledger
from tests.torture.repeats import copies_of, excuse
from tests.torture.report import Report
from tests.torture.sdks import SdkSender
from tests.torture.vendors import configuration, delays, identification, refusals
from tests.torture.watching import Watcher
from tests.world import World, fetch, sandbox_process, wait_for

SOURCE = "site"
SENDERS = 3
ROUNDS_A_WORLD = 40
#: From so many rounds on each named moment must have been hit.
LONG_RUN = 80
#: A busy machine may be slow, but something must go on.
STANDSTILL_SECONDS = 60.0
#: So often in a row there may be nobody to kill.
MISSES = 5


def torture(folder: Path, rounds: int, seed: int, say: Callable[[str], None]) -> Report:
    """Run the rounds, world after world, and judge each."""
    aims = Aims(random.Random(f"{seed} aims"))
    report = Report(seed, named=NAMED if tells_fsync(folder) else NAMED - {"fsync"})
    while report.rounds < rounds and not report.problems:
        place = folder / f"world-{report.worlds}"
        place.mkdir()
        with sandbox_process() as sandbox:
            world = World(place, sandbox, configuration(sandbox))
            keyed = report.worlds % 2 == 0
            fetch(f"{sandbox}/__sandbox__/faults", [*refusals(), delays(seed)])
            fetch(f"{sandbox}/__sandbox__/behaviour", identification(keyed))
            try:
                chance = random.Random(f"{seed} {report.worlds}")
                killer = Killer(world, Marks(world.folder / "marks"), chance, aims)
                lived = _Life(world, killer, report, chance, say, keyed=keyed)
                lived.live(rounds_of_a_world(rounds, report.rounds))
            finally:
                world.close()
    judge_moments(report)
    return report


def judge_moments(report: Report) -> None:
    """A long run that left a moment out has proved nothing of it."""
    if report.rounds >= LONG_RUN and report.not_hit:
        report.problems.append(f"never hit in {report.rounds} rounds: {', '.join(report.not_hit)}")


def rounds_of_a_world(rounds: int, done: int, most: int = ROUNDS_A_WORLD) -> int:
    """How long the next world lives: a short run is shared by two, one for either way of the vendor."""
    return min(most, max(1, -(-rounds // 2)), rounds - done)


class _Life:
    """One world, from its first start to its judgement."""

    def __init__(
        self,
        world: World,
        killer: Killer,
        report: Report,
        chance: random.Random,
        say: Callable[[str], None],
        *,
        keyed: bool,
    ) -> None:
        self._world, self._report, self._chance, self._say = world, report, chance, say
        self._keyed = keyed
        self._sent = Sent()
        self._stop = threading.Event()
        self._watcher = Watcher(world.data, SOURCE, self._sent)
        world.environment = killer.environment()
        self._killer = killer

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
            self._round()
        self._stop.set()
        for sender in senders:
            sender.join()
        sdks.finish()
        self._settle()
        self._judge()

    def _post(self, batch: list[Message]) -> int:
        return self._world.post(batch)

    def _round(self) -> None:
        """One kill. Where there was nobody to kill it is no round, and another one is tried."""
        chance, report = self._chance, self._report
        for _ in range(MISSES):
            time.sleep(chance.choice((chance.uniform(0.0, 0.3), chance.uniform(0.3, 1.5))))
            struck = self._killer.strike()
            if struck is not None:
                break
            report.misses += 1
        else:
            raise AssertionError(f"Nobody to kill, {MISSES} times in a row: {self._world.said()[-1500:]}")
        kind, hit = struck
        report.rounds += 1
        report.kills[kind] += 1
        report.moments.update(hit or {"nothing in particular"})
        acknowledged = report.acknowledged + len(self._sent.acknowledged)
        shown = ", ".join(sorted(hit)) or "nothing in particular"
        self._say(f"round {report.rounds}: {acknowledged} acknowledged; {kind} hit: {shown}")

    # the end

    def _settle(self) -> None:
        """Wait until nothing is pending; then stop as an operator would."""
        began = time.monotonic()
        if not self._killer.computes:  # the server would wait too long before it starts another one
            self._world.stop()
            self._world.start()

        moved, left = began, -1
        while left and time.monotonic() < moved + STANDSTILL_SECONDS:
            status = self._world.status()
            rows, history = status["connections"], status["kept"]["history"]
            # A delivery process that was killed at each of its starts has connected nothing yet.
            pending = sum(row["pending"] for row in rows) if rows else len(self._sent.acknowledged)
            now = pending + (history["behind"] if history else len(self._sent.acknowledged))
            if now != left:
                moved, left = time.monotonic(), now
            time.sleep(0.2)
        if left:
            self._report.problems.append(f"not settled: {self._world.status()}")
        self._report.settled_seconds = max(self._report.settled_seconds, time.monotonic() - began)
        self._watcher.finish()

    def _judge(self) -> None:
        world, report, sent = self._world, self._report, self._sent
        kept = {one: sent.messages[one] for one in read_ledger(world.data, SOURCE) if one in sent.messages}
        wrong = self._computed(kept)
        status = world.report("status")
        traced = self._chance.sample(sorted(sent.acknowledged), min(3, len(sent.acknowledged)))
        traces = {message_id: world.report("trace", message_id) for message_id in traced}
        world.stop()
        requests = fetch(f"{world.sandbox}/__sandbox__/requests")
        copies = copies_of((request["path"], request["body"], request["at"]) for request in requests)
        excuses = excuse(copies, self._killer.of_delivery)
        verdict = judge(
            world.data,
            SOURCE,
            sent.messages,
            sent.acknowledged,
            fetch(f"{world.sandbox}/__sandbox__/state"),
            copies,
            excuses,
            keyed=frozenset({"px"}) if self._keyed else frozenset(),
        )
        judge_archive(verdict, world.data, SOURCE, kept)
        verdict.add("computed traits differ", wrong)
        verdict.add("refused by the server", sent.refused)
        verdict.add("wrong readings", self._watcher.problems)
        verdict.add("status differs from what was sent", status_wrong(status, kept))
        verdict.add("traces differ from what was sent", traces_wrong(traces, kept))
        if "Traceback" in world.said():
            verdict.problems.append(f"a process ended badly: {world.said()[-1500:]}")
        report.add(verdict, excuses.longest_seconds)
        report.readings += self._watcher.readings
        report.slowest_reading_seconds = max(report.slowest_reading_seconds, self._watcher.slowest_seconds)

    def _computed(self, kept: Mapping[str, Message]) -> list[tuple[Any, ...]]:
        """Wait for the computed trait; where it differs from what was sent after that."""

        def wrong() -> list[tuple[Any, ...]]:
            return uses_wrong(kept, fetch(f"{self._world.sandbox}/__sandbox__/state")["cs"])

        with contextlib.suppress(AssertionError):
            wait_for(lambda: not wrong(), STANDSTILL_SECONDS)
        return wrong()


def status_wrong(status: Mapping[str, Any], kept: Mapping[str, Message]) -> list[tuple[str, Any]]:
    """Where the counts of a destination are not those of the messages' ends."""
    found = {row["destination"]: row for row in status["connections"] if row["source"] == SOURCE}
    wrong = []
    for name in DESTINATIONS:
        wanted = Counter(end_of(message, name)[0] for message in kept.values())
        counts = found.get(name, {})
        if any(counts.get(word) != wanted[word] for word in WORDS) or counts["received"] != len(kept):
            wrong.append((name, {"wanted": dict(wanted), "found": counts}))
    return wrong


def traces_wrong(traces: Mapping[str, Any], kept: Mapping[str, Message]) -> list[tuple[str, Any]]:
    """Messages of which `trace` tells another end."""
    found = {
        message_id: {row["destination"]: row["outcome"] for row in trace["destinations"]}
        for message_id, trace in traces.items()
    }
    return [
        (one, outcomes)
        for one, outcomes in found.items()
        if one not in kept or outcomes != {name: end_of(kept[one], name)[0] for name in DESTINATIONS}
    ]
