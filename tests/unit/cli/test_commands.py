"""Each command: what it asks of the composition root, what it prints, and its exit code."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from gainstage.app.checking import CheckResult
from gainstage.errors import ConfigurationError, UsageError
from tests.unit.cli.conftest import COUNTS, DEAD, TRACE, Ended, FakeApp
from tests.unit.cli.replays import REPLAY

Command = Callable[..., Ended]
NO_FILTERS = {"destination": None, "reason": None, "outcome": None, "since_us": None, "until_us": None}


@pytest.fixture
def messages(tmp_path: Path) -> str:
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b'{"type":"track"}\n\n  \nnot json\n')
    return str(path)


def test_send_hands_over_lines_and_prints_one_document(
    gainstage_command: Command, app: FakeApp, messages: str
) -> None:
    ended = gainstage_command("send", "--json", "--source", "web", "--wait", "5", messages)
    assert app.asked == [
        ("send", Path("gainstage-data"), None, [b'{"type":"track"}', b"not json"], "web", 5.0)
    ]
    assert ended.json == app.report
    assert ended.code == 0


def test_a_configuration_that_stands_here_is_used(
    gainstage_command: Command, app: FakeApp, messages: str
) -> None:
    Path("gainstage.yaml").touch()
    gainstage_command("send", messages)
    gainstage_command("send", messages, "--config", "other.yaml", "--data", "elsewhere")
    assert [asked[1:3] for asked in app.asked] == [
        (Path("gainstage-data"), Path("gainstage.yaml")),
        (Path("elsewhere"), Path("other.yaml")),
    ]


@pytest.mark.parametrize(
    ("changes", "refused", "code"),
    [
        ({}, 0, 0),
        ({"filtered": 3, "delivered": 0}, 0, 0),
        ({"failed": 1}, 0, 1),
        ({}, 1, 1),
        ({"parked": 1}, 0, 3),
        ({"pending": 1}, 0, 3),
        ({"failed": 1, "pending": 1}, 0, 1),
    ],
)
def test_the_exit_code_of_send_says_what_became_of_the_messages(
    gainstage_command: Command, app: FakeApp, messages: str, changes: dict[str, int], refused: int, code: int
) -> None:
    app.report["connections"][0].update(changes)
    app.report["refused"] = refused
    assert gainstage_command("send", "--json", messages).code == code
    assert gainstage_command("send", messages).code == code


def test_send_tells_people_what_did_not_arrive_and_what_to_do(
    gainstage_command: Command, app: FakeApp, messages: str
) -> None:
    app.report["undelivered"] = [
        {key: DEAD[key] for key in ("message_id", "destination", "outcome", "reason", "detail")},
        {
            "message_id": "m-9",
            "destination": None,
            "outcome": "failed",
            "reason": "id_missing",
            "detail": "No id.",
        },
    ]
    out = " ".join(gainstage_command("send", messages).out.split())
    assert "event_unmapped" in out and "m-1" in out
    assert "(refused)" in out
    assert "Calls made: cs 2" in out


def test_progress_stays_off_stdout(gainstage_command: Command, messages: str) -> None:
    ended = gainstage_command("send", "--json", messages)
    assert "3 received" in ended.err
    json.loads(ended.out)


def test_preview_prints_a_line_an_event(gainstage_command: Command, app: FakeApp, messages: str) -> None:
    ended = gainstage_command("preview", "--destination", "cs", "--json", messages)
    assert [json.loads(line)["outcome"] for line in ended.out.splitlines()] == ["planned", "parked"]
    assert app.asked[0][:4] == ("preview", None, Path("gainstage-data"), "cs")
    shown = gainstage_command("preview", "--destination", "cs", messages).out
    assert "PUT https://x/y" in shown and "email_missing" in shown


@pytest.mark.parametrize(("levels", "code"), [(["ok", "warning"], 0), (["ok", "error"], 1), ([], 0)])
def test_check_passes_with_warnings_and_fails_with_errors(
    gainstage_command: Command, app: FakeApp, levels: list[str], code: int
) -> None:
    app.results = [CheckResult("cs", level, "access_key", f"is {level}") for level in levels]
    ended = gainstage_command("check", "--json")
    assert ended.code == code
    assert ended.json["ok"] == (code == 0)
    assert [finding["setting"] for finding in ended.json["findings"]] == ["access_key"] * len(levels)
    assert gainstage_command("check").code == code


def test_status_prints_the_shape_and_a_table(gainstage_command: Command, app: FakeApp) -> None:
    assert gainstage_command("status", "--json").json == app.status_now
    shown = gainstage_command("status").out
    assert "Messages are kept since 2026-01-01T00:00:00.000Z: 2 MB." in shown and "Outcomes" not in shown
    app.status_now = {
        "connections": [COUNTS],
        "kept": app.status_now["kept"],
        "oldest_pending_seconds": 200,
        "alerts": [
            {"alert": "disk", "subject": "", "detail": "Nearly full.", "since": "2026-01-01T00:00:00.000Z"}
        ],
        "limits": [
            {"limit": "free_disk", "reached": True, "detail": "Free some space."},
            {"limit": "waiting_events", "reached": False, "detail": ""},
        ],
        "budgets": [
            {
                "account": "acme",
                "family": "sync",
                "window": "minute",
                "limit": 80,
                "used": 3,
                "resets_at": "2026-11-22T10:01:00Z",
                "usable": 80,
                "ends_at": None,
                "alert_percent": None,
                "alert_since": None,
                "stopped_until": None,
                "lowered": None,
            }
        ],
        "blocked": [{"destination": "px", "reason": "credentials_refused", "since": "2026-11-22T10:00:00Z"}],
        "event_names": [{"account": "PX [US]", "used": 1_640, "limit": 2_000, "runs_out": True}],
        "near_misses": [
            {"source": "web", "key": "[gainsight]", "meant": "Gainsight", "count": 3, "last_at": "t"}
        ],
        "uncounted": [{"source": "web", "names": 7, "near_misses": 1}],
        "replays": [{**REPLAY, "state": "paused", "pending": 0, "held": 1_204}],
    }
    out = gainstage_command("status").out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "Oldest pending: 3 m" in out
    assert "77" in out
    assert "px is blocked" in out
    said = " ".join(out.split())
    assert "PX [US]: 1,640 of 2,000 event names are in use" in said
    assert "web sent the key '[gainsight]' in `integrations` (events: 3)" in said and "'Gainsight'" in said
    assert "web: 7 events had names" in said
    assert "disk since 2026-01-01T00:00:00.000Z: Nearly full." in said
    assert said.count("No room for more events") == 1
    assert "Replay 3 is paused: 40 % of history read, 310 ended, 1,204 waiting." in said


def test_status_says_when_a_budget_ends_and_what_refusals_taught(
    gainstage_command: Command, app: FakeApp
) -> None:
    now = datetime.now().astimezone()
    ends = now.replace(hour=15, minute=40)
    row = {
        "account": "acme", "family": "cs", "window": "day", "limit": 800, "used": 560,
        "resets_at": ends.isoformat(), "usable": 700, "ends_at": ends.isoformat(), "alert_percent": 70,
        "alert_since": ends.isoformat(), "stopped_until": ends.isoformat(),
        "lowered": {"to": 600, "at": ends.isoformat(), "until": ends.isoformat(), "reason": "Others use it."},
    }  # fmt: skip
    app.status_now = {
        "connections": [],
        "oldest_pending_seconds": None,
        "budgets": [row],
        "blocked": [],
        "alerts": [],
        "limits": [],
    }
    out = " ".join(gainstage_command("status").out.split())
    assert "acme, day: at this rate the budget ends at 15:40." in out
    assert "acme, day: 70% of the budget reached at 15:40." in out
    assert "acme, day: Gainsight refused a call; the next goes at 15:40." in out
    assert "acme, day: 700 calls are usable now, all again at 15:40. Others use it." in out
    assert "140" in out, "what is left of what is usable"
    row |= {"used": 700}
    assert "acme, day: the budget is used up." in " ".join(gainstage_command("status").out.split())


def test_a_backfill_is_sent_as_history(gainstage_command: Command, app: FakeApp, messages: str) -> None:
    gainstage_command("send", "--backfill", messages)
    assert app.asked[0][-1] == "backfill"


def test_trace_prints_the_shape_and_says_when_there_is_none(gainstage_command: Command) -> None:
    assert gainstage_command("trace", "m-1", "--json").json == TRACE
    assert "No name for [Signed] Up." in gainstage_command("trace", "m-1").out
    ended = gainstage_command("trace", "absent", "--json")
    assert (ended.code, ended.out) == (2, "")
    told = "There is no event absent in gainstage-data: check the messageId and --data."
    assert ended.err == f"{told} What is older is kept no more.\n"
    assert gainstage_command("trace", "m-1", "--source", "web", "--json").json == TRACE
    assert "no event m-1 from app in" in gainstage_command("trace", "m-1", "--source", "app").err


def test_apply_and_export(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command("apply", "-f", "x.yaml", "--data", "d")
    assert app.asked == [("apply", Path("d"), Path("x.yaml"))]
    assert ended.out == "Warning: odd\nx.yaml is in force: 1 source, 1 destination.\n"
    assert gainstage_command("apply", "-f", "x.yaml", "--json").json["revision"] == 2
    assert gainstage_command("export").out == "sources: []\n"


def test_serve_prints_one_address_a_line(gainstage_command: Command, app: FakeApp) -> None:
    ended = gainstage_command("serve", "--host", "0.0.0.0", "--port", "0")
    assert app.asked == [("serve", Path("gainstage-data"), None, "0.0.0.0", 0)]
    assert ended.out.splitlines()[0].split() == ["Tracking", "API", "http://127.0.0.1:8080/v1/batch"]
    assert "token" not in ended.out


def test_serve_prints_how_the_first_admin_is_made_while_there_is_no_user(
    gainstage_command: Command, app: FakeApp
) -> None:
    app.invitation = "setup_of-this-test"
    (line,) = gainstage_command("serve").out.splitlines()[4:]
    assert line.split()[:3] == ["First", "admin", "http://127.0.0.1:8080/setup?token=setup_of-this-test"]


def test_serve_takes_the_token_of_the_management_api_from_a_file_else_from_the_environment(
    gainstage_command: Command, app: FakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gainstage_command("serve")
    assert app.token is None
    (tmp_path / "token").write_text("f" * 32 + "\n")
    for options, token in (((), "e" * 32), (("--api-token-file", "token"), "f" * 32)):
        monkeypatch.setenv("GAINSTAGE_API_TOKEN", "e" * 32)
        gainstage_command("serve", *options)
        assert app.token == token
        assert "GAINSTAGE_API_TOKEN" not in os.environ, "no configuration can refer to it"
    monkeypatch.setenv("GAINSTAGE_API_TOKEN", "too-short")
    ended = gainstage_command("serve")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "shorter than 32 characters" in ended.err and "too-short" not in ended.err


def test_serve_is_told_whether_it_is_a_demos(gainstage_command: Command, app: FakeApp) -> None:
    gainstage_command("serve")
    assert app.demo is None
    gainstage_command("serve", "--demo", "http://127.0.0.1:8090")
    assert app.demo == "http://127.0.0.1:8090"


def test_serve_is_told_what_stands_before_it(
    gainstage_command: Command, app: FakeApp, tmp_path: Path
) -> None:
    gainstage_command("serve")
    assert not app.front.proxies and app.front.public_address is None
    given = ("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1", "--public-url", "https://e.acme.com")
    gainstage_command("serve", *given)
    scope = {"client": ("::1", 1), "headers": [(b"x-forwarded-for", b"203.0.113.9,10.1.1.1")]}
    assert app.front.proxies.client(scope) == "203.0.113.9"
    assert app.front.public_address == ("https", "e.acme.com", "")
    wrong = gainstage_command("serve", "--trusted-proxy", "everybody")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "'everybody' is no address" in wrong.err


def test_an_error_is_one_sentence_on_stderr(gainstage_command: Command, app: FakeApp) -> None:
    app.error = UsageError("The port is taken: choose another one with --port.")
    ended = gainstage_command("serve")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "The port is taken: choose another one with --port.\n"


def test_every_problem_of_a_configuration_is_listed(gainstage_command: Command, app: FakeApp) -> None:
    app.error = ConfigurationError("gainstage.yaml", ["a: is missing", "b: unknown key"])
    ended = gainstage_command("check")
    assert ended.code == 2
    assert (
        ended.err
        == "gainstage.yaml cannot be used: 2 problems to correct.\n  a: is missing\n  b: unknown key\n"
    )


def test_a_fault_of_ours_shows_no_traceback(
    gainstage_command: Command, app: FakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app.error = RuntimeError("broken inside")
    ended = gainstage_command("check")
    assert ended.code == 70
    assert "Traceback" not in ended.err and ended.err.count("\n") == 1
    (log,) = tmp_path.glob("gainstage-fault-*.log")
    assert str(log) in ended.err
    assert "RuntimeError: broken inside" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["send"], "Missing argument 'FILE...'. See: gainstage send --help"),
        (["status", "--foo"], "No such option: --foo. See: gainstage status --help"),
        (["nope"], "No such command 'nope'. See: gainstage --help"),
        (["dead"], "Missing command. See: gainstage dead --help"),
        (["dead", "list", "--limit", "0"], "See: gainstage dead list --help"),
        (["serve", "--port", "x"], "See: gainstage serve --help"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(
    gainstage_command: Command, arguments: list[str], told: str
) -> None:
    ended = gainstage_command(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err and ended.err.count("\n") == 1


def test_help_and_version(gainstage_command: Command) -> None:
    assert gainstage_command("--version").out.startswith("gainstage ")
    assert gainstage_command().out == gainstage_command("--help").out != ""
