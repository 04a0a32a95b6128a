"""PX lists: filter, sort and pages by scroll id. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gainstage_sandbox.px_model import PxRefusalError, Record

MAX_PAGE = 1000
DEFAULT_PAGE = 100
_CONDITION = re.compile(r"\s*([\w.]+)\s*(==|!=|>=|<=|~|>|<)\s*(.*?)\s*")


def list_page(records: Iterable[Record], query: Mapping[str, str], title: str) -> dict[str, Any]:
    """One page; filters compare without regard to case."""
    size = _size(query.get("pageSize"))
    chosen = list(records)
    for text in filter(None, query.get("filter", "").split(";")):
        test = _read_condition(text)
        chosen = [record for record in chosen if test(record)]
    for name in reversed([name for name in query.get("sort", "").split(",") if name]):
        field = name.lstrip("-")
        chosen.sort(key=lambda record, field=field: _order(_value(record, field)), reverse=name != field)  # type: ignore[misc]
    start = _start(query.get("scrollId"))
    page = chosen[start : start + size]
    return {
        title: page,
        "scrollId": str(start + len(page)),
        "totalHits": len(chosen),
        "isLastPage": start + len(page) >= len(chosen),
    }


def _size(text: str | None) -> int:
    if not text:
        return DEFAULT_PAGE
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_PAGE:
        raise PxRefusalError(400, "BAD_REQUEST", f"pageSize must be from 1 to {MAX_PAGE}")
    return int(text)


def _start(text: str | None) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise PxRefusalError(400, "BAD_REQUEST", "scrollId is not valid")
    return int(text)


def _read_condition(text: str) -> Callable[[Record], bool]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise PxRefusalError(400, "BAD_REQUEST", f"filter is not valid: {text}")
    name, operator, wanted = match.groups()
    test = _TESTS[operator]
    return lambda record: test(_value(record, name), wanted)


def _value(record: Record, name: str) -> Any:
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower()


def _order(value: Any) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, value, "")
    return (1, 0, _text(value))


def _number(value: Any) -> tuple[int, float, str]:
    try:
        return (0, float(value), "")
    except (TypeError, ValueError):
        return _order(value)


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "==": lambda value, wanted: _text(value) == wanted.lower(),
    "!=": lambda value, wanted: _text(value) != wanted.lower(),
    "~": lambda value, wanted: wanted.strip("*").lower() in _text(value),
    ">": lambda value, wanted: value is not None and _number(value) > _number(wanted),
    "<": lambda value, wanted: value is not None and _number(value) < _number(wanted),
    ">=": lambda value, wanted: value is not None and _number(value) >= _number(wanted),
    "<=": lambda value, wanted: value is not None and _number(value) <= _number(wanted),
}
