"""How much of a budget events that are not live may use: live ones are never to find it used up by others.

Live events may need in the coming window what they needed in the busiest of the last ones, and some more; and
the last part of the window is theirs in any case. One window after a budget was first in force it is known
what they need; before, at least half is theirs.
"""

import math
from collections.abc import Sequence

from gainstage.store.rows import SLICES, BudgetRow, Slice

#: Beside what live events are known to need, this part of each window is left for them: they may come faster
#: than they ever did.
LIVE_PART = 0.15
#: Before one whole window was seen.
UNKNOWN_PART = 0.5
#: What live events used, and so much more of it.
GROWTH = 1.1
#: The most that they used in any of the last windows counts: of days, a week.
WINDOWS = 7
#: From less than this part of the first window no rate is taken.
LEAST_SEEN = 1 / 24


def kept_for_live(row: BudgetRow, now_us: int) -> int:
    """How many calls of a window live events may need, those that they made included."""
    usable, needed = row.usable_at(now_us), needed_by_live(row, now_us)
    seen = (now_us - row.since_us) / row.window_us
    if seen < 1:
        return min(usable, max(int(usable * UNKNOWN_PART), math.ceil(needed / max(seen, LEAST_SEEN))))
    return min(usable, int(usable * LIVE_PART) + math.ceil(needed))


def needed_by_live(row: BudgetRow, now_us: int) -> float:
    """How many calls a window live events will make, if they go on as in the busiest of the last ones."""
    oldest = now_us // row.slice_us - WINDOWS * SLICES
    return GROWTH * _most_within(SLICES, [one for one in row.slices if one.number > oldest])


def _most_within(length: int, slices: Sequence[Slice]) -> int:
    """The most live calls in any so many slices on end."""
    most = within = start = 0
    for one in slices:
        within += one.live
        while slices[start].number <= one.number - length:
            within -= slices[start].live
            start += 1
        most = max(most, within)
    return most


def room(row: BudgetRow, now_us: int, kept: int = 0) -> int:
    """How many more calls may be made that are not for live events, as far as this budget goes.

    At least `kept` are left for those.
    """
    usable, counted = row.usable_at(now_us), row.counted(now_us)
    others = sum(one.used - one.live for one in counted)
    used = sum(one.used for one in counted)
    return max(0, min(usable - max(kept, kept_for_live(row, now_us)) - others, usable - used))


def room_again_us(row: BudgetRow, now_us: int, kept: int = 0) -> int:
    """When there is room for one more, if live events need what they do now; calls under way may delay it."""
    missing = max(kept, kept_for_live(row, now_us)) + 1 - row.usable_at(now_us)
    counted = row.counted(now_us)
    missing += sum(one.used - one.live for one in counted)
    for one in counted:
        missing -= one.used - one.live
        if missing <= 0:
            return max(now_us + row.slice_us, row.leaves_us(min(one.number, now_us // row.slice_us)))
    return now_us + row.window_us  # live events need all of it, as it seems
