"""`gainstage audiences`: which there are, what one would come to, sizes over time, computing now."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json

group = typer.Typer(
    rich_markup_mode=None,
    help="Audiences and computed traits: list them, see what one comes to, compute now.",
    no_args_is_help=True,
)
EXIT_NOT_YET = 3
WORDS = {"audience": "audience", "computed_trait": "trait"}

Key = Annotated[str, typer.Argument(metavar="KEY", help="Its key: see list.", show_default=False)]
AnyKey = Annotated[str | None, typer.Argument(metavar="[KEY]", help="Its key: see list.", show_default=False)]


@group.command("list")
def list_(json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """List audiences and computed traits: how many have a value, and what is still to be sent."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    found = app.audiences(data)
    if json:
        print_json(found)
        return
    out = console()
    if not found["audiences"]:
        out.print("There is no audience and no computed trait: write one in the configuration file.")
    else:
        listed = table("key", "of", "destinations", "size", "to be said", "computed",
                       numbers=("size", "to be said"))  # fmt: skip
        for one in found["audiences"]:
            listed.add_row(
                safe(one["key"]), f"{one['for']}s", safe(", ".join(one["destinations"]) or "nobody"),
                f"{one['size']:,}", f"{one['waiting']:,}", safe(_computed(one)),
            )  # fmt: skip
        out.print(listed)
    for sentence in remarks(found):
        out.print(safe(sentence), soft_wrap=True)


@group.command()
def preview(
    key: AnyKey = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="A file with definitions, which need not be in force.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=0, max=1000, help="Show so many of them.")
    ] = 10,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Compute one of them now, and send nothing: how many would have a value, and some of them."""
    from gainstage import app
    from gainstage.cli.output import print_json

    found = app.preview_audience(data, key, file, sample)
    if json:
        print_json(found)
    else:
        show_preview(found)


@group.command()
def run(
    key: AnyKey = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait so long for a running server.")
    ] = 60.0,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Compute now: by the running server, else here.

    Exit code 3: the running server has not come to it yet.
    """
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe

    with app.audited(data, "audience.run", key or ""):
        found = app.compute_now(data, key, wait)
    if json:
        print_json(found)
    else:
        for sentence in _ran(found):
            console().print(safe(sentence), soft_wrap=True)
    raise typer.Exit(0 if found["done"] else EXIT_NOT_YET)


@group.command()
def history(key: Key, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Show how many had a value over time, and how many got one or lost it."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    found = app.audience_history(data, key)
    if json:
        print_json(found)
        return
    if not found["history"]:
        console().print("Nobody had a value yet.")
        return
    listed = table("at", "size", "entered", "left", numbers=("size", "entered", "left"))
    for one in found["history"]:
        listed.add_row(safe(one["at"]), f"{one['size']:,}", f"{one['entered']:,}", f"{one['left']:,}")
    console().print(listed)


def show_preview(found: Mapping[str, Any]) -> None:
    """A preview in words."""
    from gainstage.cli.output import console, safe, table

    out = console()
    whose = "people" if found["for"] == "user" else "accounts"
    share = f" ({100 * found['size'] / found['known']:.0f} %)" if found["known"] else ""
    out.print(safe(f"{found['name']} ({WORDS[found['kind']]}, key {found['key']}): nothing is sent."))
    verb = "are in it" if found["kind"] == "audience" else "have a value"
    out.print(f"{found['size']:,} of {found['known']:,} {whose}{share} {verb} now.")
    if found["sample"]:
        label = "email" if found["for"] == "user" else "name"
        values = ["value"] if found["kind"] == "computed_trait" else []  # of an audience all are true
        listed = table("who", label, *values)
        for one in found["sample"]:
            listed.add_row(
                safe(_who(one)), safe(one[label] or ""), *(safe(_value(one[word])) for word in values)
            )
        out.print(listed)
    for warning in found["warnings"]:
        out.print(safe(f"{warning['destination']}: {warning['message']}"), soft_wrap=True)
    for sentence in _archived(found["archive"]):
        out.print(safe(sentence), soft_wrap=True)


def remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """What is worth knowing beside the table."""
    from gainstage.cli.moments import clock_time

    for one in found["audiences"]:
        if one["state"] != "enabled":
            yield f"{one['key']} is {one['state']}."
        yield from (f"{warning['destination']}: {warning['message']}" for warning in one["warnings"])
    if found["unusable"]:
        yield f"Not usable: {', '.join(found['unusable'])}; gainstage check says why."
    to_be_said = any(one["waiting"] for one in found["audiences"])
    for one in found["destinations"]:
        if not to_be_said and not one["on_their_way"]:
            continue
        at = one["finishes_at"]
        when = f"done at about {clock_time(at)}" if at else NO_TELLING
        yield f"{one['destination']}: {one['on_their_way']:,} calls on their way; {when}."


NO_TELLING = "no telling when: nothing is sent there now, or live events need the whole budget"


def _computed(one: Mapping[str, Any]) -> str:
    if one["state"] == "disabled":
        return "disabled"
    if one["evaluated_at"] is None:
        return "not yet"
    from gainstage.cli.moments import age

    told = age(one["evaluated_at"])
    return told if one["current"] else f"{told}, before it was changed"


def _who(one: Mapping[str, Any]) -> str:
    if "user_id" in one:
        return str(one["user_id"])
    return f"{one['anonymous_id']} (anonymous)" if "anonymous_id" in one else str(one["account_id"])


def _archived(archive: Mapping[str, Any]) -> Iterator[str]:
    if archive["events"]:
        days = f"of {archive['first_day']} to {archive['last_day']}"
        yield f"Computed from {archive['events']:,} archived events {days}."
    else:
        yield "No event is archived."
    if archive["behind"]:
        yield f"Not archived yet, and not counted: {archive['behind']:,} messages of the log, at most."
    damaged: Sequence[str] = archive["damaged"] or ()
    yield from damaged


def _ran(found: Mapping[str, Any]) -> Iterator[str]:
    for one in found["audiences"]:
        told = f"{one['key']}: {one['size']:,}, {one['entered']:,} entered, {one['left']:,} left"
        waits = f"; {one['waiting']:,} to be said" if one["waiting"] else ""
        yield f"{told}{waits}." if one["state"] != "disabled" else f"{one['key']} is disabled."
    if not found["audiences"]:
        yield "There is no audience and no computed trait: write one in the configuration file."
    if not found["done"]:
        yield "The running server has not come to it yet; it goes on. See: gainstage audiences list"
    elif found["by"] == "command" and found["audiences"]:
        yield "What changed is kept; the next gainstage serve or send delivers it."


def _value(value: Any) -> str:
    """As definitions write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
