"""What needs somebody: everything that stands in the way, what it means, what to do, and where to look."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from gainstage.app.configuring import opened
from gainstage.app.moments import iso
from gainstage.app.remarks import status_of
from gainstage.app.reports import blocked, open_store
from gainstage.app.standing import standing
from gainstage.configuration import resolve
from gainstage.connection import Configuration
from gainstage.figures.outlook import outlook
from gainstage.reason import REASONS
from gainstage.store.heaps import HeapRow
from gainstage.store.reading import Reading
from gainstage.store.rows import BudgetRow

#: What is told first.
SEVERITIES = ("error", "warning", "note")
#: Traits without a field, the most frequent of a destination.
TRAITS_TOLD = 10
#: A budget is told of when it is expected to come to so many percent.
EXPECTED_PERCENT = 90

Item = dict[str, Any]


def attention(data: Path) -> dict[str, Any]:
    """Everything that needs somebody, the most severe first.

    Raises:
        UsageError: the folder holds no data.
    """
    now_us = time.time_ns() // 1_000
    with closing(open_store(data)) as reports:
        found = reports.ask(lambda reading: list(_items(data, reading, now_us)))
    return {
        "at": iso(now_us),
        "items": sorted(found, key=lambda item: (SEVERITIES.index(item["severity"]), -(item["count"] or 0))),
    }


def _items(data: Path, reading: Reading, now_us: int) -> Iterator[Item]:
    resolved = resolve(opened(data, reading.documents()), os.environ, lenient=True)
    configuration = resolved.configuration
    yield from _blocked(configuration, blocked(reading, now_us))
    yield from _alerts(standing(reading.alerts()))
    yield from _heaps(reading.heaps.all())
    yield from _budgets(reading.budgets(), now_us)
    for warning in resolved.warnings:
        kind, _, name = warning.place.partition(".")[0].partition(" ")
        yield _item("configuration", "warning", "The configuration has a warning", str(warning),
                    "Correct the setting that it names.", page=_page(kind), name=name)  # fmt: skip
    yield from _schemas(configuration, reading)
    yield from _names(status_of(reading, now_us))
    yield from _unmapped(configuration, reading.unmapped())


def _item(
    kind: str,
    severity: str,
    title: str,
    detail: str,
    remedy: str,
    *,
    count: int | None = None,
    since: str | None = None,
    page: str = "status",
    **where: Any,
) -> Item:
    """`where`: the page that shows it, and of what."""
    return {
        "kind": kind,
        "severity": severity,
        "title": title,
        "detail": detail,
        "remedy": remedy,
        "count": count,
        "since": since,
        "where": {"page": page, **{name: value for name, value in where.items() if value}},
    }


def _title(code: str) -> str:
    known = REASONS.get(code)
    return known.title[:1].upper() + known.title[1:] if known else code


def _page(kind: str) -> str:
    return {"destination": "destination", "source": "source", "audience": "audiences"}.get(kind, "settings")


def _blocked(configuration: Configuration, rows: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
    for row in rows:
        name, reason = row["destination"], row["reason"] or ""
        connected = configuration.destinations.get(name)
        if connected is None or not connected.enabled:
            continue
        known = REASONS.get(reason)
        if reason == "paused":
            yield _item("paused", "note", f"{name} is paused", "Its events wait.", "Resume it.",
                        since=row["since"], page="destination", name=name)  # fmt: skip
        else:
            yield _item(
                "blocked", "error", f"Nothing is sent to {name}: {_title(reason)}",
                row["detail"] or "", known.remedy if known else "", since=row["since"],
                page="destination", name=name,
            )  # fmt: skip


def _alerts(rows: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
    for row in rows:
        if row["alert"] == "blocked":  # told already, with its remedy
            continue
        title, remedy, page = _ALERTS.get(row["alert"], (row["alert"], "", "about"))
        yield _item("alert", "error", title, row["detail"], remedy, since=row["since"], page=page)


#: What an alert is called, what to do, and where to look.
_ALERTS = {
    "budget": (
        "A budget is nearly used up",
        "See what used it; lower what is not urgent (audiences, replays), or have Gainsight raise it.",
        "overview",
    ),
    "oldest_pending": ("Events have waited for long", "See why the oldest of them wait.", "events"),
    "disk": ("The disk is nearly full", "Free some space, or keep less (retention).", "about"),
    "limit": ("Senders are asked to wait", "See what is blocked, or make room.", "about"),
    "unusable": ("The data cannot be written", "The server's log says why.", "about"),
    "delivery": ("Nothing is delivered", "The server's log says why.", "about"),
    "canary": ("The canary has not arrived", "See what its destination says.", "destinations"),
}


def _heaps(rows: Iterable[HeapRow]) -> Iterator[Item]:
    for row in rows:
        known = REASONS.get(row.code)
        where = f" at {row.destination}" if row.destination else ""
        severity = "error" if row.word == "failed" else "warning"
        yield _item(
            row.word if row.destination else "refused", severity,
            f"{_title(row.code)}{where}", known.cause if known else "",
            known.remedy if known else "", count=row.events, since=iso(row.since_us), page="fixes",
            destination=row.destination, reason=row.code,
        )  # fmt: skip


def _budgets(rows: Iterable[BudgetRow], now_us: int) -> Iterator[Item]:
    for row in rows:
        seen = outlook(row, now_us)
        usable = row.usable_at(now_us)
        if seen is None or seen.peak * 100 < usable * EXPECTED_PERCENT:
            continue
        name = f"{row.account}, {row.family}"
        if seen.ends_us is not None:
            when = "now" if seen.ends_us <= now_us else f"by {iso(seen.ends_us)[:16]} UTC".replace("T", " ")
            title = f"The calls of a {row.window} to {name} are used up {when}"
        else:
            title = f"The calls of a {row.window} to {name} will be nearly used up"
        detail = f"{row.used(now_us):,} of {usable:,} are used; {seen.peak:,} are expected at the most."
        yield _item("budget", "warning", title, detail, _ALERTS["budget"][1], page="overview")


def _schemas(configuration: Configuration, reading: Reading) -> Iterator[Item]:
    for connected in configuration.destinations.values():
        doctor = connected.type.doctor
        if doctor is None or connected.settings is None or not connected.enabled:
            continue
        schema = reading.schema(connected.tenant)
        for one in doctor.examine(connected.settings, schema) if schema is not None else ():
            if one.level in ("error", "warning"):
                severity = "warning" if one.level == "warning" else "error"
                yield _item(
                    "schema", severity, f"A field of {connected.name} does not fit", one.message,
                    "Correct the mapping, or read the fields again.", page="destination",
                    name=connected.name, setting=one.setting,
                )  # fmt: skip


def _names(found: Mapping[str, Any]) -> Iterator[Item]:
    for row in found["near_misses"]:
        yield _item(
            "near_miss", "warning", f"{row['source']} sends an integration key that means nothing",
            f"{row['key']!r} turns nothing on or off: the name is {row['meant']!r}.",
            f"Write {row['meant']!r} where the SDK is called.", count=row["count"], page="source",
            name=row["source"],
        )  # fmt: skip
    for row in found["event_names"]:
        if row["runs_out"]:
            yield _item(
                "names", "warning", f"Event names of {row['account']} run out",
                f"{row['used']:,} of {row['limit']:,} are in use; an event with one more fails.",
                "Put values (ids, dates) in properties, not in names.", page="names",
            )  # fmt: skip


def _unmapped(configuration: Configuration, found: Mapping[str, Mapping[str, int]]) -> Iterator[Item]:
    for name, traits in found.items():
        if name not in configuration.destinations or not traits:
            continue
        most = sorted(traits, key=lambda trait: (-traits[trait], trait))[:TRAITS_TOLD]
        more = f" and {len(traits) - len(most)} more" if len(traits) > len(most) else ""
        yield _item(
            "unmapped", "note", f"{name} has no field for some traits",
            f"Not sent: {', '.join(trait[:100] for trait in most)}{more}.",
            "Map those that Gainsight should have.", count=sum(traits.values()), page="mapping", name=name,
        )  # fmt: skip
