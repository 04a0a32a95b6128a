"""The torture in short: `make torture` runs it for longer."""

from pathlib import Path

import pytest

from tests.torture.rounds import torture

ROUNDS = 4


@pytest.mark.timeout(300)
def test_kill_nine_under_load_loses_nothing_and_repeats_only_what_was_under_way(tmp_path: Path) -> None:
    report = torture(tmp_path, ROUNDS, seed=1, say=print)
    assert not report.problems, "\n".join(report.lines())
    assert report.acknowledged > 20 * ROUNDS
    assert report.readings > ROUNDS
    assert not report.lost
