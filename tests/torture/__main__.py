"""`python -m tests.torture [--rounds N] [--seed S]`: kill -9 under load; exit code 1 when a promise broke."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.torture.rounds import torture


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's choices (default: random)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    with tempfile.TemporaryDirectory(prefix="gainstage-torture-") as name:
        report = torture(Path(name), options.rounds, seed, lambda line: print(line, file=sys.stderr))
    print("\n".join(report.lines()))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
