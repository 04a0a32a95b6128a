"""What the status of a bulk call tells of its rows. Pure.

It holds counts, the people who succeeded, and for each error the row's number, field name, value, code and
message [documented, without the names in the JSON]. Whether rows are counted from 0 or 1 is not: a number
alone is believed only where everything else leaves one base possible. Entries are known by what they hold.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gainstage.destination import Response, Work
from gainstage.destinations.gainsight_cs.answers import (
    NESTING_LEVELS,
    NO_COMPANY,
    RETRIES,
    FieldError,
    refusal,
)
from gainstage.destinations.gainsight_cs.culprits import is_about
from gainstage.destinations.gainsight_cs.people import own_fields
from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.outcome import Delivered, Rejected

ROW = ("rownumber", "row", "rowno", "rownum", "recordnumber", "index")
EMAIL = ("email", "emailid")
FIELD = ("fieldname", "field")
VALUE = ("invalidvalue", "value", "fieldvalue", "parsedvalue")
CODE = ("errorcode", "code")
MESSAGE = ("errormessage", "message", "errordesc", "errordescription", "error")
STATUS = ("status", "state", "jobstatus")
STATUS_ID = ("statusid", "id", "jobid")
RECORD_CODES = "GSOBJ_"
#: Where the first row may be counted from.
BASES = (0, 1)


class RowError(NamedTuple):
    """One complaint about a row."""

    row: int | None
    email: str
    error: FieldError


class Report(NamedTuple):
    """A status."""

    word: str
    #: E-mails of those who succeeded, in small letters, and the number of each one's row.
    succeeded: dict[str, int | None]
    errors: tuple[RowError, ...]
    #: Counts, where they are given.
    successes: int | None
    failures: int | None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.word.startswith(("COMPLETE", "FAIL", "ERROR"))


def status_id(response: Response) -> str:
    """The id under which an accepted call can be asked for; empty where there is none."""
    body = response.json()
    data = body.get("data") if isinstance(body, dict) else None
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    for place in (data, body):
        found = (
            _named(place, STATUS_ID[:1] if place is body else STATUS_ID) if isinstance(place, dict) else data
        )
        if isinstance(found, str | int) and not isinstance(found, bool) and re.fullmatch(r"\S+", str(found)):
            return str(found)
    return ""


def read_report(response: Response) -> Report:
    """A status answer that was a success."""
    data = response.json().get("data")
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, dict):
        return Report("", {}, (), None, None)
    succeeded: dict[str, int | None] = {}
    errors: list[RowError] = []
    for entry, inherited in _entries(data, {}, NESTING_LEVELS):
        row = _number(_named(entry, ROW, inherited.get("row")))
        email = str(_named(entry, EMAIL, inherited.get("email")) or "").strip().lower()
        if _complains(entry):
            values = tuple(entry[key] for key in entry if _plain(key) in VALUE and entry[key] is not None)
            parts = (_named(entry, names) for names in (FIELD, CODE, MESSAGE))
            field, code, message = (str(part) if part is not None else "" for part in parts)
            errors.append(RowError(row, email, FieldError(field, code, message, values)))
        elif email and not isinstance(_named(entry, ("errors",)), list):
            succeeded[email] = row
    for one in errors:
        succeeded.pop(one.email, None)
    word = re.sub("[^A-Z]", "", str(_named(data, STATUS) or "").upper())
    return Report(word, succeeded, tuple(errors), _count(data, "success"), _count(data, "fail", "error"))


def judge(
    settings: CsSettings, works: Sequence[Work], rows: Mapping[int, dict[str, Any]], report: Report
) -> dict[int, Rejected | Delivered]:
    """How the works ended, as far as the report tells beyond doubt."""
    if not report.word.startswith("COMPLETE"):
        return {}
    confirmed = {index for index, row in rows.items() if row["Email"].lower() in report.succeeded}
    accused, suspects = accuse(rows, report, confirmed)
    if report.succeeded:
        good = confirmed - accused.keys()
    else:
        good = rows.keys() - accused.keys() - suspects
        missing = report.failures is not None and report.failures > len(accused) + len(suspects)
        if missing or (report.successes is not None and report.successes < len(good)):
            good = set()
    known: dict[int, Rejected | Delivered] = {index: Delivered() for index in sorted(good)}
    for index, errors in accused.items():
        code = errors[0].code
        if code.startswith(RECORD_CODES) and code != NO_COMPANY and code not in RETRIES:
            text = "; ".join(f"{error.field}: {error.message} ({error.code})" for error in errors)
            fields = own_fields(works[index], [error for error in errors if error.field])
            known[index] = Rejected(refusal(code), f"In a bulk call: {text}", fields)
    return known


def accuse(
    rows: Mapping[int, dict[str, Any]], report: Report, confirmed: set[int]
) -> tuple[dict[int, list[FieldError]], set[int]]:
    """The works that errors are certainly about, and those that one may be about."""
    values = {index: values_of(row) for index, row in rows.items()}
    about = [_about(values, one, confirmed) for one in report.errors]
    bases = _bases(list(rows), report, about, confirmed)
    accused: dict[int, list[FieldError]] = {}
    suspects: set[int] = set()
    same: dict[tuple[str, str, int | None], int] = {}
    for one in report.errors:
        same[_name(one)] = same.get(_name(one), 0) + 1
    for one, named in zip(report.errors, about, strict=True):
        numbered = {list(rows)[one.row - base] for base in bases} if one.row is not None and bases else set()
        possible = named & numbered or named or numbered or rows.keys() - confirmed
        if len(possible) == 1 or (named and possible == named and same[_name(one)] == len(named)):
            for index in possible:
                if one.error not in accused.setdefault(index, []):
                    accused[index].append(one.error)
        else:
            suspects |= possible
    return accused, suspects - accused.keys() - confirmed


def _about(values: Mapping[int, dict[str, Any]], one: RowError, confirmed: set[int]) -> set[int]:
    """The works that an error names by e-mail, or by field and value."""
    if one.email:
        return {index for index, given in values.items() if str(given["Email"]).lower() == one.email}
    return {index for index, given in values.items() if index not in confirmed and is_about(one.error, given)}


def _bases(
    order: Sequence[int], report: Report, about: Sequence[set[int]], confirmed: set[int]
) -> tuple[int, ...]:
    """What rows can be counted from, given everything else that is said."""

    def possible(base: int) -> bool:
        for one, named in zip(report.errors, about, strict=True):
            if one.row is None:
                continue
            if not 0 <= one.row - base < len(order):
                return False
            index = order[one.row - base]
            if index in confirmed or (named and index not in named):
                return False
        return True

    return tuple(base for base in BASES if possible(base))


def _name(one: RowError) -> tuple[str, str, int | None]:
    return (one.error.field, repr(one.error.values), one.row)


def values_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row's values by field, those of its only link among them."""
    links = row.get("companies", [])
    return {**(links[0] if len(links) == 1 else {}), **row}


def _entries(
    node: Any, inherited: dict[str, Any], levels: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every object in a list within, with what the objects around it say of row and e-mail."""
    if levels == 0 or not isinstance(node, dict):
        return
    for value in node.values():
        for entry in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            if isinstance(entry, dict):
                if isinstance(value, list):
                    yield entry, inherited
                own = {"row": _named(entry, ROW), "email": _named(entry, EMAIL)}
                around = {**inherited, **{name: said for name, said in own.items() if said is not None}}
                yield from _entries(entry, around, levels - 1)


def _complains(entry: dict[str, Any]) -> bool:
    if isinstance(_named(entry, ("success",)), bool):
        return not _named(entry, ("success",)) and not isinstance(_named(entry, ("errors",)), list)
    return any(_named(entry, names) not in (None, "", []) for names in (CODE, MESSAGE))


def _named(node: Mapping[str, Any], names: Sequence[str], default: Any = None) -> Any:
    """The value under one of the names, in whatever letter case and with whatever between the words."""
    return next((node[key] for key in node if _plain(key) in names), default)


def _plain(key: str) -> str:
    return re.sub("[^a-z]", "", key.lower())


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,6}", str(value)):
        return None
    return int(value)


def _count(data: Mapping[str, Any], *words: str) -> int | None:
    found = (_number(data[key]) for key in data if any(word in _plain(key) for word in words))
    return next((count for count in found if count is not None), None)
