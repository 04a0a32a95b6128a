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
    # Nothing here is TLS, and to load the certificates would cost each test forty milliseconds.
    with httpx2.Client(base_url=address, timeout=10, verify=False) as client:
        client.post("/__sandbox__/reset").raise_for_status()
        yield Sandbox(client)
