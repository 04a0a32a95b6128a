"""Which records are one."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from gainstage.operation import Record
from gainstage.store.rows import Place, State


class Keys(Protocol):
    """Keys of records. A record that is known by several is one, from the moment that this is known.

    Two that turn out to be one are joined as soon as no call is under way for either; until then none is
    begun. A stronger key tells two records apart that share a weaker one: that one finds neither of them any
    more, but a record that is known by it alone.
    """

    def identify(
        self, tenant_id: int, record: Record, keys: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> Place:
        """The place of a record that an event names by these keys, the strongest first; one is made for a
        record not met before.

        `kinds`: what stands before the colon of a key, in the order of strength.
        """

    def attach(self, number: int, keys: Iterable[str]) -> bool:
        """The vendor says that the record has these keys: whoever else has one of them is the same.

        True where somebody has.
        """

    def tells_apart(self, number: int, told: Sequence[str], kinds: Sequence[str]) -> bool:
        """Whether keys of these kinds say that the record is not the one with the keys that were told: it has
        others itself, or a record that is known by one of them has.
        """

    def void(self, number: int, keys: Iterable[str]) -> None:
        """The vendor says that the record no longer has these keys."""

    def of(self, number: int) -> tuple[str, ...]:
        """Every key by which a record is found, its own first."""

    def joinable(self) -> list[tuple[int, int]]:
        """Pairs of records that are one and of which no call is under way."""

    def join(self, one: int, other: int) -> tuple[Place, State]:
        """Make two records one: operations, lanes, keys and, field by field, the newest of what is known.

        Returns it, and those of its values that the vendor may have overwritten by older ones.
        """
