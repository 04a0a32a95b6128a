"""How many events a second a source may send. Answers how long to wait and never waits itself."""

from gainstage.clock import SECOND_US
from gainstage.connection import Source

#: No SDK is sent away for longer than this many seconds.
WAIT_SECONDS_AT_MOST = 300


class RateLimits:
    """One bucket per source, refilled at its rate and as deep as one second.

    A batch passes whole while anything is left in the bucket, and what it takes beyond is waited for later.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, int]] = {}

    def wait_seconds(self, source: Source, now_us: int) -> int:
        """0 if the source may send now, else for how many seconds it may not."""
        if source.rate_limit is None:
            return 0
        left = self._left(source.name, source.rate_limit, now_us)
        if left > 0:
            return 0
        return min(WAIT_SECONDS_AT_MOST, int(-left / source.rate_limit) + 1)

    def take(self, source: Source, events: int, now_us: int) -> None:
        """Count events that were let in."""
        if source.rate_limit is not None:
            left = self._left(source.name, source.rate_limit, now_us)
            self._buckets[source.name] = (left - events, now_us)

    def _left(self, name: str, rate: int, now_us: int) -> float:
        left, since_us = self._buckets.get(name, (float(rate), now_us))
        return min(float(rate), left + max(0, now_us - since_us) * rate / SECOND_US)
