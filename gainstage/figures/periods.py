"""From readings to what happened in each step of a period. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from gainstage.figures.delays import delay
from gainstage.figures.sample import (
    CALLS,
    DELAY,
    LIVE,
    UNMET,
    WORDS,
    Gap,
    Sample,
    Series,
    Values,
    added,
    difference,
    plus,
)
from gainstage.reason import WORDS as LEDGER

#: The words of the ledger in the order of their counts.
NAMES: tuple[str, ...] = LEDGER
STANDING = ("failed", "parked", "pending")


class Wanted(NamedTuple):
    """Of one source or destination, or of all."""

    source: str | None = None
    destination: str | None = None

    def has(self, series: Series) -> bool:
        """Whether a series is meant. Calls and delays are of no source, so none is of one."""
        by_source = self.source is None or series.source == self.source
        by_destination = self.destination is None or series.destination == self.destination
        return by_source and (by_destination or series.kind == UNMET)


class Step(NamedTuple):
    """What was counted from one instant to another. `values` is None where no reading tells."""

    from_us: int
    to_us: int
    values: Values | None
    #: As it stood at the end.
    standing: Values
    has_gap: bool


def steps(
    edges: Sequence[int],
    readings: Sequence[Sample | None],
    resets: Sequence[tuple[Sample, Sample]],
    gaps: Sequence[Gap],
    oldest: Sample | None,
) -> list[Step]:
    """The steps between edges, each from the last reading before it; together they are what was counted."""
    found = []
    for at, (from_us, to_us) in enumerate(pairwise(edges)):
        before, after = readings[at] or oldest, readings[at + 1]
        has_gap = any(gap.from_us < to_us and gap.until_us > from_us for gap in gaps)
        values: Values | None = None
        if before is not None and after is not None and after.at_us > before.at_us:
            values = between(before, after, resets)
        unknown = oldest is None or oldest.at_us > from_us
        found.append(Step(from_us, to_us, values, after.values if after else {}, has_gap or unknown))
    return found


def between(before: Sample, after: Sample, resets: Sequence[tuple[Sample, Sample]]) -> Values:
    """What was counted between two readings, also where counting began anew in between."""
    parts, begun = [], before
    for last, first in resets:
        if before.at_us <= last.at_us and first.at_us <= after.at_us:
            parts.append(difference(begun, last))
            begun = first
    return added([*parts, difference(begun, after)])


def told(values: Values, wanted: Wanted) -> dict[str, Any]:
    """Figures of all that is wanted together."""
    words, unmet, calls = (0,) * len(NAMES), (0, 0), 0
    delays: tuple[int, ...] = ()
    for series, counts in values.items():
        if not wanted.has(series):
            continue
        if series.kind == WORDS:
            words = tuple(map(sum, zip(words, counts, strict=True)))
        elif series.kind == UNMET:
            unmet = (unmet[0] + counts[0], unmet[1] + counts[1])
        elif series.kind == CALLS:
            calls += counts[0]
        elif series.kind == DELAY and series.priority in ("", LIVE):
            delays = plus(delays, counts)
    found = dict(zip(NAMES, words, strict=True))
    of_all = wanted.source is None
    return {
        "received": sum(words),
        **found,
        "refused": unmet[0],
        "duplicates": unmet[1],
        "calls": calls if of_all else None,
        "calls_saved": max(0, found["delivered"] - calls) if of_all else None,
        "delay": delay(delays),
    }


def point(step: Step, wanted: Wanted) -> dict[str, Any]:
    """A step as it is shown; its figures are null where none is known."""
    empty: Mapping[str, Any] = dict.fromkeys(told({}, wanted))
    figures = told(step.values, wanted) if step.values is not None else empty
    at_end = told(step.standing, wanted) if step.standing else empty
    standing = {name: at_end[name] for name in STANDING}
    return {**figures, "standing": standing, "gap": step.has_gap}


def by_connection(values: Values, standing: Values, wanted: Wanted) -> list[dict[str, Any]]:
    """Of each connection what was counted, and how much failed and waits now."""
    found = []
    for series in sorted(standing):
        if series.kind != WORDS or not wanted.has(series):
            continue
        counts = dict(zip(NAMES, values.get(series, (0,) * len(NAMES)), strict=True))
        now = dict(zip(NAMES, standing[series], strict=True))
        row = {"source": series.source, "destination": series.destination, "received": sum(counts.values())}
        found.append({**row, **counts, "standing": {name: now[name] for name in STANDING}})
    return found


def by_destination(values: Values, wanted: Wanted) -> list[dict[str, Any]]:
    """Of each destination the calls and what they delivered, and how long that took."""
    names = sorted({series.destination for series in values if series.destination and wanted.has(series)})
    found = []
    for name in names:
        of_it = {series: counts for series, counts in values.items() if series.destination == name}
        figures = told(of_it, Wanted())
        calls = of_it.get(Series(CALLS, destination=name), (0, 0))
        delays = {
            series.priority: delay(counts) for series, counts in sorted(of_it.items()) if series.kind == DELAY
        }
        shown = {one: figures[one] for one in ("delivered", "calls", "calls_saved", "delay")}
        found.append({"destination": name, **shown, "audience_calls": calls[1], "delay_by_priority": delays})
    return found
