"""Which failed and parked events somebody means, as the command line and the management API are told it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from gainstage.clock import SECOND_US
from gainstage.errors import UsageError
from gainstage.event import KINDS
from gainstage.reason import REASONS

OUTCOMES = ("failed", "parked")
RELATIVE = re.compile(r"(\d{1,9})\s*([smhdw])\Z")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def filters(
    destination: str | None = None,
    reason: str | None = None,
    outcome: str | None = None,
    since: str | None = None,
    until: str | None = None,
    user: str | None = None,
    kind: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The filters as `Reports` takes them.

    Raises:
        UsageError: one of them is none.
    """
    if outcome is not None and outcome not in OUTCOMES:
        raise UsageError(f"The outcome is failed or parked, not {outcome}.")
    if reason is not None and reason not in REASONS:
        raise UsageError(
            f"There is no reason {reason}: the list of what failed shows the ones that occurred."
        )
    if kind is not None and kind not in KINDS:
        raise UsageError(f"There is no type {kind}: it is one of {', '.join(KINDS)}.")
    now = datetime.now(UTC)
    return {
        "destination": destination,
        "reason": reason,
        "outcome": outcome,
        "since_us": read_moment(since, now) if since else None,
        "until_us": read_moment(until, now) if until else None,
        "user": user,
        "kind": kind,
        "name": name,
    }


def read_moment(text: str, now: datetime) -> int:
    """A day, a day and time (UTC where no zone is given) or `2h` for two hours ago, as microseconds."""
    match = RELATIVE.match(text.strip())
    try:
        if match:
            moment = now - timedelta(seconds=int(match[1]) * SECONDS[match[2]])
        else:
            moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise UsageError(
            f"'{text}' is no time: write 2026-01-31, 2026-01-31T10:00:00Z, or 2h for two hours ago."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND_US + moment.microsecond
