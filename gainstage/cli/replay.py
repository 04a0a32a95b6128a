"""`gainstage replay`: history sent again through today's settings, looked at, paused, resumed, cancelled."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.errors import UsageError

if TYPE_CHECKING:
    from gainstage.app.replaying import Replays

group = typer.Typer(rich_markup_mode=None, invoke_without_command=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="The replay's number.", show_default=False)]


def restricting(option: str, metavar: str, sentence: str) -> Any:
    """An option that leaves something out."""
    return typer.Option(option, metavar=metavar, help=sentence, show_default=False)


From = Annotated[
    str | None, restricting("--from", "T", "Received since: 2026-01-31, or 2h for two hours ago.")
]
To = Annotated[str | None, restricting("--to", "T", "Received before. Default: now.")]
Destinations = Annotated[list[str] | None, restricting("--destination", "NAME", "Only to this destination.")]
Sources = Annotated[
    list[str] | None,
    restricting(
        "--source",
        "NAME",
        "Only of this source; gainstage:audiences is what audiences and computed traits say.",
    ),
]
Types = Annotated[
    list[str] | None,
    restricting("--type", "TYPE", "Only identify, track, page, screen, group or alias calls."),
]
Events = Annotated[list[str] | None, restricting("--event", "NAME", "Only events of this name.")]
User = Annotated[
    str | None, restricting("--user", "ID", "Only this person's: userId, anonymousId or e-mail.")
]
Outcomes = Annotated[
    list[str] | None,
    restricting(
        "--outcome",
        "WORD",
        "Only what was delivered, filtered, failed or parked; or new: what never met the destination.",
    ),
]
ResendEvents = Annotated[
    bool, typer.Option("--resend-events", help="Send events again that were delivered: they arrive twice.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Send nothing: tell events, calls and when it would be done.")
]


@group.callback()
def replay(
    context: typer.Context,
    from_: From = None,
    to: To = None,
    destination: Destinations = None,
    source: Sources = None,
    type_: Types = None,
    event: Events = None,
    user: User = None,
    outcome: Outcomes = None,
    resend_events: ResendEvents = False,
    dry_run: DryRun = False,
    json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send history again through today's settings. Newer values stay, delivered events are skipped."""
    if context.invoked_subcommand is not None:
        return
    if from_ is None:
        raise UsageError("Say from when on: --from T, as in --from 2026-01-31 or --from 2h.")
    from gainstage import app
    from gainstage.cli.output import print_json

    asked = {
        "from_": from_, "to": to, "sources": source or (), "types": type_ or (), "events": event or (),
        "user": user, "destinations": destination or (), "outcomes": outcome or (),
        "resend_events": resend_events,
    }  # fmt: skip
    with closing(app.open_store(data)) as reports:
        if dry_run:
            found = reports.replays.rehearse(**asked)
        else:
            with app.audited(data, "replay.begin", **app.without_people(asked)) as note:
                found = reports.replays.begin(**asked)
                note.add(f"replay {found['id']}")
    if json:
        print_json(found)
    elif dry_run:
        show_rehearsal(found)
    else:
        print(f"Replay {found['id']} begins: by the running server, or by the next serve.")
        print(f"See how far it is: gainstage replay show {found['id']}")


@group.command("list")
def list_(json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """List the replays, the newest first."""
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe, table

    with closing(app.open_store(data)) as reports:
        found = reports.replays.newest()
    if json:
        print_json(found)
        return
    if not found:
        console().print("There was no replay yet.")
        return
    listed = table("id", "state", "read", "found", "pending", "ended", "asked for",
                   numbers=("id", "read", "found", "pending", "ended"))  # fmt: skip
    for one in found:
        ended = sum(one["ended"].values()) + one["unchanged"]
        listed.add_row(
            str(one["id"]), one["state"], f"{one['read_percent']} %", f"{one['found']:,}",
            f"{one['pending'] + one['held']:,}", f"{ended:,}", safe(_asked(one)),
        )  # fmt: skip
    console().print(listed)


@group.command()
def show(number: Number, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Show how far a replay is and what came of it."""
    _act(data, json, None, lambda replays: replays.show(number))


@group.command()
def pause(number: Number, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Hold a replay: what has not been sent waits until it goes on."""
    _act(data, json, ("replay.pause", number), lambda replays: replays.pause(number))


@group.command()
def resume(number: Number, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Let a paused replay go on."""
    _act(data, json, ("replay.resume", number), lambda replays: replays.resume(number))


@group.command()
def cancel(number: Number, json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """End a replay: what has not been sent becomes what it was before."""
    _act(data, json, ("replay.cancel", number), lambda replays: replays.cancel(number))


def _act(
    data: Any, json: bool, noted: tuple[str, int] | None, ask: "Callable[[Replays], dict[str, Any]]"
) -> None:
    from gainstage import app
    from gainstage.cli.output import console, print_json, safe

    with closing(app.open_store(data)) as reports:
        if noted is None:
            found = ask(reports.replays)
        else:
            with app.audited(data, noted[0], f"replay {noted[1]}"):
                found = ask(reports.replays)
    if json:
        print_json(found)
        return
    for sentence in sentences(found):
        console().print(safe(sentence))


def sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """A replay in words."""
    yield f"Replay {found['id']} is {found['state']}: {_asked(found)}."
    yield f"{found['read_percent']} % of history read; {_what(found)}"
    if found["held"]:
        yield f"{found['held']:,} wait until it is resumed."
    if found["pending"]:
        yield f"{found['pending']:,} on their way."
    ended = [f"{n:,} {word}" for word, n in found["ended"].items() if n]
    if ended:
        yield f"Ended: {', '.join(ended)}."
    yield from _remarks(found)


def show_rehearsal(found: Mapping[str, Any]) -> None:
    """A dry run in words."""
    from gainstage.cli.moments import clock_time
    from gainstage.cli.output import console, safe

    out = console()
    out.print(safe(f"Nothing is sent. Asked for: {_asked(found)}."))
    out.print(safe(_what(found)))
    ended = [f"{n:,} {word}" for word, n in found["ended"].items() if n]
    if ended:
        out.print(f"Without a call: {', '.join(ended)}.")
    for sentence in _remarks(found):
        out.print(safe(sentence))
    if not found["calls"]:
        out.print("No call would be made.")
    for name, calls in found["calls"].items():
        at = found["finishes_at"].get(name)
        when = f"done at about {clock_time(at)}" if at else NO_TELLING
        out.print(safe(f"{name}: {calls:,} calls; {when}."))


def _what(found: Mapping[str, Any]) -> str:
    return (
        f"{found['found']:,} events fit, {found['planned']:,} deliveries are sent again, "
        f"{found['unchanged']:,} have nothing newer to say."
    )


NO_TELLING = "no telling when: nothing is sent there now, or live events need the whole budget"
WHY = {
    "delivered": "events were delivered and would arrive twice (--resend-events sends them)",
    "pending": "are on their way already",
    "settings": "were delivered and are asked for no more by today's settings",
    "given_up": "were given up",
    "refused": "were refused as messages (gainstage dead edit corrects them)",
    "forgotten": "are of people who are forgotten",
    "unknown": "are in the log, but what became of them is known no more",
}


def _remarks(found: Mapping[str, Any]) -> Iterator[str]:
    for name, n in found["skipped"].items():
        if n:
            yield f"Skipped: {n:,} {WHY[name]}."
    if found["history_begins_at"]:
        since = found["history_begins_at"]
        yield f"What was received before {since} is no longer in the log, and not sent again."


def _asked(found: Mapping[str, Any]) -> str:
    """What was asked for, in one line."""
    parts = [f"{found['from']} to {found['to']}"]
    for name in ("sources", "types", "events", "destinations", "outcomes"):
        if found[name]:
            parts.append(f"{name}: {', '.join(found[name])}")
    if found["user"]:
        parts.append(f"user: {found['user']}")
    if found["resend_events"]:
        parts.append("delivered events too")
    return "; ".join(parts)
