"""How quickly a vendor answers, and what follows where a limit renews each second or so.

**When a call counts as made.** The vendor counts it at some moment between its start and its answer, and
nobody knows when. Counted at its answer no window can hold too many, but of 200 a second 190 would be left
where answers take 50 ms, less with what reading them takes. A part of that is certain: the next call needs
its time until it is counted, this one needed its time from there to its answer, and both together no less
than the quickest call takes in all. Three quarters of that are used, so that it holds when answers come more
quickly all of a sudden, too; and never more than a small part of the window. Longer windows do without.

**How many calls go side by side.** As many as keep the limit busy, and some more: calls in a crowd delay each
other, and gain nothing where the limit is what they wait for.
"""

import math
from collections import deque
from collections.abc import Iterable

from gainstage.clock import SECOND_US
from gainstage.destination import Budget

#: The quickest call of so long counts.
REMEMBERED_US = 60 * SECOND_US
#: Windows up to this are short; each call gains at most this part of one.
LONGEST_WINDOW_SECONDS = 10
PARTS = 25
#: What the last call adds to the usual time that calls take.
WEIGHT = 0.05
#: So many times the calls that keep a limit busy go side by side; never fewer than these.
CROWD, LEAST_SIDE_BY_SIDE = 1.2, 8


class Pace:
    """Knows how quickly calls of each budget were answered lately. Forgets it with the process."""

    def __init__(self) -> None:
        #: By account and family: when calls were answered and how long they took, both rising.
        self._quickest: dict[tuple[str, str], deque[tuple[int, int]]] = {}
        self._usual_us: dict[tuple[str, str], float] = {}

    def note(self, budgets: Iterable[Budget], took_us: int, now_us: int, *, answered: bool) -> None:
        """A call came to its end."""
        for name in {_name(budget) for budget in budgets}:
            usual_us = self._usual_us.get(name, float(took_us))
            self._usual_us[name] = usual_us + (took_us - usual_us) * WEIGHT
            if answered:
                quickest = self._quickest.setdefault(name, deque())
                while quickest and quickest[-1][1] >= took_us:
                    quickest.pop()
                quickest.append((now_us, took_us))

    def counts_us(self, budget: Budget, answered_us: int, now_us: int) -> int:
        """The instant at which a call counts as made that was answered."""
        quickest = self._quickest.get(_name(budget), deque())
        while quickest and not 0 <= now_us - quickest[0][0] <= REMEMBERED_US:
            quickest.popleft()
        if not quickest or budget.window_seconds > LONGEST_WINDOW_SECONDS:
            return answered_us
        return answered_us - min(quickest[0][1] * 3 // 4, int(budget.window_seconds * SECOND_US) // PARTS)

    def side_by_side(self, budgets: Iterable[Budget]) -> int | None:
        """How many calls are enough for these budgets; None where that is not known."""
        known = [
            max(
                LEAST_SIDE_BY_SIDE,
                math.ceil(budget.usable / budget.window_seconds * usual_us * CROWD / SECOND_US),
            )
            for budget in budgets
            if budget.window_seconds <= LONGEST_WINDOW_SECONDS
            and (usual_us := self._usual_us.get(_name(budget))) is not None
        ]
        return min(known, default=None)


def _name(budget: Budget) -> tuple[str, str]:
    return budget.account, budget.family
