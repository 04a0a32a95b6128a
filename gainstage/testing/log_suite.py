"""What every log must do, as tests: subclass `LogSuite`, say how your log is opened, and run it with pytest.

Needs pytest with anyio's plugin. A log that has no limit of its own sets `limited = False`.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from gainstage.log.contract import Entry, Log, LogUnavailable, Position, Stored


def entry(number: int = 0, *, source: str = "site", key: str = "ann", size_bytes: int = 0) -> Entry:
    """An entry that can be told from others by its number."""
    body = b'{"n":%d,"pad":"%s"}' % (number, b"x" * size_bytes)
    return Entry(source, key, 1_700_000_000_000_000 + number, number, b"", body)


async def whole(log: Log, partition: int, *, step: int = 7) -> list[Stored]:
    """Everything that a partition holds, read in small steps."""
    found: list[Stored] = []
    while batch := await log.read(partition, found[-1].offset if found else 0, step):
        found += batch
    return found


@pytest.mark.anyio
class LogSuite(ABC):
    """The behaviours of `gainstage.log.contract.Log`."""

    #: Whether `open_log` can bound the log's size.
    limited = True

    @abstractmethod
    def open_log(self, place: Path, *, partitions: int = 1, limit_bytes: int | None = None) -> Log:
        """A handle to the log at this place, made there if there is none; several may be open at once."""

    @asynccontextmanager
    async def log(
        self, place: Path, *, partitions: int = 1, limit_bytes: int | None = None
    ) -> AsyncIterator[Log]:
        opened = self.open_log(place, partitions=partitions, limit_bytes=limit_bytes)
        try:
            yield opened
        finally:
            await opened.close()

    async def test_gives_back_every_field_as_it_was(self, tmp_path: Path) -> None:
        kept = Entry("a source", "këy\0", 1_700_000_000_123_456, 3, b'{"sentAt":"x"}', b'\xff\x00{"a":1}')
        async with self.log(tmp_path) as log:
            (position,) = await log.append([kept])
            assert await log.read(0, 0, 10) == [(position.offset, kept)]

    async def test_keeps_entries_when_opened_again(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            positions = await log.append([entry(n) for n in range(20)])
        async with self.log(tmp_path) as log:
            assert [s.entry.place for s in await whole(log, 0)] == list(range(20))
            (later,) = await log.append([entry(20)])
        assert later.offset > positions[-1].offset

    async def test_keeps_its_number_of_partitions(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=3) as log:
            assert log.partitions == 3
        async with self.log(tmp_path, partitions=5) as log:
            assert log.partitions == 3

    async def test_offsets_rise_in_the_order_of_the_call(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            positions = [*await log.append([entry(n) for n in range(250)]), *await log.append([entry(250)])]
            offsets = [position.offset for position in positions]
            assert offsets[0] > 0
            assert all(before < after for before, after in pairwise(offsets))
            read = await whole(log, 0, step=100)
        assert [(s.offset, s.entry.place) for s in read] == list(zip(offsets, range(251), strict=True))

    async def test_nothing_appended_is_nothing_kept(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            assert list(await log.append([])) == []
            assert list(await log.read(0, 0, 10)) == []

    async def test_the_end_is_the_offset_of_the_newest_entry(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=2) as log:
            assert [await log.end(number) for number in range(2)] == [0, 0]
            positions = await log.append([entry(n, key=f"user {n}") for n in range(20)])
            newest = {position.partition: position.offset for position in positions}
            assert [await log.end(number) for number in range(2)] == [newest.get(0, 0), newest.get(1, 0)]

    async def test_the_load_says_what_is_not_durable_yet(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            await log.append([entry(n) for n in range(20)])
            load = log.load()
            assert (load.waiting_entries, load.waiting_bytes) == (0, 0)
            assert load.commits is None or load.commits.observed > 0

    async def test_one_key_stays_in_one_partition_and_in_order(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=4) as log:
            appended = [entry(n, key=f"user {n % 13}") for n in range(130)]
            positions: list[Position] = []
            for start in range(0, 130, 10):
                positions += await log.append(appended[start : start + 10])
            by_key: dict[str, set[int]] = defaultdict(set)
            for one, position in zip(appended, positions, strict=True):
                by_key[one.key].add(position.partition)
            assert all(len(found) == 1 for found in by_key.values())
            assert len({position.partition for position in positions}) > 1
            for partition in range(4):
                places = defaultdict(list)
                for stored in await whole(log, partition):
                    places[stored.entry.key].append(stored.entry.place)
                assert all(found == sorted(found) for found in places.values())
        async with self.log(tmp_path, partitions=4) as log:
            for one, position in zip(appended, await log.append(appended), strict=True):
                assert {position.partition} == by_key[one.key]

    async def test_replays_from_any_offset(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            positions = await log.append([entry(n) for n in range(30)])
            for start in (0, 1, 17, 29, 30):
                after = positions[start - 1].offset if start else 0
                read = await log.read(0, after, 5)
                assert [s.entry.place for s in read] == list(range(start, min(start + 5, 30)))
            assert list(await log.read(0, positions[-1].offset + 1_000, 5)) == []

    async def test_counts_what_stands_behind_an_offset(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=2) as log:
            appended = [entry(n, source=f"s{n % 3}", key=f"k{n % 5}") for n in range(60)]
            positions = await log.append(appended)
            for after in (0, 1, positions[30].offset, positions[-1].offset, 10_000):
                for partition in range(2):
                    model = Counter(
                        one.source
                        for one, position in zip(appended, positions, strict=True)
                        if position.partition == partition and position.offset > after
                    )
                    for source in ("s0", "s1", "s2", "unknown"):
                        assert await log.count(partition, after, source) == model[source]

    async def test_many_tasks_append_at_once(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=2) as log:

            async def append(task: int) -> list[Position]:
                found: list[Position] = []
                for turn in range(10):
                    found += await log.append([entry(turn * 3 + n, key=f"task {task}") for n in range(3)])
                return found

            positions = await asyncio.gather(*[append(task) for task in range(20)])
            assert len({position for found in positions for position in found}) == 600
            stored = [*await whole(log, 0), *await whole(log, 1)]
            for task in range(20):
                places = [s.entry.place for s in stored if s.entry.key == f"task {task}"]
                assert places == list(range(30))

    async def test_two_handles_append_to_one_log(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as first, self.log(tmp_path) as second:

            async def append(log: Log, source: str) -> Sequence[Position]:
                return [(await log.append([entry(n, source=source)]))[0] for n in range(25)]

            await asyncio.gather(append(first, "a"), append(second, "b"))
            for log in (first, second):
                stored = await whole(log, 0)
                for source in ("a", "b"):
                    assert [s.entry.place for s in stored if s.entry.source == source] == list(range(25))

    async def test_trims_the_oldest_and_no_more_than_was_read_and_is_old(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            positions = await log.append([entry(n) for n in range(30)])
            upto, old_us = positions[19].offset, entry(10).received_us
            assert await log.trim(0, upto, old_us, 4) == 4
            assert await log.trim(0, upto, old_us, 100) == 6
            assert await log.trim(0, upto, old_us, 100) == 0
            kept = await log.kept()
            assert (kept.since_us, kept.first) == (old_us, (positions[10].offset,))
            assert await log.trim(0, upto, entry(30).received_us, 100) == 10
            assert [s.entry.place for s in await whole(log, 0)] == list(range(20, 30))
            assert await log.count(0, 0, "site") == 10

    async def test_offsets_rise_when_everything_was_trimmed(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            (*_, last) = await log.append([entry(n) for n in range(5)])
            assert await log.trim(0, last.offset, entry(9).received_us, 100) == 4
        async with self.log(tmp_path) as log:
            assert await log.trim(0, last.offset, entry(9).received_us, 100) == 0
            (later,) = await log.append([entry(5)])
            assert later.offset > last.offset
            assert [s.entry.place for s in await whole(log, 0)] == [4, 5]

    async def test_an_empty_log_keeps_nothing_and_trims_nothing(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=2) as log:
            kept = await log.kept()
            assert (kept.since_us, kept.first) == (None, (0, 0))
            assert await log.trim(1, 10, 2**62, 100) == 0

    async def test_the_space_of_what_was_trimmed_is_used_again(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            sizes = []
            for turn in range(6):
                positions = await log.append([entry(turn * 50 + n, size_bytes=4_000) for n in range(50)])
                await log.trim(0, positions[-1].offset, 2**62, 1_000)
                sizes.append((await log.kept()).size_bytes)
            assert max(sizes) < 100_000

    async def test_what_is_erased_is_found_nowhere(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            others = [entry(n, key="bob", size_bytes=n * 40) for n in range(200)]
            theirs = [
                Entry("site", "Ada-Key", 1_700_000_000_000_000, n, b'{"ip":"ada-around"}', b"ada-body" * n)
                for n in range(1, 200, 3)
            ]
            positions = await log.append([*others[:100], *theirs, *others[100:]])
            texts = [b"ada-key", b"ada-around", b"ada-body"]
            before = await log.scrub(texts, 10**9)
            offsets = [position.offset for position in positions[100 : 100 + len(theirs)]]
            erased = await log.erase(0, offsets)
            assert await log.read(0, 0, 1) and (await log.erase(0, offsets[:3])).entries == 0
            if erased.gone_by_us is None:
                assert erased.entries == len(theirs)
                assert [s.entry for s in await whole(log, 0)] == others
                assert await log.scrub(texts, 0) in (0, None)
                assert before is None or before > 0
            later = await log.append([entry(300)])
            assert later[0].offset > positions[-1].offset

    async def test_of_what_was_trimmed_and_erased_nothing_is_left_under_more_of_it(
        self, tmp_path: Path
    ) -> None:
        async with self.log(tmp_path) as log:
            for turn in range(8):
                added = [
                    Entry("site", f"k{n}", turn * 100 + n, n, b"", b"ada-%d-" % (n % 5) * (1 + n * 7 % 90))
                    for n in range(100)
                ]
                positions = await log.append(added)
                await log.trim(0, positions[0].offset + turn * 7, 2**62, 60)
                if (await log.erase(0, [one.offset for one in positions[turn::9]])).gone_by_us is not None:
                    pytest.skip("this log erases no single entries")
            offsets = [stored.offset for stored in await whole(log, 0)]
            await log.erase(0, offsets)
            assert await log.scrub([b"ada-1-", b"ada-4-"], 0) in (0, None)
            assert list(await log.read(0, 0, 10)) == []

    async def test_one_handle_holds_a_group_until_it_lets_go(self, tmp_path: Path) -> None:
        async with self.log(tmp_path, partitions=3) as first, self.log(tmp_path, partitions=3) as second:
            async with second.claim("delivery") as waiting:
                async with first.claim("delivery") as holding:
                    assert list(holding.partitions) == [0, 1, 2]
                    assert list(waiting.partitions) == []
                    assert list(holding.partitions) == [0, 1, 2]
                    async with second.claim("audiences") as other:
                        assert list(other.partitions) == [0, 1, 2]
                assert list(waiting.partitions) == [0, 1, 2]
            async with first.claim("delivery") as again:
                assert list(again.partitions) == [0, 1, 2]

    async def test_keeps_the_largest_message_that_the_tracking_api_takes(self, tmp_path: Path) -> None:
        large = entry(size_bytes=4 * 1024 * 1024)
        async with self.log(tmp_path) as log:
            await log.append([large, entry(1)])
            assert [s.entry for s in await whole(log, 0)] == [large, entry(1)]

    async def test_a_full_log_keeps_what_it_acknowledged(self, tmp_path: Path) -> None:
        if not self.limited:
            pytest.skip("this log has no limit of its own")
        kept = 0
        async with self.log(tmp_path, limit_bytes=400_000) as log:
            with pytest.raises(LogUnavailable) as refusal:
                for start in range(0, 1000, 10):
                    await log.append([entry(start + n, size_bytes=1000) for n in range(10)])
                    kept += 10
            assert str(refusal.value).endswith(".")
            assert 100 < kept < 500
            assert [s.entry.place for s in await whole(log, 0)] == list(range(kept))
        async with self.log(tmp_path) as log:
            await log.append([entry(kept)])
            assert [s.entry.place for s in await whole(log, 0)] == list(range(kept + 1))

    async def test_closing_twice_is_as_good_as_once(self, tmp_path: Path) -> None:
        log = self.open_log(tmp_path)
        await log.append([entry()])
        await log.close()
        await asyncio.gather(log.close(), log.close())

    async def test_a_closed_log_is_unavailable(self, tmp_path: Path) -> None:
        log = self.open_log(tmp_path)
        await log.close()
        with pytest.raises(LogUnavailable):
            await log.append([entry()])
        with pytest.raises(LogUnavailable):
            await log.read(0, 0, 1)

    async def test_closing_finishes_what_was_begun(self, tmp_path: Path) -> None:
        log = self.open_log(tmp_path)
        begun = [asyncio.ensure_future(log.append([entry(n)])) for n in range(50)]
        await asyncio.sleep(0)
        await log.close()
        await asyncio.wait(begun)
        kept = sorted(n for n, task in enumerate(begun) if task.exception() is None)
        async with self.log(tmp_path) as again:
            assert [s.entry.place for s in await whole(again, 0)] == kept

    async def test_a_caller_that_gives_up_disturbs_no_other(self, tmp_path: Path) -> None:
        async with self.log(tmp_path) as log:
            impatient = asyncio.ensure_future(log.append([entry(1)]))
            patient = asyncio.ensure_future(log.append([entry(2)]))
            await asyncio.sleep(0)
            impatient.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await impatient
            await patient
            assert 2 in [s.entry.place for s in await whole(log, 0)]
