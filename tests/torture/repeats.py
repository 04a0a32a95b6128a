"""Appends that came to a vendor twice, and the kills that excuse them.

A call is repeated where nobody knows whether the first one arrived: it was under way, or its answer was not
recorded yet, when the delivery process was killed. So of two copies of an append a kill must lie between
them, soon after the first; and no kill excuses more copies than the process had calls of that kind just then.
"""

import itertools
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: A call here takes up to 0.1 s, and its answer waits for the next turn of the engine to be recorded. What
#: was repeated had mostly come at most 0.3 s before its kill; on a machine that took three times as long for
#: everything, a little more than 1 s. What keeps the window honest is the number of calls under way.
UNRECORDED_SECONDS = 3.0
#: What a process sent just before it was killed, a busy vendor reads a little later.
READ_LATE_SECONDS = 0.3


class Copy(NamedTuple):
    """An append as it came to a vendor, and when."""

    message_id: str
    at: float


class Kill(NamedTuple):
    """The end of a delivery process that recorded nothing any more."""

    at: float
    #: Its calls that were under way, or answered and not recorded; None where that is not known.
    calls: int | None = None


class Excuses(NamedTuple):
    """What was found of the copies of all destinations."""

    #: By destination: copies that no kill excuses.
    without: dict[str, list[str]]
    #: Kills that would have to excuse more copies than calls were under way.
    beyond: list[str]
    #: How long before its kill the earliest of the excused copies came.
    longest_seconds: float


_IDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "/clickstream/segmentio/event": ("clickstream", lambda body: body["messageId"]),
    "/v1.0/api/eventManager/event": ("cs", lambda body: body["id"]),
    "/v1/events/custom": ("px", lambda body: body["attributes"]["id"]),
}


def copies_of(requests: Iterable[tuple[str, Any, float]]) -> dict[str, list[Copy]]:
    """By destination the appends among requests (path, body, when they came), in the order of arrival."""
    found: dict[str, list[Copy]] = defaultdict(list)
    for path, body, at in requests:
        if path in _IDS:
            destination, id_of = _IDS[path]
            found[destination].append(Copy(id_of(body), at))
    return found


def excuse(
    copies: Mapping[str, Sequence[Copy]],
    kills: Sequence[Kill],
    *,
    unrecorded_seconds: float = UNRECORDED_SECONDS,
    read_late_seconds: float = READ_LATE_SECONDS,
) -> Excuses:
    """Look for the kill behind every copy that was followed by another one. The kills are in order."""
    without: dict[str, list[str]] = defaultdict(list)
    excused: Counter[int] = Counter()
    longest = 0.0
    ends = [kill.at for kill in kills]
    for destination, came in copies.items():
        by_id: dict[str, list[float]] = defaultdict(list)
        for copy in came:
            by_id[copy.message_id].append(copy.at)
        for message_id, times in by_id.items():
            for at, again in itertools.pairwise(times):
                number = bisect_left(ends, at - read_late_seconds)
                if number < len(kills) and ends[number] <= min(again, at + unrecorded_seconds):
                    excused[number] += 1
                    longest = max(longest, ends[number] - at)
                else:
                    after = f"{ends[number]:.3f}" if number < len(kills) else "none"
                    without[destination].append(
                        f"{message_id} at {at:.3f} and {again:.3f}, the next kill: {after}"
                    )
    beyond = [
        f"{n} copies, {calls} calls at {kills[number].at:.3f}"
        for number, n in excused.items()
        if (calls := kills[number].calls) is not None and n > calls
    ]
    return Excuses(dict(without), beyond, longest)
