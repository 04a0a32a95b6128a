"""Calls made and the budget that they used."""

from collections.abc import Iterable
from typing import NamedTuple

from gainstage.destination import Budget
from gainstage.sqlite import Database
from gainstage.store.rows import SLICES, Lowering, grown, slice_us

#: Slices are kept for so many windows: what live events used of each tells what they may need.
KEPT_WINDOWS = 8
#: No call ends later than this. What was counted further ahead was counted before the clock was set back, and
#: counts as made now.
AHEAD_US = 120_000_000
#: No vendor stops a budget for longer.
LONGEST_STOP_US = 25 * 3_600_000_000


class _Known(NamedTuple):
    """What decides whether a call may be made now."""

    used: int
    usable: int
    stop_until_us: int
    #: The vendor refused the last call: they go one at a time.
    doubtful: bool

    def free(self, now_us: int) -> int:
        if self.stop_until_us > now_us:
            return 0
        free = max(0, self.usable - self.used)
        return min(free, 1) if self.doubtful else free


class Calls:
    """The part of a transaction that reserves calls and keeps what was said."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._last_call: int | None = None
        self._begun: list[tuple[int, int, int, str, str, str]] = []
        self._carried: list[tuple[int, int]] = []
        self._ended: list[tuple[int | None, str, int, int]] = []

    def begin(
        self, destination_id: int, at_us: int, method: str, url: str, request: str, events: Iterable[int]
    ) -> int:
        """Note a call about to be made and the events that it carries."""
        call = self._last_call = self.last() + 1
        self._begun.append((call, destination_id, at_us, method, url, request))
        self._carried.extend((event, call) for event in events)
        return call

    def last(self) -> int:
        """The number of the last call that was begun; 0 before the first. Later calls have higher ones."""
        if self._last_call is None:
            numbers = self._connection.execute(
                "SELECT max(id) FROM call UNION ALL SELECT value FROM meta WHERE name = 'last_call'"
            )
            self._last_call = max((number for (number,) in numbers if number is not None), default=0)
        return self._last_call

    def end(self, call: int, status: int | None, response: str, at_us: int) -> None:
        """Note the answer, or in `response` why there is none."""
        self._ended.append((status, response, at_us, call))

    def flush(self) -> None:
        """Write the calls; part of the commit."""
        self._connection.executemany(
            "INSERT INTO call (id, destination_id, at_us, method, url, request) VALUES (?, ?, ?, ?, ?, ?)",
            self._begun,
        )
        self._connection.executemany("INSERT OR IGNORE INTO call_event VALUES (?, ?)", self._carried)
        self._connection.executemany(
            "UPDATE call SET status = ?, response = ?, answered_us = ? WHERE id = ?", self._ended
        )
        self._begun, self._carried, self._ended = [], [], []

    def available(self, budgets: Iterable[Budget], now_us: int) -> int | None:
        """How many calls may be made now; None where no budget applies."""
        left: int | None = None
        for budget in budgets:
            free = self._known(budget, now_us).free(now_us)
            left = free if left is None else min(left, free)
        return left

    def renews_us(self, budgets: Iterable[Budget], now_us: int) -> int:
        """When at least one more call may be made; calls under way may delay it further."""
        latest = now_us
        for budget in budgets:
            known = self._known(budget, now_us)
            latest = max(latest, known.stop_until_us)
            if known.used >= known.usable:
                latest = max(latest, self._frees_us(budget, now_us, known))
        return latest

    def spend(
        self,
        budgets: Iterable[Budget],
        now_us: int,
        calls: int,
        *,
        ends_us: int | None = None,
        live: bool = True,
    ) -> None:
        """Reserve calls in every window, as made at the latest instant at which they may end."""
        for budget in budgets:
            length_us = _slice_us(budget)
            self._connection.execute(
                "DELETE FROM budget WHERE account = ? AND family = ? AND window = ? AND slice < ?",
                (*budget.name, now_us // length_us - KEPT_WINDOWS * SLICES),
            )
            at_us = now_us if ends_us is None else ends_us
            self._count(budget, at_us // length_us, calls, calls if live else 0)

    def move(self, budgets: Iterable[Budget], from_us: int, to_us: int, *, live: bool = True) -> None:
        """A call that was reserved has ended: the vendor may have counted it at any moment until now."""
        for budget in budgets:
            before, now = from_us // _slice_us(budget), to_us // _slice_us(budget)
            if before == now:
                continue
            self._connection.execute(
                "UPDATE budget SET used = used - 1, live = max(0, live - ?) WHERE account = ? AND "
                "family = ? AND window = ? AND slice = ? AND used > 0",
                (int(live), *budget.name, before),
            )
            if self._connection.changes() or before < now:
                self._count(budget, now, 1, int(live))

    def _count(self, budget: Budget, number: int, calls: int, live: int) -> None:
        self._connection.execute(
            "INSERT INTO budget VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, family, window, slice) "
            "DO UPDATE SET used = used + excluded.used, live = live + excluded.live",
            (*budget.name, number, calls, live),
        )

    def _known(self, budget: Budget, now_us: int) -> _Known:
        oldest = (now_us - _window_us(budget)) // _slice_us(budget)
        used, newest = self._connection.execute(
            "SELECT coalesce(sum(used), 0), max(slice) FROM budget WHERE account = ? AND family = ? AND "
            "window = ? AND slice >= ?",
            (*budget.name, oldest),
        ).fetchone()
        if newest is not None and newest > (now_us + AHEAD_US) // _slice_us(budget):
            self._bring_back(budget, now_us)
        row = self._connection.execute(
            "SELECT stop_until_us, refusals, lowered, lowered_us, step, step_us FROM budget_limit "
            "WHERE account = ? AND family = ? AND window = ?",
            budget.name,
        ).fetchone()
        if row is None:
            return _Known(used, budget.usable, 0, doubtful=False)
        stop_until_us, refusals, *lowering = row
        if stop_until_us > now_us + LONGEST_STOP_US:
            stop_until_us = 0
        return _Known(used, grown(budget.usable, Lowering(*lowering), now_us), stop_until_us, refusals > 0)

    def _bring_back(self, budget: Budget, now_us: int) -> None:
        """The clock was set back: calls of the time that is to come again count as made now."""
        ahead = (*budget.name, (now_us + AHEAD_US) // _slice_us(budget))
        where = "WHERE account = ? AND family = ? AND window = ? AND slice > ?"
        calls, live = self._connection.execute(
            f"SELECT coalesce(sum(used), 0), coalesce(sum(live), 0) FROM budget {where}", ahead
        ).fetchone()
        self._connection.execute(f"DELETE FROM budget {where}", ahead)
        self._count(budget, now_us // _slice_us(budget), calls, live)
        self._connection.execute(
            "UPDATE budget_limit SET lowered_us = min(lowered_us, ?1), since_us = min(since_us, ?1) "
            "WHERE account = ?2 AND family = ?3 AND window = ?4",
            (now_us, *budget.name),
        )

    def _frees_us(self, budget: Budget, now_us: int, known: _Known) -> int:
        """When enough slices have left the window for one more call; those under way may end at once."""
        rows = self._connection.execute(
            "SELECT slice, used FROM budget WHERE account = ? AND family = ? AND window = ? AND slice >= "
            "? ORDER BY slice",
            (*budget.name, (now_us - _window_us(budget)) // _slice_us(budget)),
        )
        used = known.used
        for number, calls in rows:
            used -= calls
            if used < known.usable:
                last = min(number, now_us // _slice_us(budget))
                return int((last + 1) * _slice_us(budget) + _window_us(budget))
        return now_us


def _window_us(budget: Budget) -> int:
    return int(budget.window_seconds * 1_000_000)


def _slice_us(budget: Budget) -> int:
    return slice_us(_window_us(budget))
