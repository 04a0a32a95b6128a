"""Whether events are taken: appends tell it of the log, and where there are none, tries to write."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gainstage.app.readiness import Readiness, try_to_write
from gainstage.app.reporting import DeliveryWatch
from gainstage.ingest.appends import Appends
from gainstage.ingest.pressure import Pressure
from gainstage.log.contract import Entry, LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.log.mending import note_damage
from gainstage.store.store import Store

pytestmark = pytest.mark.anyio
FULL = "The disk that holds log.db is full; free some space."


class Disk:
    """Says what comes of a try to write, and counts them."""

    def __init__(self) -> None:
        self.tries, self.error = 0, ""

    def __call__(self) -> None:
        self.tries += 1
        if self.error:
            raise LogUnavailable(self.error)


class Server:
    """A log and a store that can be read, and a disk as it is set."""

    def __init__(self, folder: Path) -> None:
        self.store, self.log, self.disk = Store(folder), LocalLog(folder), Disk()
        self.ready = Readiness(self.store, self.log, Pressure(), DeliveryWatch(), self.disk)
        self.appends = self.ready.appends


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    yield made
    await made.log.close()
    made.store.close()


async def test_an_append_that_fails_is_a_problem_until_one_succeeds(server: Server) -> None:
    assert await server.ready.problems() == {}
    server.appends.failed(FULL)
    assert await server.ready.problems() == {"log": FULL}
    server.appends.succeeded()
    assert await server.ready.problems() == {}


async def test_without_senders_it_is_found_out_by_a_try_to_write(server: Server) -> None:
    server.appends.failed(FULL)
    server.disk.error = "The disk that holds log.db reports an error."
    await server.ready.look()
    assert await server.ready.problems() == {"log": server.disk.error}
    server.disk.error = ""
    await server.ready.look()
    assert await server.ready.problems() == {}


async def test_while_appends_succeed_nothing_is_tried(server: Server) -> None:
    await server.ready.look()
    server.appends.failed(FULL)
    server.appends.succeeded()
    await server.ready.look()
    assert server.disk.tries == 0


async def test_a_failure_during_a_try_that_succeeds_counts(server: Server) -> None:
    def meanwhile() -> None:
        server.appends.failed(FULL)

    server.ready = Readiness(server.store, server.log, Pressure(), DeliveryWatch(), meanwhile)
    server.appends = server.ready.appends
    server.appends.failed("earlier")
    await server.ready.look()
    assert await server.ready.problems() == {"log": FULL}


async def test_a_defect_in_a_try_ends_neither_the_tries_nor_the_problem(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gainstage.app.readiness.EVERY_SECONDS", 0.001)
    errors, again = [ZeroDivisionError(), ZeroDivisionError()], asyncio.Event()

    def attempt() -> None:
        if errors:
            raise errors.pop()

    ready = Readiness(server.store, server.log, Pressure(), DeliveryWatch(), attempt)
    ready.appends.failed(FULL)
    monkeypatch.setattr(ready.appends, "succeeded", again.set)
    following = asyncio.create_task(ready.follow())
    async with asyncio.timeout(10):
        await again.wait()
    following.cancel()
    assert not errors


def journal_bytes(folder: Path) -> int:
    return (folder / "log.db-wal").stat().st_size


async def test_a_try_writes_to_the_logs_own_file_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    log = LocalLog(tmp_path)
    await log.append([Entry("site", "", 1, 0, b"", b"{}")])
    for _ in range(2):
        before = journal_bytes(tmp_path)
        try_to_write(tmp_path)
        assert journal_bytes(tmp_path) > before
    assert [one.offset for one in await log.read(0, 0, 9)] == [1]
    (position,) = await log.append([Entry("site", "", 2, 0, b"", b"{}")])
    assert position.offset == 2
    await log.close()


@pytest.mark.parametrize("fault", ["noted", "not a log", "no file"])
async def test_a_log_that_cannot_be_written_fails_the_try(tmp_path: Path, fault: str) -> None:
    if fault != "no file":
        await LocalLog(tmp_path).close()
    if fault == "noted":
        note_damage(tmp_path)
    if fault == "not a log":
        (tmp_path / "log.db").write_bytes(b"something else" * 1_000)
    with pytest.raises(LogUnavailable):
        try_to_write(tmp_path)


async def test_appends_remember_the_newest_failure_alone() -> None:
    appends = Appends()
    assert (appends.problem, appends.failures) == ("", 0)
    appends.failed("one")
    appends.failed("two")
    assert (appends.problem, appends.failures) == ("two", 2)
