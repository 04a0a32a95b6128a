"""How the delivery process ends when its folder cannot be used any more."""

import sys
from pathlib import Path

import pytest

from gainstage.app import worker
from gainstage.errors import UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import StorageUnavailable


@pytest.mark.parametrize("fault", [UsageError, LogUnavailable, StorageUnavailable])
def test_a_disk_that_fails_while_the_last_calls_are_recorded_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    fault: type[Exception],
) -> None:
    async def fails(data: Path) -> None:
        raise fault(f"The disk that holds {data.name} is full; free some space.")

    monkeypatch.setattr(worker, "deliver", fails)
    monkeypatch.setattr(sys, "argv", ["worker", str(tmp_path)])
    assert worker.main() == 1
    assert capsys.readouterr().err == f"The disk that holds {tmp_path.name} is full; free some space.\n"
