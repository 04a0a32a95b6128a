"""`gainstage send`: messages from files, through the same path as the SDKs' events."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gainstage.cli.options import DEFAULT_DATA, Config, Data, Json, config_file

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_FAILED = 1
EXIT_KEPT = 3
#: Reasons shown to people; `--json` lists every pair.
LIMIT_REASONS = 20


def register(program: typer.Typer) -> None:
    program.command()(send)


def send(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="JSON Lines, also gzip; - for stdin.", show_default=False),
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="The source that they come from.", show_default=False),
    ] = None,
    wait: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for what cannot move now."),
    ] = 60.0,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="History: whatever is live goes first and has budget.")
    ] = False,
    json: Json = False,
    config: Config = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send messages from files and wait for them.

    Exit code 0: all delivered or filtered. 1: some failed or were refused. 3: some are parked or pending;
    they are kept, and the next serve or send continues. 2: unusable input or configuration.
    """
    from gainstage import app
    from gainstage.cli.messages import read_messages
    from gainstage.cli.output import print_json
    from gainstage.cli.progress import Shown

    messages = read_messages(files)
    with Shown("Delivering") as shown:
        report = app.send(data, config_file(config), messages, source, wait, shown.update, backfill=backfill)
    if json:
        print_json(report)
    else:
        show(report)
    raise typer.Exit(exit_code(report))


def exit_code(report: "Mapping[str, Any]") -> int:
    """What became of the messages, as an exit code."""
    connections = report["connections"]
    if report["refused"] or any(counts["failed"] for counts in connections):
        return EXIT_FAILED
    if any(counts["parked"] or counts["pending"] for counts in connections):
        return EXIT_KEPT
    return 0


def show(report: "Mapping[str, Any]") -> None:
    """The report for people: counts, calls, and what did not arrive by reason."""
    from gainstage.cli.output import console, counts_table, safe, table
    from gainstage.reason import REASONS

    out = console()
    if report["connections"]:
        out.print(counts_table(report["connections"]))
    calls = ", ".join(f"{safe(name)} {number}" for name, number in report["calls"].items())
    out.print(f"Calls made: {calls or 'none'}")
    if report["refused"] or report["duplicates"]:
        out.print(f"Refused: {report['refused']}   Duplicates: {report['duplicates']}")
    undelivered = report["undelivered"]
    if not undelivered:
        return
    groups = Counter(
        (row["destination"] or "(refused)", row["outcome"], row["reason"]) for row in undelivered
    )
    examples: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in undelivered:
        examples.setdefault(_group(row), row)
    listed = table(
        "destination", "outcome", "reason", "count", "for example, and what to do", numbers=("count",)
    )
    for group, count in groups.most_common(LIMIT_REASONS):
        row, reason = examples[group], REASONS.get(group[2])
        advice = f"{row['message_id']}: {row['detail']}" + (f" {reason.remedy}" if reason else "")
        listed.add_row(safe(group[0]), safe(group[1]), safe(group[2]), str(count), safe(advice))
    out.print(listed)


def _group(row: "Mapping[str, Any]") -> tuple[str, str, str]:
    return row["destination"] or "(refused)", row["outcome"], row["reason"]
