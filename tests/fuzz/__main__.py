"""`python -m tests.fuzz [--seconds N] [--seed S]`: fuzz the tracking API's decoder; exit code 1 on a finding.

First libFuzzer looks for an input that raises anything but `Refused`, breaks a promise, takes too long or too
much memory (tests/fuzz/decoder.py says what is promised). Then everything that it found worth keeping is sent
through again and again, to see whether memory grows. A finding is kept in `build/fuzz/` and can be repeated
with `python -m tests.fuzz FILE`.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.decoder import check

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
FINDINGS = HERE.parents[1] / "build" / "fuzz"
INPUT_BYTES = 64 * 1024
#: What one input may take, under a fuzzer that makes everything several times slower.
INPUT_SECONDS = 10
RESIDENT_MIB = 768
#: Lines of the fuzzer's talk that matter when it has found something.
LINES_SHOWN = 40


def main() -> int:
    """Fuzz, or repeat findings."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("findings", nargs="*", type=Path, metavar="FILE", help="findings to repeat")
    parser.add_argument("--seconds", type=int, default=600, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's choices (default: random)")
    options = parser.parse_args()
    for finding in options.findings:
        check(finding.read_bytes())
    if options.findings:
        return 0
    if importlib.util.find_spec("atheris") is None:
        print(
            "atheris is missing: it has wheels for Linux on x86-64 and Python 3.11 to 3.13 only.",
            file=sys.stderr,
        )
        return 2
    seed = options.seed if options.seed is not None else random.randrange(1, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="gainstage-fuzz-") as name:
        return hunt(Path(name), options.seconds, seed) or grown(Path(name))


def hunt(found: Path, seconds: int, seed: int) -> int:
    """Let libFuzzer look for findings; what it thinks worth keeping goes to `found`."""
    print(f"fuzzing the decoder for {seconds} s, seed {seed}", flush=True)
    FINDINGS.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    ended = subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz.coverage", str(found), str(CORPUS),
            f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={INPUT_BYTES}",
            f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={RESIDENT_MIB}",
            f"-dict={HERE / 'json.dict'}", f"-artifact_prefix={FINDINGS}/",
            "-print_final_stats=1",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )  # fmt: skip
    lines = ended.stdout.splitlines()
    if ended.returncode == 0:
        print("\n".join(line for line in lines if line.startswith("stat::") or "DONE" in line))
        return 0
    print("\n".join(lines[-LINES_SHOWN:]))
    for path in sorted(FINDINGS.iterdir()):
        if path.stat().st_mtime >= begun:
            print(f"finding: python -m tests.fuzz {os.path.relpath(path)}")
    return 1


def grown(found: Path) -> int:
    """Whether memory grows over what the hunt kept."""
    ended = subprocess.run([sys.executable, "-m", "tests.fuzz.growth", str(found), str(CORPUS)], check=False)
    if ended.returncode:
        print("memory grows, or an input failed there")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
