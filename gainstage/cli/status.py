"""`gainstage status`: the counts of every connection, budgets and what is blocked."""

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def register(program: typer.Typer) -> None:
    program.command()(status)


def status(data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Show the counts of every connection.

    Always: received = delivered + filtered + failed + parked + pending. Budgets and what is blocked, too.
    """
    from gainstage import app
    from gainstage.cli.output import print_json

    with closing(app.open_store(data)) as reports:
        found = reports.status(time.time_ns() // 1000)
    if json:
        print_json(found)
    else:
        show(found)


def show(found: "Mapping[str, Any]") -> None:
    """The status for people."""
    from gainstage.cli.moments import duration, renewal
    from gainstage.cli.output import console, counts_table, safe, table

    out = console()
    if not found["connections"]:
        out.print("No event has met a destination yet.")
    else:
        out.print(counts_table(found["connections"]))
    oldest = found["oldest_pending_seconds"]
    out.print("Nothing is pending." if oldest is None else f"Oldest pending: {duration(oldest)}")
    if found["budgets"]:
        budgets = table(
            "account", "calls", "window", "used", "limit", "left", "renews", numbers=("used", "limit", "left")
        )
        for row in found["budgets"]:
            left = str(max(0, row["usable"] - row["used"]))
            names = (safe(row["account"]), safe(row["family"]), safe(row["window"]))
            budgets.add_row(
                *names, str(row["used"]), str(row["limit"]), left, safe(renewal(row["resets_at"]))
            )
        out.print(budgets)
    for row in found["alerts"]:
        out.print(f"[red]{safe(row['alert'])}[/] since {safe(row['since'])}: {safe(row['detail'])}")
    for row in found["limits"]:
        if row["reached"]:
            out.print(f"[red]No room for more events[/]: {safe(row['detail'])}")
    for sentence in _remarks(found["budgets"]):
        out.print(safe(sentence))
    for sentence in _names(found):
        out.print(safe(sentence))
    for name, what in (("log", "Messages"), ("ledger", "Outcomes")):
        kept = found["kept"][name]
        if kept["since"] is not None:
            size = f"{kept['bytes'] / 1e6:,.0f} MB" if kept["bytes"] >= 1e6 else "less than 1 MB"
            out.print(f"{what} are kept since {safe(kept['since'])}: {size}.")
    for sentence in _history(found["kept"].get("history")):
        out.print(safe(sentence))
    for row in found["replays"]:
        out.print(safe(_replay(row)))
    for row in found["blocked"]:
        why = safe(": ".join(text for text in (row["reason"], row.get("detail")) if text))
        out.print(f"[red]{safe(row['destination'])} is blocked[/] since {safe(row['since'])}: {why}")


def _history(kept: "Mapping[str, Any] | None") -> "Iterator[str]":
    """What is archived, and what of it is damaged."""
    if kept is None:
        return
    if kept["events"]:
        size = f"{kept['bytes'] / 1e6:,.0f} MB" if kept["bytes"] >= 1e6 else "less than 1 MB"
        days = f"of {kept['first_day']} to {kept['last_day']}"
        yield f"Archived are {kept['events']:,} events {days}: {size}."
    if kept["behind"]:
        yield f"Not archived yet: {kept['behind']:,} messages of the log, at most."
    yield from kept["damaged"]


def _replay(row: "Mapping[str, Any]") -> str:
    """How far a replay is."""
    ended = sum(row["ended"].values()) + row["unchanged"]
    waiting = f"{row['pending'] + row['held']:,} waiting"
    read = f"{row['read_percent']} % of history read"
    return f"Replay {row['id']} is {row['state']}: {read}, {ended:,} ended, {waiting}."


def _names(found: "Mapping[str, Any]") -> "Iterator[str]":
    """What is worth knowing about the names of events."""
    for row in found["event_names"]:
        if row["runs_out"]:
            used = f"{row['account']}: {row['used']:,} of {row['limit']:,} event names are in use"
            yield f"{used}; an event with one more than that fails. See: gainstage names"
    for row in found["near_misses"]:
        yield (
            f"{row['source']} sent the key {row['key']!r} in `integrations` (events: {row['count']:,}), "
            f"which turns nothing on or off: the name is {row['meant']!r}."
        )
    for row in found["uncounted"]:
        if row["names"]:
            yield (
                f"{row['source']}: {row['names']:,} events had names that found no room in the list of "
                f"names; `gainstage names --forget` begins a new one."
            )


def _remarks(budgets: "Sequence[Mapping[str, Any]]") -> "Iterator[str]":
    """What is worth knowing about budgets beside their figures."""
    from gainstage.cli.moments import clock_time

    for row in budgets:
        name = f"{row['account']}, {row['window']}"
        if row["used"] >= row["usable"]:
            yield f"{name}: the budget is used up."
        elif row["ends_at"] is not None:
            yield f"{name}: at this rate the budget ends at {clock_time(row['ends_at'])}."
        if row["alert_percent"] is not None:
            since = clock_time(row["alert_since"])
            yield f"{name}: {row['alert_percent']}% of the budget reached at {since}."
        if row["stopped_until"] is not None:
            yield f"{name}: Gainsight refused a call; the next goes at {clock_time(row['stopped_until'])}."
        if row["lowered"] is not None:
            until = clock_time(row["lowered"]["until"])
            yield f"{name}: {row['usable']} calls are usable now, all again at {until}."
            yield row["lowered"]["reason"]
