"""One sandbox for all tests of a worker, over a real socket, with a clock that the tests turn."""

from collections.abc import Iterator

import httpx2
import pytest

from gainstage_sandbox import Running, running
from tests.sandbox.vendor import START, Clock, Vendor


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[Running, Clock]]:
    clock = Clock()
    with running(clock=clock) as started:
        yield started, clock


@pytest.fixture
def clock(server: tuple[Running, Clock]) -> Clock:
    server[1].now = START
    return server[1]


@pytest.fixture
def vendor(server: tuple[Running, Clock], clock: Clock) -> Iterator[Vendor]:
    # Nothing here is TLS, and to load the certificates would cost each test forty milliseconds.
    with httpx2.Client(base_url=server[0].url, timeout=10, verify=False) as client:
        client.post("/__sandbox__/reset").raise_for_status()
        yield Vendor(client)
