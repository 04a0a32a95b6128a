"""Power cuts: intake, log, engine and store in one process, on a disk that forgets what was not synced.

`python -m tests.torture.power --rounds N --seed S` prints a JSON document. In a process of its own, since the
disk must be SQLite's before anything else is. Time runs faster here, so that nothing lingers for long.
"""

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import httpx2
import yaml

from tests.simulation.__main__ import memory
from tests.torture.disk import Disk, Vfs

DISK = Disk(random.Random(0))
VFS = Vfs(DISK)

from gainstage.app.configuring import configurer, in_force  # noqa: E402
from gainstage.app.folder import held  # noqa: E402
from gainstage.app.reports import Reports  # noqa: E402
from gainstage.app.sealing import KEY_NAME, seal_of  # noqa: E402
from gainstage.delivery.engine import Engine  # noqa: E402
from gainstage.errors import DataUnusable  # noqa: E402
from gainstage.ingest import TrackingApi  # noqa: E402
from gainstage.log import file as log_file  # noqa: E402
from gainstage.log import writer as log_writer  # noqa: E402
from gainstage.log.contract import LogUnavailable  # noqa: E402
from gainstage.log.local import LocalLog  # noqa: E402
from gainstage.sqlite import StorageUnavailable  # noqa: E402
from gainstage.store import store as store_file  # noqa: E402
from gainstage.store.store import Store  # noqa: E402
from tests.torture.load import Message, Sender, Sent  # noqa: E402
from tests.torture.oracle import judge  # noqa: E402
from tests.torture.quick import FastClock, QuickTransport  # noqa: E402
from tests.torture.repeats import Kill, copies_of, excuse  # noqa: E402
from tests.torture.report import Report  # noqa: E402
from tests.torture.rounds import rounds_of_a_world  # noqa: E402
from tests.torture.vendors import configuration  # noqa: E402
from tests.torture.watching import differing_counters  # noqa: E402
from tests.world import WRITE_KEY  # noqa: E402

SENDERS = 2
LIFE_SECONDS = 1.5
SETTLED_WITHIN_SECONDS = 60.0
#: A call takes up to 0.01 s here, and its answer waits for the next turn of the engine to be recorded.
UNRECORDED_SECONDS = 0.5
#: In how many lives the clock is set, and by how much at most; what is due then must wait that long.
JUMPS, JUMP_SECONDS = 0.3, 90.0
#: In how many lives syncs fail, how many do, and among how many.
FAILING_LIVES, FAILING_SYNCS, FIRST_SYNCS = 0.5, 4, 40
#: Checkpoints come often here.
CHECKPOINT_PAGES = 40
#: What a cut waits for: a file's name (or its end) and a deed, and how many of these go well before.
AIMS = (
    ("", "", 300),
    ("log.db-wal", "a sync", 12),
    ("log.db-wal", "a write", 40),
    ("store.db-wal", "a sync", 40),
    ("store.db-wal", "a write", 300),
    (".db", "a write", 60),
    (".db", "a sync", 5),
)
WITHOUT_SERVER = "http://127.0.0.1:9"


class World:
    """One tenant and one data folder, through some power cuts and a quiet end."""

    def __init__(
        self, place: Path, seed: str, report: Report, *, keyed: bool = True, doubled: float = 0.0
    ) -> None:
        self._place, self._report, self._keyed = place, report, keyed
        self._chance = random.Random(seed)
        self._clock = FastClock()
        self._transport = QuickTransport(self._clock, self._chance, DISK, keyed=keyed, doubled=doubled)
        self._config = place / "gainstage.yaml"
        self._config.write_text(yaml.safe_dump(configuration(WITHOUT_SERVER)))
        self._sent = Sent()
        self._senders = [
            Sender(f"s{number}", self._chance.randrange(10**6), self._refuse, None, self._sent)
            for number in range(SENDERS)
        ]
        self._unanswered: dict[str, list[Message]] = {}
        self._cuts: list[Kill] = []
        #: When engines of this life ended by themselves, as where the log cannot be read.
        self._ended_at: list[float] = []
        self._data = place / "data-0"
        DISK.chance = random.Random(f"{seed} disk")
        DISK.plug(self._data)

    @staticmethod
    def _refuse(_batch: list[Message]) -> int:
        raise AssertionError("The load is posted by the world here.")

    def live(self, cuts: int) -> None:
        """Through so many cuts, then settle, and be judged."""
        for number in range(1, cuts + 1):
            aim = self._aim()
            DISK.fails = self._failing()
            asyncio.run(self._life(quiet=False))
            # What is under way when the store cannot be written is given up as it is when a process ends.
            unwritten = [at for name, at in DISK.failed if name.startswith("store.db")]
            self._cuts += [Kill(at) for at in sorted((*unwritten, *self._ended_at, DISK.off_at))]
            self._ended_at.clear()
            self._report.failed_syncs += len(DISK.failed)
            hit = DISK.moment or "at rest"
            self._report.rounds += 1
            self._report.moments[hit] += 1
            self._report.kills[aim] += 1
            before, self._data = self._data, self._place / f"data-{number}"
            self._data.mkdir()
            DISK.leave(self._data)
            for path in before.glob(KEY_NAME):  # SQLite has no part in these; they are synced when made
                shutil.copy(path, self._data)
            shutil.rmtree(before)
            DISK.fate, DISK.fails = (lambda name, deed: False), (lambda name: False)
            DISK.plug(self._data)
            self._inspect(f"after cut {number} ({hit})")
            if self._report.problems:
                return
        asyncio.run(self._life(quiet=True))
        self._judge()

    def _aim(self) -> str:
        """Choose when the power goes."""
        end, deed, most = self._chance.choice(AIMS)
        left = self._chance.randint(1, most)

        def fate(name: str, done: str) -> bool:
            nonlocal left
            left -= name.endswith(end) and deed in ("", done)
            return left == 0

        DISK.fate = fate
        return f"{deed or 'anything'} of {end or 'any file'}"

    def _failing(self) -> Callable[[str], bool]:
        """Choose the syncs that fail."""
        if self._chance.random() > FAILING_LIVES:
            return lambda name: False
        numbers = set(self._chance.sample(range(FIRST_SYNCS), self._chance.randint(1, FAILING_SYNCS)))
        count = itertools.count()
        return lambda name: next(count) in numbers

    # a life

    async def _life(self, *, quiet: bool) -> None:
        """Start as the server does, take events and deliver them until the power goes, or all is settled."""
        store: Store | None = None
        log: LocalLog | None = None
        engine: Engine | None = None
        tasks: list[asyncio.Task[Any]] = []
        folder = contextlib.ExitStack()
        try:
            folder.enter_context(held(self._data))
            store, log = Store(self._data), LocalLog(self._data)
            configuration, _ = in_force(store, self._config, seal_of(self._data, make=True))
            sources = configuration.sources
            api = TrackingApi(log, self._clock, lambda: sources)
            engine = Engine(
                store,
                log,
                self._clock,
                self._transport,
                configurer(self._data),
                random.Random(self._chance.random()),
            )
            stop = asyncio.Event()
            tasks.append(asyncio.create_task(engine.run(stop)))
            tasks[0].add_done_callback(lambda task: self._ended_at.append(time.monotonic()))
            if quiet:
                await self._until_settled(store, log, tasks[0])
                stop.set()
                await tasks[0]
                return
            tasks += [asyncio.create_task(self._send(sender, api)) for sender in self._senders]
            deadline = time.monotonic() + LIFE_SECONDS
            if self._chance.random() < JUMPS:
                tasks.append(asyncio.create_task(self._set_clock()))
            while not DISK.off and time.monotonic() < deadline:  # noqa: ASYNC110 - threads cut the power
                await asyncio.sleep(0.005)
        except Exception as error:
            if not excused(error):
                raise
        finally:
            if not quiet:
                DISK.unplug("nothing in particular")
            await self._end(tasks, engine)
            await self._let_go(store, log)
            folder.close()

    async def _set_clock(self) -> None:
        """Set it forward or back, once or twice, at some moment."""
        for _ in range(self._chance.randint(1, 2)):
            await asyncio.sleep(self._chance.uniform(0.0, LIFE_SECONDS / 10))
            self._clock.jump(self._chance.choice((-1, 1)) * self._chance.choice((0.5, 20.0, JUMP_SECONDS)))
            self._report.jumps += 1

    async def _end(self, tasks: list[asyncio.Task[Any]], engine: Engine | None) -> None:
        for task in (*tasks, *(engine._calls if engine else ())):
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception) and not excused(ended):
                self._report.problems.append(f"ended by {ended!r}")

    @staticmethod
    async def _let_go(store: Store | None, log: LocalLog | None) -> None:
        if log is not None:
            with contextlib.suppress(apsw.Error):
                await log.close()
        if store is not None:
            with contextlib.suppress(apsw.Error):
                store.close()
            store._connection.close(force=True)

    async def _send(self, sender: Sender, api: TrackingApi) -> None:
        """Post batch after batch; one without an answer is posted again, or given up, after the cut."""
        key = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        headers = {"authorization": f"Basic {key}"}
        transport = httpx2.ASGITransport(app=api)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
            while True:
                batch = self._unanswered.pop(sender.name, None) or sender.batch()
                if self._chance.random() < 0.8:
                    self._unanswered[sender.name] = batch
                answer = await client.post("/v1/batch", json={"batch": batch})
                if answer.status_code == 200:
                    self._sent.acknowledged.update(message["messageId"] for message in batch)
                    self._unanswered.pop(sender.name, None)
                elif DISK.off:
                    return
                elif answer.status_code != 503 or not DISK.failed:
                    self._sent.refused.append(answer.status_code)
                await asyncio.sleep(self._chance.uniform(0.0, 0.03))

    async def _until_settled(self, store: Store, log: LocalLog, engine: asyncio.Task[None]) -> None:
        reports = Reports(store, log)
        deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
        while True:
            status = await reports.status_now(self._clock.now_us())
            rows = status["connections"]  # none until the engine's first turn
            if rows and not sum(counts["pending"] for counts in rows):
                return
            if engine.done():
                engine.result()
            if time.monotonic() > deadline:
                self._report.problems.append(f"not settled: {status}")
                return
            await asyncio.sleep(0.1)

    # judgement

    def _inspect(self, when: str) -> None:
        """What must hold of the files right after the power is back."""
        for name in ("log.db", "store.db"):
            if not (self._data / name).exists():
                if self._sent.acknowledged:
                    self._report.problems.append(f"{when}: {name} is gone")
                continue
            connection = apsw.Connection(str(self._data / name))
            found = connection.pragma("integrity_check")
            if found != "ok":
                self._report.problems.append(f"{when}: {name} is damaged: {found}")
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            if "counter" in tables and (wrong := differing_counters(connection)):
                self._report.problems.append(f"{when}: counters and rows differ: {wrong[:3]}")
            connection.close()

    def _judge(self) -> None:
        sent = self._sent
        state = self._transport.sandbox.state.snapshot()
        copies = copies_of(self._transport.came)
        late = {"unrecorded_seconds": UNRECORDED_SECONDS, "read_late_seconds": 0.0}
        excuses = excuse(copies, self._cuts, **late)
        verdict = judge(
            self._data,
            "site",
            sent.messages,
            sent.acknowledged,
            state,
            copies,
            excuses,
            keyed=frozenset({"px"}) if self._keyed else frozenset(),
        )
        verdict.add("refused while the power was on", sent.refused)
        self._report.add(verdict, excuses.longest_seconds)


def excused(error: Exception) -> bool:
    """Whether a process may end so: without power, or told by a disk that failed it as it started."""
    told = StorageUnavailable | LogUnavailable | DataUnusable
    return DISK.off or bool(DISK.failed and isinstance(error, told))


def run(rounds: int, seed: int, say: Callable[[str], None], doubled: float = 0.0) -> Report:
    """Cut the power so often, world after world."""
    log_writer.CHECKPOINT_PAGES = store_file.CHECKPOINT_PAGES = CHECKPOINT_PAGES
    synced = log_file.sync_folder

    def noted(folder: Path) -> None:
        synced(folder)
        DISK.names_are_safe(str(folder))

    log_file.sync_folder = noted
    report = Report(seed, kills=Counter())
    while report.rounds < rounds and not report.problems:
        with tempfile.TemporaryDirectory(dir=memory(), prefix="gainstage-power-") as name:
            keyed = report.worlds % 2 == 0
            world = World(Path(name), f"{seed} {report.worlds}", report, keyed=keyed, doubled=doubled)
            try:
                world.live(rounds_of_a_world(rounds, report.rounds))
            except Exception as error:
                report.problems.append(f"after cut {report.rounds} ({DISK.moment}): {error!r}")
        say(f"power cut {report.rounds}: {report.acknowledged} acknowledged, {len(report.lost)} lost")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.power", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="power cuts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the run's choices (default: %(default)s)")
    parser.add_argument(
        "--lies", metavar="ENDING", help="the disk ignores syncs of such files: this must go wrong"
    )
    parser.add_argument(
        "--doubles",
        metavar="CHANCE",
        type=float,
        default=0.0,
        help="make so many calls twice without need: this must be noticed",
    )
    options = parser.parse_args()
    DISK.lies = options.lies
    report = run(
        options.rounds,
        options.seed,
        lambda line: print(line, file=sys.stderr, flush=True),
        options.doubles,
    )
    found = {
        "rounds": report.rounds,
        "acknowledged": report.acknowledged,
        "lost": report.lost,
        "moments": report.moments,
        "problems": report.problems,
        "lines": report.power_lines(),
    }
    print(json.dumps(found))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
