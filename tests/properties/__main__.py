"""`python -m tests.properties [--world cs|px] [--seed N] [--seeds M] [--jobs N] [--trace]`: random streams.

A world and a seed name a whole case: run again, it goes the same way. What breaks is cut down to what matters
and shown. Without `--world` the seeds are lived through in both.
"""

import argparse
import logging
import sys
import time
from dataclasses import dataclass
from functools import partial

from tests.properties.cutting import cut_down
from tests.properties.living import WORLDS, live
from tests.seeds import each


@dataclass(frozen=True)
class Summary:
    """What is told of a case that was lived through."""

    failure: str
    events: int
    calls: int
    lines: tuple[str, ...] = ()


def summary(world: str, trace: bool, seed: int) -> Summary:
    """Live through one seed; with `trace` what breaks is cut down to what matters."""
    lived = live(WORLDS[world].write_case(seed))
    if lived.failure is None:
        lines = (*lived.case.lines(), *lived.trace) if trace else ()
        return Summary("", lived.events, lived.calls, lines)
    failure, lines = f"{type(lived.failure).__name__}: {lived.failure}", ()
    if trace:
        less = cut_down(lived)
        told = f"cut down: {type(less.failure).__name__}: {less.failure}"
        lines = (told, *less.case.lines(), *less.trace)
    return Summary(failure, lived.events, lived.calls, lines)


def main() -> int:
    """Exit code 1 when a seed broke a promise."""
    arguments = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    arguments.add_argument(
        "--world", choices=tuple(WORLDS), action="append", help="whose tenant; default all"
    )
    arguments.add_argument("--seed", type=int, default=1, help="the first seed")
    arguments.add_argument("--seeds", type=int, default=1, help="how many")
    arguments.add_argument("--jobs", type=int, default=1, help="processes; 0: one a processor")
    arguments.add_argument(
        "--trace", action="store_true", help="cut what breaks down, and print all that happened"
    )
    given = arguments.parse_args()
    logging.disable(logging.ERROR)
    broken = [
        live_through(world, given.seed, given.seeds, given.jobs, trace=given.trace)
        for world in given.world or WORLDS
    ]
    return 1 if any(broken) else 0


def live_through(world: str, first: int, count: int, jobs: int, *, trace: bool) -> int:
    """Live through the seeds; returns how many broke."""
    began, broken, events, calls = time.monotonic(), 0, 0, 0
    for seed, lived in each(partial(summary, world, trace), first, count, jobs):
        events, calls = events + lived.events, calls + lived.calls
        if lived.failure:
            broken += 1
            replay = f"make simulate WORLD={world} STREAM={seed}"
            print(f"{world}, seed {seed}: {lived.failure}\n  replay: {replay}", flush=True)
        if lived.lines:
            print("\n".join(lived.lines))
    print(
        f"{world}: {count} streams from {first}, {broken} broken: {events} events, {calls} calls "
        f"in {time.monotonic() - began:.0f} s"
    )
    return broken


if __name__ == "__main__":
    sys.exit(main())
