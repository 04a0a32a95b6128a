"""The first run of a real server: the token that it prints makes the first admin, with passwords as they are
kept in earnest, and the command line works beside it.
"""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gainstage.sqlite import connect
from gainstage_sandbox import Running
from tests.world import World, configured, cs

PASSWORD = "correct staple horse"
LINE = re.compile(r"^First admin +http://127\.0\.0\.1:\d+/setup\?token=(\S+) ", re.MULTILINE)
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Said(NamedTuple):
    status: int
    cookie: str
    json: Any


def ask(world: World, method: str, path: str, body: Any = None, **headers: str) -> Said:
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    request = urllib.request.Request(f"{world.address}/api/{path}", data, given, method=method)
    try:
        with _opener.open(request, timeout=60) as answer:
            cookie = (answer.headers.get("set-cookie") or "").partition(";")[0]
            return Said(answer.status, cookie, json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Said(error.code, "", json.loads(error.read()))


@pytest.fixture
def world(sandbox: Running, tmp_path: Path) -> Any:
    world = World(tmp_path, sandbox.url, configured(cs(sandbox.url)))
    try:
        yield world
    finally:
        world.close()


def test_the_printed_token_makes_the_first_admin_once_and_the_next_start_prints_none(world: World) -> None:
    world.start()
    (token,) = LINE.findall(world.said())
    who = {"name": "Ann", "password": PASSWORD}
    assert ask(world, "POST", "setup", {**who, "token": token[:-1]}).status == 401
    made = ask(world, "POST", "setup", {**who, "token": token})
    assert (made.status, made.json["role"]) == (201, "admin")
    assert ask(world, "POST", "setup", {**who, "token": token, "name": "eve"}).status == 409
    assert ask(world, "GET", "status", Cookie=made.cookie).status == 200

    content = b"".join(path.read_bytes() for path in world.data.iterdir() if path.is_file())
    for secret in (token, PASSWORD, made.cookie.partition("=")[2]):
        assert secret.encode() not in content
    store = connect(world.data / "store.db", read_only=True)
    ((kept,),) = store.execute("SELECT password FROM user").fetchall()
    store.close()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")

    added = world.run("user", "add", "bob", "--role", "viewer", given=PASSWORD.encode())
    assert added.returncode == 0, added.stderr
    bob = ask(world, "POST", "session", {"name": "bob", "password": PASSWORD})
    assert (bob.status, bob.json["role"]) == (200, "viewer")
    assert world.run("user", "disable", "bob").returncode == 0
    assert ask(world, "GET", "session", Cookie=bob.cookie).status == 401
    world.stop()
    world.start()
    assert len(LINE.findall(world.said())) == 1, "there is a user"
    assert ask(world, "GET", "status", Cookie=made.cookie).status == 200, "sessions outlive the server"
    entries = world.report("audit")
    assert [row["action"] for row in reversed(entries)] == [
        "configuration.apply", "user.add", "user.add", "session.begin", "user.change",
    ]  # fmt: skip
    world.stop()
    lines = [line for line in world.said().splitlines() if not line.startswith("First admin")]
    assert not any(secret in line for secret in (token, PASSWORD) for line in lines)
    assert "Traceback" not in world.said()
