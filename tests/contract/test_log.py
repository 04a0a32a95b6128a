"""Both logs that need no other service keep the contract."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gainstage.log.contract import Entry, Log, LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.log.memory import MemoryLog, Shelf
from gainstage.testing.log_suite import LogSuite, whole


class TestMemoryLog(LogSuite):
    @pytest.fixture(autouse=True)
    def shelves(self) -> None:
        self.kept: dict[Path, Shelf] = {}

    def open_log(self, place: Path, *, partitions: int = 1, limit_bytes: int | None = None) -> Log:
        shelf = self.kept.setdefault(place, Shelf.of(partitions))
        return MemoryLog(partitions, shelf=shelf, limit_bytes=limit_bytes)


class TestLocalLog(LogSuite):
    def open_log(self, place: Path, *, partitions: int = 1, limit_bytes: int | None = None) -> Log:
        return LocalLog(place / "data", partitions=partitions, limit_bytes=limit_bytes)


entries = st.builds(
    Entry,
    source=st.sampled_from(["web", "app"]),
    key=st.text(st.characters(codec="utf-8"), max_size=3),
    received_us=st.integers(0, 2**53),
    place=st.integers(0, 5000),
    surroundings=st.binary(max_size=5),
    body=st.binary(max_size=50),
)
Step = tuple[str, list[Entry]]
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("append"), st.lists(entries, max_size=7)),
    st.tuples(st.just("refused"), st.just([])),
    st.tuples(st.just("reopen"), st.just([])),
)


@pytest.mark.anyio
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(partitions=st.integers(1, 3), actions=st.lists(steps, max_size=15))
async def test_the_local_log_does_what_the_one_in_memory_does(
    tmp_path_factory: pytest.TempPathFactory, partitions: int, actions: list[Step]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    model = MemoryLog(partitions)
    log = LocalLog(folder, partitions=partitions)
    unfit = Entry("web", "key", 2**70, 0, b"", b"")
    try:
        for action, appended in actions:
            if action == "reopen":
                await log.close()
                log = LocalLog(folder)
            elif action == "refused":
                with pytest.raises(OverflowError):
                    await log.append([Entry("web", "key", 1, 0, b"", b"not kept either"), unfit])
            else:
                assert await log.append(appended) == (await model.append(appended) if appended else ())
        for partition in range(partitions):
            assert await whole(log, partition) == await whole(model, partition)
            for source in ("web", "app"):
                assert await log.count(partition, 2, source) == await model.count(partition, 2, source)
    finally:
        await log.close()


@pytest.mark.anyio
async def test_an_entry_that_cannot_be_kept_fails_its_own_call_alone(tmp_path: Path) -> None:
    log = LocalLog(tmp_path)
    good = Entry("web", "key", 1, 0, b"", b"{}")
    unfit = Entry("web", "key", 2**70, 0, b"", b"{}")
    results = await asyncio.gather(
        *[log.append([good]) for _ in range(5)],
        log.append([unfit]),
        *[log.append([good]) for _ in range(5)],
        return_exceptions=True,
    )
    assert isinstance(results[5], OverflowError)
    assert [type(result) for result in results].count(list) == 10
    assert len(await whole(log, 0)) == 10
    await log.close()


@pytest.mark.anyio
async def test_too_much_waiting_is_refused_and_not_held(tmp_path: Path) -> None:
    log = LocalLog(tmp_path)
    large = Entry("web", "key", 1, 0, b"", bytes(1024 * 1024))
    results = await asyncio.gather(*[log.append([large]) for _ in range(120)], return_exceptions=True)
    refused = [result for result in results if isinstance(result, LogUnavailable)]
    assert refused
    assert await log.count(0, 0, "web") == 120 - len(refused)
    assert await log.append([large])
    await log.close()
