"""Segment's server SDKs with their OAuth settings: tokens got, kept, renewed and refused."""

import asyncio
import contextlib
import json
import re
import shlex
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
import yaml

from gainstage.clock import SystemClock
from gainstage.connection import OAuth, Source
from gainstage.ingest import TrackingApi
from gainstage.ingest.server import serve
from gainstage.ingest.tokens import TOKEN_SECONDS
from gainstage.log.memory import MemoryLog, entries_by_source
from gainstage_sandbox import Running
from tests.ports import free_port
from tests.sdks.proxy import ScriptedProxy
from tests.sdks.snippets import Snippet, snippets
from tests.unit.ingest.clients import (
    assertion,
    client_key,
    form,
    private_key,
    private_text,
    public_text,
)
from tests.world import ROOT, World, answer_status, clickstream, fetch, surroundings, wait_for

FOLDER = Path(__file__).parent
KEY = "backend-key"
PROGRAMS = {
    "python": (sys.executable, "-m", "tests.sdks.sender"),
    "node": ("node", str(FOLDER / "sender.mjs")),
}


def settings(sdk: str, auth_server: str, *, key: str = "good", key_id: str = "k1") -> dict[str, Any]:
    """An SDK's OAuth settings, as its maker documents them."""
    private = private_text(private_key(key))
    if sdk == "python":
        return {
            "oauth_client_id": "backend",
            "oauth_client_key": private,
            "oauth_key_id": key_id,
            "oauth_auth_server": auth_server,
        }
    given = {"clientId": "backend", "clientKey": private, "keyId": key_id, "authServer": auth_server}
    return {"oauthSettings": given}


def impatient(sdk: str, options: dict[str, Any]) -> dict[str, Any]:
    """The same with fewer attempts: the SDK for Node takes a refused token for a broken network."""
    return {**options, "maxRetries": 1} if sdk == "node" else options


class Sender:
    """A process with an SDK."""

    def __init__(self, sdk: str, address: str, options: dict[str, Any]) -> None:
        program = (
            ["node", FOLDER / "sender.mjs"] if sdk == "node" else [sys.executable, "-m", "tests.sdks.sender"]
        )
        self._process = subprocess.Popen(
            [*program, KEY, address, json.dumps(options)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=surroundings(),
            text=True,
        )

    def send(self, event: str) -> list[str]:
        """Send one event and flush; what the SDK reported as failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{event}\n")
        self._process.stdin.flush()
        return list(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


MakeSender = Callable[..., Sender]


@pytest.fixture(params=PROGRAMS)
def sdk(request: pytest.FixtureRequest) -> str:
    if request.param == "node":
        request.getfixturevalue("node")
    return str(request.param)


@pytest.fixture
def make_sender(sdk: str) -> Iterator[MakeSender]:
    """A sender to an address, with the SDK's OAuth settings unless told otherwise."""
    made: list[Sender] = []

    def make(address: str, **changed: Any) -> Sender:
        options = changed.pop("options", None)
        made.append(Sender(sdk, address, settings(sdk, address, **changed) if options is None else options))
        return made[-1]

    yield make
    for sender in made:
        sender.close()


def configured(sandbox: str, **oauth: Any) -> dict[str, Any]:
    key = {"client_id": "backend", "key_id": "k1", "public_key": public_text(private_key("good"))}
    source = {"name": "backend", "kind": "server", "write_key": KEY, "oauth": {"keys": [key], **oauth}}
    return {"sources": [source], "destinations": [clickstream(sandbox)]}


@pytest.fixture
def world(sandbox: Running, tmp_path: Path) -> Iterator[World]:
    """A running server whose one source takes events with a token only."""
    made = World(tmp_path, sandbox.url, configured(sandbox.url))
    made.start()
    yield made
    made.close()


@pytest.fixture
def way(world: World) -> Iterator[ScriptedProxy]:
    """The way to the server, where every request is seen."""
    with ScriptedProxy(world.port) as proxy:
        yield proxy


def seen(way: ScriptedProxy, count: int) -> list[tuple[str, int]]:
    """Path and status of every request, once there are so many: the SDK may hear an answer first."""
    return [(one.path, one.status) for one in way.wait_for(lambda passed: len(passed) >= count)]


def token_status(world: World, **claims: Any) -> int:
    """How the token endpoint answers such an assertion."""
    body = form(assertion(aud=world.address, now=time.time(), **claims))
    return answer_status(urllib.request.Request(f"{world.address}/token", body), 10.0)


def received(world: World) -> int:
    return int(world.counts("clickstream")["received"])


def test_an_sdk_gets_a_token_and_keeps_it_across_a_restart_of_the_server(
    world: World, way: ScriptedProxy, make_sender: MakeSender
) -> None:
    sender = make_sender(way.address)
    assert sender.send("First") == []
    world.stop()
    world.start()
    assert sender.send("Second") == []
    assert seen(way, 3) == [("/token", 200), ("/v1/batch", 200), ("/v1/batch", 200)]
    first, second = [one.headers["Authorization"] for one in way.passed[1:]]
    assert first == second and first.startswith("Bearer ")
    assert (world.data / "oauth.secret").stat().st_mode & 0o777 == 0o600
    wait_for(lambda: received(world) == 2)
    secrets = (first.removeprefix("Bearer "), way.passed[0].body.decode().split("=")[3].split("&")[0])
    assert not any(secret in world.said() for secret in secrets)


def test_an_sdk_whose_token_no_longer_counts_renews_it_and_loses_nothing(
    world: World, way: ScriptedProxy, make_sender: MakeSender
) -> None:
    sender = make_sender(way.address)
    assert sender.send("First") == []
    world.stop()
    (world.data / "oauth.secret").unlink()
    world.start()
    assert sender.send("Second") == []
    again = [("/v1/batch", 511), ("/token", 200), ("/v1/batch", 200)]
    assert seen(way, 5) == [("/token", 200), ("/v1/batch", 200), *again]
    wait_for(lambda: received(world) == 2)


def test_an_sdk_whose_key_leaves_the_configuration_gets_nothing_more_in_and_says_so(
    world: World, way: ScriptedProxy, make_sender: MakeSender, sandbox: Running, sdk: str
) -> None:
    sender = make_sender(way.address, options=impatient(sdk, settings(sdk, way.address)))
    assert sender.send("First") == []
    second = {"client_id": "backend", "key_id": "k2", "public_key": public_text(private_key("second"))}
    world.apply(configured(sandbox.url, keys=[second]))
    wait_for(lambda: token_status(world, key="second", kid="k2") == 200)
    assert "401" in sender.send("Second")[0]
    assert seen(way, 4)[2:4] == [("/v1/batch", 511), ("/token", 401)]
    assert make_sender(way.address, key="second", key_id="k2").send("Third") == []
    wait_for(lambda: received(world) == 2)


@pytest.mark.parametrize("changed", [{"key": "second"}, {"key_id": "k9"}], ids=["key", "key id"])
def test_an_sdk_that_cannot_prove_who_it_is_gets_nothing_in_and_says_so(
    way: ScriptedProxy, make_sender: MakeSender, changed: dict[str, str], sdk: str
) -> None:
    sender = make_sender(way.address, options=impatient(sdk, settings(sdk, way.address, **changed)))
    assert "401" in sender.send("First")[0]
    assert set(seen(way, 1)) == {("/token", 401)}


def test_an_sdk_without_oauth_settings_gets_nothing_in_and_says_so(
    world: World, way: ScriptedProxy, make_sender: MakeSender
) -> None:
    assert "401" in make_sender(way.address, options={}).send("First")[0]
    assert seen(way, 1) == [("/v1/batch", 401)]
    assert 'code="token_missing"' in fetch(f"{world.address}/metrics")


def test_the_sdk_for_python_gives_up_at_once_where_it_cannot_ask_for_a_token() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    sender = Sender("python", nobody, settings("python", nobody))
    try:
        assert "refused" in sender.send("First")[0]
    finally:
        sender.close()


DOCUMENT = ROOT / "docs" / "oauth.md"


@pytest.mark.parametrize("snippet", snippets(DOCUMENT, "python", "javascript"), ids=lambda one: one.language)
def test_the_document_can_be_followed(
    sandbox: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    snippet: Snippet,
) -> None:
    if snippet.language == "javascript":
        request.getfixturevalue("node")
    text = DOCUMENT.read_text(encoding="utf-8")
    for command in re.findall(r"^ +(openssl .*)$", text, re.MULTILINE):
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("BACKEND_PRIVATE_KEY", (tmp_path / "backend.pem").read_text())
    monkeypatch.setenv("BACKEND_PUBLIC_KEY", (tmp_path / "backend.pub").read_text())
    monkeypatch.setenv("BACKEND_WRITE_KEY", KEY)
    block = re.search(r"^   ```yaml\n(.*?)^   ```", text, re.MULTILINE | re.DOTALL)
    assert block
    (source,) = yaml.safe_load(block[1])["sources"]
    assert source["oauth"].pop("required") is False
    world = World(tmp_path, sandbox.url, {"sources": [source], "destinations": [clickstream(sandbox.url)]})
    try:
        world.start()
        with ScriptedProxy(world.port) as way:
            snippet.filled(way.address, KEY).run(tmp_path)
        assert seen(way, 2) == [("/token", 200), ("/v1/batch", 200)]
        wait_for(lambda: received(world) == 1)
    finally:
        world.close()


class MovableClock(SystemClock):
    """The machine's clock, some seconds ahead."""

    ahead_seconds = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_seconds * 1_000_000


@contextlib.contextmanager
def running(api: TrackingApi) -> Iterator[int]:
    """Serve from a thread; the port."""
    address: list[str] = []
    ready, ending = threading.Event(), threading.Event()

    async def main() -> None:
        def started(at: str) -> None:
            address.append(at)
            ready.set()

        serving = asyncio.create_task(serve(api, "127.0.0.1", 0, started=started))
        await asyncio.to_thread(ending.wait)
        serving.cancel()
        await asyncio.wait([serving])

    thread = threading.Thread(target=lambda: uvloop.run(main()))
    thread.start()
    assert ready.wait(30)
    try:
        yield int(address[0].rpartition(":")[2])
    finally:
        ending.set()
        thread.join()


def test_an_sdk_renews_a_token_that_expired_and_corrects_its_clock_by_the_servers(
    make_sender: MakeSender,
) -> None:
    clock, log = MovableClock(), MemoryLog()
    source = Source("backend", "server", KEY, oauth=OAuth((client_key(),)))
    sources = {"backend": source}
    with running(TrackingApi(log, clock, lambda: sources)) as port, ScriptedProxy(port) as way:
        sender = make_sender(way.address)
        assert sender.send("First") == []
        clock.ahead_seconds = TOKEN_SECONDS + 1
        assert sender.send("Second") == []
        passed = seen(way, 6)
    assert passed[:2] == [("/token", 200), ("/v1/batch", 200)]
    assert passed[2:4] == [("/v1/batch", 511), ("/token", 400)]
    assert passed[-2:] == [("/token", 200), ("/v1/batch", 200)]
    assert len(entries_by_source(log)["backend"]) == 2
