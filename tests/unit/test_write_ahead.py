"""A write-ahead log that the disk altered is mended, and one that ends in a torn write is left as it is."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gainstage.sqlite import StorageDamaged, connect
from gainstage.write_ahead import FRAME_HEADER_BYTES, HEADER_BYTES, Mended, mend_write_ahead

PAGE_BYTES = 4096
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
COMMITS = 20


def body(number: int) -> bytes:
    return random.Random(number).randbytes(3_000)


def rows(path: Path) -> dict[int, bytes | None]:
    """What can be read, by number; None for what the database says is damaged."""
    found: dict[int, bytes | None] = {}
    connection = connect(path)
    for number in range(2 * COMMITS):
        try:
            row = connection.execute("SELECT body FROM one WHERE number = ?", (number,)).fetchone()
        except apsw.IOError as error:
            assert error.extendedresult == apsw.SQLITE_IOERR_DATA
            found[number] = None
        else:
            found |= {number: row[0]} if row is not None else {}
    connection.close()
    return found


ALL = {number: body(number) for number in range(2 * COMMITS)}


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database and its write-ahead log as a power cut leaves them: an older generation stands behind."""
    folder = tmp_path_factory.mktemp("crashed")
    connection = connect(folder / "written.db")
    connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    connection.execute("CREATE TABLE one (number INTEGER PRIMARY KEY, body BLOB)")
    for number in range(2 * COMMITS):
        if number == COMMITS:  # from here on the file is written over from its start
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute("INSERT INTO one VALUES (?, ?)", (number, body(number)))
    for ending in ("", "-wal"):
        shutil.copy(folder / f"written.db{ending}", folder / f"left.db{ending}")
    connection.close()
    return folder / "left.db"


@pytest.fixture
def left(crashed: Path, tmp_path: Path) -> Path:
    """One's own copy of it."""
    for ending in ("", "-wal"):
        shutil.copy(crashed.with_name(f"left.db{ending}"), tmp_path / f"left.db{ending}")
    return tmp_path / "left.db"


def journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def frames(content: bytes) -> int:
    """How many frames of the newest generation there are."""
    salts, count = content[16:24], 0
    while content[HEADER_BYTES + count * FRAME_BYTES + 8 :][:8] == salts:
        count += 1
    return count


def test_what_is_as_it_was_written_is_left_so(left: Path) -> None:
    before = journal(left).read_bytes()
    assert mend_write_ahead(left) is None
    assert journal(left).read_bytes() == before
    assert rows(left) == ALL


def test_where_there_is_none_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert mend_write_ahead(tmp_path / "none.db") is None
    journal(tmp_path / "none.db").write_bytes(b"")
    assert mend_write_ahead(tmp_path / "none.db") is None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bit_that_the_disk_altered_is_turned_back(crashed: Path, left: Path, data: st.DataObject) -> None:
    content = journal(crashed).read_bytes()
    places = st.one_of(  # the header and frames' headers are few of the bytes, and have all the cases
        st.integers(0, HEADER_BYTES - 1),
        st.integers(0, frames(content) - 1).flatmap(
            lambda frame: st.integers(0, FRAME_HEADER_BYTES - 1).map(
                lambda within: HEADER_BYTES + frame * FRAME_BYTES + within
            )
        ),
        st.integers(0, HEADER_BYTES + frames(content) * FRAME_BYTES - 1),
    )
    at, bit = data.draw(places), data.draw(st.integers(0, 7))
    altered = bytearray(content)
    altered[at] ^= 1 << bit
    shutil.copy(crashed, left)
    journal(left).write_bytes(altered)
    frame = 0 if at < HEADER_BYTES else 1 + (at - HEADER_BYTES) // FRAME_BYTES
    mended = mend_write_ahead(left)
    if mended == Mended((frame,), ()):
        assert journal(left).read_bytes() == content
        assert rows(left) == ALL
    else:  # alike in many places: an upper bit of a word
        assert mended == Mended((), (frame,)) and at % 4 >= 2
        found = rows(left)
        assert found.keys() == ALL.keys()
        assert all(one in (ALL[number], None) for number, one in found.items())


def test_without_it_sqlite_takes_an_altered_bit_for_the_end(left: Path) -> None:
    """Why all this is needed."""
    altered = bytearray(journal(left).read_bytes())
    altered[HEADER_BYTES + 5 * FRAME_BYTES + 2_000] ^= 1
    journal(left).write_bytes(altered)
    assert len(rows(left)) < 2 * COMMITS - 5


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=st.integers(2, COMMITS - 2), begins=st.integers(FRAME_HEADER_BYTES, 3_000), seed=st.integers())
def test_a_page_that_is_damaged_otherwise_costs_itself_and_nothing_behind_it(
    crashed: Path, left: Path, frame: int, begins: int, seed: int
) -> None:
    shutil.copy(crashed, left)
    altered = bytearray(journal(crashed).read_bytes())
    at = HEADER_BYTES + (frame - 1) * FRAME_BYTES + begins
    altered[at : at + 512] = random.Random(seed).randbytes(512)
    journal(left).write_bytes(altered)
    assert mend_write_ahead(left) == Mended((), (frame,))
    found = rows(left)
    assert found.keys() == ALL.keys()
    assert all(one in (ALL[number], None) for number, one in found.items())


def test_damage_that_hides_which_page_it_is_about_is_refused_with_a_sentence(left: Path) -> None:
    altered = bytearray(journal(left).read_bytes())
    at = HEADER_BYTES + 5 * FRAME_BYTES
    altered[at : at + 512] = random.Random(1).randbytes(512)
    journal(left).write_bytes(altered)
    with pytest.raises(StorageDamaged, match="cannot be mended"):
        mend_write_ahead(left)
    assert journal(left).read_bytes() == altered


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 2 * FRAME_BYTES - 1), filled=st.sampled_from(["cut", "zeros", "garbage", "older"]))
def test_a_torn_write_is_the_end_of_what_was_written(
    crashed: Path, left: Path, cut: int, filled: str
) -> None:
    """Nobody was told of it: everything before it stays, and nothing is made of it."""
    content = journal(crashed).read_bytes()
    end = HEADER_BYTES + frames(content) * FRAME_BYTES
    torn = bytearray(content[: end - cut])
    if filled != "cut":
        rest = {"zeros": bytes(cut), "garbage": random.Random(cut).randbytes(cut), "older": content[:cut]}
        torn += rest[filled] + content[end:]
    journal(left).write_bytes(torn)
    assert mend_write_ahead(left) is None
    assert journal(left).read_bytes() == torn


def test_nobody_may_have_it_open_meanwhile(left: Path) -> None:
    altered = bytearray(journal(left).read_bytes())
    altered[HEADER_BYTES + 5 * FRAME_BYTES + 2_000] ^= 1
    journal(left).write_bytes(altered)
    program = (
        "import apsw, sys; c = apsw.Connection(sys.argv[1]); c.execute('SELECT 1 FROM sqlite_schema').get\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(left)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StorageDamaged, match="another process has left"):
            mend_write_ahead(left)
        assert journal(left).read_bytes() == altered
        other.stdin.close()
