"""Times as people read them on the command line."""

from datetime import UTC, datetime


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


def age(instant: str) -> str:
    """How long ago an instant was that was given in ISO-8601: `40 s ago`."""
    return f"{duration((datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds())} ago"


def clock_time(instant: str) -> str:
    """An ISO-8601 instant on the clock of the person who reads: `15:40`, with the day where it is another."""
    moment = datetime.fromisoformat(instant).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M" if moment.date() == today else "%Y-%m-%d %H:%M")
