"""A document: one source or one destination as somebody wrote it, and who owns it. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DocumentKind = Literal["source", "destination"]
Owner = Literal["file", "dashboard"]


@dataclass(frozen=True)
class Document:
    """As written: `${NAME}` references stand unexpanded in `body`, which holds the name too."""

    kind: DocumentKind
    name: str
    owner: Owner
    body: Mapping[str, Any]
    #: Where it stands in its file, for messages (`destinations[0]`); empty once it was stored.
    place: str = field(default="", compare=False)
    #: Line numbers of its keys by their place inside the document (`settings.access_key`).
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def address(self) -> str:
        """How messages name it."""
        return self.place or f"{self.kind} {self.name}"
