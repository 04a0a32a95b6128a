"""The records of company writes: what one holds, and which of them go together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gainstage.destinations.gainsight_cs.lookups import PARENT, Lookup

#: Records of one write [documented].
RECORDS_A_CALL = 50


@dataclass(frozen=True, eq=False)
class Item:
    """A company to be written."""

    place: int
    name: str
    #: Empty for one that is to be inserted.
    gsid: str
    body: dict[str, Any]
    lookups: tuple[Lookup, ...] = ()
    #: Whether Gainsight told the GSID in this very exchange.
    fresh: bool = False
    #: Of one that is to be inserted: what it may be found by.
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The body, and each value that is looked up under its target, too: an error may name either."""
        return {**self.body, **{lookup.target: self.body[lookup.source] for lookup in self.lookups}}


def waves(items: Sequence[Item]) -> Iterable[list[Item]]:
    """Parents before their children: a look-up finds what is there before its call.

    Companies that are each other's parents go together: Gainsight refuses them, and says so.
    """
    waiting = list(items)
    while waiting:
        coming = {item.name for item in waiting if not item.gsid}
        held = [item for item in waiting if PARENT in item.lookups and item.body[PARENT.source] in coming]
        if len(held) == len(waiting):
            held = []
        kept = {item.place for item in held}
        yield [item for item in waiting if item.place not in kept]
        waiting = held


def batches(items: Sequence[Item]) -> Iterable[list[Item]]:
    """Items of one set of fields and the same look-ups, at most as many as a call takes."""
    shapes: dict[tuple[Any, ...], list[Item]] = {}
    for item in items:
        shapes.setdefault((item.lookups, *sorted(item.body)), []).append(item)
    for alike in shapes.values():
        for start in range(0, len(alike), RECORDS_A_CALL):
            yield alike[start : start + RECORDS_A_CALL]
