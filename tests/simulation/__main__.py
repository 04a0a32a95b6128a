"""`python -m tests.simulation [--seed N] [--seeds M] [--jobs N] [--trace]`: live through seeds.

A seed names a whole world: run again, it goes the same way.
"""

import argparse
import logging
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.seeds import each
from tests.simulation.world import World


def memory() -> str | None:
    """A folder that is not on a disk, where the system has one: the store syncs at every turn."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() else None


def live(seed: int) -> World:
    """Live through one seed. What broke, if anything did, is in `failure`."""
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        world = World(seed, Path(folder))
        try:
            world.run()
        except Exception as error:
            error.add_note(f"Replay with: make simulate SEED={seed}")
            world.failure = error
    return world


@dataclass(frozen=True)
class Summary:
    """What is told of a world that was lived through."""

    failure: str
    turns: int
    calls: int
    events: int
    trace: tuple[str, ...]


def summary(seed: int) -> Summary:
    """Live through one seed."""
    world = live(seed)
    failure = f"{type(world.failure).__name__}: {world.failure}" if world.failure is not None else ""
    return Summary(failure, world.turns, world.vendors.calls, len(world.stream), tuple(world.trace))


def main() -> int:
    """Exit code 1 when a seed broke a promise."""
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    arguments.add_argument("--seed", type=int, default=1, help="the first seed")
    arguments.add_argument("--seeds", type=int, default=1, help="how many")
    arguments.add_argument("--jobs", type=int, default=1, help="processes; 0: one a processor")
    arguments.add_argument("--trace", action="store_true", help="print everything that happened")
    given = arguments.parse_args()
    logging.disable(logging.ERROR)
    began, broken, turns, calls, events = time.monotonic(), 0, 0, 0, 0
    for seed, world in each(summary, given.seed, given.seeds, given.jobs):
        if given.trace:
            print("\n".join(world.trace))
        if world.failure:
            broken += 1
            print(f"seed {seed}: {world.failure}\n  replay: make simulate SEED={seed}", flush=True)
        turns, calls, events = turns + world.turns, calls + world.calls, events + world.events
    print(
        f"{given.seeds} seeds from {given.seed}, {broken} broken: {events} events, {calls} calls, "
        f"{turns} turns in {time.monotonic() - began:.0f} s"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
