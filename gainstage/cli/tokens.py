"""`gainstage token`: tokens of the management API for programs, each with a role of its own."""

from typing import Annotated

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.cli.output import tell

group = typer.Typer(help="Make, list and remove tokens of the management API.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")]


@group.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, editor or admin.")],
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="TIME", help="When it ends: 90d, 12h. Default: never.", show_default=False
        ),
    ] = None,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a token and print it: it is never shown again."""
    from gainstage import app
    from gainstage.cli.output import print_json

    lasts = app.lasting(expires)
    with app.audited(data, "token.add", name, role=role, expires=expires):
        made = app.add_token(data, name, role, app.operator().words, lasts)
    if json:
        print_json(made)
        return
    print(made["token"])
    tell(f"The token {made['name']} has the role {made['role']}. Keep it now: it is not shown again.")


@group.command("list")
def list_(json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """List the tokens, without what programs send."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    found = app.tokens(data)
    if json:
        print_json(found)
        return
    listed = table("token", "role", "made by", "expires", "last used")
    for row in found:
        ends = "expired" if row["expired"] else (row["expires_at"] or "never")[:16]
        used = (row["last_used_at"] or "never")[:16]
        listed.add_row(*map(safe, (row["name"], row["role"], row["created_by"], ends, used)))
    if listed.row_count:
        console().print(listed)
    else:
        console().print("There is no token but the one that the server may have been started with.")


@group.command()
def remove(name: Name, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Remove a token: whoever sends it is refused from now on."""
    from gainstage import app
    from gainstage.cli.output import print_json

    with app.audited(data, "token.remove", name):
        app.remove_token(data, name)
    if json:
        print_json({"removed": name})
    else:
        tell(f"The token {name} was removed.")
