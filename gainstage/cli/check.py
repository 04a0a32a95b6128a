"""`gainstage check`: whether the configuration can be used and the credentials are taken."""

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, Json, config_file

EXIT_AT_FAULT = 1


def register(program: typer.Typer) -> None:
    program.command()(check)


def check(config: Config = None, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Check configuration and credentials.

    Credentials are tried with harmless calls.

    Exit code 0: usable, warnings allowed. 1: a destination refuses a setting. 2: the configuration is
    unusable. Every problem is named at once.
    """
    from gainstage import app
    from gainstage.cli.output import LEVEL_STYLES, console, print_json, safe, table

    results = app.check(data, config_file(config))
    at_fault = [result for result in results if result.level == "error"]
    if json:
        names = ("destination", "level", "setting", "message")
        findings = [{name: getattr(result, name) for name in names} for result in results]
        print_json({"ok": not at_fault, "findings": findings})
    elif not results:
        console().print("The configuration is usable, and no destination is in it.")
    else:
        listed = table("destination", "level", "setting", "finding")
        for result in results:
            level = f"[{LEVEL_STYLES.get(result.level, 'none')}]{result.level}[/]"
            listed.add_row(safe(result.destination), level, safe(result.setting), safe(result.message))
        console().print(listed)
    raise typer.Exit(EXIT_AT_FAULT if at_fault else 0)
