"""The read request of CS: select, where with operators and expression, orderBy, limit, offset. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gainstage_sandbox.cs_errors import RefusalError
from gainstage_sandbox.cs_schema import Field
from gainstage_sandbox.cs_values import epoch_ms

MAX_ROWS = 5000
Row = Mapping[str, Any]
Reader = Callable[[Row, str], Any]
"""Reads a field of a row by name, look-ups (`Csm__gr.Email`) included."""
Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Query:
    select: tuple[str, ...]
    test: Test
    order: tuple[tuple[str, bool], ...]
    limit: int
    offset: int

    def run(self, rows: Iterable[Row], read: Reader) -> list[dict[str, Any]]:
        chosen = [row for row in rows if self.test(row)]
        for name, descending in reversed(self.order):
            chosen.sort(key=lambda row, name=name: _sort_key(read(row, name)), reverse=descending)  # type: ignore[misc]
        page = chosen[self.offset : self.offset + self.limit]
        return [{name: read(row, name) for name in self.select} for row in page]


def read_query(body: Mapping[str, Any], find_field: Callable[[str], Field | None], read: Reader) -> Query:
    """The query of a request body; raises RefusalError for what CS would not understand."""
    select = body.get("select")
    if not isinstance(select, list) or not select or not all(isinstance(name, str) for name in select):
        raise RefusalError("GSOBJ_1002", "select must be a list of field names.")
    for name in select:
        _known(name, find_field)
    return Query(
        tuple(select),
        _read_where(body.get("where"), find_field, read),
        _read_order(body.get("orderBy"), find_field),
        _read_count(body, "limit", MAX_ROWS, MAX_ROWS),
        _read_count(body, "offset", 0, None),
    )


def _known(name: Any, find_field: Callable[[str], Field | None]) -> Field:
    field = find_field(name) if isinstance(name, str) else None
    if field is None:
        raise RefusalError("GSOBJ_1002", f"Invalid field ({name}).")
    return field


def _read_count(body: Mapping[str, Any], name: str, default: int, most: int | None) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (most and value > most):
        raise RefusalError(
            "GSOBJ_1008", f"Invalid {name} ({value}); at most {most}." if most else f"Invalid {name}."
        )
    return value


def _read_order(order: Any, find_field: Callable[[str], Field | None]) -> tuple[tuple[str, bool], ...]:
    if order is None:
        return ()
    if not isinstance(order, dict):
        raise RefusalError("GSOBJ_1002", "orderBy must be an object of field and asc or desc.")
    chosen = []
    for name, direction in order.items():
        _known(name, find_field)
        if str(direction).lower() not in ("asc", "desc"):
            raise RefusalError("GSOBJ_1002", f"Invalid orderBy ({name} = {direction}).")
        chosen.append((name, str(direction).lower() == "desc"))
    return tuple(chosen)


def _read_where(where: Any, find_field: Callable[[str], Field | None], read: Reader) -> Test:
    if where is None or where == {}:
        return lambda _: True
    conditions = where.get("conditions") if isinstance(where, dict) else None
    if not isinstance(conditions, list):
        raise RefusalError("GSOBJ_1002", "where must be an object with conditions.")
    if not conditions:
        return lambda _: True
    tests: dict[str, Test] = {}
    for condition in conditions:
        if not isinstance(condition, dict) or not isinstance(condition.get("alias"), str):
            raise RefusalError("GSOBJ_1002", "A condition must have name, alias, operator and value.")
        tests[condition["alias"]] = _read_condition(condition, find_field, read)
    expression = where.get("expression") or " AND ".join(tests)
    if not isinstance(expression, str):
        raise RefusalError("GSOBJ_1002", f"Invalid expression ({expression}).")
    return _Expression(expression, tests).read()


class _Expression:
    """`A AND (B OR C)`: AND binds closer than OR."""

    def __init__(self, text: str, tests: Mapping[str, Test]) -> None:
        self.text = text
        self.tests = tests
        self.words = re.findall(r"\(|\)|[^\s()]+", text)
        self.at = 0

    def read(self) -> Test:
        if self.words.count("(") > 50:
            raise self._wrong()
        test = self._either()
        if self.at != len(self.words):
            raise self._wrong()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("AND"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._take("("):
            test = self._either()
            if not self._take(")"):
                raise self._wrong()
            return test
        word = self.words[self.at] if self.at < len(self.words) else ""
        if word not in self.tests:
            raise self._wrong()
        self.at += 1
        return self.tests[word]

    def _take(self, word: str) -> bool:
        if self.at < len(self.words) and self.words[self.at].upper() == word:
            self.at += 1
            return True
        return False

    def _wrong(self) -> RefusalError:
        return RefusalError("GSOBJ_1002", f"Invalid expression ({self.text}).")


def _read_condition(
    condition: Mapping[str, Any], find_field: Callable[[str], Field | None], read: Reader
) -> Test:
    field = _known(condition.get("name"), find_field)
    name = str(condition["name"])
    operator = str(condition.get("operator", "")).upper()
    given = condition.get("value")
    values = [_filter_value(field, item) for item in (given if isinstance(given, list) else [given])]
    if operator == "IS_NULL":
        return lambda row: read(row, name) is None
    if operator == "IS_NOT_NULL":
        return lambda row: read(row, name) is not None
    operation = _OPERATORS.get(operator)
    if operation is None:
        raise RefusalError("GSOBJ_1002", f"Invalid operator ({name} {operator}).")
    if given is None or not values or (operator == "BTW" and len(values) != 2):
        raise RefusalError("GSOBJ_VQP1001", f"Empty or incomplete value ({name} {operator}).")
    return lambda row: operation(read(row, name), values)


def _filter_value(field: Field, value: Any) -> Any:
    """Dates come as `yyyy-MM-dd HH:mm:ss` or epoch milliseconds, picklist items by label or GSID."""
    if field.type in ("DATE", "DATETIME") and value is not None:
        moment = epoch_ms(value)
        if moment is None:
            raise RefusalError("GSOBJ_1005", f"Invalid dateTime format ({field.name} = {value}).")
        return moment
    for option in field.options:
        if option.label == value:
            return option.gsid
    return value


def _compares(test: Callable[[Any, Any], bool]) -> Callable[[Any, list[Any]], bool]:
    def compare(stored: Any, values: list[Any]) -> bool:
        return stored is not None and _comparable(stored, values[0]) and test(stored, values[0])

    return compare


def _comparable(left: Any, right: Any) -> bool:
    """Texts with texts, numbers with numbers."""
    return any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, int | float))


def _text(test: Callable[[str, str], bool]) -> Callable[[Any, list[Any]], bool]:
    return lambda stored, values: stored is not None and test(str(stored).lower(), str(values[0]).lower())


def _parts(stored: Any) -> set[str]:
    return set(str(stored).split(";")) if stored is not None else set()


_OPERATORS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "EQ": lambda stored, values: stored in values,
    "NE": lambda stored, values: stored not in values,
    "LT": _compares(lambda stored, value: stored < value),
    "GT": _compares(lambda stored, value: stored > value),
    "LTE": _compares(lambda stored, value: stored <= value),
    "GTE": _compares(lambda stored, value: stored >= value),
    "BTW": lambda stored, values: (
        stored is not None
        and all(_comparable(stored, value) for value in values)
        and values[0] <= stored <= values[1]
    ),
    "IN": lambda stored, values: stored in values,
    "CONTAINS": _text(lambda stored, value: value in stored),
    "STARTS_WITH": _text(lambda stored, value: stored.startswith(value)),
    "ENDS_WITH": _text(lambda stored, value: stored.endswith(value)),
    "INCLUDES": lambda stored, values: bool(_parts(stored) & set(map(str, values))),
    "EXCLUDES": lambda stored, values: not _parts(stored) & set(map(str, values)),
}


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (2, "")
    return (1, value.lower()) if isinstance(value, str) else (0, value)
