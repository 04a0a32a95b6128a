"""`python -m tests.torture [--rounds N] [--cuts N] [--seed S]`: kill -9 and power cuts under load.

Exit code 1 when a promise broke.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.rounds import torture
from tests.world import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="kills (default: %(default)s)")
    parser.add_argument("--cuts", type=int, default=None, help="power cuts (default: as many as kills)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's choices (default: random)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    cuts = options.rounds if options.cuts is None else options.cuts
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gainstage-torture-") as name:
        report = torture(Path(name), options.rounds, seed, lambda line: print(line, file=sys.stderr))
    between = time.monotonic()
    # In a process of its own: the disk must be SQLite's before anything else is.
    command = [sys.executable, "-m", "tests.torture.power", "--rounds", str(cuts), "--seed", str(seed)]
    power = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if power.returncode not in (0, 1):
        sys.exit(power.stderr)
    cut = json.loads(power.stdout)
    print("\n".join(report.lines()))
    print("\n".join(cut["lines"]))
    print(
        f"took          {between - began:.0f} s for kills, {time.monotonic() - between:.0f} s for power cuts"
    )
    return 1 if report.problems or cut["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
