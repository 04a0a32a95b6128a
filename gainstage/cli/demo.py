"""`gainstage demo`: sandbox, server and real SDK traffic in one command."""

from typing import Annotated

import typer


def register(program: typer.Typer) -> None:
    program.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after delivery, with a summary.")] = False,
) -> None:
    """See it work: sandbox, server and real SDK traffic.

    A small story of people who sign up goes through the unmodified Segment and RudderStack SDKs. What arrived
    in each destination is shown, and what did not and why; then all keeps running until Ctrl-C.
    """
    from gainstage.demo import run

    raise typer.Exit(run(once=once))
