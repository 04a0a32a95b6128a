"""What somebody changed, as the history of a source or a destination shows it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

UNSET = "not set"


class Line(NamedTuple):
    """One setting: as it was and as it is since, in words; both None where values are not told."""

    setting: str
    before: str | None
    after: str | None


def changed_lines(noted: Mapping[str, Any]) -> list[Line]:
    """The lines of an entry of the management API's history, tables row by row."""
    found: list[Line] = []
    for place in noted["changed"]:
        inside = place.split(".", 2)[2:]  # behind `destinations.NAME`
        setting = inside[0].removeprefix("settings.") if inside else "all of it"
        if place in noted["values"]:
            found += _rows(setting, *noted["values"][place])
        else:
            found.append(Line(setting, None, None))
    return found


def _rows(setting: str, before: Any, after: Any) -> Iterator[Line]:
    tables = [one for one in (before, after) if isinstance(one, dict)]
    if tables and all(one is None or isinstance(one, dict) for one in (before, after)):
        old, new = before or {}, after or {}
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield from _rows(f"{setting}.{key}", old.get(key), new.get(key))
    else:
        yield Line(setting, _words(before), _words(after))


def _words(value: Any) -> str:
    match value:
        case None:
            return UNSET
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_words, value)) or "none"
        case dict():
            return ", ".join(f"{key}: {_words(inner)}" for key, inner in value.items()) or "none"
    return str(value)
