"""Archiving turn by turn, and what delivery, status and forgetting ask of the archive."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from gainstage.app.archiving import ArchiveOf, Archiving, report
from gainstage.computing.state import FOLDER_NAME as AUDIENCES
from gainstage.computing.state import State
from gainstage.connection import Retention
from gainstage.history import Archive
from gainstage.history.folder import Folder
from gainstage.store.forgetting_rows import Names, Someone
from tests.unit.history.conftest import NOON_US, Shelf, track

ANN = Someone(("u:ann",), ())


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    one = Shelf(tmp_path)
    yield one
    one.close()


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def archiving(shelf: Shelf) -> Archiving:
    return Archiving(shelf.data, shelf.log, shelf.store, shelf.pseudonyms, now_us=lambda: shelf.now_us)


async def test_turns_archive_and_let_go_what_is_old(shelf: Shelf) -> None:
    work = archiving(shelf)
    await shelf.accept(*(track(n, days=n) for n in range(30)))
    turns = 1
    while await work.turn(Retention(history_days=10), limit=7):
        turns += 1
        assert turns < 100
    found = await report(shelf.data, shelf.log)
    assert found is not None and found.pop("bytes") > 1_000 and found.pop("files") >= 1
    assert found == {
        "events": 11, "first_day": "2026-11-12", "last_day": "2026-11-22", "behind": 0, "damaged": []
    }  # fmt: skip
    work.close()


async def test_nothing_is_archived_while_that_is_off_and_all_that_is_left_when_it_is_on_again(
    shelf: Shelf,
) -> None:
    work = archiving(shelf)
    await shelf.accept(*(track(n) for n in range(5)))
    assert not await work.turn(Retention(history=False))
    assert shelf.ids() == [] and ArchiveOf(shelf.data).offsets() == {}
    while await work.turn(Retention()):
        pass
    assert len(shelf.ids()) == 5 and ArchiveOf(shelf.data).offsets() == {0: 5}
    work.close()


def test_an_index_that_another_process_is_making_just_now_is_no_archive_yet(tmp_path: Path) -> None:
    index = Folder(tmp_path).index
    index.parent.mkdir(parents=True)
    index.touch()  # what is there before its first transaction ends
    assert ArchiveOf(tmp_path).offsets() is None
    Archive(tmp_path).close()
    assert ArchiveOf(tmp_path).offsets() == {}


async def test_before_anything_is_archived_nothing_is_told_and_nothing_is_held(tmp_path: Path) -> None:
    assert ArchiveOf(tmp_path).offsets() is None
    assert ArchiveOf(tmp_path).erase(ANN, lambda: False) == ""
    assert ArchiveOf(tmp_path).look(ANN, NOON_US) == (0, Names())
    assert not ArchiveOf(tmp_path).offsets() and files_in(tmp_path) == []


async def test_a_person_is_counted_and_erased_beside_whoever_archives(shelf: Shelf) -> None:
    await shelf.take(*(track(n, user=("ann", "bob")[n % 2]) for n in range(10)))
    other = ArchiveOf(shelf.data)
    assert other.look(ANN, shelf.now_us) == (5, Names())
    assert other.erase(ANN, lambda: False) == ""
    assert other.look(ANN, shelf.now_us) == (0, Names()) and len(shelf.ids()) == 5


async def test_where_audiences_were_computed_erasing_waits_until_they_are_made_anew(shelf: Shelf) -> None:
    await shelf.take(*(track(n, user="ann") for n in range(3)))
    State(shelf.data / AUDIENCES).close()
    left = ArchiveOf(shelf.data).erase(ANN, lambda: False)
    assert shelf.ids() == [] and "audiences and traits are computed anew" in left
    with (
        closing(State(shelf.data / AUDIENCES)) as state,
        state.transaction(),
        shelf.archive.snapshot() as snapshot,
    ):
        state.put("epoch", snapshot.epoch)
    assert ArchiveOf(shelf.data).erase(ANN, lambda: False) == ""


async def test_a_disk_that_fails_is_told_once_and_tried_again_later(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    work = archiving(shelf)
    await shelf.accept(track(1))
    shelf.archive.folder.path.joinpath("new").rmdir()
    shelf.archive.folder.path.joinpath("new").write_bytes(b"in the way")
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            assert not await work.turn(Retention())
    assert caplog.text.count("history_unavailable") == 1
    shelf.archive.folder.path.joinpath("new").unlink()
    shelf.now_us = NOON_US + 60_000_000
    while await work.turn(Retention()):
        pass
    assert shelf.ids() == ["m-000001"]
    work.close()


async def test_whoever_meets_an_error_has_every_file_looked_at_and_what_was_lost_comes_back(
    shelf: Shelf,
) -> None:
    await shelf.take(*(track(n) for n in range(20)))
    await shelf.take(*(track(n) for n in range(20, 40)))
    path = shelf.archive.folder.file(shelf.files()[0])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(duckdb.Error):
        shelf.ids()
    work = archiving(shelf)
    assert await work.examine() == 1 and await work.examine() == 0
    found = await report(shelf.data, shelf.log)
    assert found is not None and "taken from the log again" in found["damaged"][0] and len(shelf.ids()) == 20
    while await work.turn(Retention()):
        pass
    found = await report(shelf.data, shelf.log)
    assert found is not None and found["damaged"] == [] and len(shelf.ids()) == 40
    work.close()
