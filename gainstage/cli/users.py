"""`gainstage user`: who may log in, for whoever has the data folder. Passwords are never arguments: others on
the machine could read them.
"""

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.cli.output import tell
from gainstage.errors import UsageError

#: More of a file or of stdin is not read: no password is as long.
READ_CHARACTERS = 2_000

group = typer.Typer(help="Add, list, change and remove who may log in.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="An e-mail, or any other name.")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, editor or admin.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Holds the password, in its first line. Default: it is asked for, or read from stdin.",
        show_default=False,
    ),
]


@group.command()
def add(
    name: Name,
    role: Role,
    password_file: PasswordFile = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Let somebody log in."""
    from gainstage import app

    password = read_password(password_file)
    with app.audited(data, "user.add", name, role=role):
        made = app.add_user(data, name, role, password, app.Passwords())
    _tell(made, f"{made['name']} may log in, as {made['role']}.", json=json)


@group.command("list")
def list_(json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """List who may log in."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    found = app.users(data)
    if json:
        print_json(found)
        return
    listed = table("user", "role", "enabled", "last login")
    for row in found:
        seen = (row["last_login_at"] or "never")[:16]
        listed.add_row(safe(row["name"]), safe(row["role"]), "yes" if row["enabled"] else "no", safe(seen))
    if listed.row_count:
        console().print(listed)
    else:
        console().print("Nobody may log in yet: add somebody with `gainstage user add NAME --role admin`.")


@group.command()
def password(
    name: Name, password_file: PasswordFile = None, json: Json = False, data: Data = DEFAULT_DATA
) -> None:
    """Set a user's password; all sessions of the user end."""
    from gainstage import app

    new = read_password(password_file)
    with app.audited(data, "user.change", name, password=True):
        changed = app.change_user(data, name, password=new)
    _tell(changed, f"{changed['name']} has another password; all sessions have ended.", json=json)


@group.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, editor or admin.")],
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give a user another role; all sessions of the user end."""
    from gainstage import app

    with app.audited(data, "user.change", name, role=role):
        changed = app.change_user(data, name, role=role)
    _tell(changed, f"{changed['name']} is {changed['role']} now.", json=json)


@group.command()
def disable(name: Name, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Let a user not log in any more, and end all sessions."""
    from gainstage import app

    with app.audited(data, "user.change", name, enabled=False):
        changed = app.change_user(data, name, enabled=False)
    _tell(changed, f"{changed['name']} may not log in any more.", json=json)


@group.command()
def enable(name: Name, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Let a user log in again."""
    from gainstage import app

    with app.audited(data, "user.change", name, enabled=True):
        changed = app.change_user(data, name, enabled=True)
    _tell(changed, f"{changed['name']} may log in again.", json=json)


@group.command()
def remove(name: Name, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Remove a user with all sessions."""
    from gainstage import app

    with app.audited(data, "user.remove", name):
        removed = app.remove_user(data, name)
    _tell(removed, f"{removed['name']} was removed.", json=json)


def read_password(file: Path | None) -> str:
    """A password from a file, from whoever sits at the terminal, or from stdin.

    Raises:
        UsageError: there is none.
    """
    if file is not None:
        try:
            with file.open(encoding="utf-8") as opened:
                given = opened.readline(READ_CHARACTERS)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(f"{file} cannot be read: {reason}.") from None
    elif sys.stdin.isatty():
        given = getpass.getpass("Password: ")
        if getpass.getpass("The same again: ") != given:
            raise UsageError("The two are not the same: nothing was changed.")
    else:
        given = sys.stdin.readline(READ_CHARACTERS)
    password = given.rstrip("\r\n")
    if not password:
        raise UsageError("There is no password: write it to stdin, or name a file with --password-file.")
    return password


def _tell(row: Mapping[str, Any], sentence: str, *, json: bool) -> None:
    from gainstage.cli.output import print_json

    if json:
        print_json(row)
    else:
        tell(sentence)
