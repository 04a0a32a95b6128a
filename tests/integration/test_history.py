"""The archive beside a running server: what it holds of a person goes with them, and status tells of it."""

from typing import Any

import duckdb

from gainstage.history import Archive
from gainstage.history.relation import attach
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.test_forgetting import EMAIL, TRACES, everything, forgotten, life, traces_in
from tests.integration.test_vendor_faults import settled
from tests.messages import group, identify, track
from tests.world import World, wait_for


def rows(world: World) -> list[tuple[Any, ...]]:
    """Everything that is archived."""
    archive = Archive(world.data, create=False)
    try:
        with archive.snapshot() as snapshot, duckdb.connect() as connection:
            attach(connection, snapshot)
            return connection.execute("SELECT * FROM archive ORDER BY position").fetchall()
    finally:
        archive.close()


def archived(world: World) -> Any:
    """What status says of the archive; None before there is one."""
    return world.status()["kept"]["history"]


def test_nothing_of_a_person_is_left_in_the_archive_or_comes_back_into_it(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everything(sandbox))
    world.start()
    others = [identify("ann", "a1"), group("ann", "Engines", "a2"), track("ann", "Used", "a3")]
    world.take(*life(), *others)
    wait_for(lambda: world.status()["oldest_pending_seconds"] is None, what="the settling of everything")
    events = [one for one in life() if one.get("traits") != ["broken", "Ada King of Lovelace"]]
    count = len(events) + len(others)
    wait_for(lambda: (archived(world) or {}).get("behind") == 0, what="the archiving of everything")
    assert (archived(world)["events"], archived(world)["damaged"], len(rows(world))) == (count, [], count)
    found = world.report("forget", "person", EMAIL.lower(), "--dry-run")
    assert found["archived_events"] == len(events)
    receipt = forgotten(world, EMAIL.lower())
    assert receipt["purged"]["archived_events"] == len(events)
    assert traces_in(world.data) == {}
    filtered = world.counts("cs")["filtered"]
    world.take(*life(), identify("bob", "b1"))
    settled(world, "cs", filtered=filtered + len(life()) - 1)
    wait_for(lambda: archived(world)["events"] == len(others) + 1, what="the archiving of bob's event")
    left = rows(world)
    assert [row[3] for row in left] == ["a1", "a2", "a3", "b1"]
    assert not [text for text in TRACES if text.lower() in str(left).lower()]
    wait_for(lambda: traces_in(world.data) == {}, what="the erasing of what came later")
