"""The torture in short: `make torture` runs it for longer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.torture.rounds import torture
from tests.world import ROOT

ROUNDS = 4
CUTS = 12


def power_cuts(cuts: int, *options: str) -> dict[str, Any]:
    """What became of so many power cuts; in a process of its own, which has another disk."""
    command = [sys.executable, "-m", "tests.torture.power", "--rounds", str(cuts), "--seed", "1", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode in (0, 1), ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.timeout(300)
def test_kill_nine_under_load_loses_nothing_and_repeats_only_what_was_under_way(tmp_path: Path) -> None:
    report = torture(tmp_path, ROUNDS, seed=1, say=print)
    assert not report.problems, "\n".join(report.lines())
    assert report.acknowledged > 20 * ROUNDS
    assert report.readings > ROUNDS
    assert not report.lost
    assert report.worlds == 2, "one whose vendor honours the keys of events, and one whose vendor does not"


@pytest.mark.timeout(150)
def test_a_power_cut_loses_nothing_that_was_acknowledged_and_repeats_only_what_was_under_way() -> None:
    found = power_cuts(CUTS)
    assert not found["problems"], "\n".join(found["lines"])
    assert found["acknowledged"] > CUTS
    assert not found["lost"]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("ending", ["log.db-wal", "store.db-wal"])
def test_the_torture_notices_a_disk_that_does_not_keep_what_was_synced(ending: str) -> None:
    assert power_cuts(40, "--lies", ending)["problems"]


@pytest.mark.parametrize("how", ["let-go", "restart", "archive", "computing"])
def test_nothing_is_lost_by_a_power_cut_that_comes_long_after_a_sync_that_failed(how: str) -> None:
    command = [sys.executable, "-m", "tests.torture.unsynced", how]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert not any(json.loads(ended.stdout)), ended.stdout


def test_the_torture_notices_calls_that_are_made_twice_without_need() -> None:
    problems = power_cuts(8, "--doubles", "0.02")["problems"]
    assert any("repeated without a kill" in problem for problem in problems), problems
