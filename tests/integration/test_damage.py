"""A bit that flips on the disk is found, told in one sentence, named and counted; everything else goes on."""

import asyncio
import logging
import shutil
from pathlib import Path

import apsw
import pytest

from gainstage.app.folder import held, open_parts
from gainstage.errors import UsageError
from gainstage.log.contract import LogUnavailable
from gainstage.log.file import PAGE_BYTES
from gainstage.log.local import LocalLog
from gainstage.log.mending import note_damage
from gainstage.normalise import is_damaged, normalise
from gainstage.sqlite import CHECKSUM_BYTES, RESERVED_AT, StorageDamaged
from gainstage.store.store import Store
from gainstage.testing.log_suite import entry, whole

ENTRIES = 400


async def filled(folder: Path) -> None:
    """A log with entries on many pages, closed."""
    log = LocalLog(folder)
    for start in range(0, ENTRIES, 50):
        await log.append([entry(n, size_bytes=300) for n in range(start, start + 50)])
    await log.close()


def flip(path: Path, at: int) -> None:
    """Turn one bit over."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def pages(path: Path, table: str, kind: str) -> list[int]:
    """Where the pages of a table or index begin."""
    connection = apsw.Connection(str(path))
    query = "SELECT pgoffset FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pgoffset"
    found = [int(offset) for (offset,) in connection.execute(query, (table, kind))]
    connection.close()
    return found


@pytest.mark.anyio
@pytest.mark.parametrize(
    "within", [1, 8, 40, PAGE_BYTES // 2, PAGE_BYTES - CHECKSUM_BYTES - 5, PAGE_BYTES - 1]
)
async def test_a_flipped_bit_costs_the_entries_of_its_page_which_are_named_and_no_others(
    tmp_path: Path, within: int, caplog: pytest.LogCaptureFixture
) -> None:
    await filled(tmp_path)
    flip(tmp_path / "log.db", pages(tmp_path / "log.db", "partition_0", "leaf")[5] + within)
    log = LocalLog(tmp_path)
    with caplog.at_level(logging.ERROR):
        found = await whole(log, 0, step=100)
    assert [stored.offset for stored in found] == list(range(1, ENTRIES + 1))
    lost = [stored for stored in found if is_damaged(stored.entry)]
    assert 0 < len(lost) < 40
    assert all(one.entry.source == "site" and one.entry.received_us for one in lost)
    kept = [stored.entry.place for stored in found if not is_damaged(stored.entry)]
    assert kept == [n for n in range(ENTRIES) if n + 1 not in {one.offset for one in lost}]
    told = [vars(line)["offsets"] for line in caplog.records if line.message == "log_damaged"]
    assert f"{lost[0].offset}-{lost[-1].offset}" in told
    refusal = normalise(f"0-{lost[0].offset}", lost[0].entry)
    assert getattr(refusal, "code", "") == "entry_damaged"
    await log.append([entry(ENTRIES)])
    assert (await whole(log, 0, step=100))[-1].entry.place == ENTRIES
    await log.close()


@pytest.mark.anyio
async def test_a_damaged_index_costs_no_entry_and_no_count(tmp_path: Path) -> None:
    await filled(tmp_path)
    flip(tmp_path / "log.db", pages(tmp_path / "log.db", "partition_0_source", "leaf")[0] + 100)
    log = LocalLog(tmp_path)
    assert [stored.entry.place for stored in await whole(log, 0, step=100)] == list(range(ENTRIES))
    assert await log.count(0, 10, "site") == ENTRIES - 10
    await log.close()


@pytest.mark.anyio
async def test_with_damage_in_the_index_too_entries_are_named_all_the_same(tmp_path: Path) -> None:
    await filled(tmp_path)
    for table, number in (("partition_0", 5), ("partition_0_source", 0)):
        flip(tmp_path / "log.db", pages(tmp_path / "log.db", table, "leaf")[number] + 100)
    log = LocalLog(tmp_path)
    found = await whole(log, 0, step=100)
    assert [stored.offset for stored in found] == list(range(1, ENTRIES + 1))
    assert 0 < sum(is_damaged(stored.entry) for stored in found) < 40
    await log.close()


@pytest.mark.anyio
@pytest.mark.parametrize("table", ["partition_0", "partition_0_source"])
async def test_a_log_that_is_damaged_where_it_grows_is_mended_at_the_next_start(
    tmp_path: Path, table: str
) -> None:
    await filled(tmp_path)
    flip(tmp_path / "log.db", pages(tmp_path / "log.db", table, "leaf")[-1] + 100)
    log = LocalLog(tmp_path)
    with pytest.raises(LogUnavailable, match=r"restart the server, which mends it\.$"):
        await log.append([entry(ENTRIES)])
    assert len(await whole(log, 0, step=100)) == ENTRIES
    await log.close()
    with held(tmp_path):
        log = LocalLog(tmp_path)
        (position,) = await log.append([entry(ENTRIES)])
        assert position.offset == ENTRIES + 1
        found = await whole(log, 0, step=100)
        assert [stored.offset for stored in found] == list(range(1, ENTRIES + 2))
        lost = sum(is_damaged(stored.entry) for stored in found)
        assert (0 < lost < 40) if table == "partition_0" else not lost
        assert await log.count(0, 0, "site") == ENTRIES + 1
        await log.close()
    assert not (tmp_path / "log.damaged").exists()


def test_a_start_mends_a_log_whose_end_was_damaged_while_nobody_looked(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path))
    flip(tmp_path / "log.db", pages(tmp_path / "log.db", "partition_0", "leaf")[-1] + 100)
    with held(tmp_path):
        store, log = open_parts(tmp_path)
        (position,) = asyncio.run(log.append([entry(ENTRIES)]))
        assert position.offset == ENTRIES + 1
        asyncio.run(log.close())
        store.close()


def test_a_log_whose_making_a_power_cut_ended_is_made_at_the_next_start(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "log.db"))
    connection.pragma("journal_mode", "WAL")
    connection.close()
    with held(tmp_path):
        store, log = open_parts(tmp_path)
    assert log.partitions == 1
    asyncio.run(log.close())
    store.close()


def test_a_write_ahead_log_whose_database_is_gone_makes_none(tmp_path: Path) -> None:
    (tmp_path / "gone.db-wal").write_bytes(b"left")
    with held(tmp_path):
        pass
    assert not (tmp_path / "gone.db").exists()


def test_a_start_mends_a_log_that_does_not_know_how_many_partitions_it_has(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path))
    (place,) = pages(tmp_path / "log.db", "log", "leaf")
    flip(tmp_path / "log.db", place + PAGE_BYTES // 2)
    with held(tmp_path):
        store, log = open_parts(tmp_path)
        assert len(asyncio.run(whole(log, 0, step=100))) == ENTRIES
        asyncio.run(log.close())
        store.close()


@pytest.mark.anyio
@pytest.mark.parametrize("within", [20, 40, 3_000, 200_000, -5_000])
async def test_a_bit_that_flips_before_the_log_was_carried_over_costs_nothing_that_was_acknowledged(
    tmp_path: Path, within: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy made while the log is open stands for what a power cut leaves behind."""
    log = LocalLog(tmp_path / "log")
    for number in range(60):
        await log.append([entry(number, size_bytes=2000)])
    left = tmp_path / "left"
    left.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(tmp_path / "log" / f"log.db{ending}", left)
    await log.close()
    flip(left / "log.db-wal", within)
    with held(left):
        store, again = open_parts(left)
        assert [stored.entry.place for stored in await whole(again, 0)] == list(range(60))
        (position,) = await again.append([entry(60)])
        assert position.offset == 61
        await again.close()
        store.close()
    assert "write_ahead_log_mended" in caplog.text


def test_a_bit_that_flips_before_the_store_was_carried_over_costs_no_commit(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for number in range(100):
        with store.transaction() as transaction:
            transaction.names.source(f"source-{number}")
    left = tmp_path / "left"
    left.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(tmp_path / "store" / f"store.db{ending}", left)
    store.close()
    flip(left / "store.db-wal", (left / "store.db-wal").stat().st_size // 3)
    with held(left):
        again = Store(left)
        with again.transaction() as transaction:
            assert transaction.names.source("source-99") == 100
        again.close()


@pytest.mark.anyio
async def test_a_log_is_not_mended_under_somebody_who_has_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gainstage.log.mending.BUSY_MILLISECONDS", 50)
    await filled(tmp_path)
    note_damage(tmp_path)
    log = LocalLog(tmp_path)
    await whole(log, 0, step=100)
    with pytest.raises(UsageError, match="another process has it open"), held(tmp_path):
        pass
    await log.append([entry(ENTRIES)])
    await log.close()
    with held(tmp_path):
        log = LocalLog(tmp_path)
        assert [stored.entry.place for stored in await whole(log, 0, step=100)] == list(range(ENTRIES + 1))
        await log.close()


@pytest.mark.anyio
async def test_a_log_put_back_from_an_older_copy_gives_no_offset_that_was_routed_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await filled(tmp_path)
    store = Store(tmp_path)
    with store.transaction() as transaction:
        transaction.intake.advance(0, 0, ENTRIES + 100)
    store.close()
    kept = list(range(ENTRIES))
    for _ in range(2):
        with held(tmp_path):
            store, log = open_parts(tmp_path)
            (position,) = await log.append([entry(ENTRIES)])
            assert position.offset > ENTRIES + 100
            assert len(await whole(log, 0, step=100)) == len(kept) + 1
            kept.append(position.offset)
            await log.close()
            store.close()
    assert caplog.text.count("log_older_than_store") == 1


def test_a_flipped_bit_of_the_store_is_one_sentence_and_never_an_answer(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.transaction() as transaction:
        for number in range(500):
            transaction.names.source(f"source {number}")
    store.close()
    flip(tmp_path / "store.db", pages(tmp_path / "store.db", "sqlite_autoindex_source_1", "leaf")[1] + 200)
    store = Store(tmp_path)
    with (
        pytest.raises(StorageDamaged, match=r"store\.db is damaged; .*\.$"),
        store.transaction() as transaction,
    ):
        for number in range(500):
            transaction.names.source(f"source {number}")
    store.close()


def test_a_folder_from_before_gets_checksums_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reserved() -> set[int]:
        return {(tmp_path / name).read_bytes()[RESERVED_AT] for name in ("log.db", "store.db")}

    with monkeypatch.context() as before:
        before.setattr("gainstage.sqlite.reserve", lambda connection, size_bytes: None)
        asyncio.run(filled(tmp_path))
        Store(tmp_path).close()
    assert reserved() == {0}
    Store(tmp_path).close()
    log = LocalLog(tmp_path)
    assert [stored.entry.place for stored in asyncio.run(whole(log, 0, step=100))] == list(range(ENTRIES))
    asyncio.run(log.close())
    assert reserved() == {CHECKSUM_BYTES}
