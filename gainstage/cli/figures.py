"""`gainstage figures`: what was counted over a period, step by step."""

from typing import TYPE_CHECKING, Annotated

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WORDS = ("received", "delivered", "filtered", "failed", "parked", "pending")


def register(program: typer.Typer) -> None:
    program.command()(figures)


def figures(
    from_: Annotated[
        str, typer.Option("--from", metavar="T", help="When it begins: a time, or 7d for a week ago.")
    ] = "24h",
    to: Annotated[
        str | None, typer.Option("--to", metavar="T", help="When it ends. Default: now.", show_default=False)
    ] = None,
    step: Annotated[
        int | None,
        typer.Option("--step", metavar="SECONDS", min=60, help="How long a step is.", show_default=False),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Of this one.", show_default=False)
    ] = None,
    destination: Annotated[
        str | None, typer.Option("--destination", metavar="NAME", help="Of this one.", show_default=False)
    ] = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show what was counted over a period.

    In each step: received = delivered + filtered + failed + parked + pending, each as it changed. Calls made
    and saved, and how long events took to arrive. A server notes it each minute.
    """
    from gainstage import app
    from gainstage.cli.output import print_json

    found = app.figures(data, app.Period(from_, to, step, source, destination))
    if json:
        print_json(found)
    else:
        show(found)


def show(found: "Mapping[str, Any]") -> None:
    """The figures for people."""
    from gainstage.cli.moments import duration
    from gainstage.cli.output import console, safe, table

    out = console()
    if found["problem"] is not None:
        out.print(safe(found["problem"]))
    if found["since"] is None:
        out.print("Nothing was noted yet: a server does so each minute.")
        return
    listed = table("from", *WORDS, "calls", "saved", "95% within", numbers=(*WORDS, "calls", "saved"))
    for one in [*found["steps"], {**found["totals"], "at": "all"}]:
        if one["received"] is None:
            continue
        delay = duration(one["delay"]["p95_seconds"]) if one["delay"] else ""
        figures = (one[name] for name in (*WORDS, "calls", "calls_saved"))
        listed.add_row(safe(one["at"]), *("" if figure is None else str(figure) for figure in figures), delay)
    out.print(listed)
    for gap in found["gaps"]:
        why = "no server ran" if gap["reason"] == "stopped" else "the data was another one"
        out.print(safe(f"From {gap['from']} to {gap['to']} nothing was noted: {why}."))
