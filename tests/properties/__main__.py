"""`python -m tests.properties [--world cs|px] [--seed N] [--seeds M] [--trace]`: random streams to a sandbox.

A world and a seed name a whole case: run again, it goes the same way. What breaks is cut down to what matters
and shown. Without `--world` the seeds are lived through in both.
"""

import argparse
import logging
import sys
import time

from tests.properties.cutting import cut_down
from tests.properties.living import WORLDS, live


def main() -> int:
    """Exit code 1 when a seed broke a promise."""
    arguments = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    arguments.add_argument(
        "--world", choices=tuple(WORLDS), action="append", help="whose tenant; default all"
    )
    arguments.add_argument("--seed", type=int, default=1, help="the first seed")
    arguments.add_argument("--seeds", type=int, default=1, help="how many")
    arguments.add_argument(
        "--trace", action="store_true", help="cut what breaks down, and print all that happened"
    )
    given = arguments.parse_args()
    logging.disable(logging.ERROR)
    broken = [
        live_through(world, given.seed, given.seeds, trace=given.trace) for world in given.world or WORLDS
    ]
    return 1 if any(broken) else 0


def live_through(world: str, first: int, count: int, *, trace: bool) -> int:
    """Live through the seeds; returns how many broke."""
    began, broken, events, calls = time.monotonic(), 0, 0, 0
    for seed in range(first, first + count):
        lived = live(WORLDS[world].write_case(seed))
        events, calls = events + lived.events, calls + lived.calls
        if lived.failure is not None:
            broken += 1
            kind = type(lived.failure).__name__
            replay = f"make simulate WORLD={world} STREAM={seed}"
            print(f"{world}, seed {seed}: {kind}: {lived.failure}\n  replay: {replay}", flush=True)
        if trace:
            if lived.failure is not None:
                lived = cut_down(lived)
                print(f"cut down: {type(lived.failure).__name__}: {lived.failure}")
            print("\n".join((*lived.case.lines(), *lived.trace)))
    print(
        f"{world}: {count} streams from {first}, {broken} broken: {events} events, {calls} calls "
        f"in {time.monotonic() - began:.0f} s"
    )
    return broken


if __name__ == "__main__":
    sys.exit(main())
