"""Whether there is room for more events: senders are asked to wait before anything breaks. Pure.

A limit that was reached holds until there is clearly room again, so that nobody is turned away by turns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gainstage.ingest.answers import Answer, overloaded
from gainstage.operating import Limits

#: Of the disk, so much more than the limit is to be free again; of what waits, so much less.
FREE_AGAIN, GONE_AGAIN = 1.25, 0.9


class Reading(NamedTuple):
    """How things stand."""

    free_bytes: int
    disk_bytes: int
    waiting_events: int
    unrouted_messages: int


@dataclass
class Limit:
    """One limit, and how things stand with it."""

    name: str
    #: 0: switched off.
    limit: int = 0
    value: int = 0
    since_us: int | None = None
    sentence: str = ""

    @property
    def reached(self) -> bool:
        """Whether senders are asked to wait for it."""
        return self.since_us is not None

    def weigh(self, limit: int, value: int, now_us: int) -> None:
        """Take a reading in."""
        self.limit, self.value = limit, value
        if self.name == "free_disk":
            bound = int(limit * FREE_AGAIN) if self.reached else limit
            over = value < bound
            self.sentence = (
                f"Less than {written(limit)} of the disk are free ({written(value)}); free some space."
            )
        else:
            bound = int(limit * GONE_AGAIN) if self.reached else limit
            over = value > bound
            self.sentence = _SENTENCES[self.name].format(value=value, limit=limit)
        if limit and over:
            self.since_us = now_us if self.since_us is None else self.since_us
        else:
            self.since_us = None


_SENTENCES = {
    "waiting_events": "{value:,} events wait for delivery, and the limit is {limit:,}; see what is blocked.",
    "unrouted_messages": "Delivery is {value:,} messages behind, and the limit is {limit:,}.",
}


class Pressure:
    """All limits together. Without a reading there is room."""

    def __init__(self) -> None:
        self.limits = {name: Limit(name) for name in ("free_disk", "waiting_events", "unrouted_messages")}
        #: What senders are told while a limit is reached; None while there is room.
        self.refusal: Answer | None = None
        self.reading: Reading | None = None

    def weigh(self, limits: Limits, reading: Reading, now_us: int) -> bool:
        """Take a reading in; True when it changes whether there is room."""
        self.reading = reading
        self.limits["free_disk"].weigh(limits.free_bytes(reading.disk_bytes), reading.free_bytes, now_us)
        self.limits["waiting_events"].weigh(limits.waiting_events, reading.waiting_events, now_us)
        self.limits["unrouted_messages"].weigh(limits.unrouted_messages, reading.unrouted_messages, now_us)
        before, reached = self.refusal is not None, bool(self.problems)
        if reached:
            self.refusal = overloaded(limits.retry_after_seconds)
        else:
            self.refusal = None
        return before is not reached

    @property
    def problems(self) -> Mapping[str, str]:
        """A sentence for each limit that is reached."""
        return {name: one.sentence for name, one in self.limits.items() if one.reached}

    def report(self) -> list[dict[str, Any]]:
        """Every limit that is not switched off, and how things stand with it."""
        return [
            {"limit": name, "at": one.limit, "value": one.value, "reached": one.reached,
             "since_us": one.since_us, "detail": one.sentence if one.reached else ""}
            for name, one in self.limits.items()
            if one.limit
        ]  # fmt: skip


def written(size_bytes: int) -> str:
    """A size for people."""
    for unit, length in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size_bytes >= length:
            return f"{size_bytes / length:.3g} {unit}"
    return f"{size_bytes} bytes"
