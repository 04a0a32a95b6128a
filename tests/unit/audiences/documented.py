"""The definitions that docs/audiences.md shows, read as a configuration file is."""

import re
from collections.abc import Sequence
from typing import Any

from gainstage.audiences.definition import Computation
from gainstage.configuration.reader import outline_in
from gainstage.configuration.resolve import settle
from gainstage.configuration.yaml_text import parse
from tests.project.sources import ROOT

PAGE = ROOT / "docs" / "audiences.md"


def documents_shown() -> list[tuple[str, dict[str, Any]]]:
    """Each of them as it is written, with its kind."""
    kinds = {"audiences": "audience", "computed_traits": "computed_trait"}
    return [(kinds[key], body) for key, listed in _written().items() for body in listed]


def definitions_shown() -> Sequence[Computation]:
    """All of them together, each as the one file would have it."""
    return settle(outline_in(_written(), PAGE.name, {}), {}).configuration.computations


def _written() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"audiences": [], "computed_traits": []}
    for block in re.findall(
        r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        value, _ = parse(block)
        for key, listed in value.items():
            found[key].extend(listed)
    return found
