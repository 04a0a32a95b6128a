"""Counters and histograms of one process, to be read by whoever shows them. Pure; knows no library.

Labels take values from closed lists only: names of sources and destinations, codes, words.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

Labels = tuple[str, ...]
T = TypeVar("T")

#: From receipt to the vendor's yes: a moment while nothing waits, days after a vendor was down.
DELIVERY_BOUNDS = (
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    300.0,
    900.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
)
#: A call to a vendor, which has 15 s.
CALL_BOUNDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
#: What waits for a disk.
DISK_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram(msgspec.Struct):
    """How often what was measured fell between bounds; the last count is of what lay above all of them."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    @classmethod
    def of(cls, bounds: tuple[float, ...]) -> "Histogram":
        """An empty one."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def observe(self, seconds: float) -> None:
        """Count one measurement. A clock that was set back makes it none below zero."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def observe_all(self, measured: Iterable[float]) -> None:
        """Count many measurements."""
        bounds, counts, total = self.bounds, self.counts, self.total
        for seconds in measured:
            if seconds > 0.0:
                total += seconds
            counts[bisect_left(bounds, seconds)] += 1
        self.total = total

    def add(self, other: "Histogram") -> None:
        """Count what another one of the same bounds has counted."""
        if other.bounds != self.bounds:
            raise ValueError("histograms of different bounds cannot be added")
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    @property
    def observed(self) -> int:
        """How many measurements there were."""
        return sum(self.counts)


class Figures(msgspec.Struct):
    """What was counted and measured, by name and labels."""

    counters: dict[str, list[tuple[Labels, float]]] = {}
    histograms: dict[str, list[tuple[Labels, Histogram]]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was."""
        return not self.counters and not self.histograms


class Meter:
    """Counts and measures. Used by one thread."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, Labels], float] = {}
        self._histograms: dict[tuple[str, Labels], Histogram] = {}

    def count(self, name: str, *labels: str, n: float = 1) -> None:
        """Add to a counter."""
        key = (name, labels)
        self._counters[key] = self._counters.get(key, 0) + n

    def observe(self, name: str, bounds: tuple[float, ...], seconds: float, *labels: str) -> None:
        """Add to a histogram, made with these bounds at first."""
        self._histogram(name, bounds, labels).observe(seconds)

    def observe_all(
        self, name: str, bounds: tuple[float, ...], measured: Iterable[float], *labels: str
    ) -> None:
        """Add many measurements to a histogram, made with these bounds at first."""
        self._histogram(name, bounds, labels).observe_all(measured)

    def _histogram(self, name: str, bounds: tuple[float, ...], labels: Labels) -> Histogram:
        key = (name, labels)
        histogram = self._histograms.get(key)
        if histogram is None:
            histogram = self._histograms[key] = Histogram.of(bounds)
        return histogram

    def add(self, figures: Figures) -> None:
        """Add what another process counted and measured."""
        for name, counted in figures.counters.items():
            for labels, n in counted:
                self.count(name, *labels, n=n)
        for name, measured in figures.histograms.items():
            for labels, histogram in measured:
                known = self._histograms.get((name, labels))
                if known is None:
                    known = self._histograms[name, labels] = Histogram.of(histogram.bounds)
                known.add(histogram)

    def take(self) -> Figures:
        """What was counted since the last time."""
        found = self.figures()
        self._counters, self._histograms = {}, {}
        return found

    def figures(self) -> Figures:
        """Everything that was counted."""
        return Figures(_by_name(self._counters), _by_name(self._histograms))

    def counted(self, name: str) -> Mapping[Labels, float]:
        """The counters of a name."""
        return {labels: n for (known, labels), n in self._counters.items() if known == name}

    def measured(self, name: str) -> Mapping[Labels, Histogram]:
        """The histograms of a name."""
        return {labels: one for (known, labels), one in self._histograms.items() if known == name}


def _by_name(series: Mapping[tuple[str, Labels], T]) -> dict[str, list[tuple[Labels, T]]]:
    found: dict[str, list[tuple[Labels, T]]] = {}
    for (name, labels), value in series.items():
        found.setdefault(name, []).append((labels, value))
    return found
