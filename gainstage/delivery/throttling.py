"""What follows when the vendor refuses a call for its limit (429): how long to pause, and what that teaches.

Our own count holds every call that we made, so a refusal means that others spend from the same budget, or
that the tenant's package is smaller than configured. The limit at fault pauses: for as long as the vendor
asked, else until its window can have renewed. When the next call is refused too, the longest window (the
day's) is assumed, and single calls try it after growing waits. The window at fault counts as holding no more
than what we had used of it, and grows back step by step while nothing is refused; the steps become half as
frequent, up to one an hour, when it is refused again before it has grown back: a smaller package costs a few
calls an hour.
"""

from collections.abc import Sequence

from gainstage.clock import DAY_US, SECOND_US
from gainstage.delivery.call import CALL_SECONDS
from gainstage.destination import Budget
from gainstage.store.contract import Budgets, Transaction
from gainstage.store.rows import BudgetRow

#: Without a word of the vendor's, the pause doubles with every refusal in a row, from the shortest window up
#: to this.
LONGEST_PAUSE_US = 3_600 * SECOND_US
#: Never less of a budget is used than this part of it: else nobody would notice that it is there again.
LEAST_PART = 20
#: What was lowered grows by this part of the budget a window; windows shorter and longer than these grow as
#: often as they do.
STEP_PARTS = 10
SHORTEST_STEP_US, LONGEST_STEP_US = 60 * SECOND_US, 3_600 * SECOND_US
#: Until this long after a day began, UTC, the vendor may still count the day before.
MIDNIGHT_SLACK_US = 10 * SECOND_US


def refused(
    transaction: Transaction, budgets: Sequence[Budget], call: int, now_us: int, asked_seconds: float | None
) -> None:
    """The vendor refused a call of these budgets; `asked_seconds` is its Retry-After."""
    store, last_call = transaction.budgets, transaction.calls.last()
    rows = sorted((store.get(budget, now_us) for budget in budgets), key=lambda row: row.window_us)
    asked_us = None if asked_seconds is None else int(asked_seconds * SECOND_US)
    in_a_row = sum(row.refusals for row in rows)
    paused = max(rows, key=lambda row: row.refused_call)
    if in_a_row and call <= paused.refused_call:  # it was under way when the pause began: nothing new
        if asked_us is not None:  # no call that is under way now ends what was asked for
            paused.refused_call = last_call
            paused.stop_until_us = max(paused.stop_until_us, now_us + asked_us)
            store.save(paused)
        return
    row = _at_fault(rows, in_a_row, asked_us)
    if not row.refusals:
        _lower(row, now_us)
    pause_us = asked_us if asked_us is not None else _pause_us(rows, in_a_row, now_us)
    row.refusals, row.refused_call = row.refusals + 1, last_call
    row.stop_until_us = max(row.stop_until_us, now_us + pause_us)
    store.save(row)


def probing(store: Budgets, budgets: Sequence[Budget], now_us: int) -> None:
    """A call goes after a refusal: no other until its answer, or until it must have ended."""
    store.probe(budgets, now_us + int(CALL_SECONDS * SECOND_US))


def full_again_us(row: BudgetRow, now_us: int) -> int | None:
    """When a lowered budget has grown back, if nothing is refused until then; None where it has."""
    if row.lowered is None or row.usable_at(now_us) >= row.usable:
        return None
    return row.lowered_us + -(-(row.usable - row.lowered) // row.step) * row.step_us


def _at_fault(rows: Sequence[BudgetRow], in_a_row: int, asked_us: int | None) -> BudgetRow:
    """The shortest window that renews no sooner than the vendor asked, or the longest; without a word the
    shortest, and the longest once the calls after a pause are refused too.
    """
    if asked_us is not None:
        return next((row for row in rows if row.window_us >= asked_us), rows[-1])
    return rows[-1] if in_a_row else rows[0]


def _pause_us(rows: Sequence[BudgetRow], in_a_row: int, now_us: int) -> int:
    """Until the shortest window has renewed, then twice as long each time; not past a day's beginning."""
    pause_us = max(SECOND_US, rows[0].window_us) << min(in_a_row, 12)
    pause_us = min(pause_us, max(LONGEST_PAUSE_US, rows[0].window_us))
    if in_a_row:
        pause_us = min(pause_us, DAY_US - now_us % DAY_US + MIDNIGHT_SLACK_US)
    return pause_us


def _lower(row: BudgetRow, now_us: int) -> None:
    """From now on no more than we had used, the refused call left out."""
    usable = row.usable_at(now_us)
    least = max(1, row.usable // LEAST_PART)
    lowered = max(least, min(usable, row.used(now_us)) - 1)
    if lowered >= row.usable:
        return
    step_us = max(SHORTEST_STEP_US, min(row.window_us, LONGEST_STEP_US))
    if usable < row.usable:
        step_us = max(step_us, min(2 * row.step_us, LONGEST_STEP_US))
    row.lowered, row.lowered_us = lowered, now_us
    row.step, row.step_us = max(1, row.usable // STEP_PARTS), step_us
