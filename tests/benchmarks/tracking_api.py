"""How many events a second the tracking API takes, from the socket to the disk.

    python -m tests.benchmarks.tracking_api [--quick]

Three figures each for single events and batches of 100, all of 1 KB: the API on a local log, the bare server
(the same reading, decoding and answering, and nothing kept) and bare appends to the log. The server has a
process of its own, and so has the load: sockets that repeat one encoded request.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, cast

import uvloop

from gainstage.clock import SystemClock
from gainstage.connection import Source
from gainstage.ingest import TrackingApi
from gainstage.ingest.server import serve
from gainstage.log.contract import Entry, Log, Position
from gainstage.log.local import LocalLog
from gainstage.log.memory import MemoryLog

KEY = "benchmark-key"
BATCH = 100


class Forgetful(MemoryLog):
    """Says yes and keeps nothing: what is left is the server."""

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        return ()


class Figure(NamedTuple):
    """What one run showed."""

    events_a_second: float
    #: Of the process that was measured, in microseconds an event.
    processor_us: float


def event(number: int) -> dict[str, object]:
    """A track call of about 1 KB, as segment's SDK for Python writes it."""
    return {
        "type": "track",
        "messageId": str(uuid.UUID(int=number)),
        "userId": f"user-{number % 1000}",
        "anonymousId": None,
        "event": "Report Exported",
        "timestamp": "2026-11-22T10:00:00.123456+00:00",
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "integrations": {},
        "properties": {f"property_{n}": f"the value number {n} of it" for n in range(17)},
    }


def request(path: str, body: object) -> bytes:
    """An encoded HTTP request."""
    text = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: analytics-python/2.4.0\r\n"
        "accept: */*\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n"
        f"authorization: Basic YmVuY2htYXJrLWtleTo=\r\ncontent-length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


REQUESTS = {
    "single events": (1, 64, request("/v1/track", event(1))),
    "batches of 100": (
        BATCH,
        16,
        request("/v1/batch", {"batch": [event(n) for n in range(BATCH)], "sentAt": "2026-11-22T10:00:01Z"}),
    ),
}


def run_server(pipe: Connection, folder: str | None) -> None:
    """The server's process: it tells its address, then its processor time whenever it is asked."""

    async def answer_questions() -> None:
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, pipe.recv):
            pipe.send(time.process_time())

    async def main() -> None:
        log: Log = LocalLog(Path(folder)) if folder else Forgetful()
        sources = {"site": Source("site", "server", KEY)}
        api = TrackingApi(log, SystemClock(), lambda: sources)
        serving = asyncio.create_task(serve(api, "127.0.0.1", 0, started=pipe.send))
        await answer_questions()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await log.close()

    uvloop.run(main())


class Client(asyncio.Protocol):
    """Sends one request again and again, each after the answer to the one before."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._answer = b""
        self.answered = 0
        self.running = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, not the class
        self._transport.write(self._text)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._answer.endswith(b'{"success":true}'):
            assert self._answer.startswith(b"HTTP/1.1 200")
            self._answer = b""
            self.answered += 1
            if self.running:
                self._transport.write(self._text)


def _same(client: Client) -> Client:
    return client


async def load(
    port: int, text: bytes, connections: int, seconds: float, pipe: Connection
) -> tuple[int, float, float]:
    """Answers, seconds and the server's processor seconds of a run, after a short warm-up."""
    loop = asyncio.get_running_loop()
    clients = [Client(text) for _ in range(connections)]
    transports = [(await loop.create_connection(partial(_same, c), "127.0.0.1", port))[0] for c in clients]
    await asyncio.sleep(0.5)
    answered, started = sum(c.answered for c in clients), time.perf_counter()
    pipe.send(True)
    processor = pipe.recv()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - started
    answered = sum(c.answered for c in clients) - answered
    pipe.send(True)
    processor = pipe.recv() - processor
    for client in clients:
        client.running = False
    await asyncio.sleep(0.2)
    for transport in transports:
        transport.close()
    return answered, took, processor


@contextlib.contextmanager
def server(folder: str | None) -> Iterator[tuple[int, Connection]]:
    """A server process; its port, and the pipe to it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=run_server, args=(theirs, folder))
    process.start()
    try:
        yield int(ours.recv().rsplit(":", 1)[1]), ours
    finally:
        ours.send(False)
        process.join()


def serve_and_load(name: str, folder: str | None, seconds: float) -> Figure:
    """One figure of a server, keeping or not."""
    events, connections, text = REQUESTS[name]
    with server(folder) as (port, pipe):
        answered, took, processor = uvloop.run(load(port, text, connections, seconds, pipe))
    return Figure(answered * events / took, processor / (answered * events) * 1e6)


def append_alone(name: str, folder: str, seconds: float) -> Figure:
    """The log's figure: as many tasks as there are connections, appending the same entries."""
    events, tasks, _ = REQUESTS[name]
    body = json.dumps(event(1)).encode()

    async def main() -> Figure:
        log = LocalLog(Path(folder))
        entries = [Entry("site", f"user-{n}", 1_700_000_000_000_000, n, b"", body) for n in range(events)]
        ends = time.perf_counter() + seconds

        async def append() -> int:
            appended = 0
            while time.perf_counter() < ends:
                appended += len(await log.append(entries))
            return appended

        started, processor = time.perf_counter(), time.process_time()
        appended = sum(await asyncio.gather(*[append() for _ in range(tasks)]))
        took = time.perf_counter() - started
        processor = time.process_time() - processor
        await log.close()
        return Figure(appended / took, processor / appended * 1e6)

    return uvloop.run(main())


def measure(seconds: float, folder: Path) -> None:
    """Print the table."""
    print(
        f"{len(json.dumps(event(1)))} bytes an event, {os.cpu_count()} processors, {seconds:.0f} s a figure"
    )
    print(f"{'':16}{'accepted to durable':>22}{'bare server':>16}{'bare appends':>16}{'of the slower':>16}")
    for name in REQUESTS:
        whole = serve_and_load(name, str(folder / f"{name} api"), seconds)
        bare = serve_and_load(name, None, seconds)
        log = append_alone(name, str(folder / f"{name} log"), seconds)
        slower = min(bare.events_a_second, log.events_a_second)
        figures = "".join(f"{figure.events_a_second:>16,.0f}" for figure in (bare, log))
        print(f"{name:16}{whole.events_a_second:>20,.0f}/s{figures}{whole.events_a_second / slower:>15.0%}")
        times = "".join(f"{figure.processor_us:>13.1f} us" for figure in (bare, log))
        print(f"{'  processor':16}{whole.processor_us:>19.1f} us{times}")


def main() -> None:
    """Read the arguments, measure in a folder that is removed again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2 seconds a figure instead of 8")
    parser.add_argument(
        "--folder", type=Path, help="where the log is kept; default: the folder for temporary files"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        measure(2.0 if arguments.quick else 8.0, Path(folder))


if __name__ == "__main__":
    main()
