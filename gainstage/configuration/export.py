"""Documents as a configuration file again, every secret as a `${NAME}` reference."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gainstage.configuration.document import Document, Written
from gainstage.configuration.environment import REFERENCE
from gainstage.configuration.places import Step
from gainstage.configuration.reader import LISTS, SECTIONS
from gainstage.configuration.secrets import replaced, secrets_of
from gainstage.configuration.yaml_text import dump

#: Lists that stand in a file even where they are empty.
ALWAYS = ("source", "destination")


def export(documents: Iterable[Written]) -> str:
    """The file that these documents make.

    A secret keeps the reference that it was written with; one that was written out becomes a reference named
    after its source or destination and key (`${CS_ACCESS_KEY}`).
    """
    found, names = _parts(documents)
    needed = "".join(f"#   {name}\n" for name in sorted(names.taken))
    head = f"# Set these environment variables before this file is used:\n{needed}"
    return (head if needed else "") + dump(found)


def parts(documents: Iterable[Written]) -> dict[str, Any]:
    """What stands in that file: the sources, the destinations, and sections that were written."""
    return _parts(documents)[0]


def _parts(documents: Iterable[Written]) -> tuple[dict[str, Any], "_Names"]:
    listed = tuple(Document.of(document) for document in documents)
    names = _Names({name for document in listed for name in _references(document.body)})
    found: dict[str, Any] = {
        key: [_body(document, names) for document in listed if document.kind == kind]
        for key, kind in LISTS.items()
        if kind in ALWAYS or any(document.kind == kind for document in listed)
    }
    found |= {key: _body(one, names) for key, kind in SECTIONS.items() for one in listed if one.kind == kind}
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
    """Its secrets become references, named after the document and the place."""
    given = []
    for steps, _ in secrets_of(document):
        within = steps[1:] if document.kind == "destination" else steps
        given.append((steps, f"${{{names.give((document.name or document.kind, *within))}}}"))
    return replaced(document.body, given)
