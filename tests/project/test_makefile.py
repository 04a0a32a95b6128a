"""The commands of the Makefile run in surroundings that do not make them slow."""

import os
import shutil
import subprocess

import pytest

from tests.project.sources import ROOT

ASKING = 'include Makefile\nasked:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n'


def test_commands_keep_what_python_compiled_even_where_the_machine_says_not_to() -> None:
    if (make := shutil.which("make")) is None:
        pytest.skip("the Makefile: install make")
    ended = subprocess.run(
        [make, "--no-print-directory", "--file=-", "asked"],
        cwd=ROOT,
        input=ASKING,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "[]\n"
