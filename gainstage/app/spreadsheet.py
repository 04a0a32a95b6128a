"""What failed or is parked as CSV, in the words of who looks after customers; a spreadsheet may open it."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gainstage.reason import REASONS

COLUMNS = (
    "received",
    "source",
    "destination",
    "outcome",
    "problem",
    "detail",
    "what to do",
    "type",
    "event",
    "user",
    "e-mail",
    "company",
    "message id",
    "reason",
)
COUNTED = ("problem", "people", "companies", "events", "destination", "outcome", "what to do", "reason")
#: A cell that begins so is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A head line and a line a row of `Dead.exported`."""
    yield _line(COLUMNS)
    for row in rows:
        yield _line(_cells(row))


def counted_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A head line and a line a cause of `Dead.causes`: "no e-mail" of 1204 people."""
    yield _line(COUNTED)
    for row in rows:
        outcome = row["outcome"] if row["destination"] else "refused"
        counts = (row["people"], row["companies"], row["events"])
        yield _line((row["title"], *counts, row["destination"], outcome, row["remedy"], row["reason"]))


def _cells(row: Mapping[str, Any]) -> Iterable[Any]:
    reason = REASONS.get(row["reason"])
    message = row["message"] if isinstance(row["message"], dict) else {}
    context = message.get("context")
    about = [message.get("traits"), context.get("traits") if isinstance(context, dict) else None]
    traits: dict[str, Any] = {}
    for told in reversed(about):
        traits |= told if isinstance(told, dict) else {}
    group = message.get("type") == "group"
    company = (about[0].get("name") if isinstance(about[0], dict) else None) if group else None
    known = row["known"]
    return (
        row["received_at"],
        row["source"],
        row["destination"],
        row["outcome"] if row["destination"] else "refused",
        reason.title if reason else row["reason"],
        row["detail"],
        reason.remedy if reason else "",
        row["type"],
        row["event"],
        row["user_id"],
        traits.get("email") or known.get("email"),
        company or message.get("groupId") or known.get("company"),
        row["message_id"],
        row["reason"],
    )


def _line(cells: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([_text(cell) for cell in cells])
    return buffer.getvalue()


def _text(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
