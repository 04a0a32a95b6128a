"""The demo tells the truth about a whole run: real SDKs, server, sandbox, and a ledger that balances."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.program import ROOT, surroundings

SECONDS = 110


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
def test_the_demo_keeps_running_until_it_is_interrupted(tmp_path: Path) -> None:
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
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert re.search(r"http://127\.0\.0\.1:\d+/__sandbox__/", "".join(shown))
    assert list(tmp_path.iterdir()) == []


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
