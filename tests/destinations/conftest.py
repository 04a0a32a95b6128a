"""One sandbox for a module, emptied for each test."""

from collections.abc import Iterator

import httpx2
import pytest

from gainstage_sandbox import running
from tests.destinations.sandboxed import Sandbox


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running() as started:
        yield started.url


@pytest.fixture
def sandbox(address: str) -> Iterator[Sandbox]:
    with httpx2.Client(base_url=address, timeout=10) as client:
        client.post("/__sandbox__/reset").raise_for_status()
        yield Sandbox(client)
