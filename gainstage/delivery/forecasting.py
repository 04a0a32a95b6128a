"""What becomes of a budget at the rate of late: when it is used up, if it is; and which alert stands.

And when so many calls of history will have been made, beside those that live events need.
"""

import math
from collections.abc import Iterable

from gainstage.clock import SECOND_US
from gainstage.delivery.yielding import LIVE_PART, needed_by_live, room, room_again_us
from gainstage.store.rows import BudgetRow, Slice

#: Shorter windows renew before anybody could act on a forecast or an alert.
SHORTEST_WINDOW_US = 6 * 3_600 * SECOND_US
#: The rate is that of the last hour: long enough to even out bursts, short enough to see a backfill begin.
RATE_US = 3_600 * SECOND_US
#: Percent of what is usable.
ALERTS = (50, 70, 90)
#: An alert ends this many percent below its mark, so that a figure that wavers around it alerts once.
ALERT_SLACK = 5
#: After so many steps the rest of a forecast goes on at the rate so far.
MOST_STEPS = 5_000


def ends_us(row: BudgetRow, now_us: int) -> int | None:
    """When the budget is used up at the rate of the last hour; now where it is; None where calls leave the
    window soon enough, or the window is too short to tell.
    """
    if row.window_us < SHORTEST_WINDOW_US:
        return None
    usable, used = row.usable_at(now_us), float(row.used(now_us))
    if used >= usable:
        return now_us
    rate = _calls_a_us(row, now_us)
    at_us = now_us
    for one in (*row.counted(now_us), None):  # from each departure of a slice to the next
        next_us = row.leaves_us(one.number) if one is not None else now_us + row.window_us
        if rate > 0 and used + rate * (next_us - at_us) >= usable:
            return at_us + int((usable - used) / rate)
        used, at_us = used + rate * (next_us - at_us) - (one.used if one is not None else 0), next_us
    return None


def _calls_a_us(row: BudgetRow, now_us: int) -> float:
    """Calls in the slices that began within the last hour or so, by the time since; at least over an hour."""
    first = (now_us - RATE_US) // row.slice_us
    counted = sum(one.used for one in row.slices if one.number >= first)
    return float(counted / max(RATE_US, now_us - first * row.slice_us))


def alert(row: BudgetRow, now_us: int) -> int:
    """The alert that stands: the highest mark reached, until the use is well below it; 0 for none."""
    if row.window_us < SHORTEST_WINDOW_US:
        return 0
    percent = 100 * row.used(now_us) / row.usable_at(now_us)
    reached = max((mark for mark in ALERTS if percent >= mark), default=0)
    kept = max((mark for mark in ALERTS if mark <= row.alert and percent >= mark - ALERT_SLACK), default=0)
    return max(reached, kept)


def finishes_us(rows: Iterable[BudgetRow], calls: int, now_us: int, call_us: float = 0.0) -> int | None:
    """When so many calls that are for no live event will have been made, if live events go on as of late.

    Each takes `call_us`, beside others. None where live events need the whole budget.
    """
    left, at_us = calls, now_us
    windows = [_Window(row, now_us) for row in rows]
    for _ in range(MOST_STEPS):
        free = min([left, *(one.room(at_us) for one in windows)])
        if free > 0:
            for one in windows:
                one.use(free, at_us)
            left -= free
            at_us += int(free * call_us)
        if left <= 0:
            return at_us
        at_us = max([at_us, *(one.room_again_us(at_us) for one in windows if one.room(at_us) <= 0)])
    done = calls - left
    return now_us + (at_us - now_us) * calls // done if done else None


class _Window:
    """A budget as it will be."""

    def __init__(self, row: BudgetRow, now_us: int) -> None:
        self._row = BudgetRow(**{name: getattr(row, name) for name in row.__struct_fields__})
        needed = needed_by_live(row, now_us)
        self._kept = int(row.usable * LIVE_PART) + math.ceil(needed) if needed else 0

    def room(self, at_us: int) -> int:
        return room(self._row, at_us, self._kept) if self._row.stop_until_us <= at_us else 0

    def room_again_us(self, at_us: int) -> int:
        return max(room_again_us(self._row, at_us, self._kept), self._row.stop_until_us, at_us + 1)

    def use(self, calls: int, at_us: int) -> None:
        """Calls are made."""
        row = self._row
        oldest, number = (at_us - row.window_us) // row.slice_us, at_us // row.slice_us
        kept = [one for one in row.slices if one.live or one.number >= oldest]
        row.slices = (*kept, Slice(number, calls, 0))
