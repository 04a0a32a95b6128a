"""`gainstage preview`: what would be sent, with nothing sent."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, Json, config_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


def register(program: typer.Typer) -> None:
    program.command()(preview)


def preview(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines, also gzip; - for stdin.")],
    destination: Annotated[
        str,
        typer.Option("--destination", metavar="NAME", help="The destination to look at.", show_default=False),
    ],
    json: Json = False,
    config: Config = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Show what would be sent, and send nothing.

    Every call that the messages would lead to at an empty, healthy Gainsight; secrets are masked.
    """
    from gainstage import app
    from gainstage.cli.messages import read_messages
    from gainstage.cli.output import console, print_json

    shown = app.preview(config_file(config), data, destination, read_messages([file]))
    if json:
        for event in shown:
            print_json(event)
        return
    out = console()
    for event in shown:
        show(out, event)


def show(out: "Console", event: "Mapping[str, Any]") -> None:
    """One event for people."""
    from gainstage.cli.output import WORD_STYLES, print_value, safe

    style = WORD_STYLES.get(event["outcome"], "green")
    reason = f"  {safe(event['reason'])}" if event["reason"] else ""
    detail = f"  {safe(event['detail'])}" if event.get("detail") else ""
    out.print(f"[bold]{safe(event['message_id'])}[/]  [{style}]{safe(event['outcome'])}[/]{reason}{detail}")
    for request in event["requests"]:
        out.print(f"  [bold]{safe(request['method'])}[/] {safe(request['url'])}", soft_wrap=True)
        for name, value in request["headers"].items():
            out.print(f"    {safe(name)}: {safe(value)}", soft_wrap=True)
        if request["body"] is not None:
            print_value(out, request["body"], 4)
