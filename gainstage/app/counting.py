"""What was counted over a period, step by step, and as it stands now: for `gainstage figures` and the API."""

import asyncio
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gainstage.app.filtering import read_moment
from gainstage.app.moments import iso
from gainstage.app.reports import Reports, open_store
from gainstage.app.taking import Standing, calls_since
from gainstage.clock import SECOND_US
from gainstage.errors import UsageError
from gainstage.figures import periods
from gainstage.figures.ages import AGES, GAP_US, MINUTE_US, step_us
from gainstage.figures.keeping import Kept
from gainstage.figures.periods import Step, Wanted
from gainstage.figures.sample import UNMET, WORDS, Gap, Sample, Series, added, plus
from gainstage.reason import WORDS as NAMES
from gainstage.sqlite import StorageUnavailable

USUAL_PERIOD = "24h"


class Period(NamedTuple):
    """A period and of what. Without a step one is chosen; without an end it ends now."""

    from_: str = USUAL_PERIOD
    to: str | None = None
    step: int | None = None
    source: str | None = None
    destination: str | None = None


def figures(data: Path, asked: Period) -> dict[str, Any]:
    """The figures of a period.

    Raises:
        UsageError: the period is none, or the folder holds no data.
    """
    now_us = time.time_ns() // 1_000
    from_us, to_us = _period(asked, now_us)
    wanted = Wanted(asked.source, asked.destination)
    with closing(open_store(data)) as reports:
        now = _Now(reports, data, now_us)
        length_us = step_us(from_us, to_us or now_us, now_us, (asked.step or 0) * SECOND_US or None)
        edges = _edges(from_us, to_us or now_us, length_us)
        steps, gaps, oldest_us, problem = _read(data, edges, now, ends_now=to_us is None)
        shown = now.shown(wanted)
    sums = added([step.values for step in steps if step.values is not None])
    standing = steps[-1].standing if steps else {}
    return {
        "from": iso(edges[0]),
        "to": iso(edges[-1]),
        "step_seconds": length_us // SECOND_US,
        "since": iso(oldest_us) if oldest_us is not None else None,
        "problem": problem,
        "totals": periods.told(sums, wanted),
        "connections": periods.by_connection(sums, standing, wanted),
        "destinations": periods.by_destination(sums, wanted),
        "steps": [{"at": iso(step.from_us), **periods.point(step, wanted)} for step in steps],
        "gaps": [{"from": iso(one.from_us), "to": iso(one.until_us), "reason": one.reason} for one in gaps],
        "now": shown,
    }


class _Now:
    """How things stand now, as `status` says it."""

    def __init__(self, reports: Reports, data: Path, now_us: int) -> None:
        self._at_us = now_us
        self._rows, self._unmet = asyncio.run(reports.counts_now())
        self._reports = reports

    def shown(self, wanted: Wanted) -> dict[str, Any]:
        """The counts of every connection that is wanted."""
        rows = [row for row in self._rows if wanted.has(Series(WORDS, row["source"], row["destination"]))]
        return {"at": iso(self._at_us), "connections": rows}

    def sample(self, newest: Sample | None, last_call: int | None) -> Sample:
        """A reading of now, that follows on the newest one."""
        words: Standing = {
            Series(WORDS, row["source"], row["destination"]): tuple(row[name] for name in NAMES)
            for row in self._rows
        }
        unmet: Standing = {
            Series(UNMET, source): (counts["refused"], counts["duplicates"])
            for source, counts in self._unmet.items()
        }
        values = {**(newest.values if newest else {}), **words, **unmet}
        if last_call is not None:
            for series, counts in self._reports.ask(lambda reading: calls_since(reading, last_call)).items():
                values[series] = plus(values.get(series, ()), counts)
        return Sample(self._at_us, newest.epoch if newest else 1, values)


def _read(
    data: Path, edges: list[int], now: _Now, *, ends_now: bool
) -> tuple[list[Step], list[Gap], int | None, str | None]:
    """The steps, the gaps, since when figures are kept; or why they cannot be read."""
    try:
        with closing(Kept(data, create=False)) as kept, kept.reading():
            readings = [kept.at(edge) for edge in edges]
            oldest_us, newest = kept.oldest_us(), kept.newest()
            gaps, resets = kept.gaps(edges[0], edges[-1]), kept.beginnings(edges[0], edges[-1])
            if ends_now and newest is not None:
                readings[-1] = now.sample(newest, kept.last_call())
                if edges[-1] - newest.at_us > GAP_US:
                    gaps.append(Gap(newest.at_us, edges[-1], "stopped"))
            oldest = kept.at(oldest_us) if oldest_us is not None else None
            return periods.steps(edges, readings, resets, gaps, oldest), gaps, oldest_us, None
    except StorageUnavailable as error:
        return periods.steps(edges, [None] * len(edges), (), (), None), [], None, str(error)


def _period(asked: Period, now_us: int) -> tuple[int, int | None]:
    now = datetime.fromtimestamp(now_us / SECOND_US, UTC)
    from_us = read_moment(asked.from_, now)
    to_us = read_moment(asked.to, now) if asked.to else None
    if asked.step is not None and asked.step < MINUTE_US // SECOND_US:
        raise UsageError("The shortest step is 60 seconds.")
    if from_us >= min(to_us if to_us is not None else now_us, now_us):
        raise UsageError("The period must begin before it ends, and in the past.")
    from_us = max(from_us, now_us - AGES[-1].until_us)
    if to_us is not None and to_us <= from_us:
        raise UsageError("Figures are kept for five years: choose a period that is not over for longer.")
    return from_us, to_us if to_us is not None and to_us < now_us else None


def _edges(from_us: int, to_us: int, length_us: int) -> list[int]:
    """From the full step in which the period begins, to its end."""
    first = from_us // length_us * length_us
    return [*range(first, to_us, length_us), to_us]
