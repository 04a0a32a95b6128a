"""From a configuration file to documents: reads YAML, splits it, names what is out of place in its outline.

What the documents say is checked by `resolve`; here only what must hold for there to be documents at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gainstage.configuration.document import Document, DocumentKind
from gainstage.configuration.places import extend
from gainstage.configuration.suggest import unknown_key
from gainstage.configuration.yaml_text import YamlError, parse
from gainstage.errors import ConfigurationError, UsageError

LISTS: dict[str, DocumentKind] = {
    "sources": "source",
    "destinations": "destination",
    "audiences": "audience",
    "computed_traits": "computed_trait",
}
#: Keys that hold one mapping each: a document without a name.
SECTIONS: dict[str, DocumentKind] = {
    "retention": "retention",
    "limits": "limits",
    "alerts": "alerts",
    "canary": "canary",
    "traces": "traces",
}
#: What is found by its name sooner than by its number.
NAMED_IN_MESSAGES = ("audience", "computed_trait")
LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Problem:
    """What is wrong, or odd, and where. `destination` and `setting` are empty where it is about neither."""

    place: str
    message: str
    line: int = 0
    destination: str = ""
    setting: str = ""
    #: It is odd, and keeps nothing from working.
    harmless: bool = False

    def __str__(self) -> str:
        told = f"{self.place}: {self.message}" if self.place else self.message
        return f"{told} (line {self.line})" if self.line else told


class Outline(NamedTuple):
    """The documents of a configuration file, and what is wrong around them. Messages call it `name`."""

    name: str
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]


def read(path: Path) -> tuple[Document, ...]:
    """The documents of a file.

    Raises:
        UsageError: the file cannot be read, is not YAML or not a mapping.
        ConfigurationError: its outline is wrong.
    """
    found = outline(path)
    if found.problems:
        raise ConfigurationError(found.name, [str(problem) for problem in found.problems])
    return found.documents


def outline(path: Path) -> Outline:
    """The documents of a file that can be told apart, and what is wrong around them.

    Raises:
        UsageError: the file cannot be read, is not YAML or not a mapping.
    """
    return outline_of(_content(path), str(path))


def outline_of(content: bytes, name: str) -> Outline:
    """The same of a file's content; `name` is what messages call it."""
    try:
        value, lines = parse(_text(content, name))
    except YamlError as error:
        problems = [str(Problem("", told, line)) for line, told in error.problems]
        if len(problems) == 1:
            raise UsageError(f"{name} cannot be used: {problems[0]}.") from None
        raise ConfigurationError(name, problems) from None
    if value is None:
        raise UsageError(f"{name} is empty: it needs sources and destinations.")
    return outline_in(value, name, lines)


def outline_in(value: Any, name: str, lines: dict[str, int]) -> Outline:
    """The same of what a file holds; `lines` are those of its keys, as far as they are known."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} must be a mapping with the keys sources and destinations.")
    problems_found = [
        Problem(str(key), unknown_key(str(key), (*LISTS, *SECTIONS)), lines.get(extend("", str(key)), 0))
        for key in value
        if key not in LISTS and key not in SECTIONS
    ]
    documents: list[Document] = []
    for key, kind in LISTS.items():
        _split(value.get(key), key, kind, lines, documents, problems_found)
    for key, kind in SECTIONS.items():
        section = value.get(key)
        if isinstance(section, Mapping):
            documents.append(Document(kind, "", "file", section, key, _within(lines, key)))
        elif section is not None:
            problems_found.append(Problem(key, "must be a mapping", lines.get(key, 0)))
    return Outline(name, tuple(documents), tuple(problems_found))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: name the configuration file with --config.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder: name a configuration file with --config.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
    return content


def _text(content: bytes, name: str) -> str:
    if len(content) > LIMIT_BYTES:
        raise UsageError(f"{name} is larger than 4 MB: that is no configuration file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text: save it as UTF-8.") from None


def _split(
    listed: Any,
    key: str,
    kind: DocumentKind,
    lines: dict[str, int],
    documents: list[Document],
    problems: list[Problem],
) -> None:
    if listed is None:
        return
    if not isinstance(listed, list):
        problems.append(Problem(key, f"must be a list: one '-' before each {kind}", lines.get(key, 0)))
        return
    for index, body in enumerate(listed):
        place = extend(key, index)
        if not isinstance(body, Mapping):
            problems.append(Problem(place, "must be a mapping with a name", lines.get(place, 0)))
            continue
        inner = _within(lines, place)
        name = body.get("name")
        if kind in NAMED_IN_MESSAGES and isinstance(name, str):
            place = extend(key, name.strip())
        documents.append(Document(kind, name if isinstance(name, str) else "", "file", body, place, inner))


def _within(lines: Mapping[str, int], place: str) -> dict[str, int]:
    """The lines of the keys inside a place, named as they are there."""
    start = f"{place}."
    inner = {name.removeprefix(start): line for name, line in lines.items() if name.startswith(start)}
    inner[""] = lines.get(place, 0)
    return inner
