"""`gainstage dead`: what failed or is parked, looked at, tried again after a fix, taken out."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.cli.output import tell
from gainstage.cli.trace import MessageId
from gainstage.errors import UsageError

group = typer.Typer(help="List, show, retry, export what failed or is parked.", rich_markup_mode=None)

Destination = Annotated[
    str | None,
    typer.Option("--destination", metavar="NAME", help="Only of this destination.", show_default=False),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="CODE", help="Only with this reason.", show_default=False)
]
Outcome = Annotated[
    str | None,
    typer.Option("--outcome", metavar="WORD", help="Only failed, or only parked.", show_default=False),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="T", help="Settled since: 2026-01-31, or 2h for two hours ago.", show_default=False
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="T", help="Settled before.", show_default=False)
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default=False)
]


@group.command("list")
def list_(
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """List what failed or is parked, oldest first, and why."""
    from gainstage import app
    from gainstage.cli.output import print_json_array

    wanted = app.filters(destination, reason, outcome, since, until)
    with closing(app.open_store(data)) as reports:
        rows = reports.dead(**wanted, limit=limit)
        if json:
            print_json_array(rows)
            return
        show_list(rows, filtered=any(wanted.values()))


def show_list(rows: Iterable[Mapping[str, Any]], *, filtered: bool) -> None:
    """The list for people."""
    from gainstage.cli.output import WORD_STYLES, console, safe, table

    listed = table("message", "destination", "outcome", "reason", "event")
    for row in rows:
        style = WORD_STYLES.get(row["outcome"], "none")
        listed.add_row(
            safe(row["message_id"]),
            safe(row["destination"] or "(refused)"),
            f"[{style}]{safe(row['outcome'])}[/]",
            safe(row["reason"]),
            safe(" ".join(str(row[name]) for name in ("type", "event", "user_id") if row.get(name))),
        )
    if listed.row_count:
        console().print(listed)
        console().print("Details: gainstage dead show MESSAGE_ID")
    else:
        console().print("Nothing fits." if filtered else "Nothing failed and nothing is parked.")


@group.command()
def show(message_id: MessageId, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Show one event, what became of it at each destination, and the remedy."""
    from gainstage.cli import trace
    from gainstage.cli.output import console, print_json, safe
    from gainstage.reason import REASONS

    found = trace.find(data, message_id)
    if json:
        print_json(found)
        return
    out = console()
    trace.show(out, found)
    for destination in found["destinations"]:
        known = REASONS.get(destination["reason"])
        if destination["outcome"] in ("failed", "parked") and known:
            out.print(f"\n{safe(destination['reason'])}: {safe(known.cause)} [bold]{safe(known.remedy)}[/]")


@group.command()
def retry(
    message_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MESSAGE_ID]...", help="These events. Default: all that fit.", show_default=False
        ),
    ] = None,
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Plan failed and parked events again, through today's settings. A running server takes them at once."""
    from gainstage import app
    from gainstage.cli.output import print_json

    wanted = app.filters(destination, reason, outcome, since, until)
    with closing(app.open_store(data)) as reports:
        count = reports.retry(**wanted, message_ids=message_ids or None)
    if json:
        print_json({"retried": count})
    elif count:
        print(f"{count} will be tried again: by the running server, or by the next serve or send.")
    else:
        print("Nothing fits: nothing was changed.")


@group.command()
def export(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here. Default: stdout.", show_default=False
        ),
    ] = None,
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write what failed or is parked as JSON Lines: one row a line, with the message as `message`."""
    from gainstage import app
    from gainstage.cli.output import compact

    wanted = app.filters(destination, reason, outcome, since, until)
    with closing(app.open_store(data)) as reports:
        lines = (compact(row) + "\n" for row in reports.exported(**wanted, limit=limit))
        if output is None:
            sys.stdout.writelines(lines)
        else:
            tell(f"{_write(output, lines)} written to {output}.")


def _write(output: Path, lines: Iterable[str]) -> int:
    """Write the lines to a file; how many."""
    count = 0
    try:
        # Personal data: for the user's own eyes.
        output.touch(mode=0o600)
        with output.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                count += 1
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}.") from None
    return count
