"""`gainstage audit`: who did what, the newest first."""

from typing import Annotated, Literal

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json


def register(program: typer.Typer) -> None:
    program.command()(audit)


def audit(
    actor: Annotated[
        str | None,
        typer.Option("--actor", metavar="NAME", help="Only what they did.", show_default=False),
    ] = None,
    action: Annotated[
        str | None,
        typer.Option(
            "--action", metavar="WORD", help="Only this: user.add, or user for all of it.", show_default=False
        ),
    ] = None,
    outcome: Annotated[
        Literal["begun", "done", "refused", "failed"] | None,
        typer.Option("--outcome", help="Only what came to this.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="T", help="Since: 2026-01-31, or 2h for two hours ago.", show_default=False
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="Before.", show_default=False)
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100_000, help="At most so many.")
    ] = 100,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Show who did what: over the management API and on the command line."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    wanted = app.filters(since=since, until=until)
    found = app.audit(
        data,
        actor=actor,
        action=action,
        outcome=outcome,
        since_us=wanted["since_us"],
        until_us=wanted["until_us"],
        limit=limit,
    )
    if json:
        print_json(found["entries"])
        return
    listed = table("at", "who", "action", "on", "outcome", "how")
    for row in found["entries"]:
        who = " ".join(word for word in (row["actor_kind"].replace("_", " "), row["actor"]) if word)
        how = ", ".join(f"{name} {_shown(value)}" for name, value in row["detail"].items())
        listed.add_row(
            *map(
                safe,
                (row["at"][:16].replace("T", " "), who, row["action"], row["object"], row["outcome"], how),
            )
        )
    if listed.row_count:
        console().print(listed)
    else:
        console().print("Nothing was done that fits.")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
