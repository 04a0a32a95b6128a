"""Many seeds at once: each in whichever process is free, told in their order."""

import gc
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

Lived = TypeVar("Lived")


def each(live: Callable[[int], Lived], first: int, count: int, jobs: int) -> Iterator[tuple[int, Lived]]:
    """What became of each seed, with the seed. `jobs`: processes; 0 takes one for each processor.

    With more than one `live` must be a function of a module, and what it returns small.
    """
    seeds = range(first, first + count)
    jobs = min(jobs or os.cpu_count() or 1, count)
    if jobs == 1:
        yield from ((seed, live(seed)) for seed in seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs, _begin) as pool:
        yield from zip(seeds, pool.imap(live, seeds), strict=True)


def _begin() -> None:
    """A world makes many objects and hardly a cycle: looking for cycles at the usual pace costs a tenth."""
    logging.disable(logging.ERROR)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
