"""The budgets of the tenants: how much is used, by whom, and what today will come to."""

import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from gainstage.app.budgets import budget_report
from gainstage.app.configuring import opened
from gainstage.app.moments import iso
from gainstage.app.reports import open_store
from gainstage.app.taking import calls_since
from gainstage.configuration import resolve
from gainstage.connection import Configuration
from gainstage.figures.keeping import Kept
from gainstage.figures.outlook import outlook, slices
from gainstage.figures.periods import between
from gainstage.figures.sample import CALLS, Sample, plus
from gainstage.sqlite import StorageUnavailable
from gainstage.store.reading import Reading
from gainstage.store.rows import BudgetRow

#: Calls by destination: all of them, and those for audiences alone.
Spent = Mapping[str, tuple[int, ...]]


def budget_use(data: Path) -> dict[str, Any]:
    """Every budget in force, with what used it and what is expected.

    Raises:
        UsageError: the folder holds no data.
    """
    now_us = time.time_ns() // 1_000
    with closing(open_store(data)) as reports:
        return reports.ask(lambda reading: _told(data, reading, now_us))


def _told(data: Path, reading: Reading, now_us: int) -> dict[str, Any]:
    documents, rows = opened(data, reading.documents()), reading.budgets()
    configuration = resolve(documents, os.environ, lenient=True).configuration
    limited = _limited(configuration)
    found = []
    for row in rows:
        names = limited.get((row.account, row.family, row.window))
        if names is not None:
            found.append(_budget(data, reading, row, names, now_us))
    return {"at": iso(now_us), "budgets": found}


def _limited(configuration: Configuration) -> dict[tuple[str, str, str], list[str]]:
    """By budget the destinations whose calls count against it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for connected in configuration.destinations.values():
        if connected.settings is not None and connected.enabled:
            for budget in connected.type.budgets(connected.settings):
                found.setdefault(budget.name, []).append(connected.name)
    return found


def _budget(
    data: Path, reading: Reading, row: BudgetRow, destinations: list[str], now_us: int
) -> dict[str, Any]:
    seen = outlook(row, now_us)
    report = {**budget_report(row, now_us), "window_seconds": row.window_us // 1_000_000}
    if seen is None:
        return {**report, "outlook": None, "used_by": None, "steps": []}
    return {
        **report,
        "outlook": {
            "used_today": seen.used_today,
            "expected_today": seen.expected_today,
            "peak": seen.peak,
            "peak_at": iso(seen.peak_us),
            "ends_at": iso(seen.ends_us) if seen.ends_us is not None else None,
            "days": seen.days,
            "trend": seen.trend,
        },
        "used_by": _used_by(row, *_spent(data, reading, now_us - row.window_us), destinations, now_us),
        "steps": [
            {"at": iso(one.number), "live": one.live, "other": one.used - one.live}
            for one in slices(row, now_us)
        ],
    }


def _used_by(
    row: BudgetRow, spent: Spent, since_us: int | None, destinations: list[str], now_us: int
) -> dict[str, Any]:
    """What the window's calls were for. A call's priority is known by the budget (live or not), those for
    audiences by the events that they carried; what is left is history.
    """
    used = row.used(now_us)
    live = sum(one.live for one in row.counted(now_us))
    calls = {name: spent.get(name, (0, 0)) for name in destinations}
    audiences = min(sum(counts[1] for counts in calls.values()), used - live)
    return {
        "since": iso(since_us) if since_us is not None else None,
        "destinations": [{"destination": name, "calls": counts[0]} for name, counts in sorted(calls.items())],
        "beside": max(0, used - sum(counts[0] for counts in calls.values())),
        "live": live,
        "audiences": audiences,
        "history": used - live - audiences,
    }


def _spent(data: Path, reading: Reading, from_us: int) -> tuple[Spent, int | None]:
    """Calls since an instant, and since when they are known if that is later."""
    try:
        with closing(Kept(data, create=False)) as kept, kept.reading():
            oldest_us, newest, last_call = kept.oldest_us(), kept.newest(), kept.last_call()
            if oldest_us is None or newest is None or last_call is None:
                return {}, None
            before = kept.at(max(from_us, oldest_us))
            resets = kept.beginnings(from_us, newest.at_us)
    except StorageUnavailable:
        return {}, None
    values = dict(newest.values)
    for series, counts in calls_since(reading, last_call).items():
        values[series] = plus(values.get(series, ()), counts)
    assert before is not None
    counted = between(before, Sample(newest.at_us, newest.epoch, values), resets)
    found = {one.destination: counts for one, counts in counted.items() if one.kind == CALLS}
    return found, max(from_us, oldest_us)
