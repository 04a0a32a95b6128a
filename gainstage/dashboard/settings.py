"""Inputs of the catalog as the controls of a form, and what such a form sends as settings again. Pure."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gainstage.dashboard.forms import Form

Input = Mapping[str, Any]
#: What stands between a setting and the columns of its table, in the names of fields.
COLUMN = "#"
#: Rows that are offered empty, and how many more a press of the button offers.
EMPTY_ROWS = 2
MORE_ROWS = 5
#: What is written for a number that is to be none, where that means something else than the default; the
#: first as files have it, the others as people say it.
WITHOUT_LIMIT, SAID_WITHOUT = "null", ("null", "none", "no limit", "for ever", "forever")
NO_LIMIT = object()
#: As the pages write large numbers.
THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
#: Inputs that say what becomes which field, rather than how a destination is reached.
MAPPED = ("table", "entries")


def is_mapping(one: Input) -> bool:
    """Whether a setting maps: what is seen is chosen, renamed or given a field."""
    return one["kind"] in MAPPED or bool(one["names"])


def of_settings(inputs: Iterable[Input]) -> list[Input]:
    """Those that do not map."""
    return [one for one in inputs if not is_mapping(one)]


def of_mapping(inputs: Iterable[Input]) -> list[Input]:
    """Those that map."""
    return [one for one in inputs if is_mapping(one)]


def first_of(inputs: Sequence[Input]) -> list[Input]:
    """What a new destination is asked for: what stands before the first mapping, secrets, and texts."""
    before = next((place for place, one in enumerate(inputs) if is_mapping(one)), len(inputs))
    plain = ("secret", "text")
    return [
        one
        for place, one in enumerate(inputs)
        if not is_mapping(one) and (place < before or one["kind"] in plain or one["required"])
    ]


def controls(
    inputs: Iterable[Input],
    settings: Mapping[str, Any],
    *,
    form: Form | None = None,
    problems: Sequence[Mapping[str, str]] = (),
    warnings: Sequence[Mapping[str, str]] = (),
    rows: int = EMPTY_ROWS,
    place: str = "settings",
) -> list[dict[str, Any]]:
    """A control for each input, with what is set, or what a form had, and what is said of it."""
    return [
        _control(one, settings, form, problems, warnings, rows, f"{place}.{one['name']}") for one in inputs
    ]


def _control(
    one: Input,
    settings: Mapping[str, Any],
    form: Form | None,
    problems: Sequence[Mapping[str, str]],
    warnings: Sequence[Mapping[str, str]],
    rows: int,
    place: str,
) -> dict[str, Any]:
    value = settings.get(one["name"])
    made: dict[str, Any] = {
        **one,
        "field": place,
        "is_set": value is not None,
        "value": "" if form is not None and one["kind"] != "switch" else value,
        "problem": " ".join(_said(problems, place)),
        "warning": " ".join(_said(warnings, place)),
        "rows": [],
        "begun": None,
        "controls": [],
    }
    match one["kind"]:
        case "group":
            inner = value if isinstance(value, Mapping) else {}
            made["controls"] = controls(
                one["inputs"], inner, form=form, problems=problems, warnings=warnings, place=place
            )
            made["problem"] = made["warning"] = ""
        case "table" | "entries":
            columns = _columns(one)
            made["columns"] = columns
            filled = _form_rows(form, place, columns) if form is not None else _value_rows(value, columns)
            made["rows"] = [*filled, *([""] * (len(columns) + 1) for _ in range(rows))]
        case "list":
            written = one["default"] if value is None else value
            listed = form.get(place).splitlines() if form is not None else _listed(written)
            chosen = form.all(f"{place}{COLUMN}") if form is not None else []
            made["value"] = [text.strip() for text in (*chosen, *listed) if text.strip()]
        case "switch":
            default = bool(one["default"])
            made["value"] = form.has(place) if form is not None else default if value is None else value
        case "secret":
            made["value"] = form.raw(place) if form is not None else ""
            made["reference"] = value if isinstance(value, str) and value.startswith("${") else ""
        case "json":
            made["value"] = form.raw(place) if form is not None else _pretty(value)
        case _:
            written = WITHOUT_LIMIT if one["name"] in settings and value is None else ""
            made["value"] = form.get(place) if form is not None else written if value is None else str(value)
    return made


def begin_row(made: Sequence[dict[str, Any]], names: str, key: str) -> None:
    """Begin a row of the first table that maps names of this kind, unless the name has one already."""
    for one in made:
        if one["kind"] in MAPPED and one["names"] == names:
            keys = [row[0] for row in one["rows"]]
            if key not in keys:
                one["begun"] = keys.index("") if "" in keys else len(keys)
                one["rows"].insert(one["begun"], [key, *([""] * len(one["columns"]))])
            return


def sent(
    inputs: Iterable[Input], form: Form, settings: Mapping[str, Any], place: str = "settings"
) -> dict[str, Any]:
    """What a form says of these settings, as the API takes it: null for what is not set any more, and nothing
    of a secret that stays.
    """
    told = _all_sent(inputs, form, settings, place)
    return {name: None if value is NO_LIMIT else value for name, value in told.items()}


def _all_sent(inputs: Iterable[Input], form: Form, settings: Mapping[str, Any], place: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in inputs:
        name, field = one["name"], f"{place}.{one['name']}"
        if one["kind"] == "secret":
            if text := form.raw(field).strip():
                found[name] = text
            elif form.has(f"{field}{COLUMN}remove"):
                found[name] = None
            continue
        value = _sent(one, form, field, settings.get(name))
        # What is the default and was not written stays unwritten.
        unwritten = name not in settings and value == one["default"]
        found[name] = None if value in ("", [], {}) or unwritten else value
    return found


def _sent(one: Input, form: Form, field: str, before: Any) -> Any:
    match one["kind"]:
        case "group":
            inner = before if isinstance(before, Mapping) else {}
            told = _all_sent(one["inputs"], form, inner, field)
            return {
                key: None if value is NO_LIMIT else value for key, value in told.items() if value is not None
            }
        case "switch":
            return form.has(field)
        case "number":
            return _number(form.get(field))
        case "list":
            texts = [*form.all(f"{field}{COLUMN}"), *form.get(field).splitlines()]
            listed = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
            return before if [before] == listed else listed  # one that was written without a list
        case "table":
            return {row[0]: row[1] for row in _form_rows(form, field, ["value"])}
        case "entries":
            columns = _columns(one)
            return {
                key: {name: value for name, value in zip(columns, values, strict=True) if value}
                for key, *values in _form_rows(form, field, columns)
            }
        case "json":
            return _read(form.raw(field))
    return form.get(field)


def _number(text: str) -> Any:
    """A number, what stands for no limit, or the text that is neither, which is refused with a sentence."""
    if text.lower() in SAID_WITHOUT:
        return NO_LIMIT
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if text.lstrip("-").isdecimal():
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _columns(one: Input) -> list[str]:
    return [inner["name"] for inner in one["inputs"]] if one["kind"] == "entries" else ["value"]


def _form_rows(form: Form, field: str, columns: Sequence[str]) -> list[list[str]]:
    names = [f"{field}{COLUMN}key", *(f"{field}{COLUMN}{column}" for column in columns)]
    return [list(row) for row in form.rows(*names) if any(row)]


def _value_rows(value: Any, columns: Sequence[str]) -> list[list[str]]:
    if not isinstance(value, Mapping):
        return []
    return [
        [str(key), *(str(inner.get(name, "")) for name in columns)]
        if isinstance(inner, Mapping)
        else [str(key), str(inner)]
        for key, inner in value.items()
    ]


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]


def _said(remarks: Iterable[Mapping[str, str]], place: str) -> list[str]:
    """What is said of a setting, or of what stands inside of it."""
    told = []
    for one in remarks:
        if one["place"] == place:
            told.append(sentence(one["message"]))
        elif one["place"].startswith((f"{place}.", f"{place}[")):
            told.append(f"{one['place'].removeprefix(place).lstrip('.')}: {sentence(one['message'])}")
    return told


def sentence(text: str) -> str:
    """A remark as a sentence: help that follows a missing value stands beside the field anyway."""
    text = text.partition(": ")[0] if text.startswith("is missing") else text
    begun = {"is missing": "Give a value."}.get(text, text[:1].upper() + text[1:])
    return begun if begun.endswith(".") else f"{begun}."


def _pretty(value: Any) -> str:
    return "" if value is None else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _read(text: str) -> Any:
    """JSON; a text that is none goes as it is, and is refused with a sentence."""
    if not text.strip():
        return {}
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
