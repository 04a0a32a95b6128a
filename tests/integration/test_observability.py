"""A running server told by its figures, probes, alerts, canary and log: all parts real, all at once."""

import contextlib
import hashlib
import hmac
import json
import os
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import group, identify, track
from tests.unit.dashboard.test_metrics import documented
from tests.world import SECRETS, WRITE_KEY, World, clickstream, configured, cs, fetch, px, wait_for

HOOK_SECRET = "a-secret-shared-with-the-hook"
HOOK_PATH = "/hooks/part-of-a-secret-address"
PEOPLE = ("ann.lee@person.example", "bob.ray@person.example")
API_TOKEN = "watched-0123456789abcdef0123456789abcdef"
#: Where somebody sits who guesses tokens.
GUESSER = "203.0.113.77"
#: What is answered without a login.
OPEN_PATHS = ("/", "/status", "/metrics", "/health", "/ready", "/version", "/api/openapi.json", "/api/setup")


class Hook:
    """A webhook of a chat or a pager; `statuses` are answered first."""

    def __init__(self, *statuses: int) -> None:
        self.posts: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses = list(statuses)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = dict(re.findall(r"(\w+)=([^,]+)", self.headers["Gainstage-Signature"]))
                signed = hmac.new(HOOK_SECRET.encode(), f"{told['t']}.".encode() + body, hashlib.sha256)
                assert told["v1"] == signed.hexdigest()
                status = hook.statuses.pop(0) if hook.statuses else 200
                if status == 200:
                    hook.posts.append(json.loads(body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                raise AssertionError("a redirect was followed")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{HOOK_PATH}"

    def heard(self, alert: str) -> list[str]:
        """The states told so far of the first alert of this kind about cs."""
        about = [post for post in self.posts if (post["alert"], post["subject"]) == (alert, "cs")]
        return [post["state"] for post in about if post["id"] == about[0]["id"]]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook(302, 500)
    yield made
    made.close()


def metrics(world: World) -> str:
    return str(fetch(f"{world.address}/metrics"))


def people(n: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for number, email in enumerate(PEOPLE):
        who = f"person-id-{number}"
        messages += [
            {**identify(who), "traits": {"email": email, "name": f"Surname{number} Secretname"}},
            group(who, f"Firm{number} Secretfirm"),
            track(who, "Used", n=n),
        ]
    return messages


def watched(sandbox: Running, hook: Hook, **settings: Any) -> dict[str, Any]:
    configuration = configured(clickstream(sandbox.url), cs(sandbox.url, **settings), px(sandbox.url))
    configuration["alerts"] = {
        "webhook": hook.url, "secret": HOOK_SECRET, "blocked_after": "0s", "ends_after": "1s",
    }  # fmt: skip
    configuration["canary"] = {"every": "2s", "within": "4s"}
    return configuration


def guess(world: World) -> int:
    """The status of a request with a token that is none."""
    headers = {"Authorization": "Bearer guessed", "X-Forwarded-For": GUESSER}
    try:
        request = urllib.request.Request(f"{world.address}/api/status", headers=headers)
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_day_of_a_server_is_told_and_nothing_of_anybody_with_it(
    make_world: MakeWorld, sandbox: Running, hook: Hook
) -> None:
    world = make_world(watched(sandbox, hook))
    (world.folder / "token").write_text(API_TOKEN)
    world.options = (
        "--log-level", "debug", "--log-format", "json", "--api-token-file", "token",
        "--trusted-proxy", "127.0.0.1",
    )  # fmt: skip
    world.start()
    assert [guess(world) for _ in range(12)] == [401] * 10 + [429] * 2
    world.take(*people(1))
    names = ("cs", "px", "clickstream")
    arrived = [f'gainstage_canary_seconds{{destination="{name}"}}' for name in names]
    wait_for(lambda: all(one in metrics(world) for one in arrived), what="the canary")
    assert sandbox.state.messages and all("Canary" not in str(one) for one in sandbox.state.messages)
    wait_for(lambda: all(world.counts(name)["pending"] == 0 for name in names), what="delivery")
    wait_for(lambda: 'gainstage_delivery_seconds_count{destination="cs"' in metrics(world))

    kinds = dict(re.findall(r"^# TYPE (gainstage_\S+) (\w+)$", metrics(world), re.MULTILINE))
    assert kinds == {name: kind for name, (kind, _) in documented().items()}
    assert_labels_are_documented(metrics(world))
    assert fetch(f"{world.address}/ready")["status"] == "ready"

    answer = {"result": False, "errorCode": "GS_APIG_1", "errorDesc": f"Refused for {PEOPLE[0]}"}
    sandbox.state.faults.add({"fault": "status", "api": "cs", "status": 401, "answer": answer, "times": None})
    world.take(*people(2))
    wait_for(lambda: hook.heard("blocked") == ["begun"], what="the alert")
    world.stop()
    world.start()  # a restart announces nothing anew
    wait_for(lambda: hook.heard("canary") == ["begun"], what="the alert of the canary")
    assert [row["alert"] for row in world.status()["alerts"]].count("blocked") == 1
    assert hook.heard("blocked") == ["begun"]
    world.report("replay", "--from", "1d", "--user", PEOPLE[0], "--destination", "cs", "--resend-events")
    everything = world.status()
    assert everything["replays"][0]["user"] == PEOPLE[0]
    assert any(PEOPLE[0] in row["detail"] for row in everything["blocked"])
    unlocked = {path: str(fetch(f"{world.address}{path}")) for path in OPEN_PATHS}
    assert "'reason': 'credentials_refused'" in unlocked["/status"] and "'replays': [{" in unlocked["/status"]
    sandbox.state.faults.reset()
    world.apply(watched(sandbox, hook, park_for="8d"))  # corrected settings are tried at once
    wait_for(lambda: hook.heard("blocked") == ["begun", "ended"], what="the end of the alert")
    wait_for(lambda: hook.heard("canary") == ["begun", "ended"], what="the end of the canary's")
    wait_for(lambda: world.counts("cs")["pending"] == 0)
    told = metrics(world)
    world.stop()

    said = world.said()
    for line in said.splitlines():
        if line.startswith("{"):
            assert {"timestamp", "level", "event"} <= set(json.loads(line)), line
    assert '"level":"debug"' in said.replace(" ", "")
    assert "guessing_slowed" in said
    private = (*PEOPLE, GUESSER, "person-id-", "Surname", "Secretname", "Secretfirm", "person.example")
    secrets = (*SECRETS, API_TOKEN, WRITE_KEY, HOOK_SECRET, HOOK_PATH)
    posted = json.dumps(hook.posts)
    for text in (*private, *secrets):
        for where, shown in (("log", said), ("metrics", told), ("webhook", posted), *unlocked.items()):
            assert text not in shown, (where, shown[max(0, shown.index(text) - 300) :][:500])


def assert_labels_are_documented(text: str) -> None:
    """Every sample has the labels of the table and no others."""
    known = documented()
    for name, labels in re.findall(r"^(gainstage_\w+)\{(.*)\} \S+$", text, re.MULTILINE):
        plain = name if name in known else re.sub(r"_(bucket|sum|count)$", "", name)
        found = set(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', labels)) - {"le"}
        assert found == set(known[plain][1]), (name, labels)


def test_delivery_that_stands_still_is_not_ready_and_events_are_taken_all_the_same(
    make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(clickstream(sandbox.url)))
    world.start()
    pid = wait_for(world.delivery_pid)
    assert pid is not None
    wait_for(lambda: fetch(f"{world.address}/ready")["status"] == "ready")
    os.kill(pid, signal.SIGSTOP)
    try:

        def problem() -> Any:
            try:
                fetch(f"{world.address}/ready")
            except urllib.error.HTTPError as error:
                return json.loads(error.read())
            return None

        told = wait_for(problem)
        assert set(told["problems"]) == {"delivery"}
        assert (told["acceptingEvents"], told["db"]) == ("TRUE", "UP")
        assert fetch(f"{world.address}/health")["status"] == "live"
        world.take(track("u1", message_id="kept"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: problem() is None)
    wait_for(lambda: [message["messageId"] for message in sandbox.state.messages] == ["kept"])
