"""Every command as a process of its own, against the sandbox: exit codes, shapes, no secret anywhere."""

import gzip
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from gainstage_sandbox import Running
from tests.acceptance.program import EXAMPLES, Program, wait_for

MESSAGES = EXAMPLES / "messages.jsonl"
WORDS = ("delivered", "filtered", "failed", "parked", "pending")
COUNTS = ("source", "destination", "received", *WORDS)
SECRETS = (
    "0f3c2a7e-1111-4222-8333-444455556666",
    "example-access-key",
    "example-shared-secret",
    "example-api-key",
)


def pairs(report: dict[str, Any]) -> set[tuple[str, str | None, str, str]]:
    return {
        (row["message_id"], row["destination"], row["outcome"], row["reason"])
        for row in report["undelivered"]
    }


def by_destination(connections: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {counts["destination"]: counts for counts in connections}


def test_send_delivers_the_examples_and_explains_the_rest(program: Program, sandbox: Running) -> None:
    ended = program.run("send", "--json", str(MESSAGES))
    report = ended.json
    assert ended.code == 1
    assert set(report) >= {"received", "refused", "duplicates", "connections", "calls", "undelivered"}
    assert (report["received"], report["refused"], report["duplicates"]) == (12, 0, 0)
    for counts in report["connections"]:
        assert set(counts) >= set(COUNTS)
        assert counts["received"] == sum(counts[word] for word in WORDS) == 12
    assert pairs(report) == {
        ("ex-2", "cs", "failed", "event_unmapped"),
        ("ex-7", "cs", "parked", "email_missing"),
        ("ex-11", "cs", "failed", "event_unmapped"),
        ("ex-12", "cs", "failed", "event_unmapped"),
    }
    assert all(row["detail"] for row in report["undelivered"])
    state = sandbox.state.snapshot()
    assert len(state["clickstream"]["messages"]) == 12
    assert {person["Email"] for person in state["cs"]["people"]} == {
        "mmorales@midtownhs.edu",
        "user@email.com",
    }
    assert {link["Company_Name"] for link in state["cs"]["associations"]} >= {"Example Company", "Twitter"}
    (group,) = [account for account in state["px"]["accounts"] if account["id"] == "sample-group-id"]
    assert group["customAttributes"] == {"culture": "cool"}
    (event,) = [event for event in state["px"]["events"] if event.get("globalContext")]
    assert event["globalContext"] == {"projectId": "p-123"}
    assert "globalContext" not in event["attributes"]


def test_send_says_nothing_on_stderr_where_a_server_would_log(program: Program) -> None:
    budget = "budget: {per_minute: 100, per_day: 12, reserve_percent: 0}"
    program.configure(**{"      domain:": f"      {budget}\n      domain:"})
    ended = program.run("send", "--json", "--wait", "1", str(MESSAGES))
    assert ended.json["calls"]["cs"] >= 6
    assert "budget_alert" not in ended.err and "WARNING" not in ended.err
    day = next(one for one in program.run("status", "--json").json["budgets"] if one["limit"] == 12)
    assert day["alert_percent"] in (50, 70, 90)


def test_send_knows_what_it_was_given_before(program: Program) -> None:
    program.run("send", "--json", str(MESSAGES))
    report = program.run("send", "--json", str(MESSAGES)).json
    assert (report["received"], report["duplicates"]) == (0, 12)
    assert report["undelivered"] == []


def test_send_reads_compressed_files_and_stdin(program: Program) -> None:
    lines = MESSAGES.read_bytes().splitlines(keepends=True)
    packed = program.folder / "first.jsonl.gz"
    packed.write_bytes(gzip.compress(b"".join(lines[:1])))
    ended = program.run("send", "--json", str(packed), "-", given=b"\n" + lines[4] + b"\n")
    assert ended.code == 0
    assert ended.json["received"] == 2


def test_lines_that_are_no_messages_are_refused_and_kept(program: Program) -> None:
    given = (
        b'not json\n[1]\n{"type":"track","event":"x"}\n{"type":"identify","userId":"u","messageId":"good"}\n'
    )
    ended = program.run("send", "--json", "-", given=given)
    report = ended.json
    assert ended.code == 1
    assert (report["received"], report["refused"]) == (1, 3)
    refused = [row for row in report["undelivered"] if row["destination"] is None]
    assert {row["reason"] for row in refused} == {"event_not_json", "event_not_object", "id_missing"}
    assert {row["outcome"] for row in refused} == {"failed"}
    kept = program.run("dead", "list", "--json").json
    assert {row["message_id"] for row in refused} <= {row["message_id"] for row in kept}


def test_what_waits_gives_exit_code_3_and_goes_on_later(program: Program, sandbox: Running) -> None:
    group = b'{"type":"group","messageId":"g","userId":"u","groupId":"a","traits":{"name":"Acme"}}\n'
    ended = program.run("send", "--json", "-", given=group)
    assert ended.code == 3
    assert pairs(ended.json) == {("g", "cs", "parked", "email_missing")}
    identify = b'{"type":"identify","messageId":"i","userId":"u","traits":{"email":"u@acme.com"}}\n'
    assert program.run("send", "--json", "-", given=identify).code == 0
    assert by_destination(program.run("status", "--json").json["connections"])["cs"]["delivered"] == 2
    assert [link["Company_Name"] for link in sandbox.state.snapshot()["cs"]["associations"]] == ["Acme"]


@pytest.mark.parametrize("destination", ["clickstream", "cs", "px"])
def test_preview_shows_every_call_and_sends_none(
    program: Program, sandbox: Running, destination: str
) -> None:
    ended = program.run("preview", "--destination", destination, "--json", str(MESSAGES))
    assert ended.code == 0
    assert [line["message_id"] for line in ended.lines] == [f"ex-{number}" for number in range(1, 13)]
    for line in ended.lines:
        assert set(line) >= {"message_id", "outcome", "reason", "requests"}
        assert line["outcome"] == "planned" or line["reason"]
        for request in line["requests"]:
            assert set(request) >= {"method", "url", "headers", "body"}
            assert request["url"].startswith(sandbox.url)
    assert sandbox.state.journal.entries(0, None, None) == []
    assert not (program.folder / "gainstage-data").exists()
    assert not any(secret in ended.out for secret in SECRETS)


def test_preview_follows_a_group_through_all_its_calls(program: Program) -> None:
    lines = program.run("preview", "--destination", "cs", "--json", str(MESSAGES)).lines
    group = next(line for line in lines if line["message_id"] == "ex-6")
    look_up, insert, person = group["requests"]
    assert look_up["url"].endswith("/v1/data/objects/query/Company")
    assert insert["body"]["records"] == [
        {"Name": "Example Company", "Employees": 1000, "Industry": "Software"}
    ]
    assert person["method"] == "PUT"
    assert person["body"]["Email"] == "user@email.com"
    assert person["body"]["companies"] == [{"Company_ID": "<gsid of Example Company>"}]
    track = next(line for line in lines if line["message_id"] == "ex-8")
    headers = {name.lower(): value for name, value in track["requests"][0]["headers"].items()}
    assert headers["eventname"] == "ticket_closure"
    assert headers["contractid"] == "sample-contract-id"
    assert headers["sharedsecret"] == "***"
    assert track["requests"][0]["body"] == {"name": "John Doe", "status": "resolved"}


def test_preview_names_the_vendors_own_host_where_no_address_is_set(program: Program) -> None:
    path = program.folder / "gainstage.yaml"
    path.write_text(path.read_text().replace(f"      api_url: {program.sandbox}\n", ""))
    for destination, host in (
        ("clickstream", "https://event.gainsight.com/"),
        ("cs", "https://example.gainsightcloud.com/"),
        ("px", "https://api.aptrinsic.com/"),
    ):
        (line,) = program.run(
            "preview",
            "--destination",
            destination,
            "--json",
            "-",
            given=MESSAGES.read_bytes().splitlines()[4],
        ).lines
        assert all(request["url"].startswith(host) for request in line["requests"])


def test_preview_of_an_unknown_destination_names_the_known_ones(program: Program) -> None:
    ended = program.run("preview", "--destination", "crm", str(MESSAGES))
    assert (ended.code, ended.out) == (2, "")
    assert all(name in ended.err for name in ("crm", "clickstream", "cs", "px"))


def test_check_passes_and_names_the_setting_that_is_refused(program: Program, sandbox: Running) -> None:
    assert program.run("check").code == 0
    sandbox.state.behaviour.set({"cs_access_keys": ["another"], "px_api_keys": ["another"]})
    ended = program.run("check", "--json")
    assert ended.code == 1
    at_fault = {
        (one["destination"], one["setting"]) for one in ended.json["findings"] if one["level"] == "error"
    }
    assert at_fault == {("cs", "access_key"), ("px", "api_key")}
    assert not any(secret in ended.out + ended.err for secret in SECRETS)


def test_an_unusable_configuration_is_told_at_once_and_completely(program: Program) -> None:
    program.configure(
        **{"write_key:": "writekey:", "topic_name:": "topic:", "type: gainsight_px": "type: gainsight_pxx"}
    )
    for command in (
        ["check"],
        ["send", str(MESSAGES)],
        ["serve", "--port", "0"],
        ["apply", "-f", "gainstage.yaml"],
    ):
        ended = program.run(*command)
        assert (ended.code, ended.out) == (2, ""), command
        assert "sources[0].writekey: unknown key; did you mean write_key?" in ended.err
        assert "destinations[1].settings.topic: unknown key; did you mean topic_name?" in ended.err
        assert "destinations[2].type: there is no type gainsight_pxx; did you mean gainsight_px?" in ended.err
        assert "Traceback" not in ended.err
        assert not any(secret in ended.err for secret in SECRETS)


def test_a_missing_variable_is_named(program: Program) -> None:
    program.configure(**{"example-access-key": "${CS_KEY}"})
    ended = program.run("check")
    assert ended.code == 2
    assert "destinations[1].settings.access_key: the environment variable CS_KEY is not set" in ended.err
    assert program.run("check", environment={"CS_KEY": "example-access-key"}).code == 0


def test_status_and_trace_have_their_shapes(program: Program) -> None:
    program.run("send", str(MESSAGES))
    status = program.run("status", "--json").json
    assert set(status) >= {"connections", "oldest_pending_seconds", "budgets", "blocked"}
    assert status["oldest_pending_seconds"] is None
    for budget in status["budgets"]:
        assert set(budget) >= {"account", "family", "window", "limit", "used", "resets_at"}
    assert status["blocked"] == []
    traced = program.run("trace", "ex-6", "--json")
    found = traced.json
    assert set(found) >= {"message_id", "received_at", "source", "event", "destinations"}
    assert (found["message_id"], found["source"], found["event"]["groupId"]) == (
        "ex-6",
        "example",
        "sample-group-id",
    )
    for destination in found["destinations"]:
        assert set(destination) >= {"destination", "outcome", "reason", "detail", "attempts"}
        assert destination["attempts"]
        for attempt in destination["attempts"]:
            assert set(attempt) >= {"at", "method", "url", "status", "request", "response"}
    assert not any(secret in traced.out for secret in SECRETS)
    shown = program.run("trace", "ex-6").out
    assert "/v1.0/api/people" in shown and not any(secret in shown for secret in SECRETS)


def test_a_persons_events_are_found_by_e_mail_or_id_with_what_became_of_each(program: Program) -> None:
    program.run("send", str(MESSAGES))
    by_email = program.run("trace", "--user", "user@email.com", "--json").json
    assert "sample-user-id" in by_email["ids"]
    assert {"ex-6", "ex-8"} <= {event["message_id"] for event in by_email["events"]}
    by_id = program.run("trace", "--user", "sample-user-id", "--json").json
    assert {event["message_id"] for event in by_id["events"]} == {
        event["message_id"] for event in by_email["events"]
    }
    for event in by_email["events"]:
        traced = program.run("trace", event["message_id"], "--json").json
        told = [(one["destination"], one["outcome"], one["reason"]) for one in traced["destinations"]]
        assert [(one["destination"], one["outcome"], one["reason"]) for one in event["destinations"]] == told
    assert len(program.run("trace", "--user", "sample-user-id", "--limit", "1", "--json").json["events"]) == 1
    shown = program.run("trace", "--user", "user@email.com").out
    assert "also known as" in shown and "ex-8" in shown and "delivered" in shown
    assert "0 events" in program.run("trace", "--user", "nobody@x.example").out
    for wrong in ((), ("ex-8", "--user", "x")):
        ended = program.run("trace", *wrong)
        assert ended.code == 2 and "either a messageId, or a person" in ended.err


def test_dead_events_are_retried_after_a_fix(program: Program, sandbox: Running) -> None:
    program.run("send", str(MESSAGES))
    rows = program.run("dead", "list", "--json").json
    assert {row["message_id"] for row in rows} == {"ex-2", "ex-7", "ex-11", "ex-12"}
    assert all(set(row) >= {"message_id", "destination", "outcome", "reason", "detail", "at"} for row in rows)
    failed = program.run(
        "dead", "list", "--json", "--outcome", "failed", "--reason", "event_unmapped", "--limit", "2"
    )
    assert [row["message_id"] for row in failed.json] == ["ex-2", "ex-11"]
    assert "Add it under `events`" in " ".join(program.run("dead", "show", "ex-11").out.split())
    exported = [
        json.loads(line) for line in program.run("dead", "export", "--destination", "cs").out.splitlines()
    ]
    assert next(row for row in exported if row["message_id"] == "ex-11")["message"]["event"] == "Track User"
    program.configure(
        **{"Ticket Closure:": "Track User: {name: track_user, version: v01}\n        Ticket Closure:"}
    )
    assert program.run("dead", "retry", "--json", "--reason", "event_unmapped").json == {"retried": 3}
    with program.serving():
        wait_for(lambda: len(sandbox.state.snapshot()["cs"]["events"]) == 3)
        wait_for(
            lambda: (
                {row["message_id"] for row in program.run("dead", "list", "--json").json} == {"ex-2", "ex-7"}
            )
        )


def test_commands_work_beside_a_running_server(program: Program) -> None:
    with program.serving():
        assert program.run("send", "--json", str(MESSAGES)).json["received"] == 12
        assert by_destination(program.run("status", "--json").json["connections"])["px"]["delivered"] == 12
        assert program.run("trace", "ex-1", "--json").code == 0
        assert program.run("dead", "retry", "ex-2").code == 0
        second = program.run("serve", "--port", "0")
        assert second.code == 2
        assert "in use" in second.err and second.err.count("\n") == 1
        other = program.folder / "other.yaml"
        other.write_text(
            (program.folder / "gainstage.yaml")
            .read_text()
            .replace("topic_name: product_usage", "topic_name: x")
        )
        refused = program.run("send", "--config", "other.yaml", str(MESSAGES))
        assert refused.code == 2 and "other.yaml" in refused.err and refused.err.count("\n") == 1


def test_apply_reaches_a_running_server_and_export_gives_it_back(program: Program) -> None:
    with program.serving():
        path = program.folder / "new.yaml"
        text = (program.folder / "gainstage.yaml").read_text()
        path.write_text(
            text.replace("name: clickstream", "name: segment").replace("example-api-key", "${PX_KEY}")
        )
        applied = program.run("apply", "-f", "new.yaml", environment={"PX_KEY": "example-api-key"})
        assert applied.code == 0, applied.err
        exported = program.run("export")
        content = yaml.safe_load(exported.out)
        assert [destination["name"] for destination in content["destinations"]] == ["segment", "cs", "px"]
        settings = {destination["name"]: destination["settings"] for destination in content["destinations"]}
        assert settings["segment"]["access_key"] == "${SEGMENT_ACCESS_KEY}"
        assert settings["px"]["api_key"] == "${PX_KEY}"
        assert content["sources"][0]["write_key"] == "${EXAMPLE_WRITE_KEY}"
        assert not any(secret in exported.out for secret in (*SECRETS, "example-write-key"))

        def fed() -> bool:
            program.run("send", "--json", "--wait", "1", "-", given=b'{"type":"identify","userId":"u"}')
            return "segment" in by_destination(program.run("status", "--json").json["connections"])

        wait_for(fed)


def test_unusable_places_are_told_in_one_sentence(program: Program, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in (["serve", "--port", port], ["sandbox", "--port", port]):
            ended = program.run(*command)
            assert ended.code == 2
            assert port in ended.err and "--port" in ended.err and ended.err.count("\n") == 1
    (tmp_path / "file").touch()
    for command in (
        ["serve", "--data", "file"],
        ["status", "--data", "file"],
        ["status", "--data", "absent"],
        ["dead", "list", "--data", "absent"],
        ["export", "--data", "absent"],
        ["trace", "x", "--data", "absent"],
        ["check", "--config", "absent.yaml"],
        ["send", "absent.jsonl"],
        ["send", "--source", "nobody", str(MESSAGES)],
    ):
        ended = program.run(*command)
        assert (ended.code, ended.out) == (2, ""), command
        assert ended.err.count("\n") == 1 and "Traceback" not in ended.err, (command, ended.err)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_character_can_be_printed_everywhere(program: Program, encoding: str) -> None:
    given = '{"type":"identify","messageId":"é✓","userId":"u","traits":{"name":"Zoë \\ud83d"}}\n'.encode()
    surroundings = {"PYTHONIOENCODING": encoding}
    for command in (
        ["preview", "--destination", "px", "--json", "-"],
        ["preview", "--destination", "px", "-"],
    ):
        ended = program.run(*command, given=given, environment=surroundings)
        assert ended.code == 0, ended.err
    assert program.run("send", "--json", "-", given=given, environment=surroundings).json["received"] == 1


def test_a_vendor_that_is_away_keeps_events_pending(program: Program) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        program.configure(**{program.sandbox: address})
        ended = program.run("send", "--json", "--wait", "1", "-", given=b'{"type":"identify","userId":"u"}')
    assert ended.code == 3
    outcomes = {row["destination"]: (row["outcome"], row["reason"]) for row in ended.json["undelivered"]}
    assert outcomes["px"] == outcomes["clickstream"] == ("pending", "unreachable")
    assert outcomes["cs"] == ("parked", "email_missing")
    assert program.run("status", "--json").json["oldest_pending_seconds"] > 0


def test_dead_events_are_written_to_a_file(program: Program) -> None:
    program.run("send", str(MESSAGES))
    ended = program.run("dead", "export", "-o", str(tmp := program.folder / "dead.jsonl"))
    assert (ended.code, ended.out) == (0, "")
    assert len(tmp.read_text().splitlines()) == 4
