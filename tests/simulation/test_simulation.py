"""A few seeds of the simulation; `make simulate QUICK=1` lives through 500, as CI does."""

import logging
import os
import subprocess
import sys

import pytest

from tests.simulation.__main__ import live

CHUNKS, SEEDS_A_CHUNK = 4, 4


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    """The engine complains of every fault that it is given; here only, and not in the tests that follow."""
    caplog.set_level(logging.CRITICAL, "gainstage")


@pytest.mark.parametrize("first", range(1, CHUNKS * SEEDS_A_CHUNK, SEEDS_A_CHUNK))
def test_every_promise_is_kept_in_a_world_of_faults(first: int) -> None:
    for seed in range(first, first + SEEDS_A_CHUNK):
        world = live(seed)
        if world.failure is not None:
            raise world.failure


def test_a_seed_goes_the_same_way_each_time() -> None:
    """Also in another process, where sets have another order."""
    traces = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "17", "--trace"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        traces.add(done.stdout.rpartition(" in ")[0])
    assert len(traces) == 1
