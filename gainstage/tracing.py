"""An event's path as a trace: accepted, routed, delivered. What a span may say, and whose trace it is in.

Both processes find an event's trace by when it was received and its place in its request, so that nothing
about traces is kept with events. Attributes hold names of the configuration, kinds, words and codes:
never ids, names or values of an event. Nothing here is done while nothing is traced.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple, Protocol

Attributes = Mapping[str, str | int]


class TraceId(NamedTuple):
    """An event's trace and its first span."""

    trace: int
    root: int

    @classmethod
    def of(cls, received_us: int, place: int) -> "TraceId":
        """The trace of an event."""
        digest = blake2b(b"gainstage %d %d" % (received_us, place), digest_size=24).digest()
        return cls(int.from_bytes(digest[:16]), int.from_bytes(digest[16:]))

    def is_sampled(self, percent: float) -> bool:
        """Whether it is one of so many in a hundred; every process says the same."""
        return (self.trace & 0xFFFF_FFFF) < percent / 100 * 2**32


class Spans(Protocol):
    """Where spans go. Never waits."""

    def add(
        self,
        event: TraceId,
        name: str,
        attributes: Attributes,
        from_us: int,
        to_us: int,
        *,
        root: bool = False,
    ) -> None:
        """A step of an event's path; the first one is the `root`."""
        ...

    def wants(self, event: TraceId) -> bool:
        """Whether this event is traced."""
        ...

    def close(self) -> None:
        """Send what is left, within moments, and let go."""
        ...


class Tracing:
    """What is traced now; changes with the configuration."""

    def __init__(self) -> None:
        #: None: nothing.
        self.spans: Spans | None = None
