"""What vendors may expect of the calls to come after they failed, or asked us to stay away (promise 9)."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum

from gainstage.delivery.flight import Flight
from gainstage.operation import Record
from gainstage.testing.clock import VirtualClock

#: The least seconds until the next call for a record, by how many failed in a row; the last one for more.
LEAST_WAITS = (0.9, 1.8, 3.6, 7.2, 8.0)
#: The longest that anybody waits because it was asked for, in seconds: with a 429, and else.
CEILING_OF_LIMIT, CEILING = 86_400.0, 3_600.0
#: Dates and waits are rounded.
ROUNDING_US = 1_000

#: Whose call is being made: nothing in a request says for which records it is.
FLIGHT: ContextVar[Flight] = ContextVar("FLIGHT")

Lane = tuple[str, Record]
"""A record at a destination."""


class End(Enum):
    """How a call ended. `UNCLEAR`: by an answer that tells nothing of what was asked."""

    ANSWERED, UNCLEAR, THROTTLED, UNAVAILABLE, FAILED, LOST = range(6)


@dataclass(frozen=True)
class Call:
    """A call, as it began."""

    number: int
    #: Whose limit a 429 would be about, and whether it is about that of calls for many people.
    account: str
    bulk: bool
    flight: Flight
    records: frozenset[Record]
    #: It asks what became of a call for many people.
    question: bool
    #: It only asks; `afterwards`: when its conversation had an answer to what it wrote.
    asks: bool
    afterwards: bool
    #: The first one of its conversation.
    first: bool

    @property
    def destination(self) -> str:
        return self.flight.active.connected.name

    @property
    def lanes(self) -> list[Lane]:
        """Its records, each at its destination."""
        return [(self.destination, record) for record in sorted(self.records)]


@dataclass
class Hold:
    """After this call none is to come before."""

    call: Call
    since_us: int
    until_us: int
    #: How many calls failed in a row.
    times: int = 0


@dataclass
class Waiting:
    """Judges when calls come. What was asked for, and what failed, counts once the engine has recorded it.

    Time is what passes; where the clock is set forward, waits are shorter by that.
    """

    clock: VirtualClock
    complain: Callable[[str], None]
    _throttled: list[Hold] = field(default_factory=list)
    _unavailable: dict[str, Hold] = field(default_factory=dict)
    _failing: dict[Lane, Hold] = field(default_factory=dict)
    #: Records of which a call did not succeed, ever: when it fails again, that says nothing of others.
    _failed: set[Lane] = field(default_factory=set)
    _begun: set[Flight] = field(default_factory=set)
    #: Conversations that had an answer to what they wrote.
    _written: set[Flight] = field(default_factory=set)

    def begin(self, number: int, account: str, *, bulk: bool, question: bool) -> Call | None:
        """A call comes in; None where it is none of a conversation."""
        flight = FLIGHT.get(None)
        if flight is None or flight.request is None:
            return None
        works = flight.request.works or range(len(flight.members))
        asks = flight.request.asks or flight.request.method == "GET"
        call = Call(
            number, account, bulk, flight, frozenset(flight.members[work].record for work in works),
            question, asks, asks and flight in self._written, flight not in self._begun,
        )  # fmt: skip
        self._begun.add(flight)
        if not question:
            self._judge(call)
        return call

    def _judge(self, call: Call) -> None:
        for hold in self._throttled:
            if hold.call.account == call.account and (call.bulk or not hold.call.bulk):
                self._expect(call, hold, "was refused for its limit")
        if not call.first:
            return
        if call.destination in self._unavailable:
            self._expect(call, self._unavailable[call.destination], "was told to come later")
        for lane in call.lanes:
            if lane in self._failing:
                failing = self._failing[lane]
                self._expect(call, failing, f"for {lane} failed as number {failing.times} in a row")

    def _expect(self, call: Call, hold: Hold, why: str) -> None:
        """A call that begins at the very instant was reserved before."""
        now_us = self.clock.elapsed_us
        if hold.since_us < now_us < hold.until_us - ROUNDING_US:
            early = (hold.until_us - now_us) / 1e6
            self.complain(f"call {call.number} comes {early:.3f} s too early: call {hold.call.number} {why}")

    def hear(self, call: Call, end: End, asked_us: int | None) -> None:
        """The engine has recorded how a call ended; `asked_us`: until when it is to stay away."""
        now_us = self.clock.elapsed_us
        self._throttled = [hold for hold in self._throttled if hold.until_us > now_us]
        if call.question:
            return
        if end is End.THROTTLED:
            if asked_us is not None:
                until_us = min(asked_us, now_us + int(CEILING_OF_LIMIT * 1e6))
                self._throttled.append(Hold(call, now_us, until_us))
        elif end in (End.ANSWERED, End.UNCLEAR):
            self._answered(call, end)
        elif not call.flight.active.current:
            self.suspect(call)
        elif not call.afterwards and not _is_kept(call, end):
            self._failed_again(call, end, asked_us)

    def suspect(self, call: Call) -> None:
        """Nobody knows whether the engine has recorded that it failed, or it did so under settings of before:
        that is known of its records, and says nothing of others.
        """
        self._failed.update(call.lanes)

    def _answered(self, call: Call, end: End) -> None:
        if not call.asks:
            self._written.add(call.flight)
        for lane in call.lanes:
            self._failing.pop(lane, None)
        if end is End.UNCLEAR:
            self._failed.update(call.lanes)

    def _failed_again(self, call: Call, end: End, asked_us: int | None) -> None:
        now_us, lanes = self.clock.elapsed_us, call.lanes
        asked_us = None if asked_us is None else min(asked_us, now_us + int(CEILING * 1e6))
        if end is End.UNAVAILABLE and asked_us is not None and self._failed.isdisjoint(lanes):
            held = self._unavailable.get(call.destination)
            if held is None or held.until_us < asked_us:
                self._unavailable[call.destination] = Hold(call, now_us, asked_us)
        self._failed.update(lanes)
        for lane in lanes:
            times = self._failing[lane].times + 1 if lane in self._failing else 1
            wait_us = int(LEAST_WAITS[min(times, len(LEAST_WAITS)) - 1] * 1e6)
            until_us = now_us + wait_us if asked_us is None else asked_us
            self._failing[lane] = Hold(call, now_us, until_us, times)

    def edited(self, destination: str) -> None:
        """Its settings changed, it went or came back: what waits is tried at once."""
        self._throttled = [hold for hold in self._throttled if hold.call.destination != destination]
        self._unavailable.pop(destination, None)
        self._failing = {lane: hold for lane, hold in self._failing.items() if lane[0] != destination}

    def jumped(self, seconds: float) -> None:
        """The clock was set."""
        for hold in (*self._throttled, *self._unavailable.values(), *self._failing.values()):
            hold.until_us -= max(0, int(seconds * 1e6))


def _is_kept(call: Call, end: End) -> bool:
    """Whether nothing is repeated: where its answer is lost a person decides, and the next event goes on."""
    holds = getattr(call.flight.active.settings, "on_unknown", "") == "hold"
    return holds and end is End.LOST and any(record.object == "event" for record in call.records)
