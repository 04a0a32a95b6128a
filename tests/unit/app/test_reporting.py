"""What the server knows of its delivery process."""

import asyncio
import os
from collections import Counter
from typing import Any

import pytest

from gainstage.app.reporting import LINE_BYTES, STILL_SECONDS, DeliveryWatch, follow, tell
from gainstage.delivery.observing import Observer


class Time:
    """A clock that is set by hand."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def line(turns: int, calls: int = 0) -> bytes:
    counted = f'"counters":{{"calls":[[["cs","2xx"],{calls}]]}}' if calls else ""
    return b'{"turns":%d,"under_way":{"cs":2},"figures":{%s}}\n' % (turns, counted.encode())


def test_delivery_that_does_not_turn_is_a_problem_after_a_while_and_none_once_it_turns() -> None:
    time = Time()
    watch = DeliveryWatch(time)
    watch.hear(line(1))
    time.seconds += STILL_SECONDS - 1
    watch.hear(line(1))  # it lives, but does not get on
    assert watch.problem is None
    time.seconds += 1
    assert watch.problem == "Delivery has not turned for 10 s; the log says why."
    watch.hear(line(2))
    assert watch.problem is None


def test_figures_go_on_counting_when_another_process_takes_over() -> None:
    watch = DeliveryWatch(Time())
    watch.hear(line(9, calls=3))
    watch.ended()
    assert (watch.restarts, dict(watch.under_way)) == (1, {})
    watch.began()
    watch.hear(line(1, calls=2))
    assert watch.meter.counted("calls") == {("cs", "2xx"): 5}
    assert dict(watch.under_way) == {"cs": 2}


def test_a_line_that_cannot_be_read_changes_nothing() -> None:
    watch = DeliveryWatch(Time())
    watch.hear(b"Segmentation fault\n")
    assert watch.meter.figures().is_empty


class Complete(DeliveryWatch):
    """Knows when everything was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.complete = asyncio.Event()

    def hear(self, line: bytes) -> None:
        super().hear(line)
        if len(self.meter.counted("retries")) == 5_000:
            self.complete.set()


async def reader_of(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    pipe = os.fdopen(descriptor, "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


@pytest.mark.anyio
async def test_what_one_process_tells_the_other_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gainstage.app.reporting.EVERY_SECONDS", 0.0)
    from_end, to_end = os.pipe()
    observer, watch = Observer(), Complete()
    observer.turns = 7
    for number in range(5_000):  # more than a pipe holds
        observer.meter.count("retries", f"destination-{number}", "vendor_error")
    telling = asyncio.create_task(tell(observer, lambda: Counter(cs=1), to_end))
    following = asyncio.create_task(follow(await reader_of(from_end), watch))
    async with asyncio.timeout(20):
        await watch.complete.wait()
    telling.cancel()
    os.close(to_end)
    await asyncio.gather(telling, following, return_exceptions=True)
    assert watch.under_way == {"cs": 1}
    assert sum(watch.meter.counted("retries").values()) == 5_000


@pytest.mark.anyio
async def test_a_server_that_does_not_read_keeps_delivery_from_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr("gainstage.app.reporting.EVERY_SECONDS", 0.0)
    from_end, to_end = os.pipe()
    observer = Observer()
    telling = asyncio.create_task(tell(observer, Counter, to_end))
    for number in range(5_000):
        observer.meter.count("retries", "x" * 100, str(number))
        await asyncio.sleep(0)
    assert not telling.done()
    os.close(from_end)
    async with asyncio.timeout(20):
        await telling
    os.close(to_end)
