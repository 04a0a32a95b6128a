"""Instants as reports give them."""

from datetime import UTC, datetime


def iso(instant_us: int) -> str:
    """An instant as ISO-8601 in UTC, to the millisecond."""
    return (
        datetime.fromtimestamp(instant_us / 1_000_000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
