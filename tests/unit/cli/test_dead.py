"""`gainstage dead`: what it asks for, what it prints, and how it refuses."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gainstage.app.editing import Change
from tests.unit.cli.conftest import DEAD, TRACE, Ended, FakeApp

Command = Callable[..., Ended]
NO_FILTERS = dict.fromkeys(
    ("destination", "reason", "outcome", "since_us", "until_us", "user", "kind", "name")
)


def test_dead_list_filters_and_prints_one_document(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command(
        "dead", "list", "--json", "--destination", "cs", "--reason", "event_unmapped", "--outcome", "failed",
        "--since", "2026-01-01", "--until", "2026-01-02T01:00:00+01:00", "--limit", "5",
        "--user", "u-1", "--type", "track", "--event", "Signed Up",
    )  # fmt: skip
    assert ended.json == [DEAD]
    assert app.asked[-2][1] == {
        "destination": "cs",
        "reason": "event_unmapped",
        "outcome": "failed",
        "since_us": 1_767_225_600_000_000,
        "until_us": 1_767_312_000_000_000,
        "user": "u-1",
        "kind": "track",
        "name": "Signed Up",
        "limit": 5,
    }
    assert "event_unmapped" in gainstage_command("dead", "list").out


def test_dead_show_gives_cause_and_remedy(gainstage_command: Command) -> None:
    assert "then retry" in " ".join(gainstage_command("dead", "show", "m-1").out.split())
    assert gainstage_command("dead", "show", "m-1", "--json").json == TRACE


def test_dead_retry_counts(gainstage_command: Command, app: FakeApp) -> None:
    assert gainstage_command("dead", "retry", "--json").json == {"retried": 2}
    assert app.asked[-2][1] == {**NO_FILTERS, "message_ids": None}
    gainstage_command("dead", "retry", "m-1", "m-2")
    assert app.asked[-2][1] == {**NO_FILTERS, "message_ids": ["m-1", "m-2"]}


def test_dead_export_adds_the_messages(gainstage_command: Command, tmp_path: Path) -> None:
    row = json.loads(gainstage_command("dead", "export").out)
    assert row == {**DEAD, "known": {}, "message": TRACE["event"]}
    ended = gainstage_command("dead", "export", "-o", "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == row
    assert (ended.out, ended.err) == ("", "1 written to out.jsonl.\n")
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "arguments", [("--outcome", "late"), ("--reason", "bad_luck"), ("--since", "soon"), ("--type", "dance")]
)
def test_filters_that_mean_nothing_are_refused(
    gainstage_command: Command, arguments: tuple[str, str]
) -> None:
    ended = gainstage_command("dead", "list", *arguments)
    assert ended.code == 2
    assert ended.out == "" and ended.err.count("\n") == 1


def test_dead_export_writes_a_table_for_a_spreadsheet(gainstage_command: Command, tmp_path: Path) -> None:
    head, row = gainstage_command("dead", "export", "--format", "csv").out.splitlines()
    assert head.startswith("received,source,destination,outcome,problem")
    assert "event not mapped" in row
    ended = gainstage_command("dead", "export", "--format", "csv", "-o", "out.csv")
    assert ended.err == "1 written to out.csv.\n"
    assert (tmp_path / "out.csv").read_bytes().count(b"\r\n") == 2


def test_dead_summary_counts_people(gainstage_command: Command) -> None:
    said = gainstage_command("dead", "summary").out
    assert "event not mapped" in said and "1,204" in said and "3,010" in said
    assert gainstage_command("dead", "summary", "--json").json[0]["people"] == 1204
    head, row, *_ = gainstage_command("dead", "summary", "--csv").out.splitlines()
    assert head == "problem,people,companies,events,destination,outcome,what to do,reason"
    assert row.startswith("event not mapped,1204,")


def test_dead_edit_reads_values_as_json_where_they_are(gainstage_command: Command, app: FakeApp) -> None:
    said = gainstage_command(
        "dead", "edit", "m-1", "--set", "traits.n=3", "--set", "traits.email=a=b@c.d", "--unset", "traits.x"
    )
    assert said.out == "m-1 is corrected and will be tried again at cs, px.\n"
    assert app.asked[-2] == (
        "edit",
        "m-1",
        Change({"traits.n": 3, "traits.email": "a=b@c.d"}, ("traits.x",)),
        None,
    )
    assert gainstage_command("dead", "edit", "m-1", "--set", "a=1", "--json").json["message_id"] == "m-1"


def test_dead_edit_takes_a_whole_message(
    gainstage_command: Command, app: FakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.json").write_text('{"type": "track"}')
    gainstage_command("dead", "edit", "m-1", "--message", "m.json", "--source", "web")
    assert app.asked[-2] == ("edit", "m-1", Change(message={"type": "track"}), "web")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"type": "page"}'))
    gainstage_command("dead", "edit", "m-1", "--message", "-")
    assert app.asked[-2] == ("edit", "m-1", Change(message={"type": "page"}), None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "traits.email"), "sets nothing: write it like"),
        (("--message", "absent.json"), "absent.json cannot be read: No such file"),
        (("--message", "broken.json"), "broken.json cannot be read: it is no JSON"),
        (("--message", "list.json"), "list.json holds no message"),
    ],
)
def test_a_correction_that_cannot_be_read_is_refused(
    gainstage_command: Command, tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    ended = gainstage_command("dead", "edit", "m-1", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_dead_purge_asks_first(
    gainstage_command: Command, app: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = gainstage_command("dead", "purge", "--reason", "event_unmapped")
    assert (ended.code, ended.err) == (2, "2 would be given up for good: say --yes to do so.\n")
    assert not any(asked[0] == "purge" for asked in app.asked)
    assert gainstage_command("dead", "purge", "m-1", "--yes").out == "2 given up.\n"
    assert app.asked[-2] == ("purge", ["m-1"], NO_FILTERS)
    asked = len(app.asked)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert gainstage_command("dead", "purge").code != 0
    assert not any(one[0] == "purge" for one in app.asked[asked:]), "whoever says no keeps everything"
    monkeypatch.setattr("typer.confirm", lambda *said, **options: True)
    assert gainstage_command("dead", "purge", "--json").json == {"given_up": 2}
