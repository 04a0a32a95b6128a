"""The server and its data folder: what is beside it, full disks, folders that cannot be used, secrets."""

import contextlib
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gainstage.app import open_store
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.disks import fill, memory_disk
from tests.messages import group, identify, track
from tests.world import (
    SECRETS,
    WORDS,
    WRITE_KEY,
    World,
    clickstream,
    configured,
    counts_of,
    cs,
    fetch,
    px,
    surroundings,
    wait_for,
)

MIB = 1024 * 1024


class Disk(NamedTuple):
    """A way to run out of room and to make some."""

    fill: Callable[[], None]
    free: Callable[[], None]


@contextlib.contextmanager
def small_disk(world: World) -> Iterator[Disk]:
    """A disk of a few megabytes under the data folder; where that cannot be had, a limit on files."""
    with memory_disk(world.data, "6m") as mounted:
        if mounted:
            ballast = world.data / "ballast"
            try:
                yield Disk(lambda: fill(ballast), ballast.unlink)
            finally:
                world.close()
        else:
            yield Disk(
                lambda: _limit_files(world, 64 * 1024), lambda: _limit_files(world, resource.RLIM_INFINITY)
            )


def _limit_files(world: World, size_bytes: int) -> None:
    assert world.server is not None
    delivery = world.delivery_pid()
    for pid in (world.server.pid, delivery):
        if pid is not None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def test_a_full_disk_answers_503_and_everything_goes_on_when_there_is_room(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    with small_disk(world) as disk:
        world.start()
        accepted: list[str] = []

        def post() -> int:
            message = track(f"u{len(accepted) % 7}", text="x" * 20_000)
            status = world.post([message])
            if status == 200:
                accepted.append(message["messageId"])
            return status

        assert post() == 200
        disk.fill()
        statuses = [wait_for(lambda: post() != 200 and 503)]
        statuses += [post() for _ in range(5)]
        assert set(statuses) <= {200, 503}
        assert fetch(f"{world.address}/health") is not None
        disk.free()
        wait_for(lambda: post() == 200)

        def settled() -> bool:
            counts = world.counts("clickstream")
            return bool(counts["delivered"] == counts["received"] == len(accepted))

        wait_for(settled, 60)
        assert {message["messageId"] for message in sandbox.state.messages} == set(accepted)
        world.stop()
        assert "full" in world.said() or "disk" in world.said()
        assert "Traceback" not in world.said(), world.said()[-3000:]


def test_commands_on_a_full_disk_say_so_in_one_sentence(make_world: MakeWorld, sandbox: Running) -> None:
    sandbox.state.faults.add({"fault": "delay", "seconds": 0.5, "times": None})
    world = make_world(configured(clickstream(sandbox.url)))
    with small_disk(world) as disk:
        world.start()
        world.take(*(track(f"u{number}") for number in range(50)))
        disk.fill()
        world.kill()
        wait_for(lambda: not is_at_work(world))
        for command in (["send", "-", "--config", str(world.config)], ["status"]):
            ended = world.run(*command, given=json.dumps(track("u1")).encode())
            told = ended.stderr.decode()
            if ended.returncode == 0:
                continue  # what needs no new room still works
            assert ended.returncode == 2, told
            assert told.count("\n") == 1 and "Traceback" not in told, told
            assert "is full" in told and "--data" not in told, told
        assert "Traceback" not in world.said(), world.said()


def is_at_work(world: World) -> bool:
    """Whether the delivery process of a killed server still holds the log."""
    with (world.data / "claim-delivery.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


NOT_WRITABLE = """
import os, sys
from pathlib import Path
import gainstage.app.serving, gainstage.app.sending, gainstage.cli.fault
import gainstage.cli
if os.geteuid() == 0:
    os.setuid(65534)
sys.argv = ["gainstage", *sys.argv[1:]]
gainstage.cli.main()
"""


def test_a_data_folder_that_cannot_be_written_is_one_sentence(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "gainstage.yaml"
        config.write_text(world.config.read_text())
        (Path(name) / "data").mkdir()
        for path, mode in ((config, 0o644), (Path(name) / "data", 0o555), (Path(name), 0o755)):
            path.chmod(mode)
        for command in (["serve", "--port", "0"], ["send", "-"]):
            ended = subprocess.run(
                [sys.executable, "-c", NOT_WRITABLE, *command, "--config", config, "--data", f"{name}/data"],
                input=json.dumps(track("u1")).encode(),
                capture_output=True,
                timeout=60,
                check=False,
                cwd=name,
                env=surroundings(),
            )
            told = ended.stderr.decode()
            assert ended.returncode == 2, told
            assert "not writable" in told and told.count("\n") == 1, told


def test_what_is_refused_beside_a_running_server_leaves_it_at_work(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    second = world.run("serve", "--port", "0")
    other = world.folder / "other.yaml"
    other.write_text(world.config.read_text().replace("clickstream", "elsewhere"))
    refused = world.run("send", "--config", str(other), "-", given=json.dumps(track("u1")).encode())
    for ended in (second, refused):
        assert ended.returncode == 2
        assert ended.stderr.decode().count("\n") == 1
    assert b"in use" in second.stderr
    assert b"other.yaml" in refused.stderr
    world.take(track("u1", message_id="kept"))
    wait_for(lambda: [m["messageId"] for m in sandbox.state.messages] == ["kept"])
    assert [row["destination"] for row in world.status()["connections"]] == ["clickstream"]


def test_send_beside_a_running_server_lets_that_one_deliver(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(clickstream(sandbox.url), cs(sandbox.url)))
    world.start()
    messages = [identify("u1", "i1"), group("u1", "Acme", "g1"), track("u1", "Opened", message_id="t1")]
    given = "\n".join(json.dumps(message) for message in messages).encode()
    ended = world.run("send", "--json", "--wait", "20", "-", given=given)
    report = json.loads(ended.stdout)
    assert ended.returncode == 1, "one track is not mapped"
    assert (report["received"], report["refused"], report["duplicates"]) == (3, 0, 0)
    assert counts_of(report, "clickstream")["delivered"] == 3
    (undelivered,) = report["undelivered"]
    assert (undelivered["message_id"], undelivered["reason"]) == ("t1", "event_unmapped")
    assert report["calls"]["clickstream"] == 3
    again = json.loads(world.run("send", "--json", "-", given=given).stdout)
    assert again["duplicates"] == 3
    assert len(sandbox.state.messages) == 3


def test_the_delivery_process_is_started_again_and_takes_up_what_waited(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    first = wait_for(world.delivery_pid)
    world.kill_delivery()
    world.take(*(track("u1", n=number) for number in range(10)))
    wait_for(lambda: world.delivery_pid() not in (None, first))
    wait_for(lambda: len(sandbox.state.messages) == 10)
    assert [message["properties"]["n"] for message in sandbox.state.messages] == list(range(10))


def test_no_error_is_told_when_whoever_stops_the_server_asks_all_its_processes_to_end(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    delivery = wait_for(world.delivery_pid)
    assert delivery is not None and world.server is not None
    os.kill(delivery, signal.SIGTERM)
    wait_for(lambda: world.delivery_pid() != delivery)
    world.stop()
    assert "level=error" not in world.said(), world.said()


def test_the_delivery_process_ends_with_its_killed_server(make_world: MakeWorld, sandbox: Running) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    delivery = wait_for(world.delivery_pid)
    assert delivery is not None
    world.kill()

    def gone() -> bool:
        try:
            os.kill(delivery, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{delivery}/stat")
        return status.exists() and status.read_text().split()[2] == "Z"

    wait_for(gone, 30)


@pytest.mark.parametrize("file", ["log.db", "store.db", "store.db-wal", "claim-delivery.lock"])
def test_a_server_killed_while_it_makes_its_data_folder_starts_on_it_again(
    make_world: MakeWorld, sandbox: Running, file: str
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.launch()
    deadline = time.monotonic() + 30
    while not (world.data / file).exists():
        assert time.monotonic() < deadline
    world.kill()
    world.start()
    world.take(track("u1", message_id="first"))
    wait_for(lambda: [message["messageId"] for message in sandbox.state.messages] == ["first"])
    assert "Traceback" not in world.said(), world.said()


def test_no_output_shows_a_secret(
    make_world: MakeWorld, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor's answers quote the credentials, as some do."""
    for api, secret in (
        ("cs", SECRETS[1]),
        ("cs", SECRETS[2]),
        ("px", SECRETS[3]),
        ("clickstream", SECRETS[0]),
    ):
        answer = {"result": False, "errorCode": "X", "errorDesc": f"I do not like {secret} at all."}
        sandbox.state.faults.add({"fault": "status", "api": api, "status": 400, "answer": answer})
        sandbox.state.faults.add(
            {"fault": "status", "api": api, "status": 500, "answer": f"<html>{secret}</html>"}
        )
    configuration = configured(clickstream(sandbox.url), cs(sandbox.url), px(sandbox.url))
    text = json.dumps(configuration)  # some stand in the file, some in the environment
    for number, secret in enumerate(SECRETS[::2]):
        monkeypatch.setenv(f"WORLD_SECRET_{number}", secret)
        text = text.replace(secret, f"${{WORLD_SECRET_{number}}}")
    configuration = json.loads(text)
    world = make_world(configuration)
    world.start()
    messages = [
        message
        for number in range(4)
        for message in (identify(f"u{number}"), group(f"u{number}", "Acme"), track(f"u{number}", "Used"))
    ]
    world.take(*messages)
    for name in ("clickstream", "cs", "px"):
        _settled(world, name, 12)
    assert sum(row["failed"] for row in world.status()["connections"]) >= 3
    shown = _everything_shown(world, [message["messageId"] for message in messages])
    assert "I do not like *** at all" in shown
    for secret in (*SECRETS, WRITE_KEY):
        assert secret not in shown, shown[max(0, shown.index(secret) - 300) :][:400]


def _settled(world: World, destination: str, received: int) -> None:
    def reached() -> bool:
        counts = world.counts(destination)
        return bool(counts["received"] == received and not counts["pending"])

    wait_for(reached)


def _everything_shown(world: World, message_ids: list[str]) -> str:
    pages = [str(fetch(f"{world.address}{path}")) for path in ("/", "/metrics", "/health", "/ready")]
    sample = world.folder / "sample.jsonl"
    sample.write_text("\n".join(json.dumps(message) for message in (identify("p"), group("p", "P"))))
    commands: list[list[str]] = [
        ["status"],
        ["status", "--json"],
        ["dead", "list"],
        ["dead", "list", "--json"],
    ]
    commands += [["dead", "export"], ["export"], ["check"], ["dead", "show", message_ids[0]]]
    commands += [["preview", "--destination", name, str(sample)] for name in ("cs", "px", "clickstream")]
    ended = [world.run(*command) for command in commands]
    traces: list[Any] = [_trace(world, message_id) for message_id in message_ids]
    outputs = [part.decode() for one in ended for part in (one.stdout, one.stderr)]
    world.stop()
    assert all(word in "".join(outputs) for word in WORDS)
    return "\n".join([*pages, *outputs, *(json.dumps(trace) for trace in traces), world.said()])


def _trace(world: World, message_id: str) -> Any:
    with contextlib.closing(open_store(world.data)) as reports:
        return reports.trace(message_id)
