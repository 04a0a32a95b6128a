"""`gainstage forget`: forget a person, look at the receipts, let the person's events in again."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.cli.output import tell
from gainstage.errors import UsageError

EXIT_UNDER_WAY = 3

group = typer.Typer(
    help="Forget a person: purge what is kept, let nothing new in; with a receipt.", rich_markup_mode=None
)

Number = Annotated[int, typer.Argument(metavar="REQUEST", help="The number of the request.", min=1)]


@group.command()
def person(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A userId, an anonymousId or an e-mail.")],
    at_gainsight: Annotated[
        bool,
        typer.Option(
            "--at-gainsight", help="Have the person deleted there, too, where a call for it is known."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell whom it means and what would go.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait so long until it is done.")
    ] = 60.0,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Forget a person: by any id or e-mail, all that is known to belong together with it goes.

    Log, ledger, history and what waits are purged, later events of the person are not let in, and a receipt
    stays which names nobody. Exit 0: done; 3: under way, and continued by the running server or the next
    command.
    """
    from gainstage import app
    from gainstage.cli.output import console, print_json

    if dry_run or not yes:
        found = app.would_forget(data, person)
        if dry_run:
            if json:
                print_json(found)
            else:
                _show_found(console(), found)
            return
        _confirm(found)
    with app.audited(data, "person.forget", at_gainsight=at_gainsight or None) as note:
        receipt = app.forget(data, person, at_gainsight=at_gainsight, wait_seconds=wait)
        note.add(f"request {receipt['request']}")
    if json:
        print_json(receipt)
    else:
        show(console(), receipt)
    if receipt["state"] != "done":
        raise typer.Exit(EXIT_UNDER_WAY)


def _confirm(found: Mapping[str, Any]) -> None:
    """Ask before something goes that cannot be had back."""
    what = f"{found['log_entries']:,} messages and {found['events']:,} events"
    if not sys.stdin.isatty():
        raise UsageError(f"{what} would go for good: say --yes to do so, or --dry-run to see whom it means.")
    names = ", ".join((*found["ids"], *found["emails"]))
    typer.confirm(f"Forget {names}? {what} go for good.", abort=True)


@group.command("list")
def list_(
    person: Annotated[
        str | None, typer.Argument(metavar="[PERSON]", help="Only of this person.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 100,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """List the receipts, the newest first."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    found = app.receipts(data, person, limit)
    if json:
        print_json(found)
        return
    listed = table("request", "asked", "state", "done", "events", "suppressed", numbers=("request", "events"))
    for row in found:
        listed.add_row(
            str(row["request"]),
            safe(row["asked_at"][:16]),
            safe(row["state"].replace("_", " ")),
            safe((row["done_at"] or "")[:16]),
            f"{row['purged']['events']:,}",
            "yes" if row["suppressed"] else "no",
        )
    if listed.row_count:
        console().print(listed)
    else:
        console().print("Nobody was to be forgotten.")


@group.command("show")
def show_(number: Number, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Show one receipt: what was purged, what is left, what became of the person at Gainsight."""
    from gainstage import app
    from gainstage.cli.output import console, print_json

    found = app.receipt(data, number)
    if json:
        print_json(found)
    else:
        show(console(), found)


@group.command()
def lift(number: Number, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Let events of the person in again; what was purged stays gone."""
    from gainstage import app
    from gainstage.cli.output import print_json

    with app.audited(data, "person.lift", f"request {number}"):
        found = app.lift(data, number)
    if json:
        print_json(found)
    else:
        tell(f"Events of the person of request {number} are let in again.")


def show(out: Any, receipt: Mapping[str, Any]) -> None:
    """A receipt for people."""
    from gainstage.cli.output import safe

    state = receipt["state"].replace("_", " ")
    out.print(f"[bold]Request {receipt['request']}[/] asked {safe(receipt['asked_at'])}: {safe(state)}")
    if receipt["detail"]:
        out.print(f"  {safe(receipt['detail'])}")
    purged = receipt["purged"]
    out.print(
        f"  purged: {purged['log_entries']:,} messages of the log, {purged['events']:,} events with "
        f"{purged['deliveries']:,} outcomes and {purged['calls']:,} calls, "
        f"{purged['archived_events']:,} archived events"
    )
    if receipt["mentioned_by_others"]:
        out.print(
            f"  messages of others name the person {receipt['mentioned_by_others']:,} times: these stay"
        )
    if receipt["log_gone_by"]:
        out.print(
            f"  the log loses the person's messages by its retention until {safe(receipt['log_gone_by'])}"
        )
    for row in receipt["gainsight"]:
        out.print(
            f"  {safe(row['destination'])}: {safe(row['outcome'].replace('_', ' '))}. {safe(row['detail'])}"
        )
    if not receipt["suppressed"]:
        out.print(f"  events of the person are let in again since {safe(receipt['lifted_at'])}")


def _show_found(out: Any, found: Mapping[str, Any]) -> None:
    from gainstage.cli.output import safe

    out.print(f"[bold]{safe(found['person'])}[/] is known as: {safe(', '.join(found['ids']))}")
    if found["emails"]:
        out.print(f"  e-mail: {safe(', '.join(found['emails']))}")
    out.print(
        f"  would go: {found['log_entries']:,} messages of the log, {found['events']:,} events, "
        f"{found['archived_events']:,} archived events"
    )
    for row in found["gainsight"]:
        out.print(f"  {safe(row['destination'])} with --at-gainsight: {safe(row['detail'])}")
