"""How long a sender waits until its one event is on disk, at 200 events a second.

    python -m tests.benchmarks.latency [--quick] [--folder FOLDER]

Against a real `gainstage serve`, delivery process included. Requests leave by the clock, whether earlier ones
are answered or not, and a wait counts from the moment at which its request was due: a stall shows in every
request that it delays. Beside it stands what the file system itself takes to make 1 KB durable, at the same
pace, half of it before and half of it after, in the same folder.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple, cast

import uvloop

from tests.benchmarks.tracking_api import KEY, event, request
from tests.ports import free_port
from tests.world import wait_for

A_SECOND = 200
#: Before this the first imports and an empty database are measured.
WARM_UP_SECONDS = 2.0
ANSWER_SECONDS = 30.0
CONFIGURATION = f"sources:\n  - {{name: app, kind: server, write_key: {KEY}}}\n"


class Waits(NamedTuple):
    """Half of the senders wait less than `p50`, one in a hundred longer than `p99`. In milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Waits":
        """Of single waits."""
        cuts = quantiles(seconds, n=100)
        return cls(cuts[49] * 1000, cuts[98] * 1000)


class Connection(asyncio.Protocol):
    """Sends a request and tells when it was answered with yes."""

    def __init__(self, idle: list["Connection"]) -> None:
        self._idle = idle
        self._answer = b""
        self._answered: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, text: bytes, answered: Callable[[], None]) -> None:
        """Send one; `answered` is called once the whole answer is there."""
        self._answered = answered
        self._transport.write(text)

    def close(self) -> None:
        """Leave."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._answer.startswith(b"HTTP/1.1 200") and self._answer.endswith(b'{"success":true}'):
            self._answer = b""
            assert self._answered is not None
            self._answered()
            self._idle.append(self)


def pace(count: int, begin: float) -> Iterator[tuple[int, float]]:
    """Numbers, each when it is due by `time.perf_counter`. A thread's sleep is exact, a loop's timer not."""
    for number in range(count):
        due = begin + number / A_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        yield number, due


async def load(port: int, first: int, seconds: float) -> list[float]:
    """The waits of one load, in seconds; `first` is the number of its first event.

    Raises:
        TimeoutError: an event was not accepted.
    """
    loop = asyncio.get_running_loop()
    idle: list[Connection] = []
    waits: list[float] = []
    numbers = range(first, first + int(seconds * A_SECOND))
    texts = [request("/v1/track", event(number)) for number in numbers]
    done = asyncio.Event()

    def answered(due: float) -> None:
        waits.append(time.perf_counter() - due)
        if len(waits) == len(texts):
            done.set()

    async def send(text: bytes, due: float) -> None:
        if idle:
            connection = idle.pop()
        else:
            _, connection = await loop.create_connection(partial(Connection, idle), "127.0.0.1", port)
        connection.send(text, partial(answered, due))

    async with asyncio.timeout(seconds + ANSWER_SECONDS), asyncio.TaskGroup() as group:

        def start(number: int, due: float) -> None:
            group.create_task(send(texts[number], due))

        def keep_pace() -> None:
            for number, due in pace(len(texts), time.perf_counter()):
                loop.call_soon_threadsafe(start, number, due)

        await asyncio.to_thread(keep_pace)
        await done.wait()
    for connection in idle:
        connection.close()
    return waits


@contextlib.contextmanager
def server(folder: Path) -> Iterator[int]:
    """`gainstage serve` on a data folder of its own; its port."""
    config = folder / "gainstage.yaml"
    config.write_text(CONFIGURATION, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "gainstage", "serve", "--port", str(port)]
    places = ["--config", str(config), "--data", str(folder / "data")]
    process = subprocess.Popen(
        [*command, *places], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: process.poll() is not None or listens(port), what="the server's start")
        assert process.poll() is None, process.communicate()[1]
        yield port
    finally:
        process.terminate()
        process.communicate()


def listens(port: int) -> bool:
    """Whether something answers there."""
    with contextlib.suppress(OSError), contextlib.closing(_connect(port)):
        return True
    return False


def bare_fsyncs(path: Path, seconds: float) -> list[float]:
    """What appending 1 KB and an fsync take, at the pace of the load; in seconds."""
    text = request("/v1/track", event(1))[-1024:]
    waits: list[float] = []
    with path.open("ab", buffering=0) as file:
        for _ in pace(int(seconds * A_SECOND), time.perf_counter()):
            started = time.perf_counter()
            file.write(text)
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - started)
    return waits


def measure(seconds: float, folder: Path) -> tuple[Waits, Waits]:
    """The waits for a durable event, and for a bare fsync."""
    probe = folder / "probe"
    fsyncs = bare_fsyncs(probe, seconds / 2)
    with server(folder) as port:
        uvloop.run(load(port, 0, WARM_UP_SECONDS))
        events = uvloop.run(load(port, 1_000_000, seconds))
    return Waits.of(events), Waits.of(fsyncs + bare_fsyncs(probe, seconds / 2))


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=2)


def main() -> None:
    """Read the arguments, measure in a folder that is removed again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 seconds instead of 30")
    parser.add_argument(
        "--folder", type=Path, help="where the data is kept; default: the folder for temporary files"
    )
    arguments = parser.parse_args()
    seconds = 5.0 if arguments.quick else 30.0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        durable, fsync = measure(seconds, Path(folder))
    print(f"single events of 1 KB, {A_SECOND} a second for {seconds:.0f} s, {os.cpu_count()} processors")
    print(f"{'':16}{'p50':>12}{'p99':>12}")
    print(f"{'durable event':16}{durable.p50:>9.2f} ms{durable.p99:>9.2f} ms")
    print(f"{'bare fsync':16}{fsync.p50:>9.2f} ms{fsync.p99:>9.2f} ms")
    print(f"{'ratio':16}{durable.p50 / fsync.p50:>12.1f}{durable.p99 / fsync.p99:>12.1f}")


if __name__ == "__main__":
    main()
