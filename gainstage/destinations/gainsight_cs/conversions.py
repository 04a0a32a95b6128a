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
from gainstage.mapping import UnfitError, boolean, plain, text
from gainstage.mapping.converters import DECIMAL
from gainstage.mapping.moments import EPOCH, instant, moment_ms
from gainstage.mapping.numbers import plain_number
from gainstage.schema import Field, Item, names

Convert = Callable[[Any], Any]

EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
URL = re.compile(r"(https?://)?[^\s/?#.]+(\.[^\s/?#.]+)+([/?#]\S*)?", re.IGNORECASE)
#: 15 or 18 letters and digits [documented].
SFDC_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")

MONEY = re.compile(
    r"(?P<sign>[+-]?)\s*(?:[$€£¥₹₩₽₪₫₴₺]|[A-Z]{2,3}\$?)?\s*(?P<minus>-?)(?P<number>[0-9.,].*?)"
    r"\s*(?:[$€£¥₹₩₽₪₫₴₺]|[A-Z]{3})?"
)
#: After a currency sign people write: what stands after the only point may be thousands.
ONE_GROUP = re.compile(r"[0-9]{1,3}\.[0-9]{3}")


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
