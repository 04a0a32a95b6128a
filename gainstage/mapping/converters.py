"""Converters: from a JSON value to the form that a vendor field takes.

A converter returns the converted value, None where there is nothing to send (an empty text in a number
field), or raises `UnfitError`. Its docstring's first line is what the field tables in the documents say.
"""

import re
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

#: Texts that say that a gender is not known: the field is left out.
UNSAID = {
    "",
    "unknown",
    "undisclosed",
    "prefer not to say",
    "not specified",
    "n/a",
    "na",
    "none",
    "null",
    "-",
}
MALE = {"m", "male", "man", "boy", "masculine"}
FEMALE = {"f", "female", "woman", "girl", "feminine"}

#: Epoch numbers below this are seconds: as milliseconds they would all lie before March 1973,
#: as seconds they reach to the year 5138.
SECONDS_BELOW = 100_000_000_000
#: Numbers from here on are neither: as milliseconds they lie after the year 5138.
MILLISECONDS_BELOW = SECONDS_BELOW * 1000

#: No program that reads JSON numbers as floating-point ones, as most do, takes a larger one.
LARGEST = int(sys.float_info.max)

INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,300}\.?[0-9]{0,300}|\.[0-9]{1,300})(?:[eE][+-]?[0-9]{1,3})?")
COMPACT_DATE = re.compile(r"[0-9]{8}")


class UnfitError(Exception):
    """The field cannot hold the value; the text says what the field needs."""


def plain(value: Any) -> Any:
    """as it is; objects and lists as JSON text"""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return value


def text(value: Any) -> str:
    """text; numbers are written out, objects and lists as JSON text"""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return msgspec.json.encode(value).decode()


def number(value: Any) -> int | float | None:
    """number; numeric text is converted"""
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped:
            return None
        if INTEGER.fullmatch(stripped):
            return int(stripped)
        if not DECIMAL.fullmatch(stripped):
            raise UnfitError("a number")
        value = float(stripped)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnfitError("a number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise UnfitError("a finite number")
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise UnfitError("a finite number")
        if value.is_integer() and abs(value) < 1e15:
            return int(value)
    return value


def boolean(value: Any) -> bool | None:
    """true or false; also the texts true, false, yes, no, 1, 0"""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if not word:
            return None
        if word in ("true", "yes", "1", "y"):
            return True
        if word in ("false", "no", "0", "n"):
            return False
    elif value in (0, 1):
        return bool(value == 1)
    raise UnfitError("true or false")


def epoch_ms(value: Any) -> int | None:
    """date in epoch milliseconds, from ISO 8601 text or epoch seconds or milliseconds"""
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped:
            return None
        if COMPACT_DATE.fullmatch(stripped) or not DECIMAL.fullmatch(stripped):
            return instant_ms(stripped)
    try:
        instant = number(value)
    except UnfitError:
        instant = None
    if instant is None or abs(instant) >= MILLISECONDS_BELOW:
        raise UnfitError("a date (ISO 8601, epoch seconds or milliseconds)")
    return int(instant * 1000 if abs(instant) < SECONDS_BELOW else instant)


def instant_ms(iso: str) -> int:
    """ISO 8601 to epoch milliseconds; a time without a zone counts as UTC."""
    try:
        moment = datetime.fromisoformat(iso)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UnfitError("a date (ISO 8601, epoch seconds or milliseconds)") from None
    return (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000


def gender(value: Any) -> str | None:
    """MALE, FEMALE or OTHER from the usual spellings (m, male, f, female, ...); nothing for unknown"""
    if not isinstance(value, str):
        raise UnfitError("a text such as male, female or other")
    word = value.strip().lower()
    if word in UNSAID:
        return None
    if word in MALE:
        return "MALE"
    return "FEMALE" if word in FEMALE else "OTHER"
