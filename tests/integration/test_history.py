"""The archive beside a running server: what it holds of a person goes with them, and status tells of it."""

import asyncio
from pathlib import Path
from typing import Any

import duckdb

from gainstage.app.archiving import Archiving
from gainstage.app.pseudonyms import pseudonyms_of
from gainstage.connection import Retention
from gainstage.history.relation import attach
from gainstage.log.local import LocalLog
from gainstage.store.store import Store
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.test_forgetting import EMAIL, TRACES, everything, forgotten, life, traces_in
from tests.integration.test_vendor_faults import settled
from tests.messages import group, identify, track
from tests.world import wait_for


async def archived(data: Path) -> list[tuple[Any, ...]]:
    """Archive what was routed, as a process beside the server; all rows then."""
    store, log = Store(data, create=False), LocalLog(data)
    work = Archiving(data, log, store, pseudonyms_of(data, store))
    try:
        while await work.turn(Retention()):
            pass
        with work.archive.snapshot() as snapshot, duckdb.connect() as connection:
            attach(connection, snapshot)
            return connection.execute("SELECT * FROM archive ORDER BY position").fetchall()
    finally:
        work.close()
        await log.close()
        store.close()


def test_nothing_of_a_person_is_left_in_the_archive_or_comes_back_into_it(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everything(sandbox))
    world.start()
    others = [identify("ann", "a1"), group("ann", "Engines", "a2"), track("ann", "Used", "a3")]
    world.take(*life(), *others)
    wait_for(lambda: world.status()["oldest_pending_seconds"] is None, what="the settling of everything")
    rows = asyncio.run(archived(world.data))
    events = [one for one in life() if one.get("traits") != ["broken", "Ada King of Lovelace"]]
    assert len(rows) == len(events) + len(others)
    kept = world.status()["kept"]["history"]
    assert (kept["events"], kept["behind"], kept["damaged"]) == (len(rows), 0, [])
    found = world.report("forget", "person", EMAIL.lower(), "--dry-run")
    assert found["archived_events"] == len(events)
    receipt = forgotten(world, EMAIL.lower())
    assert receipt["purged"]["archived_events"] == len(events)
    assert traces_in(world.data) == {}
    filtered = world.counts("cs")["filtered"]
    world.take(*life(), identify("bob", "b1"))
    settled(world, "cs", filtered=filtered + len(life()) - 1)
    left = asyncio.run(archived(world.data))
    assert [row[3] for row in left] == ["a1", "a2", "a3", "b1"]
    assert not [text for text in TRACES if text.lower() in str(left).lower()]
    wait_for(lambda: traces_in(world.data) == {}, what="the erasing of what came later")
