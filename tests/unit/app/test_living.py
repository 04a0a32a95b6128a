"""A process beside the server does its work until its standard input ends, or its folder cannot be used."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage.app.living import live
from gainstage.errors import UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import StorageUnavailable


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The server's end of our standard input."""
    reading, held = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield held


def test_it_stops_when_the_server_lets_go_of_it(held: int, tmp_path: Path) -> None:
    worked_on = []

    async def works(data: Path, stop: asyncio.Event) -> None:
        worked_on.append(data)
        assert not stop.is_set()
        os.close(held)
        await asyncio.wait_for(stop.wait(), 5)

    assert live([str(tmp_path), "info", "json"], works) == 0
    assert worked_on == [tmp_path]


@pytest.mark.parametrize("fault", [UsageError, LogUnavailable, StorageUnavailable])
def test_a_disk_that_fails_while_the_last_calls_are_recorded_is_one_sentence(
    held: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, fault: type[Exception]
) -> None:
    async def fails(data: Path, stop: asyncio.Event) -> None:
        raise fault(f"The disk that holds {data.name} is full; free some space.")

    assert live([str(tmp_path)], fails) == 1
    assert capsys.readouterr().err == f"The disk that holds {tmp_path.name} is full; free some space.\n"
    os.close(held)
