"""Some random streams against the sandbox; `make simulate` lives through many more."""

import logging
import os
import subprocess
import sys

import pytest

from tests.properties.living import WORLDS, live

CHUNKS, SEEDS_A_CHUNK = 8, 10


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    """The engine complains of every fault that it is given; here only, and not in the tests that follow."""
    caplog.set_level(logging.CRITICAL, "gainstage")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("first", range(1, CHUNKS * SEEDS_A_CHUNK, SEEDS_A_CHUNK))
def test_the_tenant_holds_the_merge_of_what_counts_as_delivered_and_the_ledger_balances(
    world: str, first: int
) -> None:
    for seed in range(first, first + SEEDS_A_CHUNK):
        lived = live(WORLDS[world].write_case(seed))
        if lived.failure is not None:
            raise lived.failure


@pytest.mark.parametrize(("world", "seed"), [("cs", "85"), ("px", "7")])
def test_a_stream_goes_the_same_way_each_time(world: str, seed: str) -> None:
    """Also in another process, where sets have another order."""
    traces = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.properties", "--world", world, "--seed", seed, "--trace"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        traces.add(done.stdout.rpartition(" in ")[0])
    assert len(traces) == 1
