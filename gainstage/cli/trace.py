"""`gainstage trace`: one event's whole life."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Data, Json
from gainstage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

MessageId = Annotated[
    str, typer.Argument(metavar="MESSAGE_ID", help="The event's messageId.", show_default=False)
]
MaybeMessageId = Annotated[
    str | None, typer.Argument(metavar="MESSAGE_ID", help="The event's messageId.", show_default=False)
]
User = Annotated[
    str | None,
    typer.Option(
        "--user", metavar="ID", help="Instead of a message: the events of a userId, anonymousId or e-mail.",
        show_default=False,
    ),
]  # fmt: skip
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="With --user: the newest so many.")]


def register(program: typer.Typer) -> None:
    program.command()(trace)


def trace(
    message_id: MaybeMessageId = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="As this source sent it.", show_default=False),
    ] = None,
    user: User = None,
    limit: Limit = 20,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show one event's whole life.

    When it came, what was resolved, each destination's outcome, each request and answer that carried it.
    With --user: what the newest events of a person became, to find the message by.
    """
    from gainstage.cli.output import console, print_json

    if (message_id is None) == (user is None):
        raise UsageError("Name either a messageId, or a person with --user.")
    if message_id is None:
        events = find_events(data, user or "", limit)
        if json:
            print_json(events)
        else:
            show_events(console(), events)
        return
    found = find(data, message_id, source)
    if json:
        print_json(found)
    else:
        show(console(), found)


def find(data: Data, message_id: str, source: str | None = None) -> "Mapping[str, Any]":
    """The life of an event that must be there."""
    from gainstage import app

    with closing(app.open_store(data)) as reports:
        found, let_go = reports.trace(message_id, source), reports.let_go()
    if found is None:
        origin = f" from {source}" if source else ""
        sentence = f"There is no event {message_id}{origin} in {data}: check the messageId and --data."
        raise UsageError(sentence + let_go)
    return found


def find_events(data: Data, user: str, limit: int) -> "Mapping[str, Any]":
    """A person's events."""
    from gainstage import app

    with closing(app.open_store(data)) as reports:
        return reports.events_of(user, limit)


def show_events(out: "Console", found: "Mapping[str, Any]") -> None:
    """A person's events for people, each with what became of it."""
    from gainstage.cli.output import safe

    also = [one for one in found["ids"] if one != found["user"]]
    known = f", also known as {safe(', '.join(also))}" if also else ""
    out.print(f"[bold]{safe(found['user'])}[/]{known}: {len(found['events'])} events, newest first")
    if found["messages_since"]:
        out.print(f"Messages are kept since {safe(found['messages_since'])}.")
    for event in found["events"]:
        show_outcomes(out, event)


def show_outcomes(out: "Console", event: "Mapping[str, Any]") -> None:
    """One event of a list, and what became of it."""
    from gainstage.cli.output import WORD_STYLES, safe

    said = " ".join(str(event[name]) for name in ("type", "event") if event[name])
    out.print(f"\n[bold]{safe(event['message_id'])}[/]  {safe(event['received_at'])}  {safe(said)}")
    for one in event["destinations"]:
        style = WORD_STYLES.get(one["outcome"], "none")
        reason = f" {one['reason']}" if one["reason"] else ""
        detail = f": {safe(one['detail'])}" if one["detail"] else ""
        name = safe(one["destination"] or "(met no destination)")
        out.print(f"  {name}  [{style}]{one['outcome']}[/]{reason}{detail}", soft_wrap=True)


def show(out: "Console", found: "Mapping[str, Any]") -> None:
    """A trace for people."""
    from gainstage.cli.output import WORD_STYLES, print_value, safe

    origin = f"from {safe(found['source'])}, received {safe(found['received_at'])}"
    out.print(f"[bold]{safe(found['message_id'])}[/] {origin}")
    if found.get("resolved"):
        known = ", ".join(f"{name} {value}" for name, value in found["resolved"].items())
        out.print(f"  [bold]resolved[/] {safe(known)}")
    for note in found.get("notes") or ():
        out.print(f"  [yellow]note[/] {safe(note)}")
    print_value(out, found["event"], 2)
    for destination in found["destinations"]:
        style = WORD_STYLES.get(destination["outcome"], "none")
        reason = f"  {safe(destination['reason'])}" if destination["reason"] else ""
        name = safe(destination["destination"] or "(met no destination)")
        out.print(f"\n[bold]{name}[/]  [{style}]{safe(destination['outcome'])}[/]{reason}")
        if destination["detail"]:
            out.print(f"  {safe(destination['detail'])}")
        for attempt in destination["attempts"]:
            answer = attempt["status"] if attempt["status"] is not None else "no answer"
            call = f"{safe(attempt['at'])}  {safe(attempt['method'])} {safe(attempt['url'])}"
            out.print(f"  {call}  [bold]{safe(answer)}[/]", soft_wrap=True)
            request = attempt["request"]
            body = request.get("body") if isinstance(request, dict) else request
            for name, content in (("sent", body), ("answer", attempt["response"])):
                if content not in (None, ""):
                    out.print(f"    {name}")
                    print_value(out, content, 6)
