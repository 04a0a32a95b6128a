"""`gainstage dead`: what failed or is parked, looked at, corrected, tried again after a fix, taken out."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, closing
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.cli.output import tell
from gainstage.cli.trace import MessageId
from gainstage.errors import UsageError

if TYPE_CHECKING:
    from gainstage.app.auditing import Note

group = typer.Typer(
    help="List, count, show, correct, retry, export, give up what failed or is parked.", rich_markup_mode=None
)

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
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="ID",
        help="Only this person's: userId, anonymousId or e-mail.",
        show_default=False,
    ),
]
Type = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="Only identify, track, ... calls.", show_default=False),
]
EventName = Annotated[
    str | None,
    typer.Option("--event", metavar="NAME", help="Only events of this name.", show_default=False),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default=False)
]
MessageIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MESSAGE_ID]...", help="These events. Default: all that fit.", show_default=False
    ),
]


@group.command("list")
def list_(
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    type_: Type = None,
    event: EventName = None,
    limit: Limit = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """List what failed or is parked, oldest first, and why."""
    from gainstage import app
    from gainstage.cli.output import print_json_array

    wanted = app.filters(destination, reason, outcome, since, until, user, type_, event)
    with closing(app.open_store(data)) as reports:
        rows = reports.dead.rows(**wanted, limit=limit)
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
def summary(
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    type_: Type = None,
    event: EventName = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print a table for a spreadsheet.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Count what failed or is parked by its reason: how many people, companies and events, and what to do."""
    from gainstage import app
    from gainstage.cli.output import WORD_STYLES, console, print_json, safe, table

    wanted = app.filters(destination, reason, outcome, since, until, user, type_, event)
    with closing(app.open_store(data)) as reports:
        rows = reports.dead.summary(**wanted)
    if json:
        print_json(rows)
        return
    if csv:
        sys.stdout.writelines(app.counted_lines(rows))
        return
    if not rows:
        console().print("Nothing fits." if any(wanted.values()) else "Nothing failed and nothing is parked.")
        return
    counted = table(
        "problem", "people", "companies", "events", "destination", "outcome", "what to do",
        numbers=("people", "companies", "events"),
    )  # fmt: skip
    for row in rows:
        style = WORD_STYLES.get(row["outcome"], "none")
        counted.add_row(
            f"[bold]{safe(row['title'])}[/]",
            f"{row['people']:,}",
            f"{row['companies']:,}",
            f"{row['events']:,}",
            safe(row["destination"] or "(refused)"),
            f"[{style}]{safe(row['outcome'])}[/]",
            safe(row["remedy"]),
        )
    console().print(counted)


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
    message_ids: MessageIds = None,
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    type_: Type = None,
    event: EventName = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Plan failed and parked events again, through today's settings. A running server takes them at once."""
    from gainstage import app
    from gainstage.cli.output import print_json

    wanted = app.filters(destination, reason, outcome, since, until, user, type_, event)
    noting = _noted(data, "dead.retry", wanted, message_ids)
    with closing(app.open_store(data)) as reports, noting as note:
        count = reports.dead.retry(**wanted, message_ids=message_ids or None)
        note.add(events=count)
    if json:
        print_json({"retried": count})
    elif count:
        print(f"{count} will be tried again: by the running server, or by the next serve or send.")
    else:
        print("Nothing fits: nothing was changed.")


@group.command()
def edit(
    message_id: MessageId,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Give a part of the message this value, as in traits.email=ann@acme.com; JSON or text.",
            show_default=False,
        ),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="PATH", help="Take a part of the message out.", show_default=False),
    ] = None,
    message: Annotated[
        Path | None,
        typer.Option(
            "--message",
            metavar="FILE",
            help="Put this message (JSON) in its place; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="The source, if several sent the id.", show_default=False
        ),
    ] = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Correct an event that failed or is parked, and try it again where it did not arrive."""
    from gainstage import app
    from gainstage.cli.output import print_json

    change = app.Change(
        dict(_assigned(text) for text in values or ()),
        tuple(unset or ()),
        _message_in(message) if message is not None else None,
    )
    with closing(app.open_store(data)) as reports:
        changed = ["(message)"] if message is not None else sorted({*change.set, *change.unset})
        with app.audited(data, "dead.edit", message_id, source=source, changed=changed):
            found = reports.dead.edit(message_id, change, source)
    if json:
        print_json(found)
    else:
        places = ", ".join(found["destinations"])
        print(f"{message_id} is corrected and will be tried again at {places}.")


def _assigned(text: str) -> tuple[str, Any]:
    """A path and its value: JSON where it is JSON, else the text itself."""
    path, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"'{text}' sets nothing: write it like traits.email=ann@acme.com.")
    try:
        return path.strip(), loads(value)
    except ValueError:
        return path.strip(), value


def _message_in(path: Path) -> dict[str, Any]:
    """The message that a file holds."""
    try:
        content = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        message = loads(content)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise UsageError(f"{path} cannot be read: {why}.") from None
    if not isinstance(message, dict):
        raise UsageError(f"{path} holds no message: one JSON object is needed.")
    return message


@group.command()
def purge(
    message_ids: MessageIds = None,
    destination: Destination = None,
    reason: Reason = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    type_: Type = None,
    event: EventName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give failed and parked events up: they count as failed for good, and are listed and tried no more."""
    from gainstage import app
    from gainstage.cli.output import print_json

    wanted = app.filters(destination, reason, outcome, since, until, user, type_, event)
    with closing(app.open_store(data)) as reports:
        if not yes:
            _confirm(reports.dead.count(message_ids or None, **wanted))
        with _noted(data, "dead.purge", wanted, message_ids) as note:
            count = reports.dead.purge(message_ids or None, **wanted)
            note.add(events=count)
    if json:
        print_json({"given_up": count})
    else:
        print(f"{count} given up." if count else "Nothing fits: nothing was changed.")


def _confirm(count: int) -> None:
    """Ask before something goes that cannot be had back."""
    if not sys.stdin.isatty():
        raise UsageError(f"{count} would be given up for good: say --yes to do so.")
    typer.confirm(f"Give {count} up for good? `dead export` keeps a copy.", abort=True)


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
    user: User = None,
    type_: Type = None,
    event: EventName = None,
    limit: Limit = None,
    form: Annotated[
        Literal["json", "csv"],
        typer.Option("--format", help="JSON Lines with the messages, or a table for a spreadsheet."),
    ] = "json",
    data: Data = DEFAULT_DATA,
) -> None:
    """Write what failed or is parked: JSON Lines with the message as `message`, or CSV."""
    from gainstage import app
    from gainstage.cli.output import compact

    wanted = app.filters(destination, reason, outcome, since, until, user, type_, event)
    with closing(app.open_store(data)) as reports:
        rows = reports.dead.exported(**wanted, limit=limit)
        lines = app.csv_lines(rows) if form == "csv" else (compact(row) + "\n" for row in rows)
        with _noted(data, "dead.export", wanted):
            if output is None:
                sys.stdout.writelines(lines)
            else:
                written = _write(output, lines) - (form == "csv")
                tell(f"{written} written to {output}.")


def _write(output: Path, lines: Iterable[str]) -> int:
    """Write the lines to a file; how many."""
    count = 0
    try:
        # Personal data: for the user's own eyes.
        output.touch(mode=0o600)
        with output.open("w", encoding="utf-8", newline="") as file:
            for line in lines:
                file.write(line)
                count += 1
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}.") from None
    return count


def _noted(
    data: Path, action: str, wanted: Mapping[str, Any], message_ids: list[str] | None = None
) -> "AbstractContextManager[Note]":
    """Note which events somebody means, without naming a person."""
    from gainstage import app

    return app.audited(data, action, **app.without_people({**wanted, "message_ids": message_ids}))
