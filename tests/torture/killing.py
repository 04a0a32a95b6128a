"""Kills of the processes of a server: at any time, or at a moment that matters."""

import contextlib
import itertools
import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from gainstage.app.supervising import COMPUTING
from tests.torture.marks import DOOMS, Marks, in_fsync
from tests.torture.repeats import Kill
from tests.world import DELIVERY, World, children, wait_for

STARTING = "while starting"
KINDS = ("server", "delivery", "both", "computing", STARTING)
WEIGHTS = (5, 5, 4, 4, 1)
#: The processes that each kind ends; the first one is the server.
ENDED = {"both": ("server", "delivery"), STARTING: ("server",)}
#: How a process is shown: forked from the server, or started anew.
SHOWN = {"delivery": DELIVERY, "computing": (COMPUTING.title, COMPUTING.main.__module__)}
#: The moments that a kill may wait for, by the process that has them.
MOMENTS = {
    "server": ("log transaction", "log commit", "fsync", "before a log commit", "after a log commit"),
    "delivery": ("store transaction", "store commit", "fsync", "exchange", "answer", "before a store commit",
                 "after a store commit", "at a call", "at an answer"),
    "computing": ("history transaction", "history commit", "fsync", "before a history commit",
                  "after a history commit"),
}  # fmt: skip
#: Those that a long run must have hit.
NAMED = frozenset({*itertools.chain(*MOMENTS.values()), "a start"})
#: How many of the kills wait for one. All of the process that computes do: it works for a moment a second.
AIMED = 0.75
#: How long a kill waits for a process to be at work, and then for its moment.
WORK_SECONDS, AIM_SECONDS = 10.0, 4.0
#: How far into a moment a kill comes, at most.
INTO_SECONDS = {"exchange": 0.01, "store transaction": 0.001}


class Aims:
    """The moments that the kills of a run wait for. Each kind of kill takes its own in turn, world after
    world, and one that it missed soon again: none is left to chance.
    """

    def __init__(self, chance: random.Random) -> None:
        self._turns: dict[str, list[str]] = {}
        for kind in KINDS:
            self._turns[kind] = list(itertools.chain(*(MOMENTS[name] for name in ENDED.get(kind, (kind,)))))
            chance.shuffle(self._turns[kind])

    def next(self, kind: str) -> str:
        """Whose turn it is."""
        return self._turns[kind][0]

    def was(self, kind: str, aim: str, *, hit: bool) -> None:
        """Whether the kill hit it."""
        turns = self._turns[kind]
        turns.remove(aim)
        turns.insert(len(turns) if hit else 1, aim)


class Killer:
    """Ends processes of one server again and again, and notes what each kill really interrupted."""

    def __init__(self, world: World, marks: Marks, chance: random.Random, aims: Aims) -> None:
        self._world, self._marks, self._chance, self._aims = world, marks, chance, aims
        #: Kills of the process that makes calls: when, and what it had under way.
        self.of_delivery: list[Kill] = []
        #: The server whose computing process was killed: it starts another one too late for these rounds.
        self._without_computing: int | None = None

    def environment(self) -> dict[str, str]:
        """What the world's server must be started with."""
        return self._marks.environment()

    def strike(self) -> tuple[str, set[str]] | None:
        """One kill, and everything up again: its kind and what it hit. None where there was nobody."""
        kind = self._chance.choices(KINDS, WEIGHTS)[0]
        if kind == "computing" and not self.computes:
            kind = "both"
        if kind == STARTING:
            self._kill(["server"], "")
            self._world.launch()
            time.sleep(self._chance.uniform(0.05, 1.2))
        aimed = kind == "computing" or (kind != STARTING and self._chance.random() < AIMED)
        aim = self._aims.next(kind) if aimed else ""
        killed = ENDED.get(kind, (kind,))
        hit = self._kill(killed, aim)
        if aim:
            self._aims.was(kind, aim, hit=aim in (hit or ()))
        if hit is None:
            return None
        if "server" in killed:
            self._world.start()
        return kind, hit | ({"a start"} if kind == STARTING else set())

    @property
    def computes(self) -> bool:
        """Whether the server has a process that computes, or is about to start one."""
        assert self._world.server is not None
        return self._without_computing != self._world.server.pid

    def _kill(self, names: Sequence[str], moment: str) -> set[str] | None:
        """SIGKILL for these processes at the moment, or now; what they were at when they ended."""
        server = self._world.server
        assert server is not None
        pids = {name: server.pid if name == "server" else self._at_work(name) for name in names}
        if None in pids.values():
            return None
        first = next((name for name in names if moment in MOMENTS[name]), names[0])
        seen = self._wait_for(pids[first], moment)
        killed = {}
        for name in sorted(names, key=lambda name: name != first):
            pid = pids[name]
            assert pid is not None
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed[name] = pid
            if self._marks.ended_itself(pid):
                killed[name] = pid
        at = time.time()
        if "server" in names:
            server.wait()
        wait_for(lambda: not any(map(runs, killed.values())), what="the end of what was killed")
        if "delivery" in killed:
            self.of_delivery.append(Kill(at, self._marks.calls(killed["delivery"])))
        if "computing" in killed:
            self._without_computing = server.pid
        if not killed:
            return None
        hit = {moment for pid in killed.values() for moment in self._marks.of(pid)}
        # A commit is mostly its fsync; whoever was seen in one just before it was killed counts for that.
        return hit | ({"fsync"} if seen and moment == "fsync" else set())

    def _at_work(self, name: str) -> int | None:
        """The process beside the server, once it is at work; none where there is none in time."""
        deadline = time.monotonic() + WORK_SECONDS
        while time.monotonic() < deadline:
            assert self._world.server is not None
            theirs = children(self._world.server.pid).items()
            pids = (pid for pid, command in theirs if any(word in command for word in SHOWN[name]))
            pid = next(pids, None)
            if pid is not None and self._marks.is_followed(pid):
                return pid
            time.sleep(0.02)
        return None

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


def runs(pid: int) -> bool:
    """Whether the process has not ended yet; one that ended waits to be noticed by who started it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
