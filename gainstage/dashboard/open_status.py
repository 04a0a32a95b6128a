"""What of the status is told without a login: names of the configuration, codes, figures and times. Pure.

A part is told because it is listed here. Left out is what others wrote: what a vendor said of a blocked
destination, names that senders gave to traits and events, and for whom a replay was asked.
"""

from collections.abc import Iterable, Mapping
from typing import Any

#: Parts that are told as they are: nothing in them comes from senders or vendors.
WHOLE = (
    "connections",
    "oldest_pending_seconds",
    "log",
    "limits",
    "alerts",
    "budgets",
    "kept",
    "sources",
    "event_names",
    "near_misses",
    "uncounted",
    "computations",
)
#: Of the rows of other parts, the fields that are told.
FIELDS = {
    "blocked": ("destination", "reason", "since", "next_try_at"),
    "replays": (
        "id",
        "state",
        "created_at",
        "ended_at",
        "from",
        "to",
        "sources",
        "types",
        "destinations",
        "outcomes",
        "resend_events",
        "read_percent",
        "found",
        "planned",
        "unchanged",
        "ended",
        "skipped",
        "pending",
        "held",
        "history_begins_at",
    ),
}


def open_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a status that anybody may read."""
    whole = {name: status[name] for name in WHOLE if name in status}
    cut = {name: _cut(status[name], fields) for name, fields in FIELDS.items() if name in status}
    return whole | cut


def _cut(rows: Iterable[Mapping[str, Any]], fields: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in fields if name in row} for row in rows]
