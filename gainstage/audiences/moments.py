"""Dates as definitions write them: a day, or a moment of ISO 8601; one without a zone counts as UTC."""

import re
from datetime import UTC, datetime, timedelta

_HOUR, _MINUTE = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
WRITTEN = re.compile(
    rf"(?P<day>[1-9][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}})"
    rf"(?:[T ](?P<clock>{_HOUR}:{_MINUTE})(?::(?P<second>{_MINUTE})(?:[.](?P<fraction>[0-9]{{1,9}}))?)?"
    rf"(?P<zone>Z|[+-]{_HOUR}:?{_MINUTE})?)?"
)


def instant(given: str) -> datetime | None:
    """The moment that a text names, or None."""
    match = WRITTEN.fullmatch(given)
    if match is None:
        return None
    zone = match["zone"] or "Z"
    offset = timedelta()
    if zone != "Z":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        offset = timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    fraction = (match["fraction"] or "0")[:6].ljust(6, "0")
    try:
        wall = datetime.fromisoformat(f"{match['day']}T{match['clock'] or '00:00'}:{match['second'] or '00'}")
        return wall.replace(microsecond=int(fraction), tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        return None
