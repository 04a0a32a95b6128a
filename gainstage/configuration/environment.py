"""`${NAME}` in any text of a document reads the environment; `$${NAME}` stands for `${NAME}` itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gainstage.configuration.places import extend

REFERENCE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<name>[^{}]*)(?P<end>\}?)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: How a text begins that was sealed before it was kept.
SEALED = "sealed:1:"
#: Where the keys come from that secrets are sealed with; nothing else may refer to them.
KEY_VARIABLE, KEY_FILE_VARIABLE = "GAINSTAGE_SECRET_KEY", "GAINSTAGE_SECRET_KEY_FILE"
ONLY_REFERENCES = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})+\Z")


@dataclass
class Expansion:
    """What expanding a document gave: problems and warnings by place, and the values taken in."""

    environment: Mapping[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    values: set[str] = field(default_factory=set)

    def expand(self, value: Any, place: str = "") -> Any:
        """The value with every reference in its texts replaced, at any depth; keys stay as they are."""
        if isinstance(value, str) and value.startswith(SEALED):
            keys = f"{KEY_VARIABLE}, {KEY_FILE_VARIABLE} or secrets.key of the data folder"
            told = f"was sealed with a key that is not here: put it back ({keys}), or give the setting anew"
            self.problems.append((place, told))
            return value
        if isinstance(value, str):
            return REFERENCE.sub(lambda match: self._replacement(match, place), value)
        if isinstance(value, Mapping):
            return {key: self.expand(inner, extend(place, str(key))) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.expand(inner, extend(place, index)) for index, inner in enumerate(value)]
        return value

    def _replacement(self, match: re.Match[str], place: str) -> str:
        if match["escape"]:
            return "${"
        name = match["name"]
        if not match["end"] or not NAME.match(name):
            told = "'${' without a name and '}' after it: write ${NAME}, or $${ for the characters themselves"
            self.problems.append((place, told))
            return match[0]
        if name == KEY_VARIABLE:
            self.problems.append((place, f"{name} is the key of all secrets: no setting may refer to it"))
            return match[0]
        value = self.environment.get(name)
        if value is None:
            self.problems.append((place, f"the environment variable {name} is not set"))
            return match[0]
        if not value.strip():
            self.warnings.append((place, f"the environment variable {name} is empty"))
        self.values.add(value)
        return value


def is_reference(text: str) -> bool:
    """Whether a text holds references and nothing else, so that it can be shown."""
    return ONLY_REFERENCES.match(text) is not None


def escape(text: str) -> str:
    """The text that expands to this one."""
    return text.replace("${", "$${")
