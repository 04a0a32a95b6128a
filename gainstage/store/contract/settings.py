"""The configuration, and the state of the destinations."""

from collections.abc import Iterable
from typing import Protocol

from gainstage.store.rows import DestinationRow, Document


class Destinations(Protocol):
    """Whether a destination may be called, as its row says; and who is connected to it."""

    def get(self, name: str) -> DestinationRow:
        """The destination's row, made at first sight."""

    def save(self, row: DestinationRow) -> None:
        """Write the state back."""

    def connect(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Keep which (source, destination) pairs are in force."""


class Documents(Protocol):
    """The configuration as given. Its revision rises with every change and with nothing else."""

    def revision(self) -> int:
        """Rises with every change of the configuration; 0 before the first."""

    def all(self) -> list[Document]:
        """Every document, in the order given."""

    def replace(self, documents: Iterable[Document], owner: str) -> int:
        """Let these documents stand for all that the owner gave before; returns the revision.

        A document of another owner with the same kind and name is taken over.
        """
