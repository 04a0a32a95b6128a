"""Whether anything stays behind: inputs are sent through again and again, and memory must not grow.

    python -m tests.fuzz.growth FOLDER...

Exit code 1 when Python's own count of allocated memory, or the resident memory of the process, grows. A leak
grows in every stretch of rounds; what grows in one of them only is a table that was made anew, such as the
interpreter's own of interned strings (961,216 bytes when it comes to 65,536 places).
"""

import gc
import os
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.fuzz.decoder import check

#: Caches and pools are full after these.
FIRST_ROUNDS = 3
ROUNDS = 50
#: The rounds are measured in so many equal parts, and the one in the middle counts for all.
STRETCHES = 5
#: Caches and pools breathe by a fifth of this; one input that leaves 2 KB behind each time shows.
ALLOWED_BYTES = 64 * 1024
ALLOWED_RESIDENT_BYTES = 16 * 1024 * 1024
INPUTS_AT_MOST = 500


def inputs(folders: list[Path]) -> list[bytes]:
    """The files of some folders, an even choice of them if there are many."""
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    step = -(-len(files) // INPUTS_AT_MOST)
    return [path.read_bytes() for path in files[:: max(1, step)]]


def send(texts: list[bytes], rounds: int) -> int:
    """Send everything through so many times; the bytes that are still allocated then."""
    for _ in range(rounds):
        for text in texts:
            check(text)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def resident_bytes() -> int:
    """The resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(texts: list[bytes]) -> tuple[int, int]:
    """By how many bytes allocated and resident memory grow in all, with each stretch as the middle one."""
    tracemalloc.start()
    try:
        seen = [(send(texts, FIRST_ROUNDS), resident_bytes())]
        for _ in range(STRETCHES):
            seen.append((send(texts, ROUNDS // STRETCHES), resident_bytes()))
    finally:
        tracemalloc.stop()
    grown = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(seen)]
    return STRETCHES * median(one[0] for one in grown), STRETCHES * median(one[1] for one in grown)


def main() -> int:
    """Tell the figures."""
    texts = inputs([Path(name) for name in sys.argv[1:]])
    allocated, resident = growth(texts)
    print(
        f"{len(texts)} inputs, {ROUNDS} times after the first {FIRST_ROUNDS}: "
        f"{allocated:+,} bytes allocated, {resident:+,} resident"
    )
    return 1 if allocated > ALLOWED_BYTES or resident > ALLOWED_RESIDENT_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
