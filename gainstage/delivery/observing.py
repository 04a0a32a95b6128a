"""What the engine tells of its work, for figures and traces. Decides nothing and keeps nothing.

What happens within a turn counts once its transaction is kept: what was rolled back never happened.
"""

import logging
from collections.abc import Iterable, Mapping

from gainstage.clock import SECOND_US
from gainstage.destination import CallFailed, Response
from gainstage.event import Event
from gainstage.meter import CALL_BOUNDS, DELIVERY_BOUNDS, DISK_BOUNDS, Meter
from gainstage.outcome import Outcome
from gainstage.reason import WORDS
from gainstage.store.rows import PRIORITY_WORDS, OperationRow
from gainstage.tracing import Attributes, TraceId, Tracing

logger = logging.getLogger(__name__)


class Observer:
    """Hears of everything once, and passes it on when the turn is kept."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.meter, self.tracing = Meter(), tracing or Tracing()
        #: Turns that were kept, and the clock's time of the last one.
        self.turns = 0
        self.turned_us = 0
        self._staged = Meter()
        #: Microseconds, of what happens most: by destination and priority, by destination and result.
        self._arrived: dict[tuple[str, int], list[int]] = {}
        self._called: dict[tuple[str, str], list[int]] = {}
        self._steps: list[tuple[TraceId, str, Attributes, int]] = []

    def delivered(self, destination: str, received_us: int, priority: int, now_us: int) -> None:
        """An event has arrived."""
        arrived = self._arrived.get((destination, priority))
        if arrived is None:
            arrived = self._arrived[destination, priority] = []
        arrived.append(now_us - received_us)

    def delivered_by(self, destination: str, operation: OperationRow, now_us: int) -> None:
        """An event has arrived with this operation, the last of its own."""
        stamp = operation.stamp
        received_us = int(stamp[16:32], 16)
        # A value that is written once more has the stamp of the event that gave it, which has long arrived.
        if operation.alone or int(stamp[:16], 16) == max(0, min(operation.time_us, received_us)):
            self.delivered(destination, received_us, operation.priority, now_us)

    def routed(self, event: Event, deliveries: Mapping[str, int], now_us: int) -> None:
        """An event met its destinations; the ledger's word of each."""
        if self.tracing.spans is not None:
            words = {f"gainstage.outcome.{name}": WORDS[word] for name, word in deliveries.items()}
            about: Attributes = {"gainstage.source": event.source, "gainstage.kind": event.kind, **words}
            self._step(TraceId.of(event.received_us, event.place), "route", about, now_us)

    def settled(
        self,
        operations: Iterable[OperationRow],
        destination: str,
        object_: str,
        outcome: Outcome,
        status: int | None,
        from_us: int,
    ) -> None:
        """A call for events ended, or they ended without one."""
        if self.tracing.spans is None:
            return
        about: dict[str, str | int] = {
            "gainstage.destination": destination,
            "gainstage.object": object_,
            "gainstage.outcome": type(outcome).__name__.lower(),
            "gainstage.code": getattr(outcome, "code", ""),
        }
        if status is not None:
            about["http.response.status_code"] = status
        for operation in operations:
            stamp = operation.stamp
            self._step(TraceId.of(int(stamp[16:32], 16), int(stamp[32:38], 16)), "deliver", about, from_us)

    def _step(self, event: TraceId, name: str, about: Attributes, from_us: int) -> None:
        if self.tracing.spans is not None and self.tracing.spans.wants(event):
            self._steps.append((event, name, about, from_us))

    def retried(self, destination: str, code: str) -> None:
        """A call for a record failed and is made again later."""
        logger.debug("call_retried", extra={"destination": destination, "code": code})
        self._staged.count("retries", destination, code)

    def called(self, destination: str, result: Response | CallFailed, taken_us: int) -> None:
        """A call has ended."""
        word = result_word(result)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("call_ended", extra={"destination": destination, "result": word, "us": taken_us})
        called = self._called.get((destination, word))
        if called is None:
            called = self._called[destination, word] = []
        called.append(taken_us)

    def turned(self, began_us: int, ending_us: int, now_us: int, *, wrote: bool) -> None:
        """A turn was kept; `ending_us` is when its commit began."""
        self.turns += 1
        self.turned_us = now_us
        if not wrote:
            return
        self._keep()
        steps, self._steps, spans = self._steps, [], self.tracing.spans
        if spans is not None:
            for event, name, about, from_us in steps:
                spans.add(event, name, about, from_us, now_us)
        self.meter.observe("turn", DISK_BOUNDS, (now_us - began_us) / SECOND_US)
        self.meter.observe("store_commit", DISK_BOUNDS, (now_us - ending_us) / SECOND_US)

    def abandoned(self) -> None:
        """A turn was rolled back."""
        self._staged.take()
        self._arrived, self._called, self._steps = {}, {}, []

    def _keep(self) -> None:
        """Count what was staged."""
        meter = self.meter
        meter.add(self._staged.take())
        for (destination, priority), waited in self._arrived.items():
            seconds = (us / SECOND_US for us in waited)
            meter.observe_all("delivery", DELIVERY_BOUNDS, seconds, destination, PRIORITY_WORDS[priority])
        for (destination, word), taken in self._called.items():
            meter.count("calls", destination, word, n=len(taken))
            meter.observe_all("call", CALL_BOUNDS, (us / SECOND_US for us in taken), destination)
        self._arrived, self._called = {}, {}


def result_word(result: Response | CallFailed) -> str:
    """How a call ended, from a closed list."""
    if isinstance(result, CallFailed):
        return "no_answer"
    return "429" if result.status == 429 else f"{result.status // 100}xx"
