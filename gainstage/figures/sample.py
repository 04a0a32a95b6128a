"""One reading of everything that runs on, and the difference of two. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

#: What a series counts. Of a connection the words of the ledger; of a source what met no destination; of a
#: destination calls, and events by how long they took to arrive.
WORDS, UNMET, CALLS, DELAY = KINDS = ("words", "unmet", "calls", "delay")
#: The priority of what comes now: the delay of all is its.
LIVE = "live"


class Series(NamedTuple):
    """What is counted: its kind, and of whom. `priority` is for delays only."""

    kind: str
    source: str = ""
    destination: str = ""
    priority: str = ""


Values = Mapping[Series, tuple[int, ...]]


class Sample(NamedTuple):
    """Everything as it stood at an instant. Samples of another `epoch` count from another beginning."""

    at_us: int
    epoch: int
    values: Values


class Gap(NamedTuple):
    """Between these no reading was taken, or none that can be compared: `stopped`, `reset`."""

    from_us: int
    until_us: int
    reason: str


def difference(before: Sample, after: Sample) -> Values:
    """What was counted between two samples; nothing where they cannot be compared.

    Words of the ledger may have fallen: an event that is sent again is pending once more.
    """
    if before.epoch != after.epoch:
        return {}
    return {series: _minus(counts, before.values.get(series, ())) for series, counts in after.values.items()}


def added(parts: Iterable[Values]) -> Values:
    """The sum of differences."""
    found: dict[Series, tuple[int, ...]] = {}
    for part in parts:
        for series, counts in part.items():
            found[series] = plus(found.get(series, ()), counts)
    return found


def fell(before: Values, after: Values) -> bool:
    """Whether something has fallen that never falls: the store is another one, or an older copy."""
    return any(
        _floor(series, counts) > _floor(series, after.get(series, ())) for series, counts in before.items()
    )


def _floor(series: Series, counts: tuple[int, ...]) -> int:
    """Of a series the part that never falls: what was received, and duplicates."""
    if series.kind == WORDS:
        return sum(counts)
    return counts[1] if series.kind == UNMET and counts else 0


def plus(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Position by position; one that has fewer counts as if it had zeros."""
    return _with(one, other, 1)


def _minus(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return _with(one, other, -1)


def _with(one: tuple[int, ...], other: tuple[int, ...], sign: int) -> tuple[int, ...]:
    length = max(len(one), len(other))
    padded = (*one, *(0,) * (length - len(one))), (*other, *(0,) * (length - len(other)))
    return tuple(a + sign * b for a, b in zip(*padded, strict=True))
