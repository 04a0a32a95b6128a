"""What becomes of a budget at the rate of late: when it is used up, if it is; and which alert stands."""

from gainstage.clock import SECOND_US
from gainstage.store.rows import BudgetRow

#: Shorter windows renew before anybody could act on a forecast or an alert.
SHORTEST_WINDOW_US = 6 * 3_600 * SECOND_US
#: The rate is that of the last hour: long enough to even out bursts, short enough to see a backfill begin.
RATE_US = 3_600 * SECOND_US
#: Percent of what is usable.
ALERTS = (50, 70, 90)
#: An alert ends this many percent below its mark, so that a figure that wavers around it alerts once.
ALERT_SLACK = 5


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
