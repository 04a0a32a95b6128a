"""The demo tells the truth about a whole run: real SDKs, server, sandbox, and a ledger that balances."""

import base64
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gainstage.demo.settings import WRITE_KEYS
from tests.acceptance.program import ROOT, surroundings

SECONDS = 110
LOOK_SECONDS = 0.1


@pytest.mark.timeout(150)
def test_the_demo_ends_with_a_balanced_ledger(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gainstage", "demo", "--once"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=surroundings({"TMPDIR": str(tmp_path)}),
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "12 people, 4 companies, 20 events" in ended.stdout
    assert "✗" not in ended.stdout
    assert re.search(r"audience report_exporters +4 people, Report_Exporter__gc: true", ended.stdout)
    assert re.search(r"trait pages_exported +4 people, Pages_Exported__gc: 12", ended.stdout)
    assert re.search(r"^\(audiences\) +cs +[\d ]+ ✓$", ended.stdout, re.MULTILINE)
    for reason in (
        "event_unmapped",
        "name_missing",
        "value_invalid",
        "email_missing",
        "integrations",
        "id_missing",
    ):
        assert reason in ended.stdout
    balance = re.findall(
        r"^(?:website|backend) +(?:cs|px|clickstream) +[\d ]+ ✓$", ended.stdout, re.MULTILINE
    )
    assert len(balance) == 6
    assert list(tmp_path.iterdir()) == [], "the demo clears away what it made"


@pytest.mark.timeout(150)
def test_the_demo_can_be_changed_while_it_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "gainstage.yaml").write_text("sources: []\n", encoding="utf-8")  # is none of the demo's
    with subprocess.Popen(
        [sys.executable, "-m", "gainstage", "demo"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env=surroundings({"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}),
    ) as process:
        assert process.stdout is not None
        shown = []
        for line in process.stdout:
            shown.append(line)
            if "Running until Ctrl-C" in line:
                break
        else:
            pytest.fail("".join(shown))
        _look_around("".join(shown))
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert re.search(r"http://127\.0\.0\.1:\d+/__sandbox__/", "".join(shown))
    assert [one.name for one in tmp_path.iterdir()] == ["gainstage.yaml"]


def _look_around(shown: str) -> None:
    """What somebody does who knows Gainsight and has just logged in."""
    found = re.search(r"Dashboard +(http://\S+)/ +log in as (\S+) with (\S+)", shown)
    assert found is not None
    address, name, password = found.groups()
    with httpx2.Client(base_url=address, timeout=SECONDS) as client:
        session = client.post("/api/session", json={"name": name, "password": password}).json()
        client.headers["X-CSRF-Token"] = session["csrf"]
        for destination in ("cs", "px"):
            checked = client.post(f"/api/destinations/{destination}/check").raise_for_status().json()
            assert [one for one in checked["findings"] if one["level"] == "error"] == []
        _is_all_of_the_dashboard(client)
        _arrive(client, AFTER)


PERSON = {"email": "iris@tern.example", "firstName": "Iris", "lastName": "Tern", "title": "Guide"}
#: Go to fields of the demo's own mapping, and to a spare one.
AFTER: dict[str, dict[str, Any]] = {
    "after-title": {"type": "identify", "userId": "iris", "traits": PERSON},
    "after-plan": {
        "type": "group", "userId": "ada", "groupId": "northwind",
        "traits": {"name": "Northwind Freight", "plan": "Enterprise"},
    },
    "after-spare": {
        "type": "identify", "userId": "otto", "traits": {"email": "otto@tern.example", "team": "Sales"},
    },
}  # fmt: skip


def _is_all_of_the_dashboard(client: httpx2.Client) -> None:
    found = client.get("/api/destinations/cs").json()
    assert found["owner"] == "dashboard"
    fields = {**found["settings"]["person_fields"], "team": "Department__gc"}
    change = {"settings": {"person_fields": fields}}
    client.put("/api/destinations/cs", json=change).raise_for_status()
    client.put("/api/sources/website", json={"origins": ["https://acme.example"]}).raise_for_status()
    for key in ("report_exporters", "pages_exported"):
        client.post(f"/api/audiences/{key}/pause").raise_for_status()


def _arrive(client: httpx2.Client, messages: dict[str, dict[str, Any]]) -> None:
    key = base64.b64encode(f"{WRITE_KEYS['backend']}:".encode()).decode()
    batch = {"batch": [{"messageId": message_id, **message} for message_id, message in messages.items()]}
    client.post("/v1/batch", json=batch, headers={"Authorization": f"Basic {key}"}).raise_for_status()
    for message_id in messages:
        outcomes: dict[str, tuple[str, str]] = {}
        while len(outcomes) < 3 or "pending" in {word for word, _ in outcomes.values()}:
            time.sleep(LOOK_SECONDS)  # the test's own limit ends it
            event = client.get(f"/api/events/{message_id}")
            rows = event.json()["destinations"] if event.status_code == 200 else []
            outcomes = {row["destination"]: (row["outcome"], row["reason"]) for row in rows}
        assert set(outcomes.values()) == {("delivered", "")}, (message_id, outcomes)


def test_missing_sdks_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    hidden = tmp_path / "segment"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError('hidden')\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "gainstage", "demo", "--once"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=surroundings({"PYTHONPATH": f"{tmp_path}:{ROOT}"}),
        check=False,
    )
    assert ended.returncode == 2
    assert "pip install segment-analytics-python rudder-sdk-python" in ended.stderr
    assert ended.stderr.count("\n") == 1
