"""A document: a source, a destination, or a section, as somebody wrote it, and who owns it. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

DocumentKind = Literal[
    "source", "destination", "retention", "limits", "alerts", "canary", "traces", "audience", "computed_trait"
]
Owner = Literal["file", "dashboard"]


class Written(Protocol):
    """What a document is wherever it is kept; the store has a row of this form."""

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def owner(self) -> str: ...

    @property
    def body(self) -> Mapping[str, Any]: ...


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

    @classmethod
    def of(cls, written: Written) -> "Document":
        """The same document, as one of ours."""
        if isinstance(written, Document):
            return written
        kind, owner = cast(DocumentKind, written.kind), cast(Owner, written.owner)
        return cls(kind, written.name, owner, written.body)

    @property
    def address(self) -> str:
        """How messages name it."""
        return self.place or f"{self.kind} {self.name}".rstrip()
