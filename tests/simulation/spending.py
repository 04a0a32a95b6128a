"""Calls that the vendors counted, held against the limits in force when each was made (promise 6)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from gainstage.testing.clock import VirtualClock

Limits = dict[str, dict[int, int]]
"""By what they belong to: seconds of a window, and the most calls in any of that length."""


@dataclass
class Spending:
    """Counts. A limit holds from the moment when the engine knows of it, whatever was allowed before: what
    was made until then counts, and is no fault by itself.
    """

    clock: VirtualClock
    complain: Callable[[str], None]
    _limits: Limits = field(default_factory=dict)
    #: Limits that held until this very instant: calls that were reserved by them begin now.
    _until_now: list[Limits] = field(default_factory=list)
    _known_us: int = -1
    _made_us: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    #: Windows in which the clock was set forward are not judged: some of their calls are long ago for us.
    _forward_us: int | None = None

    def know(self, limits: Limits) -> None:
        """The engine has read these limits."""
        if limits == self._limits:
            return
        if self.clock.elapsed_us != self._known_us:
            self._known_us, self._until_now = self.clock.elapsed_us, []
        self._until_now.append(self._limits)
        self._limits = limits

    def jumped(self, seconds: float) -> None:
        """The clock was set."""
        if seconds > 0:
            self._forward_us = self.clock.elapsed_us

    def count(self, limit: str, account: str) -> None:
        """A call came in, and counts against this limit of that account."""
        now_us = self.clock.elapsed_us
        made = self._made_us[(limit, account)]
        made.append(now_us)
        for seconds in self._limits.get(limit, {}):
            since_us = now_us - seconds * 1_000_000
            judged = self._forward_us is None or since_us >= self._forward_us
            within, most = len(made) - bisect_right(made, since_us), self._most(limit, seconds)
            if judged and most is not None and within > most:
                self.complain(f"{limit}: {within} calls within {seconds} s; {most} are allowed")

    def _most(self, limit: str, seconds: int) -> int | None:
        known = [self._limits, *(self._until_now if self._known_us == self.clock.elapsed_us else ())]
        found = [limits.get(limit, {}).get(seconds) for limits in known]
        return None if None in found else max(one for one in found if one is not None)
