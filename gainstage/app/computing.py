"""The computing process of a server: `python -m gainstage.app.computing DATA LEVEL FORM`, for `serve` only.

It archives what was routed, and computes audiences and traits where there are any. It ends when its standard
input does. Nothing waits for it: what it has not done yet it does later.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from gainstage.app.archiving import Archiving
from gainstage.app.configuring import configurer
from gainstage.app.folder import carry_over_write_ahead_logs, open_parts
from gainstage.app.living import live
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.app.verdicts import addressed
from gainstage.audiences.definition import Computation
from gainstage.clock import SECOND_US, Clock, SystemClock
from gainstage.computed import COMPUTED_SOURCE
from gainstage.computing.state import FOLDER_NAME
from gainstage.connection import Configuration
from gainstage.history.folder import FOLDER_NAME as HISTORY
from gainstage.log.contract import Log, LogUnavailable
from gainstage.pseudonym import Pseudonyms
from gainstage.sqlite import StorageUnavailable
from gainstage.store.contract import Store

IDLE_SECONDS = 1.0
#: After an error it is tried again after this.
PAUSE_US = 30 * SECOND_US
#: Whoever answers SDKs and delivers goes first.
NICENESS = 5
#: Asked for by a person: everything is to be computed now. Counts the wishes, and those that were fulfilled.
WISHED, FULFILLED = "wished", "fulfilled"

logger = logging.getLogger(__name__)


class Computing:
    """Computes turn by turn; opened once there is something to compute, and kept open from then on."""

    def __init__(
        self, data: Path, archiving: Archiving, log: Log, store: Store, pseudonyms: Pseudonyms, clock: Clock
    ) -> None:
        self._folder = data / FOLDER_NAME
        self._archiving, self._log, self._store = archiving, log, store
        self._pseudonyms, self._clock = pseudonyms, clock
        self._parts: Any = None
        #: A configuration, and its computations with whom they speak to.
        self._addressed: tuple[Configuration, tuple[Computation, ...]] | None = None
        self._pause_until_us = 0
        #: Why the last turn did not come to its end.
        self.problem = ""

    async def turn(self, configuration: Configuration) -> bool:
        """Do all that there is to do; True when there is certainly more to do at once.

        What cannot be done now is told in the log and tried again after a while.
        """
        now_us = self._clock.now_us()
        if now_us < self._pause_until_us <= now_us + PAUSE_US:
            return False
        if not configuration.computations and not self._folder.exists():
            return False
        self.problem = ""
        try:
            more: bool = await self._turn(configuration)
            return more
        except (StorageUnavailable, LogUnavailable) as error:
            problem = str(error)
        except Exception as error:  # of the embedded engine: a full disk, too little memory, a damaged file
            problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            await self._archiving.examine()
        logger.error("computing_unavailable", extra={"problem": problem})
        self.problem = problem
        self._pause_until_us = now_us + PAUSE_US
        self.close()
        return False

    async def _turn(self, configuration: Configuration) -> bool:
        if self._parts is None:
            self._parts = self._open()
            self._addressed = None
        state, _, computer = self._parts
        if self._addressed is None or self._addressed[0] is not configuration:
            told = {key: kept.told for key, kept in state.computations().items()}
            self._addressed = configuration, addressed(configuration, told)
        definitions = self._addressed[1]
        wished, fulfilled = state.number(WISHED), state.number(FULFILLED)
        done = await computer.turn(definitions, waiting=self._waiting(), at_once=wished > fulfilled)
        if wished > fulfilled:
            with state.transaction():
                state.put(FULFILLED, wished)
        if any(done):
            logger.info("computed", extra={"rows": done.rows, "changes": done.changes, "said": done.said})
        return bool(done.said)

    def _open(self) -> Any:
        from gainstage.computing.computer import Computer
        from gainstage.computing.previewing import clear
        from gainstage.computing.state import State
        from gainstage.computing.workbench import Workbench

        clear(self._folder)
        carry_over_write_ahead_logs(self._folder)
        state, bench = State(self._folder), Workbench(self._folder)
        computer = Computer(state, bench, self._archiving.archive, self._log, self._pseudonyms, self._clock)
        return state, bench, computer

    def _waiting(self) -> int:
        """How many calls of computations are on their way at the destination that has most of them."""
        with self._store.reading() as reading:
            counters = reading.counters()
        return max((n.get("pending", 0) for at, n in counters.items() if at[0] == COMPUTED_SOURCE), default=0)

    def close(self) -> None:
        """Let go of every file."""
        if self._parts is not None:
            state, bench, _ = self._parts
            self._parts = None
            with contextlib.suppress(Exception):  # the file may be what is at fault
                bench.close()
            state.close()


async def follow(data: Path, stop: asyncio.Event) -> None:
    """Archive and compute until told to stop.

    Nobody else keeps the databases of both open, so each opening is a start of its own for them: what a sync
    that failed was about is carried over first.
    """
    carry_over_write_ahead_logs(data / HISTORY)
    store, log = open_parts(data, create=False)
    pseudonyms, configure = pseudonyms_of(data, store), configurer(data)
    configuration: Configuration | None = None
    archiving = Archiving(data, log, store, pseudonyms, own_sources=(COMPUTED_SOURCE,))
    computing = Computing(data, archiving, log, store, pseudonyms, SystemClock())
    try:
        while not stop.is_set():
            with store.reading() as reading:
                revision = reading.revision()
                changed = configuration is None or configuration.revision != revision
                documents = reading.documents() if changed else []
            if changed:
                configuration = configure(documents, revision)
            assert configuration is not None
            more = await archiving.turn(configuration.retention)
            more |= await computing.turn(configuration)
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), IDLE_SECONDS)
    finally:
        computing.close()
        archiving.close()
        await log.close()
        store.close()


@contextlib.asynccontextmanager
async def following(data: Path) -> AsyncIterator[None]:
    """Archiving and computing meanwhile, for a command that works without a server."""
    stop = asyncio.Event()
    task = asyncio.create_task(follow(data, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait([task])
    task.result()


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    return live(arguments, follow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
