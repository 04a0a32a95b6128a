"""Moments as people and programs write them: ISO 8601, epoch seconds, epoch milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gainstage.mapping.converters import (
    COMPACT_DATE,
    DECIMAL,
    MILLISECONDS_BELOW,
    SECONDS_BELOW,
    UnfitError,
    number,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Numbers below this are no dates: as seconds they lie before 1973, and days are written so (20260131).
FIRST_SECONDS = 100_000_000
DATE_NEEDED = "a date (ISO 8601, epoch seconds or milliseconds)"


def moment_ms(value: Any) -> int | None:
    """A moment in epoch milliseconds."""
    moment = instant(value)
    return None if moment is None else (moment - EPOCH) // timedelta(milliseconds=1)


def instant(value: Any) -> datetime | None:
    """What an ISO text, epoch seconds or milliseconds mean; a time without a zone counts as UTC."""
    try:
        if isinstance(value, str):
            stripped = value.strip()
            if not stripped:
                return None
            if COMPACT_DATE.fullmatch(stripped) or not DECIMAL.fullmatch(stripped):
                moment = datetime.fromisoformat(stripped)
                moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
                _ = moment.astimezone(UTC)  # there is no such moment before the year 1
                return moment
        epoch = number(value)
    except (ValueError, OverflowError, UnfitError):
        raise UnfitError(DATE_NEEDED) from None
    if epoch is None or not FIRST_SECONDS <= abs(epoch) < MILLISECONDS_BELOW:
        raise UnfitError(DATE_NEEDED)
    try:
        return EPOCH + timedelta(milliseconds=epoch * 1000 if abs(epoch) < SECONDS_BELOW else epoch)
    except OverflowError:
        raise UnfitError(DATE_NEEDED) from None
