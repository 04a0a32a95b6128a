"""`gainstage fields`: the tenant's fields, what is mapped to each, and what does not go together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, Json, config_file
from gainstage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_AT_FAULT = 1
ITEMS_SHOWN = 6


def register(program: typer.Typer) -> None:
    program.command()(fields)


def fields(
    destination: Annotated[
        str | None,
        typer.Option(
            "--destination",
            metavar="NAME",
            help="Whose fields. Default: the only destination that tells its fields.",
            show_default=False,
        ),
    ] = None,
    read: Annotated[
        bool, typer.Option("--read", help="Read them from Gainsight CS or PX: one or two calls.")
    ] = False,
    upload: Annotated[
        Path | None,
        typer.Option("--upload", metavar="FILE", help="Take a list over: CSV or JSON.", show_default=False),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Know nothing of them any more.")] = False,
    json: Json = False,
    config: Config = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Show the tenant's fields and what is mapped to them.

    They are kept in the data folder, and values are made to fit them before a call is spent. Read them anew
    after a change of fields at Gainsight.

    Exit code 0: shown. 1: they could not be read; what was kept is kept. 2: configuration, file or options
    are unusable.
    """
    from gainstage import app
    from gainstage.cli.output import print_json, tell

    if read + forget + (upload is not None) > 1:
        raise UsageError("Give one of --read, --upload and --forget.")
    place = (data, config_file(config), destination)
    try:
        if upload is not None:
            with app.audited(data, "fields.upload", destination or ""):
                found = app.upload_fields(*place, upload)
        elif read:
            with app.audited(data, "fields.read", destination or ""):
                found = app.read_fields(*place)
        elif forget:
            with app.audited(data, "fields.forget", destination or ""):
                found = app.forget_fields(*place)
        else:
            found = app.kept_fields(*place)
    except app.Unreadable as error:
        tell(str(error))
        raise typer.Exit(EXIT_AT_FAULT) from None
    if json:
        print_json(found)
    else:
        show(found)


def show(found: "Mapping[str, Any]") -> None:
    """The fields for people, a table an object."""
    from gainstage.cli.check import findings_table
    from gainstage.cli.output import console, safe

    out = console()
    name = safe(found["destination"])
    if found["origin"] is None:
        out.print(f"Nothing is known of the fields of {name}: gainstage fields --destination {name} --read")
        return
    out.print(f"{name}: {safe(found['tenant'])}, {found['origin']} {found['at']}", soft_wrap=True)
    for one in found["objects"]:
        out.print()
        out.print(fields_table(one))
    if found["findings"]:
        out.print()
        rows = [
            (found["destination"], one["level"], one["setting"], one["message"]) for one in found["findings"]
        ]
        out.print(findings_table(rows))


def fields_table(one: "Mapping[str, Any]") -> Any:
    """One object."""
    from gainstage.cli.output import safe, table

    title = one["label"] or one["name"]
    listed = table(
        "field", "type", "what it takes", "from", title=f"{safe(title)} ({len(one['fields'])} fields)"
    )
    for field in one["fields"]:
        sources = ", ".join(use["source"].replace("`", "") for use in field["from"])
        listed.add_row(safe(field["name"]), safe(field["type"]), safe(restrictions(field)), safe(sources))
    return listed


def restrictions(field: "Mapping[str, Any]") -> str:
    """What holds for a field, in a few words."""
    words = [] if field["state"] == "ENABLED" else [field["state"].lower()]
    if field["custom"]:
        words.append("custom")
    if field["required"]:
        words.append("required")
    if field["read_only"] or not (field["createable"] or field["updateable"]):
        words.append("read-only")
    elif not field["updateable"]:
        words.append("new records only")
    elif not field["createable"]:
        words.append("not for new records")
    if field["length"]:
        words.append(f"at most {field['length']} characters")
    active = [item["label"] for item in field["items"] if item.get("active", True)]
    if active:
        rest = len(active) - ITEMS_SHOWN
        words.append("; ".join(active[:ITEMS_SHOWN]) + (f"; {rest} more" if rest > 0 else ""))
    return ", ".join(words)
