"""`gainstage serve`: the tracking API, delivery and the pages, until it is told to stop."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, config_file
from gainstage.cli.output import tell

Demo = Annotated[
    str | None,
    typer.Option(
        "--demo",
        metavar="URL",
        help="Where the sandbox of a demo answers. Pages say that nothing of this server stays.",
        show_default=False,
    ),
]


def register(program: typer.Typer) -> None:
    program.command()(serve)


def serve(
    config: Config = None,
    data: Data = DEFAULT_DATA,
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy",
            metavar="ADDRESS",
            help="A proxy, or a network of them, whose X-Forwarded-For is believed. Repeat it for several.",
            show_default=False,
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            metavar="URL",
            help="Where SDKs reach this server. Default: the address at which each of them asks.",
            show_default=False,
        ),
    ] = None,
    analytics_js: Annotated[
        Path | None,
        typer.Option(
            "--analytics-js",
            metavar="FILE",
            help="dist/umd/standalone.js of the npm package @segment/analytics-next, for the HTML snippet.",
            show_default=False,
        ),
    ] = None,
    api_token_file: Annotated[
        Path | None,
        typer.Option(
            "--api-token-file",
            metavar="FILE",
            help="Holds the token of the management API. Default: the variable GAINSTAGE_API_TOKEN.",
            show_default=False,
        ),
    ] = None,
    demo: Demo = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(
            "--log-level", help="How much the log on stderr says; nothing of any person on any level."
        ),
    ] = "info",
    log_format: Annotated[
        Literal["plain", "json"],
        typer.Option("--log-format", help="How its lines are written: key=value, or a JSON object each."),
    ] = "plain",
) -> None:
    """Take events from the SDKs and deliver them."""
    from gainstage import app
    from gainstage.app.logging import Style, log_lines

    style = Style(log_level, log_format)
    log_lines(style)
    front = app.Front.of(trusted_proxy or (), public_url, analytics_js)
    token = app.read_token(api_token_file, os.environ)
    app.serve(
        data, config_file(config), host, port,
        front=front, token=token, style=style, demo=demo, on_started=announce,
    )  # fmt: skip
    tell("gainstage has stopped; everything accepted is kept.")


def announce(address: str, invitation: str | None) -> None:
    """One line an address, for people and for programs that started us. The last one, while there is no user,
    opens the page that makes the first admin; it is worth nothing once it was used or the server has ended.
    """
    base = address.rstrip("/")
    print(f"Tracking API   {base}/v1/batch", flush=True)
    print(f"Dashboard      {base}/", flush=True)
    print(f"Health         {base}/health", flush=True)
    print(f"Metrics        {base}/metrics", flush=True)
    if invitation is not None:
        print(f"First admin    {base}/setup?token={invitation}   (good once)", flush=True)
