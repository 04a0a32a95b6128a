"""What a CS field of each data type takes, and the form in which it is stored. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from gainstage_sandbox.cs_schema import Field, Option

LARGEST_NUMBER = 10**15
LONGEST_NUMBER = 40
SHORTEST_EPOCH_DIGITS = 10
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999."""
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_URL = re.compile(r"(https?://)?[^\s/]+\.[^\s/]+(/\S*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{2,3})+(\.\d+)?")
_SFDC_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_GSID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class InvalidError(Exception):
    """A value that the field does not take; `kind` is a key of the error code tables."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Forms(NamedTuple):
    """In which forms a tenant takes values; the words of the switches."""

    #: label_or_gsid, gsid or label.
    picklist: str = "label_or_gsid"
    #: any, text or epoch_ms.
    date: str = "any"


def read_value(field: Field, value: Any, forms: Forms) -> Any:
    """The stored form of a value that is not null; raises InvalidError."""
    return _READERS[field.type](field, value, forms)


def _text(field: Field, value: Any, _: Forms) -> str:
    if isinstance(value, dict | list):
        raise InvalidError("type")
    text = value if isinstance(value, str) else _plain(value)
    if field.length is not None and len(text) > field.length:
        raise InvalidError("length")
    return text


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(field: Field, value: Any, _: Forms) -> int | float:
    number: int | float
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidError("number")
    if isinstance(value, str):
        text = value.strip()
        if len(text) > LONGEST_NUMBER:
            raise InvalidError("number")
        if not _NUMBER.fullmatch(text):
            raise InvalidError("number")
        number = float(text) if re.search(r"[.eE]", text) else int(text)
    else:
        number = value
    if abs(number) > LARGEST_NUMBER:
        raise InvalidError("number_range")
    return number


def _currency(field: Field, value: Any, forms: Forms) -> int | float:
    if isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()):
        raise InvalidError("currency_separators")
    try:
        return _number(field, value, forms)
    except InvalidError as invalid:
        raise InvalidError("currency" if invalid.kind == "number" else invalid.kind) from invalid


def _percentage(field: Field, value: Any, forms: Forms) -> int | float:
    try:
        return _number(field, value, forms)
    except InvalidError as invalid:
        raise InvalidError("percentage") from invalid


def _boolean(_: Field, value: Any, __: Forms) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InvalidError("boolean")


def _email(field: Field, value: Any, forms: Forms) -> str:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise InvalidError("email")
    return _text(field, value, forms)


def _url(field: Field, value: Any, forms: Forms) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise InvalidError("url")
    return _text(field, value, forms)


def _gsid(_: Field, value: Any, __: Forms) -> str:
    if not isinstance(value, str) or not _GSID.fullmatch(value):
        raise InvalidError("gsid")
    return value


def _sfdc_id(_: Field, value: Any, __: Forms) -> str:
    if not isinstance(value, str) or not _SFDC_ID.fullmatch(value):
        raise InvalidError("sfdc_id")
    return value


def _date(_: Field, value: Any, forms: Forms) -> int:
    moment = epoch_ms(value)
    if moment is None or forms.date not in ("any", "text" if isinstance(value, str) else "epoch_ms"):
        raise InvalidError("date")
    return moment - moment % 86_400_000


def _datetime(_: Field, value: Any, __: Forms) -> int:
    moment = epoch_ms(value)
    if moment is None:
        raise InvalidError("datetime")
    return moment


def epoch_ms(value: Any) -> int | None:
    """Epoch milliseconds of a date as CS writes take it: such a number, or an ISO text; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        enough = value == 0 or len(str(abs(value))) >= SHORTEST_EPOCH_DIGITS
        return value if enough and EARLIEST_MS <= value <= LATEST_MS else None
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        if len(value) == 10:
            day = date.fromisoformat(value)
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    stamp = round(moment.timestamp() * 1000)
    return stamp if EARLIEST_MS <= stamp <= LATEST_MS else None


def date_text(moment: int, with_time: bool) -> str:
    """How a date is read back under the switch cs_date_read = text."""
    moment_utc = datetime.fromtimestamp(moment / 1000, UTC)
    return moment_utc.strftime("%Y-%m-%dT%H:%M:%S.000Z" if with_time else "%Y-%m-%d")


def _pick(field: Field, value: Any, forms: Forms) -> str:
    if not isinstance(value, str):
        raise InvalidError("picklist_category")
    if not field.options:
        return value
    for option in field.options:
        if option.active and _names(option, value, forms.picklist):
            return option.gsid
    raise InvalidError("picklist_item")


def _names(option: Option, value: str, picklist: str) -> bool:
    by_label = picklist != "gsid" and option.label == value
    return by_label or (picklist != "label" and option.gsid == value)


def _pick_several(field: Field, value: Any, forms: Forms) -> str:
    if isinstance(value, list):
        items = value
    elif isinstance(value, str):
        items = [item.strip() for item in value.split(";") if item.strip()]
    else:
        raise InvalidError("picklist_category")
    return ";".join(_pick(field, item, forms) for item in items)


def _any(_: Field, value: Any, __: Forms) -> Any:
    if isinstance(value, dict | list):
        raise InvalidError("type")
    return value


_READERS: dict[str, Callable[[Field, Any, Forms], Any]] = {
    "STRING": _text,
    "RICHTEXTAREA": _text,
    "EMAIL": _email,
    "URL": _url,
    "NUMBER": _number,
    "PERCENTAGE": _percentage,
    "CURRENCY": _currency,
    "BOOLEAN": _boolean,
    "DATE": _date,
    "DATETIME": _datetime,
    "GSID": _gsid,
    "LOOKUP": _gsid,
    "SFDCID": _sfdc_id,
    "PICKLIST": _pick,
    "MULTISELECTDROPDOWNLIST": _pick_several,
    "ANY": _any,
}
