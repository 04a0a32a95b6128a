"""A sandbox behind a real socket, and worlds beside it: data folders with servers of their own."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gainstage_sandbox import Running, running
from tests.world import World

MakeWorld = Callable[[Mapping[str, Any]], World]


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running() as found:
        found.state.limits.change({"enabled": False})
        yield found


@pytest.fixture
def make_world(sandbox: Running, tmp_path: Path) -> Iterator[MakeWorld]:
    """A world with this configuration; its server is not started yet."""
    made: list[World] = []

    def make(configuration: Mapping[str, Any]) -> World:
        folder = tmp_path / f"world-{len(made)}"
        folder.mkdir()
        made.append(World(folder, sandbox.url, configuration))
        return made[-1]

    yield make
    for world in made:
        world.close()
