"""What is going on: what became of events and how long they took, budgets, and what needs somebody."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from starlette.responses import Response

from gainstage.computed import source_shown
from gainstage.dashboard.charts import Series
from gainstage.dashboard.rooms import Room
from gainstage.dashboard.visit import Visit

WORDS = ("received", "delivered", "filtered", "failed", "parked", "pending")
#: Slices of a budget's window that are drawn as one bar.
SLICES_A_BAR = 3


class Period(NamedTuple):
    """A choice: what it is called, when it begins, how long its steps are, and how these are written."""

    label: str
    from_: str
    step: int
    written: str


PERIODS = {
    "1h": Period("Last hour", "1h", 300, "%H:%M"),
    "24h": Period("Last 24 hours", "24h", 3_600, "%H:%M"),
    "7d": Period("Last 7 days", "7d", 21_600, "%d %b %H:%M"),
    "30d": Period("Last 30 days", "30d", 86_400, "%d %b"),
    "90d": Period("Last 90 days", "90d", 604_800, "%d %b"),
    "all": Period("All time", "1830d", 60 * 86_400, "%b %Y"),
}
#: Where the things lead that need somebody.
PAGES = {
    "about": "/about",
    "audiences": "/audiences",
    "destinations": "/destinations",
    "events": "/events",
    "names": "/names",
    "overview": "/overview",
    "settings": "/settings",
    "status": "/about",
}


async def show_overview(visit: Visit) -> Response:
    """The figures of a period, of all connections or of some."""
    chosen = visit.query("period") if visit.query("period") in PERIODS else "24h"
    period = PERIODS[chosen]
    wanted = {name: visit.query(name) for name in ("source", "destination")}
    figures, budgets, attention = await asyncio.gather(
        visit.get("/api/figures", **{"from": period.from_, "step": period.step}, **wanted),
        visit.get("/api/budgets"),
        visit.get("/api/attention"),
    )
    if visit.wants_json:
        return await visit.page("", {"figures": figures, **budgets, "attention": attention["items"]})
    items = [{**one, "address": _address(visit, one["where"])} for one in attention["items"]]
    rows = figures["now"]["connections"] if chosen == "all" else figures["connections"]
    choices = _choices(figures, wanted)
    return await visit.page(
        "overview.html",
        {
            "figures": figures,
            "chosen": chosen,
            "periods": [(key, one.label) for key, one in PERIODS.items()],
            "wanted": wanted,
            "choices": choices,
            "rows": rows,
            "sums": {word: sum(row[word] for row in rows) for word in WORDS},
            "standing": {(row["source"], row["destination"]): row for row in figures["now"]["connections"]},
            "events": _events(visit, figures, wanted, bounded=chosen != "all"),
            "items": items,
            "budgets": [_budget(one) for one in budgets["budgets"] if one["outlook"] is not None],
            "charts": _charts(visit, figures, period.written, wanted),
        },
    )


def _choices(figures: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The sources and destinations to choose from."""
    rows = figures["connections"] + figures["now"]["connections"]
    return {
        name: [
            (one, source_shown(one)) for one in sorted({row[name] for row in rows} | {wanted[name]} - {""})
        ]
        for name in ("source", "destination")
    }


def _events(visit: Visit, figures: Mapping[str, Any], wanted: Mapping[str, str], *, bounded: bool) -> Any:
    """How a figure finds the page of the events behind it."""
    since = figures["from"] if bounded else ""

    def address(outcome: str = "", source: str = "", destination: str = "") -> str:
        chosen = {"source": source or wanted["source"], "destination": destination or wanted["destination"]}
        return visit.url("/events", **chosen, outcome=outcome, since=since)

    return address


def _address(visit: Visit, where: Mapping[str, str]) -> str:
    page, name = where["page"], where.get("name", "")
    if page == "fixes":
        return visit.url("/fix", destination=where.get("destination"), reason=where.get("reason"))
    if page in ("destination", "source"):
        return visit.url(f"/{page}s/{name}")
    if page == "mapping":
        return visit.url(f"/destinations/{name}/mapping")
    outcome = "pending" if page == "events" else ""
    return visit.url(PAGES.get(page, "/about"), outcome=outcome)


def _charts(
    visit: Visit, figures: Mapping[str, Any], written: str, wanted: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    steps: Sequence[Mapping[str, Any]] = figures["steps"]
    labels = [datetime.fromisoformat(step["at"]).strftime(written) for step in steps]
    ends = [*(step["at"] for step in steps[1:]), figures["to"]]

    def links(outcome: str) -> list[str]:
        return [
            visit.url("/events", **wanted, outcome=outcome, since=step["at"], until=end)
            for step, end in zip(steps, ends, strict=True)
        ]

    def more(word: str) -> Series:
        values = [None if step[word] is None else max(0, step[word]) for step in steps]
        return Series(word, word, values, links(word))

    def delays(name: str, colour: str, key: str) -> Series:
        return Series(name, colour, [step["delay"][key] if step["delay"] else None for step in steps])

    calls = Series("calls made", "blue", [step["calls"] for step in steps])
    saved = Series("calls saved", "green", [step["calls_saved"] for step in steps])
    outcomes = [more(word) for word in ("delivered", "filtered", "failed", "parked")]
    took = [
        delays("half of them within", "azure", "median_seconds"),
        delays("95% within", "orange", "p95_seconds"),
    ]
    waiting = [Series("waiting", "pending", [step["standing"]["pending"] for step in steps])]
    return {
        "outcomes": {"labels": labels, "series": outcomes},
        "delay": {"labels": labels, "series": took},
        "waiting": {"labels": labels, "series": waiting},
        "calls": {"labels": labels, "series": [saved, calls]},
    }


def _budget(one: Mapping[str, Any]) -> dict[str, Any]:
    """A budget with what its gauge shows, and its window as bars."""
    usable = max(1, one["usable"])
    bars = [one["steps"][at : at + SLICES_A_BAR] for at in range(0, len(one["steps"]), SLICES_A_BAR)]
    share = one["used"] / usable
    return {
        **one,
        "share": share,
        "expected_share": one["outlook"]["peak"] / usable,
        "kind": "danger" if share >= 0.9 else "warning" if share >= 0.7 else "primary",
        "labels": [datetime.fromisoformat(bar[0]["at"]).strftime("%H:%M") for bar in bars],
        "series": [
            Series("live events", "blue", [sum(step["live"] for step in bar) for bar in bars]),
            Series("audiences and history", "purple", [sum(step["other"] for step in bar) for bar in bars]),
        ],
    }


OVERVIEW = Room({"/overview": {"GET": show_overview}}, "Overview", "/overview", "layout-dashboard")
