"""How long events took to arrive, from counts between bounds. Pure."""

from collections.abc import Sequence
from typing import Any

from gainstage.meter import DELIVERY_BOUNDS

HALF, MOST = 0.5, 0.95


def delay(counts: Sequence[int]) -> dict[str, Any] | None:
    """What half of the events, and 95 of a hundred, took at most, in seconds; None where none arrived.

    Between two bounds events are taken to lie evenly. What lay above the last one counts as that.
    """
    events = sum(max(0, count) for count in counts)
    if not events or len(counts) != len(DELIVERY_BOUNDS) + 1:
        return None
    return {
        "events": events,
        "median_seconds": _quantile(counts, events * HALF),
        "p95_seconds": _quantile(counts, events * MOST),
    }


def _quantile(counts: Sequence[int], wanted: float) -> float:
    below, reached = 0.0, 0
    for bound, count in zip(DELIVERY_BOUNDS, counts, strict=False):
        if count > 0 and reached + count >= wanted:
            return round(below + (bound - below) * (wanted - reached) / count, 3)
        below, reached = bound, reached + max(0, count)
    return DELIVERY_BOUNDS[-1]
