"""The real server on a disk that can no longer be written, was altered, or with too few descriptors."""

import asyncio
import base64
import contextlib
import json
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from gainstage.log.contract import Entry
from gainstage.log.local import LocalLog
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.disks import aborting_disk, memory_disk, remount
from tests.messages import identify, track
from tests.torture.faults import UNSYNCED
from tests.torture.marks import PYTHONPATH
from tests.world import WRITE_KEY, World, clickstream, configured, cs, fetch, px, wait_for

NAMES = ("clickstream", "cs", "px")


def everywhere(sandbox: Running) -> dict[str, Any]:
    """A configuration with every destination."""
    return configured(clickstream(sandbox.url), cs(sandbox.url), px(sandbox.url))


def refusal(world: World) -> tuple[int, str | None]:
    """The status of a post, and what it says of coming again."""
    body = json.dumps({"batch": [track("u1")]}).encode()
    key = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {key}"}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{world.address}/v1/batch", body, headers), timeout=20
        ) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Retry-After"]


def unready(world: World) -> dict[str, str]:
    """What `/ready` has to complain of; empty where it says yes."""
    try:
        assert "problems" not in fetch(f"{world.address}/ready")
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return dict(json.loads(error.read())["problems"])
    return {}


def delivered(world: World, taken: int) -> bool:
    """Whether so many events arrived at every destination."""
    return all(counts["received"] == counts["delivered"] == taken for counts in map(world.counts, NAMES))


def test_while_a_disk_takes_nothing_events_are_refused_with_503_and_all_goes_on_when_it_does_again(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everywhere(sandbox))
    switch = world.folder / "switch"
    world.environment = {"GAINSTAGE_DISK": str(switch), "PYTHONPATH": PYTHONPATH}
    world.start()
    taken = 0
    for fault, told in (
        ("full", "is full"),
        ("read-only", "cannot be opened for writing"),
        ("failing", "reports an error"),
    ):
        world.take(*(identify(f"u{n}", name=fault) for n in range(9)), *(track(f"u{n}") for n in range(9)))
        switch.write_text(fault)
        wait_for(lambda told=told: said(world, told, "store.db"))  # type: ignore[misc]
        assert refusal(world) == (503, "5")
        assert said(world, told, "log.db")
        assert fetch(f"{world.address}/health")["db"] == "DOWN"
        assert told in unready(world)["log"]
        assert "gainstage_ready 0.0" in fetch(f"{world.address}/metrics")
        time.sleep(2.5)  # while the fault lasts a try to write changes nothing
        assert told in unready(world)["log"]
        switch.unlink()
        wait_for(lambda: not unready(world))  # by itself: whoever is not ready is sent no events
        taken += 18
    wait_for(lambda: delivered(world, taken))
    world.stop()
    assert "Traceback" not in world.said(), world.said()[-2000:]


def test_what_a_failing_sync_left_unsafe_is_not_acknowledged_and_all_goes_on_when_syncs_do(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everywhere(sandbox))
    switch = world.folder / "switch"
    world.environment = {"GAINSTAGE_DISK": str(switch), "PYTHONPATH": PYTHONPATH}
    world.start()
    world.take(*(identify(f"u{n}") for n in range(9)), *(track(f"u{n}") for n in range(9)))
    switch.write_text(UNSYNCED)
    wait_for(lambda: said(world, "reports an error", "store.db"))
    assert [refusal(world) for _ in range(3)] == [(503, "5")] * 3
    assert said(world, "reports an error", "log.db")
    assert fetch(f"{world.address}/health")
    switch.unlink()
    world.take(track("u1"))
    wait_for(lambda: delivered(world, 19))
    switch.write_text(UNSYNCED)
    assert refusal(world) == (503, "5")
    world.kill()
    switch.unlink()
    world.start()
    world.take(track("u2"))
    wait_for(lambda: delivered(world, 20))
    world.stop()
    assert "Traceback" not in world.said(), world.said()[-2000:]


def test_on_a_read_only_disk_no_server_starts_and_once_it_is_writable_one_goes_on_where_it_was(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everywhere(sandbox))
    with memory_disk(world.data, "32m") as mounted:
        if not mounted:
            pytest.skip("a disk of its own: run as root, where one in memory can be mounted")
        world.start()
        world.take(*(track(f"u{number}") for number in range(9)))
        world.stop()
        remount(world.data, "ro")
        process = world.launch()
        assert process.wait(30) == 2
        assert said(world, str(world.data), "is not writable"), world.said()
        remount(world.data, "rw")
        world.start()
        world.take(*(track(f"u{number}") for number in range(9)))
        wait_for(lambda: delivered(world, 18))
        world.stop()
        assert "Traceback" not in world.said(), world.said()[-2000:]


def test_when_a_disk_turns_read_only_events_are_refused_and_all_that_was_taken_goes_once_it_is_mended(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everywhere(sandbox))
    with aborting_disk(world) as disk:
        world.start()
        world.take(*(track(f"u{number}") for number in range(9)))
        wait_for(lambda: delivered(world, 9))
        world.take(*(track(f"u{number}") for number in range(9)))
        disk.spoil()
        assert [refusal(world) for _ in range(3)] == [(503, "5")] * 3
        assert said(world, "log.db")
        assert fetch(f"{world.address}/health")
        world.stop()
        disk.mend()
        world.start()
        wait_for(lambda: delivered(world, 18))
        world.stop()
        assert "Traceback" not in world.said(), world.said()[-2000:]


def test_connections_that_find_no_descriptor_are_closed_and_reported_and_all_goes_on(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everywhere(sandbox))
    world.start(sys.executable, "-c", LIMITED)
    world.take(identify("u1", name="Ann"))
    crowd = [socket.create_connection(("127.0.0.1", world.port), timeout=10) for _ in range(150)]
    wait_for(lambda: "descriptors_exhausted" in world.said())
    with pytest.raises(OSError):  # no answer: the sender keeps its events
        world.post([track("u1")])
    for one in crowd:
        one.close()

    def taken() -> bool:
        with contextlib.suppress(OSError):
            return world.post([track("u1", message_id="again")]) == 200
        return False

    wait_for(taken)
    wait_for(lambda: delivered(world, 2))
    world.stop()
    assert world.said().count("descriptors_exhausted") == 1
    assert "Traceback" not in world.said(), world.said()[-2000:]


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.execv(sys.argv[1], sys.argv[1:])
"""


def said(world: World, *words: str) -> bool:
    """Whether a line of the server has all the words."""
    return any(all(word in line for word in words) for line in world.said().splitlines())


def test_entries_that_a_disk_altered_before_they_were_routed_are_named_and_all_others_arrive(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(everywhere(sandbox))
    asyncio.run(fill(world.data, [track(f"u{number}", text="x" * 300) for number in range(100)]))
    damage(world.data / "log.db", "partition_0", pages=[2])
    world.start()
    wait_for(lambda: (counts := world.counts("cs"))["received"] > 50 and not counts["pending"])
    refused = world.report("dead", "list")
    codes = Counter(row["reason"] for row in refused)
    assert set(codes) == {"entry_damaged"} and 0 < codes["entry_damaged"] < 40
    assert world.counts("cs")["delivered"] == 100 - codes["entry_damaged"]
    assert len(sandbox.state.messages) == 100 - codes["entry_damaged"]
    assert {row["source"] for row in refused} == {"site"}
    assert said(world, "log_damaged", "partition=0", f"entries={codes['entry_damaged']}")
    traced = world.report("trace", refused[0]["message_id"])
    assert traced["destinations"][0]["reason"] == "entry_damaged"
    world.stop()
    assert "Traceback" not in world.said(), world.said()[-2000:]


async def fill(folder: Path, messages: list[dict[str, Any]]) -> None:
    """A log that holds these messages, none of them routed."""
    log = LocalLog(folder)
    now_us = time.time_ns() // 1_000
    await log.append(
        [
            Entry("site", "", now_us, place, b"", json.dumps(one).encode())
            for place, one in enumerate(messages)
        ]
    )
    await log.close()


def test_an_older_copy_of_a_damaged_store_is_enough_to_go_on(make_world: MakeWorld, sandbox: Running) -> None:
    """The log brings everything since the copy again."""
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    first, later, last = ([track(f"u{number}") for number in range(count)] for count in (20, 20, 1))
    world.take(*first)
    wait_for(lambda: world.counts("clickstream")["delivered"] == 20)
    running = apsw.Connection(str(world.data / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    running.execute("VACUUM INTO ?", (str(world.folder / "copy.db"),))
    running.close()
    world.take(*later)
    wait_for(lambda: world.counts("clickstream")["delivered"] == 40)
    world.stop()
    damage(world.data / "store.db", "event", "delivery")
    world.start()
    world.take(*last)
    wait_for(lambda: said(world, "store.db is damaged"))
    assert fetch(f"{world.address}/health")
    world.stop()
    shutil.copy(world.folder / "copy.db", world.data / "store.db")
    world.start()
    wait_for(lambda: world.counts("clickstream")["delivered"] == 41)
    world.stop()
    arrived = Counter(message["messageId"] for message in sandbox.state.messages)
    assert set(arrived) == {message["messageId"] for message in (*first, *later, *last)}
    assert all(arrived[message["messageId"]] == 1 for message in (*first, *last))
    assert max(arrived.values()) <= 2
    assert "Traceback" not in world.said(), world.said()[-2000:]


def damage(path: Path, *tables: str, pages: Sequence[int] | None = None) -> None:
    """Flip a bit of each page of these tables, or of some."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    marks = ",".join("?" * len(tables))
    query = f"SELECT pgoffset FROM dbstat WHERE name IN ({marks}) AND pagetype = 'leaf' ORDER BY pgoffset"
    found = [at for (at,) in connection.execute(query, tables)]
    connection.close()
    content = bytearray(path.read_bytes())
    for offset in found if pages is None else [found[page] for page in pages]:
        content[offset + 2000] ^= 1
    path.write_bytes(content)
