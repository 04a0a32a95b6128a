"""A sandbox, servers in front of it, and the machine's Chromium to look at their pages."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from gainstage_sandbox import Running, running
from tests.sdks.browser import chromium, launched
from tests.world import World

MakeWorld = Callable[[Mapping[str, Any]], World]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running() as found:
        found.state.limits.change({"enabled": False})
        yield found


@pytest.fixture(scope="module")
def make_world(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeWorld]:
    """A world with this configuration; its server is not started yet."""
    made: list[World] = []

    def make(configuration: Mapping[str, Any]) -> World:
        made.append(World(tmp_path_factory.mktemp("world"), sandbox.url, configuration))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, for one module: while it is there an event loop runs in this thread."""
    executable = chromium()
    if executable is None:
        pytest.skip("the pages of the dashboard: install Chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        launching = launched(playwright, executable)
        yield launching
        launching.close()
