"""How the demo tells where it is, and how it names its own commands."""

import sys
from pathlib import Path

import pytest

from gainstage.demo.show import Show, own_command


def test_progress_is_told_only_when_there_is_some(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show()
    with show.delivering() as progress:
        for settled in (3, 8, 8, 8):
            progress(settled, 8)
        show.computing()
        progress(8, 8)
    told = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert told.count("Delivering: 8 of 8 settled") == 1
    assert told[-1] == "Computing the audience and the trait"


def test_commands_are_named_as_the_demo_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "gainstage"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command(".venv/bin/gainstage") == ".venv/bin/gainstage"
    assert own_command(str(program)) == "gainstage", "it is found by this name"
    assert own_command("/somewhere/gainstage/__main__.py") == f"{sys.executable} -m gainstage"
