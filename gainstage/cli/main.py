"""All commands together, and how a command ends: exit codes, errors as one sentence, never a traceback."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from gainstage import __version__
from gainstage.cli import (
    apply,
    audiences,
    audit,
    check,
    dead,
    demo,
    events,
    export,
    fields,
    figures,
    forget,
    names,
    preview,
    replay,
    sandbox,
    send,
    serve,
    status,
    tokens,
    trace,
    users,
)
from gainstage.cli.output import print_anything, tell
from gainstage.errors import UsageError

EXIT_UNUSABLE = 2
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130

program = typer.Typer(
    name="gainstage",
    help="Delivers Segment and RudderStack events to Gainsight CS, PX and the clickstream endpoint.",
    add_completion=False,
    rich_markup_mode=None,
)
for _module in (
    serve,
    send,
    preview,
    check,
    fields,
    names,
    status,
    events,
    figures,
    trace,
    sandbox,
    demo,
    apply,
    export,
    audit,
):
    _module.register(program)
GROUPS = {
    "audiences": audiences.group,
    "dead": dead.group,
    "replay": replay.group,
    "forget": forget.group,
    "user": users.group,
    "token": tokens.group,
}
for _name, _group in GROUPS.items():
    program.add_typer(_group, name=_name)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"gainstage {__version__}")
        raise typer.Exit


@program.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Every command that needs them takes --config FILE and --data DIR; see gainstage COMMAND --help."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code."""
    # The log is for `serve`, which sets it up: elsewhere its lines would stand among sentences for people.
    logging.getLogger("gainstage").addHandler(logging.NullHandler())
    print_anything()
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    try:
        result = program(arguments or ["--help"], prog_name="gainstage", standalone_mode=False)
        if result == EXIT_INTERRUPTED:
            tell("Interrupted; everything that was accepted is kept.")
        return result if isinstance(result, int) else 0
    except UsageError as error:
        tell(str(error))
        return EXIT_UNUSABLE
    except typer.TyperException as error:
        tell(f"{error.format_message().rstrip('.')}. See: gainstage {_help_for(arguments)}")
        return EXIT_UNUSABLE
    except typer.Abort:
        return EXIT_INTERRUPTED
    except Exception as error:
        from gainstage.cli.fault import record

        tell(f"gainstage met a fault of its own ({type(error).__name__}). Details: {record(error)}")
        return EXIT_FAULT


def _help_for(arguments: list[str]) -> str:
    """The help nearest to what was asked for."""
    names = {
        command.name or getattr(command.callback, "__name__", "") for command in program.registered_commands
    }
    words = []
    if arguments and arguments[0] in names:
        words = arguments[:1]
    elif arguments and arguments[0] in GROUPS:
        inner = {
            command.name or getattr(command.callback, "__name__", "")
            for command in GROUPS[arguments[0]].registered_commands
        }
        words = arguments[:2] if arguments[1:2] and arguments[1] in inner else arguments[:1]
    return " ".join([*words, "--help"])
