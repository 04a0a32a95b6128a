"""Numbers as people write them. Nothing is guessed: what may mean two things is unfit."""

import re
from typing import Any

from gainstage.mapping.converters import DECIMAL, UnfitError, number

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
