"""The unmodified Python SDKs of Segment and RudderStack against the tracking API."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gainstage.event import Event
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise
from gainstage.testing.log_suite import whole
from tests.acceptance.sdk_traffic import CALLS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def server(folder: Path) -> AsyncIterator[str]:
    """The tracking API in a process of its own."""
    command = [sys.executable, "-m", "tests.acceptance.tracking_server", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def send(sdk: str, address: str, compression: str) -> str:
    """Run the SDK to its end; what it reported as failed."""
    command = [sys.executable, "-m", "tests.acceptance.sdk_traffic", sdk, address, compression]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return out.decode()


async def events(folder: Path) -> list[Event]:
    """What became of everything in the log."""
    log = LocalLog(folder)
    found = [normalise(str(stored.offset), stored.entry) for stored in await whole(log, 0)]
    await log.close()
    accepted = [event for event in found if isinstance(event, Event)]
    assert accepted == found
    return accepted


@pytest.mark.parametrize("sdk", ["segment", "rudderstack"])
@pytest.mark.parametrize("compression", ["plain", "gzip"])
async def test_every_call_of_an_sdk_arrives_once_and_whole(
    tmp_path: Path, sdk: str, compression: str
) -> None:
    async with server(tmp_path) as address:
        assert await send(sdk, address, compression) == ""
    found = await events(tmp_path)
    assert [event.kind for event in found] == list(CALLS)
    assert len({event.message_id for event in found}) == len(CALLS)
    identify, track, group, page, screen, alias = found
    assert identify.user_id == "ann"
    assert identify.traits == {"email": "ann@acme.com", "name": "Ann Ö"}
    assert (track.name, track.properties) == ("Report Exported", {"pages": 3, "format": None})
    assert (group.group_id, group.traits) == ("acme", {"name": "Acme", "employees": 40})
    assert (page.name, page.properties["url"]) == ("Home", "https://acme.com/")
    assert screen.name == "Start"
    assert (alias.user_id, alias.previous_id) == ("ann", "anonymous-1")
    for event in found:
        assert event.context["library"]["name"] == "analytics-python"
        assert abs(event.time_us - event.received_us) < 60_000_000
        assert event.notes == ()
        assert "writeKey" not in event.message


@pytest.mark.parametrize("sdk", ["segment", "rudderstack"])
async def test_a_lost_answer_repeats_messages_under_their_ids(tmp_path: Path, sdk: str) -> None:
    async with server(tmp_path) as address:
        port = int(address.rsplit(":", 1)[1])
        async with LossyProxy(port) as proxy:
            assert await send(sdk, proxy.address, "plain") == ""
            assert proxy.lost == 1
    found = await events(tmp_path)
    assert len(found) == 2 * len(CALLS)
    assert [event.message_id for event in found[: len(CALLS)]] == [
        event.message_id for event in found[len(CALLS) :]
    ]


class LossyProxy:
    """Passes connections on; of the first it lets the request through and loses the answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.lost = 0

    async def __aenter__(self) -> "LossyProxy":
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _pass(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far, far_out = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.create_task(_copy(near, far_out))
        try:
            if not self.lost:
                self.lost = 1
                assert await far.read(12) == b"HTTP/1.1 200"
            else:
                await _copy(far, near_out)
        finally:
            asking.cancel()
            for writer in (near_out, far_out):
                writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
