"""A schema-based fuzzer holds a real server to its own description: every answer as described, none late."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage.dashboard.description import document
from gainstage_sandbox import running
from tests.messages import identify, track
from tests.world import WORDS, World, clickstream, configured, fetch, surroundings, wait_for

FUZZER = Path(sys.executable).with_name("schemathesis")
#: What is wrong with a single event never fails its request: more is taken than the schemas of events allow.
NOT_CHECKED = "negative_data_rejection"
SLOW_KEY = "slow-write-key"


def example_key() -> str:
    """The write key in the examples of the description: with it some requests for settings succeed."""
    parameters = document()["paths"]["/v1/projects/{writeKey}/settings"]["get"]["parameters"]
    return str(parameters[0]["example"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server with something to tell in its status."""
    with running() as sandbox:
        sandbox.state.limits.change({"enabled": False})
        configuration = configured(clickstream(sandbox.url))
        configuration["sources"] += [
            {"name": "page", "kind": "web", "write_key": example_key()},
            {"name": "slow", "kind": "mobile", "write_key": SLOW_KEY, "rate_limit": 1},
        ]
        world = World(tmp_path, sandbox.url, configuration)
        try:
            world.start()
            world.take(identify("ann"), track("ann"))
            wait_for(lambda: any(counts["delivered"] == 2 for counts in world.status()["connections"]))
            yield world
        finally:
            world.close()


def fuzz(world: World, seconds: int, *options: str) -> str:
    """What the fuzzer prints; it found nothing."""
    ended = subprocess.run(
        [
            FUZZER, "run", f"{world.address}/api/openapi.json",
            "--seed", "1",
            "--phases", "examples,coverage,fuzzing",
            "--max-time", str(seconds),
            "--request-timeout", "10",
            "--exclude-checks", NOT_CHECKED,
            "--generation-database", "none",
            "--no-color",
            *options,
        ],
        cwd=world.folder,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def assert_too_much_was_sent(world: World) -> None:
    """The slow source met its limit, so that answers of 429 were compared as well."""
    assert 'code="rate_limited",source="slow"' in fetch(f"{world.address}/metrics")


def test_every_answer_is_as_described_whatever_is_asked(world: World) -> None:
    with_key = fuzz(world, 18, "--auth", f"{example_key()}:")
    fuzz(world, 5)
    fuzz(world, 5, "--auth", f"{SLOW_KEY}:")
    assert_too_much_was_sent(world)
    described = sum(map(len, fetch(f"{world.address}/api/openapi.json")["paths"].values()))
    assert f"Tested: {described - 1}" in with_key, with_key  # all but the description itself
    assert fetch(f"{world.address}/ready")["status"] == "ready"
    status = world.status()
    assert {counts["source"] for counts in status["connections"]} == {"site", "page", "slow"}
    assert all(counts["received"] == sum(counts[word] for word in WORDS) for counts in status["connections"])
    world.stop()
    assert "Traceback" not in world.said(), world.said()
