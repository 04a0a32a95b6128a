"""What stands now, by what a server knows of itself. Pure.

Sentences are posted to other companies' systems: they hold names of the configuration and figures, never a
vendor's answer, which may quote somebody's data.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gainstage.operating import Alerts
from gainstage.reason import REASONS

MARKS = (50, 70, 90)
#: The disk is nearly full before senders are asked to wait.
DISK_TIMES = 2


class Condition(msgspec.Struct, frozen=True):
    """Something that needs a person."""

    alert: str
    subject: str
    sentence: str

    @property
    def key(self) -> str:
        """Tells it from all others."""
        return f"{self.alert} {self.subject}".strip()


class Arrival(msgspec.Struct, frozen=True):
    """A canary that has not arrived where it should have."""

    destination: str
    late_seconds: int


def conditions(
    status: Mapping[str, Any],
    problems: Mapping[str, str],
    late: Sequence[Arrival],
    settings: Alerts,
    now_us: int,
) -> dict[str, Condition]:
    """Everything that stands, by key. `problems` are those of `/ready`."""
    found = (
        *_budgets(status["budgets"]),
        *_blocked(status["blocked"], settings, now_us),
        *_oldest(status["oldest_pending_seconds"], settings),
        *_limits(status["limits"]),
        *(Condition("unusable", name, told) for name, told in problems.items() if name in ("log", "store")),
        *(Condition("delivery", "", told) for name, told in problems.items() if name == "delivery"),
        *(
            Condition(
                "canary",
                one.destination,
                f"The canary sent to {one.destination} {one.late_seconds} s ago has not arrived.",
            )
            for one in late
        ),
    )
    return {one.key: one for one in found}


def _budgets(rows: Sequence[Mapping[str, Any]]) -> Iterator[Condition]:
    for row in rows:
        name = f"{row['account']} {row['family']} {row['window']}"
        for mark in MARKS:
            if mark <= (row["alert_percent"] or 0):
                sentence = (
                    f"{mark}% of the calls of a {row['window']} to {row['account']} ({row['family']}) are "
                    f"used: {row['used']} of {row['usable']}."
                )
                yield Condition("budget", f"{name} {mark}", sentence)


def _blocked(rows: Sequence[Mapping[str, Any]], settings: Alerts, now_us: int) -> Iterator[Condition]:
    for row in rows:
        reason, since = row["reason"] or "", row["since"]
        if reason == "paused" or since is None:
            continue
        seconds = now_us / 1_000_000 - datetime.fromisoformat(since).timestamp()
        if seconds >= settings.blocked_after_seconds:
            known = REASONS.get(reason)
            told = f" ({known.title}). {known.remedy}" if known else "."
            sentence = f"Nothing is sent to {row['destination']} since {since}: {reason}{told}"
            yield Condition("blocked", row["destination"], sentence)


def _oldest(seconds: float | None, settings: Alerts) -> Iterator[Condition]:
    if settings.oldest_pending_seconds and (seconds or 0) > settings.oldest_pending_seconds:
        sentence = (
            f"The oldest pending event has waited for more than {settings.oldest_pending_seconds} s. "
            "See: gainstage status"
        )
        yield Condition("oldest_pending", "", sentence)


def _limits(rows: Sequence[Mapping[str, Any]]) -> Iterator[Condition]:
    for row in rows:
        if row["limit"] == "free_disk" and row["value"] < DISK_TIMES * row["at"]:
            sentence = (
                f"The disk of the data folder is nearly full: {row['value']} bytes are free, and below "
                f"{row['at']} senders are asked to wait. Free some space."
            )
            yield Condition("disk", "", sentence)
        if row["reached"]:
            yield Condition("limit", row["limit"], f"Senders are asked to wait: {row['detail']}")
