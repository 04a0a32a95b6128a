"""`python -m tests.properties [--seed N] [--seeds M] [--trace]`: random streams against the sandbox.

A seed names a whole case: run again, it goes the same way. What breaks is cut down to what matters and shown.
"""

import argparse
import logging
import sys
import time

from tests.properties.cutting import cut_down
from tests.properties.living import live
from tests.properties.writer import write_case


def main() -> int:
    """Exit code 1 when a seed broke a promise."""
    arguments = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    arguments.add_argument("--seed", type=int, default=1, help="the first seed")
    arguments.add_argument("--seeds", type=int, default=1, help="how many")
    arguments.add_argument(
        "--trace", action="store_true", help="cut what breaks down, and print all that happened"
    )
    given = arguments.parse_args()
    logging.disable(logging.ERROR)
    began, broken, events, calls = time.monotonic(), 0, 0, 0
    for seed in range(given.seed, given.seed + given.seeds):
        lived = live(write_case(seed))
        events, calls = events + lived.events, calls + lived.calls
        if lived.failure is not None:
            broken += 1
            kind = type(lived.failure).__name__
            print(f"seed {seed}: {kind}: {lived.failure}\n  replay: make simulate STREAM={seed}", flush=True)
        if given.trace:
            if lived.failure is not None:
                lived = cut_down(lived)
                print(f"cut down: {type(lived.failure).__name__}: {lived.failure}")
            print("\n".join((*lived.case.lines(), *lived.trace)))
    print(
        f"{given.seeds} streams from {given.seed}, {broken} broken: {events} events, {calls} calls "
        f"in {time.monotonic() - began:.0f} s"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
