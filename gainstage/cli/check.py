"""`gainstage check`: whether the configuration can be used and the credentials are taken."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, Json, config_file

if TYPE_CHECKING:
    from rich.table import Table

EXIT_AT_FAULT = 1


def register(program: typer.Typer) -> None:
    program.command()(check)


def check(config: Config = None, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Check configuration and credentials.

    Credentials are tried with harmless calls, and mapped fields are held against the tenant's.

    Exit code 0: usable, warnings allowed. 1: a destination refuses a setting. 2: the configuration is
    unusable. Every problem is named at once.
    """
    from gainstage import app
    from gainstage.cli.output import console, print_json

    results = app.check(data, config_file(config))
    at_fault = [result for result in results if result.level == "error"]
    if json:
        print_json(app.summary(results))
    elif not results:
        console().print("The configuration is usable, and no destination is in it.")
    else:
        rows = ((one.destination, one.level, one.setting, one.message) for one in results)
        console().print(findings_table(rows))
    raise typer.Exit(EXIT_AT_FAULT if at_fault else 0)


def findings_table(rows: Iterable[Sequence[str]]) -> "Table":
    """Findings for people: destination, level, setting, sentence."""
    from gainstage.cli.output import LEVEL_STYLES, safe, table

    listed = table("destination", "level", "setting", "finding")
    for destination, level, setting, message in rows:
        style = LEVEL_STYLES.get(level, "none")
        listed.add_row(safe(destination), f"[{style}]{level}[/]", safe(setting), safe(message))
    return listed
