"""Instants as people give and read them on the command line."""

import re
from datetime import UTC, datetime, timedelta

from gainstage.clock import SECOND_US
from gainstage.errors import UsageError

RELATIVE = re.compile(r"(\d{1,9})\s*([smhdw])\Z")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


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


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def renewal(instant: str) -> str:
    """How long until an instant that was given in ISO-8601: `in 40 s`, or `now`."""
    seconds = (datetime.fromisoformat(instant) - datetime.now(UTC)).total_seconds()
    return f"in {duration(seconds)}" if seconds > 0 else "now"


def clock_time(instant: str) -> str:
    """An ISO-8601 instant on the clock of the person who reads: `15:40`, with the day where it is another."""
    moment = datetime.fromisoformat(instant).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M" if moment.date() == today else "%Y-%m-%d %H:%M")
