"""How the demo looks: steps as they happen, then what arrived, what did not and why, and the ledger."""

import contextlib
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gainstage.computed import source_shown
from gainstage.demo.story import AUDIENCE, AUDIENCE_FIELD, DESTINATIONS, TRAIT, TRAIT_FIELD
from gainstage.demo.watching import WORDS, Fate
from gainstage.reason import REASONS

TITLES = {"cs": "Gainsight CS", "px": "Gainsight PX", "clickstream": "Gainsight clickstream"}
STYLES = {"filtered": "dim", "failed": "red", "parked": "yellow", "pending": "cyan"}
LINE_SECONDS = 2.0
#: Who may log in to the demo's dashboard.
USER = "demo"


@dataclass(frozen=True)
class Summary:
    """Everything that is shown at the end."""

    connections: Sequence[Mapping[str, Any]]
    unbalanced: Sequence[Mapping[str, Any]]
    #: Records that the vendors hold, by destination and kind.
    arrived: Mapping[tuple[str, str], int]
    groups: Mapping[tuple[str, str], Sequence[Fate]]
    calls: Counter[str]
    one_at_a_time: Counter[str]
    #: What the fields of the audience and of the computed trait hold, by e-mail.
    computed: Mapping[str, Mapping[str, Any]]
    #: What is not as the story says.
    surprises: Sequence[str]

    @property
    def is_good(self) -> bool:
        return not self.unbalanced and not self.surprises


class Show:
    """Prints on stdout: coloured on a terminal, plain elsewhere."""

    def __init__(self) -> None:
        self._out = Console(highlight=False)

    def say(self, sentence: str) -> None:
        self._out.print(escape(sentence))

    def begin(self, server: str, sandbox: str) -> None:
        self._out.print("\n[bold]gainstage demo[/]  real SDKs → gainstage → Gainsight (a sandbox)\n")
        self._out.print(f"  dashboard  {server}/")
        self._out.print(f"  sandbox    {sandbox}/__sandbox__/\n")

    def chapter(self, title: str, calls: int) -> None:
        self._out.print(
            f"  [green]✓[/] {escape(title)} [dim]({calls} {'call' if calls == 1 else 'calls'})[/]"
        )

    @contextlib.contextmanager
    def delivering(self) -> Iterator[Callable[[int, int], None]]:
        """Progress of delivery: a bar on a terminal, a line now and then elsewhere."""
        if not self._out.is_terminal:
            yield self._lines()
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._out, transient=True) as bar:
            task = bar.add_task("Delivering")
            yield lambda settled, expected: bar.update(task, completed=settled, total=expected)

    def _lines(self) -> Callable[[int, int], None]:
        last, told = [0.0], [-1]

        def line(settled: int, expected: int) -> None:
            if settled == told[0]:
                return
            if settled == expected or time.monotonic() - last[0] >= LINE_SECONDS:
                last[0], told[0] = time.monotonic(), settled
                self._out.print(f"  Delivering: {settled} of {expected} settled")

        return line

    def computing(self) -> None:
        """All events have settled; what follows from them is computed, and sent in its turn."""
        self._out.print("  Computing the audience and the trait")

    def summary(self, summary: Summary) -> None:
        self._arrived(summary)
        self._computed(summary)
        self._undelivered(summary)
        self._calls(summary)
        self._ledger(summary)
        for surprise in summary.surprises:
            self._out.print(f"[red]✗[/] Not as the story says: {escape(surprise)}")

    def _arrived(self, summary: Summary) -> None:
        self._heading("What arrived")
        for destination in DESTINATIONS:
            kinds = [
                f"[bold]{n}[/] {kind}" for (part, kind), n in summary.arrived.items() if part == destination
            ]
            self._out.print(f"  {TITLES[destination]:<22} {', '.join(kinds)}")

    def _computed(self, summary: Summary) -> None:
        self._heading("What was computed from it, and arrived in Gainsight CS")
        rows = (("audience", AUDIENCE, AUDIENCE_FIELD), ("computed trait", TRAIT, TRAIT_FIELD))
        for kind, key, field in rows:
            values = summary.computed[field]
            shown = ", ".join(sorted({json.dumps(value) for value in values.values()})) or "nothing"
            self._out.print(f"  {kind + ' ' + key:<31} [bold]{len(values)}[/] people, {field}: {shown}")

    def _undelivered(self, summary: Summary) -> None:
        self._heading("What did not, and why")
        table = _table("outcome", "where", "why, and what to do")
        for (word, reason), fates in sorted(summary.groups.items()):
            known = REASONS.get(reason)
            style = STYLES.get(word, "none")
            messages = ", ".join(sorted({fate.call.message_id for fate in fates}))
            remedy = escape(f"{known.cause} {known.remedy}" if known else fates[0].detail)
            where = "\n".join(dict.fromkeys(fate.destination or "(refused)" for fate in fates))
            table.add_row(f"[{style}]{word}[/]\n{reason}", where, f"{remedy}\n[dim]{escape(messages)}[/]")
        self._out.print(table)

    def _calls(self, summary: Summary) -> None:
        self._heading("Calls made")
        table = _table(
            "destination",
            "gainstage",
            "one at a time",
            "fewer calls",
            numbers=("gainstage", "one at a time", "fewer calls"),
        )
        for destination in DESTINATIONS:
            made, naive = summary.calls[destination], summary.one_at_a_time[destination]
            fewer = f"{100 * (naive - made) / naive:.0f} %" if naive else ""
            table.add_row(TITLES[destination], str(made), str(naive), fewer)
        self._out.print(table)

    def _ledger(self, summary: Summary) -> None:
        self._heading("The ledger: received = delivered + filtered + failed + parked + pending")
        table = _table("source", "destination", "received", *WORDS, "", numbers=("received", *WORDS))
        table.padding = 0  # so that it has room on 80 columns
        for counts in summary.connections:
            mark = "[red]✗[/]" if counts in summary.unbalanced else "[green]✓[/]"
            numbers = [str(counts[name]) for name in ("received", *WORDS)]
            table.add_row(source_shown(counts["source"]), counts["destination"], *numbers, mark)
        self._out.print(table)

    def addresses(self, server: str, sandbox: str, data: Path, password: str) -> None:
        self._heading("Have a look")
        own = own_command(sys.argv[0])
        rows = (
            ("Dashboard", f"{server}/   log in as {USER} with {password}"),
            ("What Gainsight holds now", f"{sandbox}/__sandbox__/"),
            ("The server's health", f"{server}/health"),
            ("Counts", f"{own} status --data {data}"),
            ("Audiences and traits", f"{own} audiences list --data {data}"),
            ("What failed or waits", f"{own} dead list --data {data}"),
            ("One event's life", f"{own} trace demo-bad-date --data {data}"),
        )
        for what, where in rows:
            self._out.print(f"  {what:<25} {where}", soft_wrap=True)
        self._out.print("\n[bold]Running until Ctrl-C.[/]")

    def _heading(self, text: str) -> None:
        self._out.print(f"\n[bold]{text}[/]")


def own_command(started_as: str) -> str:
    """What a user types to start gainstage again, told by what this process was started as."""
    program = Path(started_as)
    if program.name == "__main__.py":
        return f"{sys.executable} -m gainstage"
    return program.name if shutil.which(program.name) == started_as else started_as


def _table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made
