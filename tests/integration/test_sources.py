"""What stands before a server and what its sources may, through the real program."""

import base64
import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.messages import track
from tests.world import World, answer_status, clickstream, fetch, wait_for

WEB = {"name": "web", "kind": "web", "write_key": "web-key", "origins": ["https://app.acme.com"]}


def post(world: World, write_key: str, messages: list[dict[str, Any]], headers: Mapping[str, str]) -> int:
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    body = json.dumps({"batch": messages}).encode()
    sent = {"Authorization": f"Basic {credentials}", **headers}
    return answer_status(urllib.request.Request(f"{world.address}/v1/batch", body, sent), 10.0)


def test_the_options_of_serve_reach_the_tracking_api(
    make_world: MakeWorld, sandbox: Running, tmp_path: Path
) -> None:
    script = tmp_path / "standalone.js"
    script.write_text("the script")
    world = make_world({"sources": [WEB], "destinations": [clickstream(sandbox.url)]})
    world.options = (
        "--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "10.1.1.1",
        "--public-url", "https://e.acme.com/gs", "--analytics-js", str(script),
    )  # fmt: skip
    world.start()
    message = track("ann")
    origin = {"Origin": "https://app.acme.com", "X-Forwarded-For": "203.0.113.9, 10.1.1.1"}
    assert post(world, "web-key", [message], origin) == 200
    assert post(world, "web-key", [message], {"Origin": "https://other.example"}) == 403
    settings = fetch(f"{world.address}/gs/v1/projects/web-key/settings")
    assert settings["integrations"]["Segment.io"]["apiHost"] == "e.acme.com/gs/v1"
    assert fetch(f"{world.address}/analytics.js/v1/web-key/analytics.min.js") == "the script"
    wait_for(lambda: sandbox.state.messages)
    (arrived,) = sandbox.state.messages
    assert arrived["context"]["ip"] == "203.0.113.9"
    assert "origin_not_allowed" in fetch(f"{world.address}/metrics")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--trusted-proxy", "proxy.acme.com"], "'proxy.acme.com' is no address and no network of a proxy"),
        (["--public-url", "e.acme.com"], "'e.acme.com' is no address for SDKs"),
        (["--analytics-js", "nothing.js"], "nothing.js cannot be read (No such file or directory)"),
    ],
)
def test_options_that_cannot_be_used_are_one_clear_sentence(
    make_world: MakeWorld, options: list[str], told: str
) -> None:
    ended = make_world({"sources": [WEB], "destinations": []}).run("serve", "--port", "0", *options)
    assert ended.returncode == 2
    assert told in ended.stderr.decode()
    assert "Traceback" not in ended.stderr.decode()


def test_a_write_key_that_the_server_cannot_read_is_its_fault_and_not_the_senders(
    make_world: MakeWorld,
) -> None:
    world = make_world({"sources": [WEB], "destinations": []})
    world.start()
    assert post(world, "app-key", [track("ann")], {}) == 401
    app = {"name": "app", "kind": "mobile", "write_key": "${ONLY_KNOWN_TO_APPLY}"}
    file = str(world.configure({"sources": [WEB, app], "destinations": []}))
    applied = world.run("apply", "-f", file, environment={"ONLY_KNOWN_TO_APPLY": "app-key"})
    assert applied.returncode == 0, applied.stderr.decode()
    wait_for(lambda: post(world, "app-key", [track("ann")], {}) == 503)
    assert post(world, "web-key", [track("ann")], {}) == 200


def test_a_source_is_switched_off_and_on_while_the_server_runs(make_world: MakeWorld) -> None:
    world = make_world({"sources": [WEB], "destinations": []})
    world.start()

    def enabled() -> bool:
        return bool(fetch(f"{world.address}/sourceConfig?writeKey=web-key")["source"]["enabled"])

    assert enabled()
    world.apply({"sources": [{**WEB, "enabled": False}], "destinations": []})
    wait_for(lambda: not enabled())
    assert post(world, "web-key", [track("ann")], {}) == 200
    assert 'code="source_disabled"' in fetch(f"{world.address}/metrics")
    assert "gainstage_accepted_messages_total{" not in fetch(f"{world.address}/metrics")
    world.apply({"sources": [WEB], "destinations": []})
    wait_for(enabled)
    assert post(world, "web-key", [track("ann")], {}) == 200
    assert 'gainstage_accepted_messages_total{source="web"} 1.0' in fetch(f"{world.address}/metrics")


def test_a_write_key_is_changed_without_losing_an_event(make_world: MakeWorld) -> None:
    """Of an SDK that goes on sending with the old key, and one that has the new one."""
    world = make_world({"sources": [WEB], "destinations": []})
    world.start()
    answers = [post(world, "web-key", [track("ann")], {})]
    world.apply(
        {"sources": [{**WEB, "write_key": "new-key", "old_write_keys": ["web-key"]}], "destinations": []}
    )

    def new_key_is_taken() -> bool:
        answers.append(post(world, "web-key", [track("ann")], {}))
        return post(world, "new-key", [track("bob")], {}) == 200

    wait_for(new_key_is_taken)
    answers += [post(world, "web-key", [track("ann")], {}) for _ in range(3)]
    assert set(answers) == {200}
    assert 'gainstage_old_write_key_requests_total{source="web"}' in fetch(f"{world.address}/metrics")
    world.apply({"sources": [{**WEB, "write_key": "new-key"}], "destinations": []})
    wait_for(lambda: post(world, "web-key", [track("ann")], {}) == 401)
    assert post(world, "new-key", [track("bob")], {}) == 200
