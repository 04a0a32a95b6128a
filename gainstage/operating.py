"""What an operator sets for the server as a whole: limits, alerts, the canary, traces. Plain data.

Built from the configuration; secrets in here are plain text and must never be printed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTE_SECONDS = 60
#: The source of the canary's events: no name that a configuration could give.
CANARY_SOURCE = "gainstage:canary"


@dataclass(frozen=True)
class Limits:
    """Where the tracking API begins to ask senders to wait. 0 switches a limit off."""

    #: None: by the size of the disk, see `free_bytes`.
    free_disk_bytes: int | None = None
    #: Events that were routed and wait at some destination.
    waiting_events: int = 10_000_000
    #: Messages that were accepted and not yet routed.
    unrouted_messages: int = 2_000_000
    #: What senders are told to wait.
    retry_after_seconds: int = 30

    def free_bytes(self, disk_bytes: int) -> int:
        """How much of a disk of this size is to stay free: 1 GiB, or a twentieth where that is less."""
        if self.free_disk_bytes is not None:
            return self.free_disk_bytes
        return min(1024**3, disk_bytes // 20)


@dataclass(frozen=True)
class Alerts:
    """Whom to tell, and from when on. Without a webhook the log alone is told."""

    webhook: str | None = field(default=None, repr=False)
    #: Signs what is sent.
    secret: str | None = field(default=None, repr=False)
    #: 0: never.
    oldest_pending_seconds: int = 60 * MINUTE_SECONDS
    blocked_after_seconds: int = MINUTE_SECONDS
    #: An alert has ended when nothing of it was seen for so long.
    ends_after_seconds: int = MINUTE_SECONDS


@dataclass(frozen=True)
class Canary:
    """An event of our own that goes along the real path, again and again."""

    #: The destinations that it goes to, by name.
    destinations: frozenset[str]
    every_seconds: int = 15 * MINUTE_SECONDS
    #: An event that has not arrived by then is an alert.
    within_seconds: int = 5 * MINUTE_SECONDS


@dataclass(frozen=True)
class Traces:
    """Where to send spans, by OTLP over HTTP."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Of a hundred events, how many are traced.
    sample_percent: float = 100.0
