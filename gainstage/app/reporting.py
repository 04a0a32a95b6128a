"""What the delivery process tells the server that started it, each second: that it turns, and its figures.

The figures are those since the last line: a server that outlives its delivery process goes on counting.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec
import structlog

from gainstage.delivery.observing import Observer
from gainstage.meter import Figures, Meter

EVERY_SECONDS = 1.0
#: A line takes no more; what has no room waits for the next one.
LINE_BYTES = 1024 * 1024
#: Delivery that has not turned for so long is as good as none.
STILL_SECONDS = 10.0

logger = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Report(msgspec.Struct):
    """One line."""

    turns: int
    under_way: dict[str, int]
    figures: Figures


_decode = msgspec.json.Decoder(Report).decode


async def tell(observer: Observer, under_way: Callable[[], Counter[str]], descriptor: int) -> None:
    """Write a line to the pipe each second until cancelled. A server that does not read costs nothing."""
    os.set_blocking(descriptor, False)
    left = b""
    while True:
        if not left:
            report = Report(observer.turns, dict(under_way()), observer.meter.take())
            left = _encode(report) + b"\n"
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            pass
        except OSError:  # the server is gone, and we shall be soon
            return
        await asyncio.sleep(EVERY_SECONDS)


class DeliveryWatch:
    """What the server knows of its delivery process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._turns = 0
        self._turned = now()  # a server that just started has nothing to complain of
        #: Everything that delivery processes have counted for this server.
        self.meter = Meter()
        self.under_way: Mapping[str, int] = {}
        #: How often one ended that nobody had stopped.
        self.restarts = 0

    def began(self) -> None:
        """A new process: its turns begin at none."""
        self._turns = 0

    def ended(self) -> None:
        """The process ended by itself."""
        self.restarts += 1
        self.under_way = {}

    def hear(self, line: bytes) -> None:
        """Take a line in."""
        try:
            report = _decode(line)
        except (msgspec.DecodeError, ValueError):
            logger.warning("delivery_report_unreadable", bytes=len(line))
            return
        if report.turns > self._turns:
            self._turned = self._now()
        self._turns, self.under_way = report.turns, report.under_way
        self.meter.add(report.figures)

    @property
    def still_seconds(self) -> float:
        """For how long delivery has not turned."""
        return self._now() - self._turned

    @property
    def problem(self) -> str | None:
        """Why nothing is delivered now, if that is so."""
        if self.still_seconds < STILL_SECONDS:
            return None
        return f"Delivery has not turned for {int(self.still_seconds)} s; the log says why."


async def follow(reader: asyncio.StreamReader, watch: DeliveryWatch) -> None:
    """Take in what a delivery process says until it ends."""
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
            continue
        watch.hear(line)
