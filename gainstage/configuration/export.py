"""Documents as a configuration file again, every secret as a `${NAME}` reference."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gainstage.configuration.document import Document, Written
from gainstage.configuration.environment import REFERENCE, is_reference
from gainstage.configuration.form import SourceForm
from gainstage.configuration.places import Step
from gainstage.configuration.wording import secret_values
from gainstage.configuration.yaml_text import dump
from gainstage.destinations import registry

#: Where a secret stands in a body, and its text.
Found = tuple[tuple[Step, ...], str]


def export(documents: Iterable[Written]) -> str:
    """The file that these documents make.

    A secret keeps the reference that it was written with; one that was written out becomes a reference named
    after its source or destination and key (`${CS_ACCESS_KEY}`).
    """
    found, names = _parts(documents)
    needed = "".join(f"#   {name}\n" for name in sorted(names.taken))
    head = f"# Set these environment variables before this file is used:\n{needed}"
    return (head if needed else "") + dump(found)


def parts(documents: Iterable[Written]) -> dict[str, list[dict[str, Any]]]:
    """What stands in that file: the sources and the destinations."""
    return _parts(documents)[0]


def _parts(documents: Iterable[Written]) -> tuple[dict[str, list[dict[str, Any]]], "_Names"]:
    listed = tuple(Document.of(document) for document in documents)
    names = _Names({name for document in listed for name in _references(document.body)})
    found = {
        key: [_body(document, names) for document in listed if document.kind == kind]
        for key, kind in (("sources", "source"), ("destinations", "destination"))
    }
    return found, names


class _Names:
    """Names of environment variables, each given once."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken

    def give(self, steps: Iterable[Step]) -> str:
        words = (str(step + 1) if isinstance(step, int) else step for step in steps)
        wanted = re.sub(r"[^A-Z0-9]+", "_", "_".join(words).upper())
        wanted = f"_{wanted}" if wanted[:1].isdigit() else wanted
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match["name"] for match in REFERENCE.finditer(value) if match["name"])
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _body(document: Document, names: _Names) -> dict[str, Any]:
    body = _copy(document.body)
    if document.kind == "source":
        secrets = list(secret_values(SourceForm, body))
        _replace(body, secrets, document.name, names)
        return body
    settings = body.get("settings")
    kind = body.get("type")
    # Of an unknown type nobody knows which settings are secret: all of them, then.
    known = registry.load(kind).settings if isinstance(kind, str) and kind in registry.names() else None
    found = secret_values(known, settings) if known else _texts(settings)
    if isinstance(settings, dict):
        _replace(settings, list(found), document.name, names)
    return body


def _replace(body: dict[str, Any], secrets: Iterable[Found], name: str, names: _Names) -> None:
    for steps, text in secrets:
        if is_reference(text):
            continue
        holder: Any = body
        for step in steps[:-1]:
            holder = holder[step]
        holder[steps[-1]] = f"${{{names.give((name, *steps))}}}"


def _texts(value: Any) -> Iterator[Found]:
    if isinstance(value, str):
        yield (), value
    items: Iterable[tuple[Step, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for step, inner in items:
        for steps, text in _texts(inner):
            yield (step, *steps), text


def _copy(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _inner_copy(inner) for key, inner in value.items()}


def _inner_copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copy(value)
    if isinstance(value, list):
        return [_inner_copy(inner) for inner in value]
    return value
