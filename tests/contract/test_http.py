"""A schema-based fuzzer holds a real server to its own description: every answer as described, none late."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage.dashboard.description import document
from gainstage_sandbox import running
from tests.messages import group, identify, track
from tests.world import WORDS, World, clickstream, configured, cs, fetch, surroundings, wait_for

FUZZER = Path(sys.executable).with_name("schemathesis")
#: What is wrong with a single event never fails its request: more is taken than the schemas of events allow.
NOT_CHECKED = "negative_data_rejection"
#: The first and the last would have the fuzzer sent away with 429; what fits the schemas may make no sense.
NOT_CHECKED_OF_MANAGEMENT = ("ignored_auth", "positive_data_acceptance", "missing_required_header")
METHODS = {"get", "put", "post", "delete"}
MANAGEMENT = "^/api/(?!openapi)"
SLOW_KEY = "slow-write-key"


def example_key() -> str:
    """The write key in the examples of the description: with it some requests for settings succeed."""
    parameters = document()["paths"]["/v1/projects/{writeKey}/settings"]["get"]["parameters"]
    return str(parameters[0]["example"])


API_TOKEN = "contract-0123456789abcdef0123456789abcdef"


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[World]:
    """A server whose management API may be used, with an event of every kind of fate."""
    (tmp_path / "token").write_text(API_TOKEN)
    with running() as sandbox:
        sandbox.state.limits.change({"enabled": False})
        configuration = configured(clickstream(sandbox.url), cs(sandbox.url))
        world = World(tmp_path, sandbox.url, configuration, options=["--api-token-file", "token"])
        try:
            world.start()
            world.take(identify("ann", "ex-1"), group("ann", "Acme"), track("ann", "Unheard Of"))
            world.take({"type": "track", "event": "e", "messageId": "refused"})
            wait_for(lambda: world.counts("cs")["failed"] == 1 and world.counts("cs")["delivered"] == 2)
            yield world
        finally:
            world.close()


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


def fuzz(world: World, examples: int, *options: str, phases: str = "examples,coverage,fuzzing") -> str:
    """What the fuzzer prints, after so many made-up requests for each operation; it found nothing.

    Counted, not timed: a slow machine takes longer for the same.
    """
    ended = subprocess.run(
        [
            FUZZER, "run", f"{world.address}/api/openapi.json",
            "--seed", "1",
            "--phases", phases,
            "--max-examples", str(examples),
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


def described(*, managed: bool) -> int:
    """How many operations the description has."""
    paths = document()["paths"].items()
    return sum(
        len(METHODS & set(item)) for path, item in paths if bool(re.match(MANAGEMENT, path)) is managed
    )


def assert_too_much_was_sent(world: World) -> None:
    """The slow source met its limit, so that answers of 429 were compared as well."""
    assert 'code="rate_limited",source="slow"' in fetch(f"{world.address}/metrics")


def test_every_answer_is_as_described_whatever_is_asked(world: World) -> None:
    elsewhere = ("--exclude-path-regex", MANAGEMENT)
    with_key = fuzz(world, 3, *elsewhere, "--auth", f"{example_key()}:")
    fuzz(world, 3, *elsewhere, phases="fuzzing")
    fuzz(world, 5, *elsewhere, "--auth", f"{SLOW_KEY}:", phases="fuzzing")
    assert_too_much_was_sent(world)
    others = described(managed=False) - 1  # not the description itself
    assert f"Tested: {others}" in with_key, with_key
    assert fetch(f"{world.address}/ready")["status"] == "ready"
    status = world.status()
    assert {counts["source"] for counts in status["connections"]} == {"site", "page", "slow"}
    assert all(counts["received"] == sum(counts[word] for word in WORDS) for counts in status["connections"])
    world.stop()
    assert "Traceback" not in world.said(), world.said()


#: Who is asked to ask a vendor that does not exist says so with 502.
FAILING_VENDORS = 'checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502]\n'


def test_every_answer_of_the_management_api_is_as_described(managed: World) -> None:
    (managed.folder / "schemathesis.toml").write_text(FAILING_VENDORS)
    below = ("--include-path-regex", MANAGEMENT)
    excluded = ("--exclude-checks", ",".join((NOT_CHECKED, *NOT_CHECKED_OF_MANAGEMENT)))
    with_token = fuzz(managed, 1, *below, *excluded, "--header", f"Authorization: Bearer {API_TOKEN}")
    assert f"Tested: {described(managed=True)}" in with_token, with_token
    fuzz(managed, 1, *below, *excluded, phases="fuzzing")
    assert 'code="too_many_failures",source=""' in fetch(f"{managed.address}/metrics")
    assert fetch(f"{managed.address}/ready")["status"] == "ready"
    managed.stop()
    assert "Traceback" not in managed.said(), managed.said()
