"""How commands print: JSON on stdout as it is, tables for people, everything else on stderr."""

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LINE_CHARACTERS = 80
COUNTS = ("received", "delivered", "filtered", "failed", "parked", "pending")
LEVEL_STYLES = {"ok": "green", "unknown": "dim", "warning": "yellow", "error": "red"}
WORD_STYLES = {
    "delivered": "green",
    "filtered": "dim",
    "failed": "red",
    "parked": "yellow",
    "pending": "cyan",
}


def print_anything() -> None:
    """Let no character that stdout or stderr cannot show end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if _is_utf8() else "replace")


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def tell(sentence: str) -> None:
    """A sentence for the person, on stderr."""
    print(sentence, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(compact(value) + "\n")


def print_json_array(values: Iterable[Any]) -> None:
    """One JSON document, a list, written while it is read."""
    comma = "["
    for value in values:
        sys.stdout.write(comma + compact(value))
        comma = ","
    sys.stdout.write("[]\n" if comma == "[" else "]\n")


def compact(value: Any) -> str:
    """JSON in one line, in characters that stdout can show."""
    return json.dumps(value, ensure_ascii=not _is_utf8(), separators=(",", ":"), default=str)


def console() -> "Console":
    """stdout for people."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def table(*columns: str, numbers: Sequence[str] = (), title: str = "") -> "Table":
    """A plain table; the columns named in `numbers` stand to the right."""
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        if column in numbers:
            made.add_column(column, justify="right", no_wrap=True)
        else:
            made.add_column(column, overflow="fold")
    return made


def counts_table(connections: Iterable[Mapping[str, Any]]) -> "Table":
    """The equation of every connection, one a row."""
    from gainstage.computed import source_shown

    made = table("source", "destination", *COUNTS, numbers=COUNTS)
    for counts in connections:
        numbers = [_count(name, counts[name]) for name in COUNTS]
        made.add_row(safe(source_shown(counts["source"])), safe(counts["destination"]), *numbers)
    return made


def _count(name: str, number: int) -> str:
    style = WORD_STYLES.get(name)
    return f"[{style}]{number}[/]" if style and number and name != "filtered" else str(number)


def print_value(out: "Console", value: Any, indent: int) -> None:
    """A JSON value for people: in one line where it is short, coloured on a terminal."""
    from textwrap import indent as indented

    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    if isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
        if len(text) + indent > LINE_CHARACTERS:
            text = json.dumps(value, ensure_ascii=False, default=str, indent=2)
    made = Text(indented(_printable(text), " " * indent))
    if not isinstance(value, str):
        JSONHighlighter().highlight(made)
    out.print(made, soft_wrap=True)


def safe(value: Any) -> str:
    """Text from events or vendors, without markup of ours and without control characters for the terminal."""
    from rich.markup import escape

    return escape(_printable("" if value is None else str(value)))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
