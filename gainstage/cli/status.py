"""`gainstage status`: the counts of every connection, budgets and what is blocked."""

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json

if TYPE_CHECKING:
    from collections.abc import Mapping


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
            left = str(max(0, row["limit"] - row["used"]))
            names = (safe(row["account"]), safe(row["family"]), safe(row["window"]))
            budgets.add_row(
                *names, str(row["used"]), str(row["limit"]), left, safe(renewal(row["resets_at"]))
            )
        out.print(budgets)
    for row in found["blocked"]:
        why = safe(": ".join(text for text in (row["reason"], row.get("detail")) if text))
        out.print(f"[red]{safe(row['destination'])} is blocked[/] since {safe(row['since'])}: {why}")
