"""`gainstage replay`: what is asked for, and what is said of it."""

from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Ended, FakeApp
from tests.unit.cli.replays import REPLAY

Command = Callable[..., Ended]
NO_FILTERS = {
    "to": None,
    "sources": (),
    "types": (),
    "events": (),
    "user": None,
    "destinations": (),
    "outcomes": (),
    "resend_events": False,
}


def test_a_replay_is_asked_for_with_every_filter(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command("replay", "--from", "7d")
    assert app.asked[-2] == ("begin", {**NO_FILTERS, "from_": "7d"})
    assert "Replay 3 begins" in ended.out
    ended = gainstage_command(
        "replay", "--from", "7d", "--to", "1d", "--destination", "cs", "--destination", "px",
        "--source", "web", "--type", "track", "--event", "Signed Up", "--user", "u-1", "--outcome", "new",
        "--resend-events", "--json",
    )  # fmt: skip
    assert ended.json == REPLAY
    assert app.asked[-2] == (
        "begin",
        {
            "from_": "7d",
            "to": "1d",
            "sources": ["web"],
            "types": ["track"],
            "events": ["Signed Up"],
            "user": "u-1",
            "destinations": ["cs", "px"],
            "outcomes": ["new"],
            "resend_events": True,
        },
    )


def test_a_dry_run_tells_calls_and_when_it_would_be_done(gainstage_command: Command, app: FakeApp) -> None:
    said = " ".join(gainstage_command("replay", "--from", "7d", "--dry-run").out.split())
    assert app.asked[-2][0] == "rehearse"
    assert "Nothing is sent." in said
    assert "2,000 events fit, 1,300 deliveries are sent again, 300 have nothing newer to say" in said
    assert "cs: 1,234 calls; no telling when" in said
    assert "px: 5 calls; done at about" in said
    assert "received before 2026-11-16T00:00:00.000Z is no longer in the log" in said
    assert "12 events were delivered and would arrive twice" in said


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "cancel"])
def test_one_replay_is_looked_at_held_and_ended(gainstage_command: Command, verb: str) -> None:
    ended = gainstage_command("replay", verb, "3")
    state = {"pause": "paused", "cancel": "cancelled"}.get(verb, "running")
    assert f"Replay 3 is {state}: 2026-11-15T10:00:00.000Z to" in ended.out
    assert "user: [ann]" in " ".join(ended.out.split())
    assert gainstage_command("replay", verb, "3", "--json").json["id"] == 3


def test_replays_are_listed(gainstage_command: Command) -> None:
    assert gainstage_command("replay", "list", "--json").json == [REPLAY]
    said = gainstage_command("replay", "list").out
    assert "running" in said and "40 %" in said and "2,000" in said


@pytest.mark.parametrize(
    "arguments", [(), ("--to", "1d"), ("pause",), ("pause", "one"), ("begin",), ("--form", "7d")]
)
def test_what_cannot_be_meant_is_one_sentence(gainstage_command: Command, arguments: tuple[str, ...]) -> None:
    ended = gainstage_command("replay", *arguments)
    assert ended.code == 2
    assert ended.out == "" and ended.err.count("\n") == 1
