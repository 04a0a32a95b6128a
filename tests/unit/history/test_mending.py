"""A damaged file is set aside and named; the rest goes on; the log gives back what it still has."""

import logging

import pytest

from gainstage.history.mending import examine, told
from tests.unit.history.conftest import Shelf, track
from tests.unit.history.test_upkeep import HOUR_US, keep_up


async def fill(shelf: Shelf) -> None:
    await shelf.take(*(track(n, user=f"u{n}", days=n % 3) for n in range(60)))
    await shelf.take(track(100, days=1))
    shelf.now_us += 8 * HOUR_US
    keep_up(shelf)


def harm(shelf: Shelf, place: int) -> str:
    """Let the disk alter a byte of the second file."""
    name = shelf.files()[1]
    path = shelf.archive.folder.file(name)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    return name


def look(shelf: Shelf) -> int:
    """How many files a look at all of them sets aside."""
    with shelf.archive.snapshot() as snapshot:
        return len(examine(shelf.archive, snapshot.files, shelf.now_us))


@pytest.mark.parametrize("place", [0, 500, -3, -200])
async def test_rows_of_a_damaged_file_come_back_from_the_log(
    shelf: Shelf, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(shelf)
    before = shelf.ids()
    name = harm(shelf, place)
    with caplog.at_level(logging.ERROR):
        assert look(shelf) == 1
    (record,) = caplog.records
    said = vars(record)
    assert (said["message"], said["file"]) == ("history_damaged", name) and "u1" not in str(said)
    assert shelf.archive.folder.damaged() and len(shelf.ids()) < len(before)
    await shelf.accept(track(200))
    assert (await shelf.archiver.archive(10)).archived == 1  # what is new does not wait for the old
    while (await shelf.archiver.archive(10)).more:
        pass
    assert shelf.ids() == [*before, "m-000200"]
    (damage,) = shelf.archive.damages()
    assert damage.ended_us is not None and damage.restored == damage.rows and told([damage]) == []
    with shelf.archive.snapshot() as snapshot:
        assert snapshot.epoch == 1
    assert (await shelf.take(*(track(n) for n in range(60)))).duplicates == 60


async def test_what_the_log_lacks_by_now_is_named(shelf: Shelf) -> None:
    await fill(shelf)
    before = set(shelf.ids())
    await shelf.log.trim(0, 40, shelf.now_us + 1, 1_000)
    harm(shelf, 300)
    assert look(shelf) == 1
    lost = before - set(shelf.ids())
    assert told(shelf.archive.damages())[0].endswith("they are taken from the log again (0 so far).")
    while (await shelf.archiver.archive(100)).more:
        pass
    (damage,) = shelf.archive.damages()
    missing = before - set(shelf.ids())
    assert missing < lost and damage.rows - damage.restored == len(missing) > 0
    assert f"{len(missing)} of them are lost" in told([damage])[0]


async def test_a_file_that_is_gone_is_damaged_too(shelf: Shelf) -> None:
    await fill(shelf)
    before = shelf.ids()
    shelf.archive.folder.file(shelf.files()[0]).unlink()
    assert look(shelf) == 1
    while (await shelf.archiver.archive(100)).more:
        pass
    assert shelf.ids() == before


async def test_upkeep_meets_a_damaged_file_and_goes_on(shelf: Shelf) -> None:
    await fill(shelf)
    before = shelf.ids()
    harm(shelf, 400)
    for _ in range(5):
        shelf.now_us += HOUR_US
        keep_up(shelf)
    assert len(shelf.archive.damages()) == 1
    while (await shelf.archiver.archive(100)).more:
        pass
    keep_up(shelf)
    assert shelf.ids() == before


async def test_an_index_that_is_missing_beside_files_is_refused(shelf: Shelf) -> None:
    await fill(shelf)
    shelf.archive.close()
    shelf.archive.folder.index.rename(shelf.data / "elsewhere.db")
    with pytest.raises(Exception, match=r"index\.db is missing, and .* holds files of the archive"):
        shelf.opened()
    assert shelf.files()
    (shelf.data / "elsewhere.db").rename(shelf.archive.folder.index)
    shelf.archive = shelf.opened()
    assert len(shelf.ids()) == 61
