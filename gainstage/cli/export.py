"""`gainstage export`: the configuration of a data folder as a file again."""

import sys

import typer

from gainstage.cli.options import DEFAULT_DATA, Data


def register(program: typer.Typer) -> None:
    program.command()(export)


def export(data: Data = DEFAULT_DATA) -> None:
    """Print the configuration as a file again.

    Every secret is a `${NAME}` reference.
    """
    from gainstage import app

    sys.stdout.write(app.export(data))
