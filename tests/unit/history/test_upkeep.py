"""The archive is kept small and in order: parted by day, merged, old days let go, readers undisturbed."""

from pathlib import Path

import duckdb

from gainstage.history import upkeep
from gainstage.history.archive import date_of
from gainstage.history.relation import attach
from gainstage.history.upkeep import Keep, Upkeep
from tests.unit.history.conftest import TODAY, Shelf, track

HOUR_US = 3_600_000_000


def keep_up(shelf: Shelf, keep: Keep = Keep(), most: int = 200) -> int:
    """Steps until there is nothing to do; how many."""
    work = Upkeep(shelf.archive, lambda: shelf.now_us)
    steps = 0
    while work.step(keep):
        steps += 1
        assert steps < most, "there is no end to it"
    return steps


def days(shelf: Shelf) -> dict[str, int]:
    """How many files there are, by folder."""
    found: dict[str, int] = {}
    for name in shelf.files():
        found[str(Path(name).parent)] = found.get(str(Path(name).parent), 0) + 1
    return found


async def test_events_end_in_the_folder_of_their_day_also_late_ones(shelf: Shelf) -> None:
    await shelf.take(track(1), track(2, days=1), track(3, days=400), track(4, days=20_500))
    assert list(days(shelf)) == ["new"]
    shelf.now_us += HOUR_US
    keep_up(shelf)
    assert set(days(shelf)) == {f"day={date_of(TODAY - back)}" for back in (0, 1, 400, 20_500)}
    assert len(shelf.ids()) == 4
    await shelf.take(track(5, days=400))
    for _ in range(2):  # parted, and merged when it has been quiet
        shelf.now_us += 7 * HOUR_US
        keep_up(shelf)
    assert days(shelf)[f"day={date_of(TODAY - 400)}"] == 1 and len(shelf.ids()) == 5


async def test_many_small_batches_become_few_files(shelf: Shelf) -> None:
    for number in range(200):
        await shelf.take(track(number, user=f"u{number % 7}"))
        if number % 10 == 9:
            keep_up(shelf)
    assert len(shelf.files()) < upkeep.NEW_FILES + 3 * upkeep.MERGED_FILES
    for _ in range(2):
        shelf.now_us += 8 * HOUR_US
        keep_up(shelf)
    assert list(days(shelf).values()) == [1] and len(shelf.ids()) == 200
    file = f"{shelf.archive.folder.path}/day=*/*.parquet"
    rows = duckdb.sql(f"SELECT name, person, time FROM '{file}'").fetchall()
    assert rows == sorted(rows)


async def test_batches_of_many_days_are_parted_the_fuller_days_first(shelf: Shelf) -> None:
    upkeep_days = upkeep.DAYS_AT_ONCE
    await shelf.take(*(track(n, days=n % (2 * upkeep_days)) for n in range(3 * upkeep_days)))
    shelf.now_us += HOUR_US
    work = Upkeep(shelf.archive, lambda: shelf.now_us)
    assert work.step()
    found = days(shelf)
    assert found.pop("new") >= 1 and len(found) == upkeep_days
    assert set(found) == {f"day={date_of(TODAY - back)}" for back in range(upkeep_days)}
    shelf.now_us += HOUR_US
    keep_up(shelf)
    assert len(days(shelf)) == 2 * upkeep_days and len(shelf.ids()) == 3 * upkeep_days


async def test_a_query_for_some_days_reads_their_files_only(shelf: Shelf) -> None:
    await shelf.take(*(track(n, days=n) for n in range(30)))
    shelf.now_us += HOUR_US
    keep_up(shelf)
    with shelf.archive.snapshot() as snapshot:
        some = snapshot.within(TODAY - 3, TODAY - 2)
        assert (snapshot.rows, some.rows, len(some.files)) == (30, 2, 2)
        assert snapshot.days == (TODAY - 29, TODAY) and snapshot.position == 30
        assert snapshot.within(after=29).rows < 30
        with duckdb.connect() as connection:
            attach(connection, some)
            assert connection.execute("SELECT count(*) FROM archive").fetchone() == (2,)


async def test_what_is_replaced_is_deleted_when_nobody_reads_it(shelf: Shelf) -> None:
    await shelf.take(track(1), track(2, days=1))
    reader = shelf.opened()
    with reader.snapshot() as snapshot, duckdb.connect() as connection:
        attach(connection, snapshot)
        before = shelf.files()
        shelf.now_us += HOUR_US
        keep_up(shelf)
        assert set(before) < set(shelf.files())
        assert connection.execute("SELECT count(*) FROM archive").fetchone() == (2,)
        assert shelf.archive.delete_replaced() == 1
    reader.close()
    keep_up(shelf)
    assert not set(before) & set(shelf.files()) and len(shelf.ids()) == 2


async def test_old_days_go_whole_and_do_not_come_back(shelf: Shelf) -> None:
    await shelf.take(*(track(n, days=n) for n in range(20)))
    keep_up(shelf, Keep(days=10))
    assert shelf.ask("SELECT count(*), min(time)::DATE::VARCHAR FROM archive") == [(11, "2026-11-12")]
    taken = await shelf.take(*(track(n, days=n) for n in range(20)))
    assert (taken.too_old, taken.duplicates) == (9, 11)
    shelf.now_us += 24 * HOUR_US
    keep_up(shelf, Keep(days=10))
    shelf.now_us += HOUR_US
    keep_up(shelf)
    assert len(days(shelf)) == 10 == len(shelf.ids())
    with shelf.archive.index.reading() as view:
        assert view.known(range(-5, 5)) == set()
        counted = view._connection.execute("SELECT count(*) FROM once_new").fetchone()
    assert counted == (10,)


async def test_of_more_than_may_be_kept_the_oldest_days_go(shelf: Shelf) -> None:
    for day in range(12):
        await shelf.take(*(track(100 * day + n, days=day, user=f"user-{n}") for n in range(100)))
    shelf.now_us += HOUR_US
    keep_up(shelf)
    size = shelf.archive.totals().size_bytes
    keep_up(shelf, Keep(size_bytes=size // 2))
    left = shelf.archive.totals()
    assert left.size_bytes <= size // 2 and left.last_day == TODAY and 4 <= len(days(shelf)) <= 6
    keep_up(shelf, Keep(size_bytes=1))
    assert list(days(shelf)) == [f"day={date_of(TODAY)}"]


async def test_hashes_are_carried_over_and_still_known(shelf: Shelf, monkeypatch: object) -> None:
    from gainstage.history import once

    monkeypatch.setattr(once, "GATHERED_AT_LEAST", 20)  # type: ignore[attr-defined]
    await shelf.take(*(track(n) for n in range(300)))
    keep_up(shelf)
    with shelf.archive.index.reading() as view:
        (gathered,) = view._connection.execute("SELECT count(*) FROM once_new").fetchone()
        (carried,) = view._connection.execute("SELECT count(*) FROM once").fetchone()
    assert gathered <= 20 and gathered + carried == 300
    taken = await shelf.take(*(track(n) for n in range(305)))
    assert (taken.duplicates, taken.archived) == (300, 5)


async def test_a_clock_that_was_ahead_for_a_while_does_not_end_archiving(shelf: Shelf) -> None:
    await shelf.take(track(1))
    before = shelf.now_us
    shelf.now_us += 20 * 365 * 24 * HOUR_US
    keep_up(shelf, Keep(days=1_000))
    assert shelf.ids() == []
    shelf.now_us = before
    keep_up(shelf, Keep(days=1_000))
    assert (await shelf.take(track(2), track(3, days=1_500))).archived == 1
    assert shelf.ids() == ["m-000002"]
