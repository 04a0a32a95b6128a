"""Computing now, because somebody asks for it: by the server that runs, else in this process."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gainstage.app.archiving import Archiving, existing
from gainstage.app.computing import FULFILLED, WISHED, Computing
from gainstage.app.configuring import configurer, in_force
from gainstage.app.folder import held, is_held, open_parts
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.app.sealing import seal_of
from gainstage.app.sending import delivering
from gainstage.app.surveying import audiences, unknown
from gainstage.clock import SystemClock
from gainstage.computed import COMPUTED_SOURCE
from gainstage.computing.state import FOLDER_NAME, Moved, State
from gainstage.connection import Configuration
from gainstage.errors import DataUnusable, UsageError
from gainstage.history import ArchiveUnavailable
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import Store

WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.1
NOBODY = Moved(0, 0)

Marks = Mapping[str, Moved]


def compute_now(data: Path, key: str | None = None, wait_seconds: float = WAIT_SECONDS) -> dict[str, Any]:
    """Compute everything, and return what changed, of all or of one. Beside a running server that one
    computes, and it is waited for so long.

    Raises:
        UnknownComputation: there is none of this key.
        UsageError: the data folder cannot be used.
    """
    known = [one["key"] for one in audiences(data)["audiences"]]
    if key is not None and key not in known:
        raise unknown(key, known)
    before = _marks(data)
    beside = is_held(data)
    try:
        if beside:
            done = asyncio.run(_wish(data, time.monotonic() + wait_seconds))
        else:
            with held(data):
                asyncio.run(_compute(data))
            done = True
    except (StorageUnavailable, LogUnavailable, ArchiveUnavailable) as error:
        raise DataUnusable(str(error)) from None
    found, after = audiences(data)["audiences"], _marks(data)
    return {
        "done": done,
        "by": "server" if beside else "command",
        "audiences": [
            _changed(one, before.get(one["key"], NOBODY), after.get(one["key"], NOBODY))
            for one in found
            if key in (None, one["key"])
        ],
    }


def wish(data: Path) -> int:
    """Have the running server compute everything as soon as it can; the number of the wish."""
    state = State(data / FOLDER_NAME)
    try:
        with state.transaction():
            state.count(WISHED, 1)
            return state.number(WISHED)
    finally:
        state.close()


async def _wish(data: Path, deadline: float) -> bool:
    """Wait until what was accepted before is archived, then until the server has computed."""
    store, log = open_parts(data, create=False)
    try:
        ends = {number: await log.end(number) for number in range(log.partitions)}
        with store.reading() as reading:
            _refuse_unarchived(configurer(data)(reading.documents(), 0))
    finally:
        await log.close()
        store.close()
    while not _archived(data, ends):
        if time.monotonic() > deadline:
            wish(data)
            return False
        await asyncio.sleep(LOOK_SECONDS)
    number = wish(data)
    while not _fulfilled(data, number):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True


def _refuse_unarchived(configuration: Configuration) -> None:
    if not configuration.retention.history:
        sentence = "Nothing is computed while nothing is archived: set `retention.history.enabled` to true."
        raise UsageError(sentence)


def _archived(data: Path, ends: Mapping[int, int]) -> bool:
    archive = existing(data)
    if archive is None:
        return not any(ends.values())
    try:
        cursors = archive.cursors()
    finally:
        archive.close()
    return all(cursors.get(number, 0) >= end for number, end in ends.items())


def _fulfilled(data: Path, number: int) -> bool:
    state = State(data / FOLDER_NAME)
    try:
        return state.number(FULFILLED) >= number
    finally:
        state.close()


async def _compute(data: Path) -> None:
    """Route and archive what was accepted, then compute."""
    store, log = open_parts(data, create=False)
    own_store, own_log = open_parts(data, create=False)
    try:
        configuration, _ = in_force(store, None, seal_of(data, make=True))
        _refuse_unarchived(configuration)
        pseudonyms = pseudonyms_of(data, store)
        archiving = Archiving(data, log, store, pseudonyms, own_sources=(COMPUTED_SOURCE,))
        computing = Computing(data, archiving, log, store, pseudonyms, SystemClock())
        try:
            # The engine has its own: archiving asks the store in a thread.
            async with delivering(own_store, own_log, pseudonyms, sends=False) as engine:
                assert engine is not None
                await _routed(own_store, own_log, engine)
                while await archiving.turn(configuration.retention):
                    pass
                _refuse("archived", archiving.problem)
                if configuration.computations:
                    await _turns(computing, configuration, data)
                await _routed(own_store, own_log, engine)
        finally:
            computing.close()
            archiving.close()
    finally:
        for part in (log, own_log):
            await part.close()
        for one in (store, own_store):
            one.close()


async def _turns(computing: Computing, configuration: Configuration, data: Path) -> None:
    wish(data)
    while await computing.turn(configuration):
        pass
    _refuse("computed", computing.problem)


def _refuse(what: str, problem: str) -> None:
    if problem:
        raise UsageError(f"Nothing more can be {what} now: {problem.rstrip('.')}.")


async def _routed(store: Store, log: LocalLog, engine: "asyncio.Task[None]") -> None:
    """Wait until everything that stands in the log is routed."""
    for number in range(log.partitions):
        end = await log.end(number)
        while True:
            if engine.done():
                engine.result()
            with store.reading() as reading:
                if reading.offset(number) >= end:
                    break
            await asyncio.sleep(LOOK_SECONDS)


def _marks(data: Path) -> Marks:
    """By key, how many got a value and how many lost it so far."""
    folder = data / FOLDER_NAME
    if not folder.exists():
        return {}
    state = State(folder)
    try:
        return {key: state.moved(key) for key in state.computations()}
    finally:
        state.close()


def _changed(one: Mapping[str, Any], before: Moved, after: Moved) -> dict[str, Any]:
    """A computation with how many got a value and how many lost it in between."""
    names = ("key", "name", "kind", "state", "size", "waiting", "evaluated_at")
    return {
        **{name: one[name] for name in names},
        "entered": after.entered - before.entered,
        "left": after.left - before.left,
    }
