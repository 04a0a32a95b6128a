"""`gainstage names`: what it asks for and how it shows the answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gainstage.errors import UsageError
from tests.unit.cli.conftest import NAMES, Ended, FakeApp

Command = Callable[..., Ended]


def test_names_are_shown_with_what_becomes_of_them(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command("names", "--data", "d")
    assert (ended.code, ended.err) == (0, "")
    assert app.asked == [("names", Path("d"), None, 1000)]
    said = " ".join(ended.out.split())
    assert "web track Signed [Up] 12 px, not cs (event_unmapped)" in said
    assert "web page (without a name) 3" in said
    assert "web, 'Signed [Up]': properties that differ only by letter case: 'plan' (9), 'Plan' (3)" in said
    assert "7 more names: raise --limit." in said
    assert "web: 1,004 more events had names that found no room here" in said
    assert gainstage_command("names", "--json").json == NAMES


@pytest.mark.parametrize(
    ("options", "question"),
    [
        (["--source", "web", "--limit", "5"], ("names", Path("gainstage-data"), "web", 5)),
        (["--forget"], ("forget_names", Path("gainstage-data"), None)),
        (["--forget", "--source", "web"], ("forget_names", Path("gainstage-data"), "web")),
    ],
)
def test_names_of_a_source_are_asked_for_or_forgotten(
    gainstage_command: Command, app: FakeApp, options: list[str], question: tuple[Any, ...]
) -> None:
    assert gainstage_command("names", *options).code == 0
    assert app.asked == [question]


def test_what_was_forgotten_is_said(gainstage_command: Command, app: FakeApp) -> None:
    assert gainstage_command("names", "--forget").out == "Counted anew: web.\n"
    assert gainstage_command("names", "--forget", "--json").json == {"forgotten": ["web"]}


def test_where_nothing_was_counted_that_is_said(gainstage_command: Command, app: FakeApp) -> None:
    app.names_now = {"sources": [], "names": [], "more": 0}
    assert gainstage_command("names").out == "No track, page or screen call was routed yet.\n"


def test_a_source_that_is_not_there_ends_with_a_sentence(gainstage_command: Command, app: FakeApp) -> None:
    app.error = UsageError("There is no source wbe; known are: web.")
    ended = gainstage_command("names", "--source", "wbe")
    assert (ended.code, ended.out, ended.err) == (2, "", "There is no source wbe; known are: web.\n")
