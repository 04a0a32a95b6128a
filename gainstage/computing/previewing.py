"""What a definition comes to, before it is in force: computed from scratch, and nothing of it is kept.

The steps are those of `computer`, in a folder of its own that goes with it, so beside a server that computes.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gainstage.audiences.catalog import layers, linked, references
from gainstage.audiences.definition import Computation
from gainstage.computing import asking
from gainstage.computing.taking import take
from gainstage.computing.workbench import Workbench
from gainstage.history.archive import Snapshot

PREFIX = "preview-"
MEMORY_MIB = 512
#: By what the sample is drawn: not the first ones by name, and the same ones each time.
SAMPLE = """
SELECT subject, value FROM result WHERE computation = $key AND value IS NOT NULL
ORDER BY hash(subject), subject LIMIT $limit
"""


class Shown(NamedTuple):
    """One of those who would have a value. `told`: the e-mail of a person, the name of an account."""

    subject: str
    value: str
    told: str | None


class Preview(NamedTuple):
    """What a computation comes to."""

    #: How many would have a value, of how many who are known.
    size: int
    known: int
    sample: tuple[Shown, ...]


def preview(
    folder: Path, snapshot: Snapshot, definitions: Sequence[Computation], key: str, now_us: int, limit: int
) -> Preview:
    """Compute the definition of this key, and those that it names, of everybody in the archive."""
    needed = named_by(key, linked(definitions))
    with _place(folder) as place, contextlib.closing(Workbench(place, memory_mib=MEMORY_MIB)) as bench:
        with bench.transaction():
            take(bench, snapshot, needed)
        if not asking.look_at(bench, everybody=True):
            return Preview(0, 0, ())
        for layer in layers(needed):
            asking.result(bench, layer, now_us, everybody=True)
            bench.run(f"INSERT INTO computed SELECT {asking.COMPUTED} FROM result")
        return _told(bench, next(one for one in needed if one.key == key), limit)


def _told(bench: Workbench, definition: Computation, limit: int) -> Preview:
    key, of_people = definition.key, definition.subject == "user"
    count = "SELECT count(*) FROM result WHERE computation = $key AND value IS NOT NULL"
    size = bench.rows(count, {"key": key})[0][0]
    known = bench.rows(f"SELECT count(*) FROM {'people' if of_people else 'accounts'}")[0][0]
    rows = bench.rows(SAMPLE, {"key": key, "limit": limit})
    subjects = [subject for subject, _ in rows]
    told = asking.told_of(bench, subjects if of_people else [], [] if of_people else subjects)
    return Preview(size, known, tuple(Shown(subject, value, told.get(subject)) for subject, value in rows))


def named_by(key: str, definitions: Sequence[Computation]) -> tuple[Computation, ...]:
    """The definition of this key and all that it names, and those that these name."""
    known = {one.key: one for one in definitions}
    found: dict[str, Computation] = {}
    ahead = [key]
    while ahead:
        one = known.get(ahead.pop())
        if one is not None and one.key not in found:
            found[one.key] = one
            ahead += references(one)
    return tuple(found.values())


@contextmanager
def _place(folder: Path) -> Iterator[Path]:
    """A folder of our own, gone at the end; those of previews that were killed go first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    clear(folder)
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield place
    finally:
        os.close(descriptor)
        shutil.rmtree(place, ignore_errors=True)


def clear(folder: Path) -> None:
    """Remove what previews left that did not come to their end."""
    for place in folder.glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # its preview came to its end meanwhile
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place, ignore_errors=True)
        except BlockingIOError:
            pass  # it is at work
        finally:
            os.close(descriptor)
