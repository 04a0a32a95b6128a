"""`gainstage names`: what events are called, how many there were, and which destinations send them."""

from typing import TYPE_CHECKING, Annotated

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any


def register(program: typer.Typer) -> None:
    program.command()(names)


def names(
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Of this source only.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most frequent so many.")] = 1000,
    forget: Annotated[bool, typer.Option("--forget", help="Count anew, from nothing.")] = False,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show the names of track, page and screen calls.

    How many events had each, the most frequent first, which destinations send them, and the keys of their
    properties that differ only by letter case. With --forget, what was counted is forgotten.
    """
    from gainstage import app
    from gainstage.cli.output import console, print_json

    if forget:
        with app.audited(data, "names.forget", source or ""):
            forgotten = app.forget_names(data, source)
        if json:
            print_json(forgotten)
        else:
            console().print(f"Counted anew: {', '.join(forgotten['forgotten']) or 'nothing was counted'}.")
        return
    found = app.names(data, source, limit)
    if json:
        print_json(found)
    else:
        show(found)


def show(found: "Mapping[str, Any]") -> None:
    """The names for people."""
    from gainstage.cli.output import console, safe, table

    out = console()
    if not found["names"]:
        out.print("No track, page or screen call was routed yet.")
    else:
        listed = table("source", "type", "name", "events", "destinations", numbers=("events",))
        for one in found["names"]:
            texts = (one["source"], one["type"], one["name"] or "(without a name)")
            listed.add_row(
                *map(safe, texts),
                str(one["count"]),
                safe(", ".join(verdicts(one["destinations"]))),
            )
        out.print(listed)
    for sentence in remarks(found):
        out.print(safe(sentence), soft_wrap=True)


def verdicts(destinations: "Sequence[Mapping[str, Any]]") -> "Iterator[str]":
    """Each destination that sends it, then why the others do not."""
    for one in sorted(destinations, key=lambda one: bool(one["outcome"] != "sent")):
        sent = one["outcome"] == "sent"
        yield one["destination"] if sent else f"not {one['destination']} ({one['reason']})"


def remarks(found: "Mapping[str, Any]") -> "Iterator[str]":
    """What is worth knowing beside the table."""
    for one in found["names"]:
        counts = {key["key"]: key["count"] for key in one["properties"]}
        for group in one["differ_by_case"]:
            spelled = ", ".join(f"{key[:100]!r} ({counts[key]})" for key in group)
            called = f"{one['source']}, {one['name'][:100]!r}"
            yield f"{called}: properties that differ only by letter case: {spelled}"
    if found["more"]:
        yield f"{found['more']} more names: raise --limit."
    for one in found["sources"]:
        if one["other_events"]:
            yield (
                f"{one['source']}: {one['other_events']:,} more events had names that found no room here; "
                f"--forget begins a new list."
            )
