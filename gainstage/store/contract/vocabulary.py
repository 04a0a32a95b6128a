"""What events are called."""

from collections.abc import Collection, Iterable
from typing import Protocol


class Vocabulary(Protocol):
    """The names that a source's events have, with their volumes, and what of them a vendor was sent.

    What is counted has room for so much a source (`gainstage.store.rows.ROOM`); what finds none is counted
    together. Counting is written when the transaction ends.
    """

    def count(self, source_id: int, kind: str, name: str, keys: Collection[str], at_us: int) -> None:
        """Count an event and the keys of its properties."""

    def count_miss(self, source_id: int, key: str, meant: str, at_us: int) -> None:
        """Count a key of an `integrations` object that is nearly a destination's name."""

    def forget(self, source_id: int) -> None:
        """Count the source's events anew, from nothing."""

    def limit(self, limits: Iterable[tuple[int, int]]) -> None:
        """Keep, for those who read, how many distinct names each tenant may have; others have no limit."""

    def admit(self, tenant_id: int, name: str, most: int) -> bool:
        """Whether the tenant has the name already, or there is room for it, which it then takes for good.

        Of any number of processes that ask at once no more than `most` names are let in.
        """
