"""All benchmarks, one after the other: `python -m tests.benchmarks [--quick]`.

Figures without verdicts, but for the two days, the backfill and the isolation, which fail where a target is
missed, and for custom events to PX, which fail where one is lost, refused or out of order.
"""

import subprocess
import sys

BENCHMARKS = (
    "tracking_api",
    "latency",
    "delivery",
    "memory",
    "starting",
    "people_bulk",
    "px_calls",
    "px_events",
    "two_days",
    "backfill",
    "isolation",
    "growth",
    "history",
    "audiences",
    "pages",
)


def main() -> int:
    """Run each in a process of its own, so that none warms another up."""
    for name in BENCHMARKS:
        print(f"--- {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", *sys.argv[1:]], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
