"""`gainstage forget`: what it asks for, what it prints, and that it asks first."""

from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Ended, FakeApp

Command = Callable[..., Ended]
PERSON = ("forget", "person", "ann@x.example")


def test_nothing_goes_without_a_yes(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command(*PERSON)
    assert (ended.code, ended.out) == (2, "")
    assert "1,200 messages and 3 events would go for good: say --yes" in ended.err
    assert app.asked == [("would_forget", "ann@x.example")]


def test_a_dry_run_tells_whom_it_means_and_what_would_go(gainstage_command: Command, app: FakeApp) -> None:
    shown = gainstage_command(*PERSON, "--dry-run").out
    assert "known as: u-1" in shown and "a@b.example" in shown and "1,200 messages" in shown
    assert gainstage_command(*PERSON, "--dry-run", "--json").json["ids"] == ["u-1"]
    assert {asked[0] for asked in app.asked} == {"would_forget"}


def test_forgetting_prints_the_receipt(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command(*PERSON, "--yes", "--at-gainsight", "--wait", "5")
    assert ended.code == 0 and app.asked == [("forget", "ann@x.example", True, 5.0)]
    for told in ("3 events with 6 outcomes and 2 calls", "name the person 4 times", "cs: by hand. By hand.",
                 "until 2026-02-01"):  # fmt: skip
        assert told in " ".join(ended.out.split())
    assert gainstage_command(*PERSON, "--yes", "--json").json["request"] == 1


@pytest.mark.parametrize("state", ["looking", "purging", "at_gainsight", "cleaning"])
def test_what_is_still_under_way_ends_with_3(gainstage_command: Command, app: FakeApp, state: str) -> None:
    app.state = state
    ended = gainstage_command(*PERSON, "--yes")
    assert ended.code == 3 and state.replace("_", " ") in ended.out and "Waits for a call." in ended.out


def test_receipts_are_listed_shown_and_lifted(gainstage_command: Command, app: FakeApp) -> None:
    assert "done" in gainstage_command("forget", "list").out
    assert gainstage_command("forget", "list", "u-1", "--limit", "3", "--json").json[0]["request"] == 1
    assert app.asked == [("receipts", None, 100), ("receipts", "u-1", 3)]
    assert gainstage_command("forget", "show", "7", "--json").json["request"] == 7
    assert "let in again" in gainstage_command("forget", "lift", "7").err
    assert gainstage_command("forget", "show", "none").code == 2
