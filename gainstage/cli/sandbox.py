"""`gainstage sandbox`: the stand-in for Gainsight's APIs."""

from typing import Annotated

import typer

from gainstage.errors import UsageError


def register(program: typer.Typer) -> None:
    program.command()(sandbox)


def sandbox(
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="P", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8090,
) -> None:
    """Run the stand-in for Gainsight's APIs."""
    from gainstage_sandbox import ListenError, serve

    try:
        serve(host, port, on_start=announce)
    except ListenError as error:
        raise UsageError(f"{error} Choose another one with --port.") from None


def announce(url: str) -> None:
    """One line an address; the base address is what `api_url` takes."""
    print(f"Sandbox   {url}   (as `api_url` of a destination)", flush=True)
    print(f"Page      {url}/__sandbox__/", flush=True)
    print(f"State     {url}/__sandbox__/state", flush=True)
