"""The records of company writes: what one holds, and which of them go together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    #: Values that Gainsight has already and that may be written again.
    confirmed: Mapping[str, Any] = field(default_factory=dict)
    #: As it was, where such values go along.
    plain: "Item | None" = None
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
    """Items of one set of fields and the same look-ups, at most as many as a call takes.

    Where it saves a call, values that Gainsight has already go along, so that more items have the same set.
    """
    joined: list[list[Item]] = []
    for alike in sorted(by_shape(items), key=len, reverse=True):
        for place, others in enumerate(joined):
            together = at_one_shape(others + alike) if saves_a_call(others, alike) else None
            if together:
                joined[place] = together
                break
        else:
            joined.append(alike)
    for alike in joined:
        for start in range(0, len(alike), RECORDS_A_CALL):
            yield alike[start : start + RECORDS_A_CALL]


def by_shape(items: Iterable[Item]) -> Iterable[list[Item]]:
    """Items of one set of fields and the same look-ups."""
    shapes: dict[tuple[tuple[Lookup, ...], frozenset[str]], list[Item]] = {}
    for item in items:
        shapes.setdefault((item.lookups, frozenset(item.body)), []).append(item)
    return shapes.values()


def saves_a_call(some: Sequence[Item], others: Sequence[Item]) -> bool:
    """Whether both together take fewer calls."""
    return calls(len(some) + len(others)) < calls(len(some)) + calls(len(others))


def calls(count: int) -> int:
    """The calls that so many records of one set of fields take."""
    return -(-count // RECORDS_A_CALL)


def at_one_shape(items: Sequence[Item]) -> list[Item] | None:
    """Known companies with the fields of all of them; None where one has not got a value for each."""
    wanted = {name for item in items for name in item.body}
    if len({(item.lookups, bool(item.gsid)) for item in items}) > 1:
        return None
    if any(wanted - item.body.keys() - item.confirmed.keys() for item in items):
        return None
    found = []
    for item in items:
        beside = {name: item.confirmed[name] for name in sorted(wanted - item.body.keys())}
        found.append(
            replace(item, body={**item.body, **beside}, plain=item.plain or item) if beside else item
        )
    return found
