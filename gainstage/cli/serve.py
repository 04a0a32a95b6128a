"""`gainstage serve`: the tracking API, delivery and the pages, until it is told to stop."""

from typing import Annotated

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, config_file
from gainstage.cli.output import tell


def register(program: typer.Typer) -> None:
    program.command()(serve)


def serve(
    config: Config = None,
    data: Data = DEFAULT_DATA,
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
) -> None:
    """Take events from the SDKs and deliver them."""
    from gainstage import app
    from gainstage.cli.logging import log_plain_lines

    log_plain_lines()
    app.serve(data, config_file(config), host, port, on_started=announce)
    tell("gainstage has stopped; everything accepted is kept.")


def announce(address: str) -> None:
    """One line an address, for people and for programs that started us."""
    base = address.rstrip("/")
    print(f"Tracking API   {base}/v1/batch", flush=True)
    print(f"Health         {base}/health", flush=True)
    print(f"Metrics        {base}/metrics", flush=True)
