"""An uploaded list of fields, for tenants whose description cannot be read. Pure.

CSV with a head line, or a JSON list of objects, one field a row: `object`, `name` and `type`, and, where they
are known, `label`, `length`, `decimal_places`, `items`, `required`, `read_only`, `createable`, `updateable`,
`state` (enabled, disabled, deleted), `custom`, `alias`.
Items are texts, in CSV parted by `;`; in JSON also objects with `label`, `id`, `system_name` and `active`.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

import msgspec

from gainstage.schema import Field, Item, Object, Schema, State, key_of

COLUMNS = ("object", "name", *(name for name in Field.__struct_fields__ if name != "name"))
YES, NO = frozenset({"true", "yes", "1", "y"}), frozenset({"false", "no", "0", "n"})


def read_rows(text: str) -> list[dict[str, Any]]:
    """The rows of a CSV.

    Raises:
        ValueError: it is none, in one sentence.
    """
    sample = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=sample.count)
    rows = []
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True), 1):
            if None in row:
                raise ValueError(f"Row {number}: it has more cells than the head line.")
            rows.append({name_of(key): value for key, value in row.items() if value})
    except csv.Error as error:
        raise ValueError(f"It is no CSV ({error}).") from None
    return rows


def read_list(rows: Iterable[Any]) -> Schema:
    """The schema that rows describe.

    Raises:
        ValueError: a row cannot be read, in one sentence that names it.
    """
    objects: dict[str, tuple[str, dict[str, Field]]] = {}
    for number, row in enumerate(rows, 1):
        try:
            object_name, field = read_row(row)
        except ValueError as error:
            raise ValueError(f"Row {number}: {error}") from None
        _, fields = objects.setdefault(key_of(object_name), (object_name, {}))
        if field.name in fields:
            raise ValueError(f"Row {number}: {object_name} has the field {field.name} in an earlier row.")
        fields[field.name] = field
    if not objects:
        raise ValueError("It lists no fields.")
    return Schema(tuple(Object(name, tuple(fields.values())) for name, fields in objects.values()))


def read_row(row: Any) -> tuple[str, Field]:
    """The object and the field of one row."""
    if not isinstance(row, Mapping):
        raise ValueError("a field is an object with `object`, `name` and `type`.")
    known = {name_of(key): value for key, value in row.items() if value is not None}
    for key in known:
        if key not in COLUMNS:
            raise ValueError(f"there is no column {key!r:.80}; there are {', '.join(COLUMNS)}.")
    for key in ("object", "name", "type"):
        if not isinstance(known.get(key), str) or not known[key].strip():
            raise ValueError(f"`{key}` is missing.")
    values: dict[str, Any] = {
        key: value.strip() if isinstance(value, str) else value for key, value in known.items()
    }
    object_name = values.pop("object")
    values["type"] = values["type"].upper()
    for key in ("length", "decimal_places"):
        if key in values:
            values[key] = whole(key, values[key])
    for key in ("required", "read_only", "createable", "updateable", "custom"):
        if key in values:
            values[key] = truth(key, values[key])
    values["items"] = tuple(items(values.get("items", "")))
    if "state" in values:
        values["state"] = state(values["state"])
    for key in ("label", "alias"):
        if key in values:
            values[key] = str(values[key])
    return object_name, Field(**values)


def items(given: Any) -> Iterable[Item]:
    """The items of a picklist."""
    if not isinstance(given, str | list):
        raise ValueError(f"`items` is a list, not {given!r:.80}.")
    for one in given.split(";") if isinstance(given, str) else given:
        if isinstance(one, str):
            if one.strip():
                yield Item(one.strip())
            continue
        try:
            yield msgspec.convert(one, Item)
        except msgspec.ValidationError:
            raise ValueError("an item is a text, or an object with label, id, system_name, active.") from None


def whole(key: str, value: Any) -> int:
    """A whole number, also as text."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        text = str(value)
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
    raise ValueError(f"`{key}` is a whole number, not {value!r:.80}.")


def truth(key: str, value: Any) -> bool:
    """True or false, also as text."""
    word = str(value).strip().lower()
    if isinstance(value, bool | str) and word in YES | NO:
        return word in YES
    raise ValueError(f"`{key}` is true or false, not {value!r:.80}.")


def state(value: Any) -> State:
    """Whether the field is in use."""
    for one in get_args(State):
        if one == str(value).upper():
            return cast(State, one)
    raise ValueError(f"`state` is enabled, disabled or deleted, not {value!r:.80}.")


def name_of(column: Any) -> str:
    """A column's name as people write it: `Read only`, `read_only`."""
    return str(column).strip().lower().replace(" ", "_")
