"""Rules for fields: which are written always, only where they are empty, or never. Pure.

They hold in whatever letter case a name is written: sources differ in it (`ARR`, `Arr`), and whether
Gainsight minds is not known. A rule that protects a field must not fail for it.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator

Rule = Literal["always", "if_empty", "never"]


class RuledFields:
    """The fields that have one of the rules."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(name.lower() for name in names)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def __bool__(self) -> bool:
        return bool(self._names)

    def among(self, names: Iterable[str]) -> set[str]:
        """Those of the names that have the rule, as they are written there."""
        return {name for name in names if name in self} if self else set()


def check_rules(rules: Mapping[str, Rule]) -> Mapping[str, Rule]:
    """One rule a field."""
    seen: dict[str, str] = {}
    for name in rules:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"{other} and {name} are one field, in any letter case: keep one of them")
    return rules


FieldRules = Annotated[dict[str, Rule], AfterValidator(check_rules)]
