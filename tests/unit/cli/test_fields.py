"""`gainstage fields`: what it asks for and how it shows the answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import FIELD, FIELDS, Ended, FakeApp

Command = Callable[..., Ended]


def test_fields_shows_what_is_kept_and_what_does_not_go_together(
    gainstage_command: Command, app: FakeApp
) -> None:
    ended = gainstage_command("fields", "--destination", "cs")
    assert (ended.code, ended.err) == (0, "")
    assert app.asked == [("kept_fields", Path("gainstage-data"), None, "cs")]
    assert "cs: acme.gainsightcloud.com, read 2026-11-22T10:00:00Z" in ended.out
    assert "Company (1 fields)" in ended.out
    (row,) = (line for line in ended.out.splitlines() if "Tier__gc" in line)
    assert "PICKLIST" in row and row.rstrip().endswith("tier")
    assert "A; B; C; D; E; F; 1 more" in " ".join(ended.out.split()) and "Old" not in ended.out
    assert "`x` goes to Y." in ended.out
    assert gainstage_command("fields", "--json").json == FIELDS


@pytest.mark.parametrize(
    ("options", "question"),
    [
        (["--read"], ("read_fields", Path("gainstage-data"), None, None)),
        (["--forget"], ("forget_fields", Path("gainstage-data"), None, None)),
        (
            ["--upload", "f.csv", "--data", "d", "--config", "c.yaml"],
            ("upload_fields", Path("d"), Path("c.yaml"), None, Path("f.csv")),
        ),
    ],
)
def test_fields_are_read_uploaded_or_forgotten(
    gainstage_command: Command, app: FakeApp, options: list[str], question: tuple[Any, ...]
) -> None:
    assert gainstage_command("fields", *options).code == 0
    assert app.asked == [question]


def test_only_one_of_them_at_a_time(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command("fields", "--read", "--forget")
    assert (ended.code, ended.err) == (2, "Give one of --read, --upload and --forget.\n")
    assert app.asked == []


def test_fields_that_cannot_be_read_are_told_in_a_sentence(gainstage_command: Command, app: FakeApp) -> None:
    app.error = app.Unreadable("The tenant's fields could not be read (HTTP 404).")
    ended = gainstage_command("fields", "--read")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "The tenant's fields could not be read (HTTP 404).\n"


def test_where_nothing_is_known_the_command_that_reads_is_named(
    gainstage_command: Command, app: FakeApp
) -> None:
    app.fields = {**FIELDS, "origin": None, "at": None, "objects": [], "findings": []}
    ended = gainstage_command("fields")
    assert "gainstage fields --destination cs --read" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"read_only": True, "required": True}, "required, read-only"),
        ({"createable": False, "updateable": False}, "read-only"),
        ({"updateable": False}, "new records only"),
        ({"createable": False}, "not for new records"),
        ({"length": 80}, "at most 80 characters"),
        ({"state": "DISABLED", "custom": True}, "disabled, custom"),
        ({"custom": True}, "custom"),
    ],
)
def test_restrictions_are_told(
    gainstage_command: Command, app: FakeApp, known: dict[str, Any], told: str
) -> None:
    field = {**FIELD, "items": [], **known}
    app.fields = {**FIELDS, "objects": [{"name": "Company", "label": "", "fields": [field]}]}
    assert told in gainstage_command("fields").out
