"""`gainstage apply`: a configuration file becomes the configuration of a data folder."""

from pathlib import Path
from typing import Annotated

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json


def register(program: typer.Typer) -> None:
    program.command()(apply)


def apply(
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="The configuration file.", show_default=False)
    ],
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Put a configuration file in force.

    It is checked as a whole first; a running server takes it over.
    """
    from gainstage import app
    from gainstage.cli.output import print_json

    with app.audited(data, "configuration.apply", str(file)) as note:
        report = app.apply(data, file, note.add_changes)
    if json:
        print_json(report)
        return
    for warning in report["warnings"]:
        print(f"Warning: {warning}")
    if report["changed"]:
        sources, destinations = (_counted(report[f"{word}s"], word) for word in ("source", "destination"))
        print(f"{file} is in force: {sources}, {destinations}.")
    else:
        print(f"{file} was in force already: nothing changed.")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
