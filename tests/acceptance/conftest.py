"""A sandbox and a program beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage_sandbox import Running, running
from tests.acceptance.program import Program


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture
def program(sandbox: Running, tmp_path: Path) -> Program:
    made = Program(tmp_path, sandbox.url)
    made.configure()
    return made
