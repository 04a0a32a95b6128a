"""Conversions by the type of a field: from a JSON value to the form in which Gainsight takes it. Pure.

Each returns the converted value, None where there is nothing to send (an empty text in a date), or raises
`UnfitError`, whose text says what the field needs. Nothing is cut, rounded or guessed: what may mean two
things is unfit. Types that are not known here go as they are.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.mapping import UnfitError, boolean, number, plain, text
from gainstage.mapping.converters import COMPACT_DATE, DECIMAL, MILLISECONDS_BELOW, SECONDS_BELOW
from gainstage.schema import Field, Item, names

Convert = Callable[[Any], Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Numbers below this are no dates: as seconds they lie before 1973, and days are written so (20260131).
FIRST_SECONDS = 100_000_000
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
URL = re.compile(r"(https?://)?[^\s/?#.]+(\.[^\s/?#.]+)+([/?#]\S*)?", re.IGNORECASE)
#: 15 or 18 letters and digits [documented].
SFDC_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")

GAP = "[ \u00a0\u2009\u202f'\u2019]"
#: Numbers with separators that can be read in one way only, with what parts their decimals.
GROUPED = (
    (re.compile(rf"[0-9]{{1,3}}({GAP}[0-9]{{3}})+([.,][0-9]+)?"), ".,"),
    (re.compile(r"[0-9]{1,3}(,[0-9]{2,3})*,[0-9]{3}\.[0-9]+"), "."),
    (re.compile(r"[0-9]{1,3}(,[0-9]{2,3})+,[0-9]{3}"), ""),
    (re.compile(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+"), ","),
    (re.compile(r"[0-9]{1,3}(\.[0-9]{3}){2,}"), ""),
    (re.compile(r"[0-9]+,([0-9]{1,2}|[0-9]{4,})"), ","),
)
MONEY = re.compile(
    r"(?P<sign>[+-]?)\s*(?:[$€£¥₹₩₽₪₫₴₺]|[A-Z]{2,3}\$?)?\s*(?P<minus>-?)(?P<number>[0-9.,].*?)"
    r"\s*(?:[$€£¥₹₩₽₪₫₴₺]|[A-Z]{3})?"
)
#: After a currency sign people write: what stands after the only point may be thousands.
ONE_GROUP = re.compile(r"[0-9]{1,3}\.[0-9]{3}")
DATE_NEEDED = "a date (ISO 8601, epoch seconds or milliseconds)"


def converter(field: Field, settings: CsSettings) -> Convert | None:
    """The conversion for a field; None where its type is not known."""
    kind = field.type.upper()
    if kind in TEXTS:
        return lambda value: sized(field, text(value))
    if kind in PICKS:
        return lambda value: PICKS[kind](field, settings.picklist_values, value)
    if kind == "DATE":
        return lambda value: day(value, settings.date_values)
    if kind in ("EMAIL", "URL"):
        return lambda value: sized(field, PLAIN[kind](value))
    return PLAIN.get(kind)


def sized(field: Field, value: str | None) -> str | None:
    """A text that is not longer than the field [documented: longer ones are refused]."""
    if value is not None and field.length is not None and 0 < field.length < len(value):
        raise UnfitError(f"at most {field.length} characters, and it has {len(value)}")
    return value


def trimmed(value: Any, needed: str) -> str | None:
    """A text without white space around it; None where nothing is left."""
    if not isinstance(value, str):
        raise UnfitError(needed)
    return value.strip() or None


def email(value: Any) -> str | None:
    """An e-mail."""
    address = trimmed(value, "an e-mail")
    if address is not None and not EMAIL.fullmatch(address):
        raise UnfitError("an e-mail")
    return address


def url(value: Any) -> str | None:
    """An address of the web, with or without its scheme."""
    address = trimmed(value, "a web address such as https://acme.com")
    if address is not None and not URL.fullmatch(address):
        raise UnfitError("a web address such as https://acme.com")
    return address


def sfdc_id(value: Any) -> str | None:
    """A Salesforce id."""
    found = trimmed(value, "a Salesforce id")
    if found is not None and not SFDC_ID.fullmatch(found):
        raise UnfitError("a Salesforce id of 15 or 18 letters and digits")
    return found


def plain_number(value: Any) -> int | float | None:
    """A number; thousand separators are taken off where they can mean nothing else."""
    if not isinstance(value, str) or not value.strip() or DECIMAL.fullmatch(value.strip()):
        return number(value)
    sign, digits = value.strip()[:1], value.strip()
    if sign in "+-":
        digits = digits[1:].lstrip()
    for pattern, decimals in GROUPED:
        if pattern.fullmatch(digits):
            found = number(ungrouped(digits, decimals))
            return -found if sign == "-" and found is not None else found
    raise UnfitError("a plain number such as 1234.5")


def ungrouped(digits: str, decimals: str) -> str:
    """The number as a program writes it; `decimals`: the characters that may part its decimals."""
    head, tail = digits, ""
    for mark in decimals:
        if mark in digits:
            head, _, tail = digits.rpartition(mark)
    head = re.sub(r"[^0-9]", "", head)
    return f"{head}.{tail}" if tail else head


def money(value: Any) -> int | float | None:
    """A plain number; currency signs and codes around it are taken off."""
    if isinstance(value, str) and value.strip() and not DECIMAL.fullmatch(value.strip()):
        found = MONEY.fullmatch(value.strip())
        if found is None or (found["sign"] and found["minus"]) or ONE_GROUP.fullmatch(found["number"]):
            raise UnfitError("a plain number such as 1234.5, without separators and currency signs")
        value = found["sign"] + found["minus"] + found["number"]
    return plain_number(value)


def percentage(value: Any) -> int | float | None:
    """A number; a percent sign behind it is taken off."""
    return plain_number(value.strip().removesuffix("%") if isinstance(value, str) else value)


def day(value: Any, form: Literal["text", "epoch_ms"]) -> str | int | None:
    """A calendar day: the day as it is written where an offset is written with it, else that of UTC."""
    moment = instant(value)
    if moment is None:
        return None
    date = moment.date()
    if form == "text":
        return date.isoformat()
    return int((datetime(date.year, date.month, date.day, tzinfo=UTC) - EPOCH) / timedelta(milliseconds=1))


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


def pick(field: Field, form: Literal["label", "gsid"], value: Any) -> str | None:
    """An item of a picklist, given by label, system name or id in any letter case."""
    if isinstance(value, dict | list):
        raise UnfitError(f"one of its items: {listed(field)}" if field.items else "the label of an item")
    given = text(value).strip()
    if not given:
        return None
    if not field.items:
        return given
    item = find_item(field.items, given)
    if item is None:
        raise UnfitError(f"one of its items: {listed(field)}")
    if not item.active:
        raise UnfitError(f"an active item, which {item.label!r:.80} is not: {listed(field)}")
    return item.id if form == "gsid" and item.id else item.label


def pick_several(field: Field, form: Literal["label", "gsid"], value: Any) -> str | None:
    """Items of a picklist, as a list or parted by `;`, each once."""
    given = value if isinstance(value, list) else text(value).split(";")
    found = (pick(field, form, one) for one in given if one is not None)
    return ";".join(dict.fromkeys(one for one in found if one is not None)) or None


def find_item(items: tuple[Item, ...], given: str) -> Item | None:
    """The item that is meant: letter for letter before any letter case, a label before the other names,
    an active one before one that is not.
    """
    lower = given.lower()
    ways: tuple[Callable[[Item], bool], ...] = (
        lambda item: item.label == given,
        lambda item: item.id == given,
        lambda item: item.system_name == given,
        lambda item: item.label.strip().lower() == lower,
        lambda item: item.system_name.lower() == lower,
    )
    for way in ways:
        found = sorted((item for item in items if way(item)), key=lambda item: not item.active)
        if found:
            return found[0]
    return None


def listed(field: Field) -> str:
    """The active items, for a sentence."""
    return names(item.label for item in field.items if item.active)


TEXTS = frozenset({"STRING", "TEXT", "TEXTAREA", "RICHTEXTAREA"})
PICKS: dict[str, Callable[[Field, Literal["label", "gsid"], Any], str | None]] = {
    "PICKLIST": pick,
    "MULTISELECTDROPDOWNLIST": pick_several,
}
PLAIN: dict[str, Convert] = {
    "EMAIL": email,
    "URL": url,
    "SFDCID": sfdc_id,
    "NUMBER": plain_number,
    "CURRENCY": money,
    "PERCENTAGE": percentage,
    "BOOLEAN": boolean,
    "DATETIME": moment_ms,
    "GSID": plain,
    "LOOKUP": plain,
}
