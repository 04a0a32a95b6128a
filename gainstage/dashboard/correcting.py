"""A message's values as fields of a form, and the message with what such a form sends. Pure."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gainstage.dashboard.forms import Form

#: What an event tells, by its type: of a user or a company, or of what was done.
TABLES = {
    "identify": "traits",
    "group": "traits",
    "track": "properties",
    "page": "properties",
    "screen": "properties",
}
#: Texts of a message itself, and for which types.
TEXTS = {
    "userId": ("User id", tuple(TABLES)),
    "groupId": ("Company id", ("group",)),
    "event": ("Event name", ("track",)),
    "name": ("Name", ("page", "screen")),
}
EMAIL = "email"
EMPTY_ROWS = 2


class Line(NamedTuple):
    """One value: the name of its field in the form, what it is called, and the value as text."""

    field: str
    title: str
    text: str
    #: The name that was given to one without.
    typed: str = ""


class Sheet(NamedTuple):
    """The values of a message that people correct."""

    lines: list[Line]
    #: What its table holds, `traits` or `properties`, and a line for each; then lines without a name.
    table: str
    rows: list[Line]


def sheet(message: Any) -> Sheet | None:
    """What a form shows of a message; None where it is not built as its type is."""
    if not isinstance(message, Mapping) or message.get("type") not in TABLES:
        return None
    kind = message["type"]
    table, context = message.get(TABLES[kind]) or {}, message.get("context") or {}
    if not isinstance(table, Mapping) or not isinstance(context, Mapping):
        return None
    if not isinstance(context.get("traits") or {}, Mapping):
        return None
    texts = {name: title for name, (title, kinds) in TEXTS.items() if kind in kinds}
    lines = [Line(name, title, shown(message.get(name, ""))) for name, title in texts.items()]
    holder = table if kind == "identify" else context.get("traits") or {}
    lines.append(Line(EMAIL, "E-mail of the user", shown(holder.get(EMAIL, ""))))
    named = [name for name in table if not (kind == "identify" and name == EMAIL)]
    rows = [Line(f"value.{place}", name, shown(table[name])) for place, name in enumerate(named)]
    rows += [Line(f"value.{len(named) + place}", "", "") for place in range(EMPTY_ROWS)]
    return Sheet(lines, TABLES[kind], rows)


def refilled(made: Sheet | None, form: Form | None) -> Sheet | None:
    """The same with what a form had that was refused."""
    if made is None or form is None:
        return made
    return Sheet(
        [line._replace(text=form.raw(line.field)) for line in made.lines],
        made.table,
        [
            row._replace(text=form.raw(row.field), typed=form.get(f"name.{row.field.partition('.')[2]}"))
            for row in made.rows
        ],
    )


def corrected(message: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """The message with what the form says: an empty field takes its value away, an untouched one leaves it.

    Raises:
        ValueError: it is not built as its type is, or a value was given without a name.
    """
    before = sheet(message)
    if before is None:
        raise ValueError("This message can be corrected as JSON only.")
    made: dict[str, Any] = copy.deepcopy(dict(message))
    for line in before.lines:
        if not form.has(line.field) or form.raw(line.field) == line.text:
            continue
        holder = made if line.field in TEXTS else _holder(made)
        _put(holder, line.field, holder.get(line.field, ""), form.get(line.field))
    for row in before.rows:
        name, text = row.title or form.get(f"name.{row.field.partition('.')[2]}"), form.raw(row.field)
        if text == row.text:
            continue
        if not name:
            raise ValueError(f"Name the value {text.strip()!r}, or take it away.")
        table = made[before.table] = made.get(before.table) or {}
        _put(table, name, table.get(name), text)
    return made


def _holder(message: dict[str, Any]) -> dict[str, Any]:
    """Where the user's e-mail stands: among the traits of an identify call, else in the context."""
    holder = message
    if message["type"] != "identify":
        holder = message["context"] = message.get("context") or {}
    traits: dict[str, Any] = holder.get("traits") or {}
    holder["traits"] = traits
    return traits


def shown(value: Any) -> str:
    """A value as a field of a form holds it: a text as it is where it fits into a line, all else as JSON."""
    if isinstance(value, str) and value.isprintable() and value == value.strip():
        return value
    return msgspec.json.encode(value).decode()


def _put(holder: dict[str, Any], name: str, before: Any, text: str) -> None:
    if not text.strip():
        holder.pop(name, None)
    elif isinstance(before, str) and shown(before) == before:
        holder[name] = text.strip()
    else:
        holder[name] = _read(text.strip())


def _read(text: str) -> Any:
    """A number, true, false, null, a list or an object as what it is; all else as text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text
