"""`gainstage events`: the newest events that fit, and what became of each."""

from typing import TYPE_CHECKING, Annotated

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def register(program: typer.Typer) -> None:
    program.command()(events)


def _option(name: str, metavar: str, help_: str) -> object:
    return typer.Option(name, metavar=metavar, help=help_, show_default=False)


def events(
    user_id: Annotated[str | None, _option("--user-id", "ID", "Of this userId or anonymousId.")] = None,
    email: Annotated[str | None, _option("--email", "EMAIL", "Of users known by this e-mail.")] = None,
    company: Annotated[str | None, _option("--company", "ID", "Of this groupId or account.")] = None,
    kind: Annotated[str | None, _option("--type", "TYPE", "Calls of this type.")] = None,
    name: Annotated[str | None, _option("--event", "NAME", "Events of this name.")] = None,
    source: Annotated[str | None, _option("--source", "NAME", "From this source.")] = None,
    destination: Annotated[str | None, _option("--destination", "NAME", "That met this destination.")] = None,
    outcome: Annotated[
        str | None,
        _option("--outcome", "WORD", "delivered, filtered, failed, parked, pending, or refused."),
    ] = None,
    reason: Annotated[str | None, _option("--reason", "CODE", "With this reason.")] = None,
    since: Annotated[str | None, _option("--since", "TIME", "Received since: a day, a time, or 2h.")] = None,
    until: Annotated[str | None, _option("--until", "TIME", "Received before.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="So many at the most.")] = 50,
    before: Annotated[int | None, _option("--before", "N", "Go on where another call ended.")] = None,
    after: Annotated[int | None, _option("--after", "N", "Only what came since another call.")] = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show the newest events that fit.

    Each with what became of it at every destination. `trace` shows the whole life of one.
    """
    from gainstage import app
    from gainstage.cli.output import print_json

    asked = app.Asked(
        user_id=user_id, email=email, company=company, kind=kind, name=name, source=source,
        destination=destination, outcome=outcome, reason=reason, since=since, until=until,
    )  # fmt: skip
    found = app.browse(data, asked, limit=limit, before=before, after=after)
    if json:
        print_json(found)
    else:
        show(found)


def show(found: "Mapping[str, Any]") -> None:
    """The events for people."""
    from gainstage.cli.output import console, safe
    from gainstage.cli.trace import show_outcomes

    out = console()
    for event in found["events"]:
        show_outcomes(out, event)
    if not found["events"]:
        out.print("No event fits.")
    if found["next"] is not None:
        back = f", back to {found['back_to']}" if found["back_to"] else ""
        sentence = f"{found['looked_through']:,} events were looked through{back}: go on with --before"
        out.print(safe(f"\n{sentence} {found['next']}."), soft_wrap=True)
    if found["unrouted"]:
        out.print(f"\n{found['unrouted']:,} more were accepted and are not routed yet.")
