"""The tracking API behind a real socket: what HTTP itself can bring."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from gainstage.clock import SystemClock
from gainstage.connection import Source
from gainstage.ingest import TrackingApi
from gainstage.ingest.pixel import GIF
from gainstage.ingest.server import HEAD_BYTES, AddressUnavailable, serve
from gainstage.log.contract import Entry, Position
from gainstage.log.memory import MemoryLog, entries_by_source

pytestmark = pytest.mark.anyio

TRACK = {"type": "track", "userId": "ann", "event": "e"}
HEAD = "POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: Basic c2l0ZS1rZXk6\r\n"


class SlowLog(MemoryLog):
    """Takes a moment to keep things, and can lose them when it is told to."""

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        await asyncio.sleep(0.3)
        return await super().append(entries)


class Serving:
    """A server in this process's event loop."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        sources = {"site": Source("site", "server", "site-key"), "web": Source("web", "web", "web-key")}
        self._api = TrackingApi(log, SystemClock(), lambda: sources)
        self.port = 0

    async def start(self) -> None:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(serve(self._api, "127.0.0.1", 0, started=address.set_result))
        self.port = int((await address).rsplit(":", 1)[1])

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def ask(self, text: bytes) -> bytes:
        """Send bytes on a connection of their own; what comes back until silence or the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2):
                while part := await reader.read(65536):
                    answer += part
                    if answer.endswith(b"}"):
                        break
        writer.close()
        return answer

    @property
    def entries(self) -> list[Entry]:
        return entries_by_source(self.log).get("site", [])


@contextlib.asynccontextmanager
async def running(log: MemoryLog | None = None) -> AsyncIterator[Serving]:
    serving = Serving(log or MemoryLog())
    await serving.start()
    try:
        yield serving
    finally:
        await serving.stop()


def whole(body: object, *headers: str) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"{HEAD}{lines}content-length: {len(text)}\r\n\r\n".encode() + text


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


async def test_answers_on_one_connection_again_and_again() -> None:
    async with running() as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        for _ in range(5):
            writer.write(whole({"batch": [TRACK]}))
            assert (await reader.readuntil(b'{"success":true}')).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.write(whole({"batch": [TRACK]}) * 3)
        for _ in range(3):
            await reader.readuntil(b'{"success":true}')
        writer.close()
        assert len(serving.entries) == 8


async def test_takes_chunked_bodies_plain_and_gzip() -> None:
    body = json.dumps({"batch": [TRACK] * 300, "writeKey": "site-key"}).encode()
    async with running() as serving:
        for text in (chunked(body, 100), chunked(gzip.compress(body), 50), chunked(body, 10_000)):
            assert b" 200 OK" in await serving.ask(text)
        assert len(serving.entries) == 900


async def test_takes_four_mebibytes_and_not_more() -> None:
    async with running() as serving:
        item = {**TRACK, "x": "y" * 20_000}
        assert b" 200 OK" in await serving.ask(whole({"batch": [item] * 205}))
        assert len(serving.entries) == 205
        assert b" 413 " in await serving.ask(whole({"batch": [item] * 215}))
        endless = chunked(b" " * 6 * 1024 * 1024, 64_000)
        assert b" 413 " in await serving.ask(endless)
        assert len(serving.entries) == 205


async def test_a_body_that_nobody_reads_does_not_disturb_the_next_request() -> None:
    large = json.dumps({"batch": [TRACK] * 10_000}).encode()
    head = "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n"
    unread = [("/v1/m", "Basic eA==", b"200"), ("/v1/batch", "Basic bm9ib2R5Og==", b"401")]
    async with running() as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        for path, authorization, status in unread:
            writer.write(head.format(path, authorization, len(large)).encode() + large)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 " + status)
            writer.write(whole({"batch": [TRACK]}))
            assert (await reader.readuntil(b'{"success":true}')).startswith(b"HTTP/1.1 200")
        writer.close()
        assert len(serving.entries) == 2


async def test_a_browser_asks_first_and_then_sends_on_one_connection() -> None:
    body = json.dumps({**TRACK, "writeKey": "web-key"}).encode()
    ask = (
        "OPTIONS /v1/t HTTP/1.1\r\nhost: x\r\norigin: https://a.com\r\n"
        "access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n"
    )
    post = "POST /v1/t HTTP/1.1\r\nhost: x\r\norigin: https://a.com\r\n"
    post = f"{post}content-length: {len(body)}\r\n\r\n"
    async with running() as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(ask.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 204") and b"access-control-allow-headers: authorization" in answer
        writer.write(post.encode() + body)
        answer = await reader.readuntil(b'{"success":true}')
        assert answer.startswith(b"HTTP/1.1 200") and b"access-control-allow-origin: https://a.com" in answer
        writer.close()
        assert len(entries_by_source(serving.log)["web"]) == 1


async def test_an_image_and_the_settings_come_over_the_wire() -> None:
    async with running() as serving:
        path = b"/v1/pixel/track?writeKey=web-key&userId=ann&event=E-mail%20Opened&properties.a%20b=%C3%A4+1"
        image = await serving.ask(b"GET %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % path)
        assert image.startswith(b"HTTP/1.1 200") and image.endswith(GIF.body)
        (entry,) = entries_by_source(serving.log)["web"]
        properties = {"a b": "\u00e4 1"}
        assert json.loads(entry.body) == {"userId": "ann", "event": "E-mail Opened", "properties": properties}
        path = b"/v1/projects/web%2Dkey/settings"
        told = await serving.ask(b"GET %s HTTP/1.0\r\nhost: e.com:1\r\n\r\n" % path)
        settings = json.loads(told.partition(b"\r\n\r\n")[2])
        assert settings["integrations"]["Segment.io"]["apiHost"] == "e.com:1/v1"


async def test_invites_a_body_that_waits_to_be_asked_for() -> None:
    async with running() as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        body = json.dumps({"batch": [TRACK]}).encode()
        writer.write(f"{HEAD}expect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        await reader.readuntil(b'{"success":true}')
        writer.close()


async def test_doubled_slashes_reach_the_application() -> None:
    async with running() as serving:
        for path in (b"//v1/batch", b"/v1/batch/", b"//v1//batch//?x=1"):
            assert b" 200 OK" in await serving.ask(whole({"batch": [TRACK]}).replace(b"/v1/batch", path, 1))


async def test_does_not_collect_headers_for_ever() -> None:
    async with running() as serving:
        head = HEAD.encode() + b"x-filler: " + b"y" * (HEAD_BYTES * 20)
        assert (await serving.ask(head)).startswith(b"HTTP/1.1 400")
        many = HEAD.encode() + b"".join(b"x-%d: y\r\n" % n for n in range(200_000))
        assert (await serving.ask(many)).startswith(b"HTTP/1.1 400")
        assert b" 200 OK" in await serving.ask(whole({"batch": [TRACK]}))


@pytest.mark.parametrize(
    "text", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST /v1/batch HTTP/9.9\r\n\r\n"]
)
async def test_what_is_no_http_disturbs_nobody(text: bytes) -> None:
    async with running() as serving:
        assert b"Traceback" not in await serving.ask(text + b"\r\n\r\n")
        assert b" 200 OK" in await serving.ask(whole({"batch": [TRACK]}))


async def test_stopping_finishes_the_requests_under_way() -> None:
    serving = Serving(SlowLog())
    await serving.start()
    asking = [asyncio.create_task(serving.ask(whole({"batch": [TRACK]}))) for _ in range(5)]
    await asyncio.sleep(0.15)
    await serving.stop()
    answers = await asyncio.gather(*asking)
    assert all(answer.endswith(b'{"success":true}') for answer in answers)
    assert len(serving.entries) == 5
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", serving.port)


async def test_stopping_does_not_wait_for_idle_connections() -> None:
    serving = Serving(MemoryLog())
    await serving.start()
    _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    async with asyncio.timeout(5):
        await serving.stop()
    writer.close()


async def test_an_answer_that_nobody_takes_is_no_fault() -> None:
    async with running(SlowLog()) as serving:
        _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(whole({"batch": [TRACK]}))
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await asyncio.sleep(0.5)
        assert len(serving.entries) == 1
        assert b" 200 OK" in await serving.ask(whole({"batch": [TRACK]}))


async def test_a_port_in_use_is_one_sentence() -> None:
    async with running() as serving:
        with pytest.raises(AddressUnavailable, match=f"Port {serving.port} of 127.0.0.1 is in use"):
            await serve(serving._api, "127.0.0.1", serving.port, started=lambda _: None)


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
async def test_an_address_of_somebody_else_is_one_sentence(host: str) -> None:
    with pytest.raises(AddressUnavailable, match="no address to listen at"):
        await serve(Serving(MemoryLog())._api, host, 0, started=lambda _: None)
