"""Calls made and the budget that they used."""

from collections.abc import Iterable

from gainstage.destination import Budget
from gainstage.sqlite import Database

#: A window is counted in this many slices; a call counts until its whole slice has left the window, so that
#: no window of the vendor's, however aligned, sees more calls than allowed.
SLICES = 60


class Calls:
    """The part of a transaction that reserves calls and keeps what was said."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._next_call: int | None = None
        self._begun: list[tuple[int, int, int, str, str, str]] = []
        self._carried: list[tuple[int, int]] = []
        self._ended: list[tuple[int | None, str, int, int]] = []

    def begin(
        self, destination_id: int, at_us: int, method: str, url: str, request: str, events: Iterable[int]
    ) -> int:
        """Note a call about to be made and the events that it carries."""
        if self._next_call is None:
            (self._next_call,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM call").fetchone()
        self._next_call += 1
        call = self._next_call
        self._begun.append((call, destination_id, at_us, method, url, request))
        self._carried.extend((event, call) for event in events)
        return call

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

    def available(self, budgets: Iterable[Budget], now_us: int) -> int | None:
        """How many calls may be made now; None where no budget applies."""
        left: int | None = None
        for budget in budgets:
            used, stop_until_us = self._used(budget, now_us)
            free = 0 if stop_until_us > now_us else max(0, budget.usable - used)
            left = free if left is None else min(left, free)
        return left

    def renews_us(self, budgets: Iterable[Budget], now_us: int) -> int:
        """When at least one more call may be made."""
        latest = now_us
        for budget in budgets:
            used, stop_until_us = self._used(budget, now_us)
            latest = max(latest, stop_until_us)
            if used >= budget.usable:
                latest = max(latest, self._frees_us(budget, now_us, used))
        return latest

    def spend(self, budgets: Iterable[Budget], now_us: int, calls: int) -> None:
        """Reserve calls in every window."""
        for budget in budgets:
            slice_us = _slice_us(budget)
            self._connection.execute(
                "DELETE FROM budget WHERE account = ? AND family = ? AND window = ? AND slice < ?",
                (budget.account, budget.family, budget.window, now_us // slice_us - SLICES - 1),
            )
            self._count(budget, now_us // slice_us, calls)

    def move(self, budgets: Iterable[Budget], from_us: int, to_us: int) -> None:
        """A call that was reserved has ended: the vendor may have counted it at any moment until now."""
        for budget in budgets:
            name = (budget.account, budget.family, budget.window)
            before, now = from_us // _slice_us(budget), to_us // _slice_us(budget)
            if before >= now:
                continue
            self._connection.execute(
                "UPDATE budget SET used = used - 1 WHERE account = ? AND family = ? AND window = ? "
                "AND slice = ? AND used > 0",
                (*name, before),
            )
            self._count(budget, now, 1)

    def stop(self, budget: Budget, until_us: int) -> None:
        """The vendor said that the limit is reached: nothing goes before `until_us`."""
        self.declare([budget])
        self._connection.execute(
            "UPDATE budget_limit SET stop_until_us = max(stop_until_us, ?) "
            "WHERE account = ? AND family = ? AND window = ?",
            (until_us, budget.account, budget.family, budget.window),
        )

    def declare(self, budgets: Iterable[Budget]) -> None:
        """Keep the limits in force, for those who read."""
        for budget in budgets:
            self._connection.execute(
                "INSERT INTO budget_limit (account, family, window, window_us, usable) VALUES (?, ?, ?, "
                "?, ?) "
                "ON CONFLICT (account, family, window) DO UPDATE SET window_us = excluded.window_us, "
                "usable = excluded.usable",
                (budget.account, budget.family, budget.window, _window_us(budget), budget.usable),
            )

    def _count(self, budget: Budget, slice_: int, calls: int) -> None:
        self._connection.execute(
            "INSERT INTO budget VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (account, family, window, slice) DO UPDATE SET used = used + excluded.used",
            (budget.account, budget.family, budget.window, slice_, calls),
        )

    def _used(self, budget: Budget, now_us: int) -> tuple[int, int]:
        oldest = (now_us - _window_us(budget)) // _slice_us(budget)
        name = (budget.account, budget.family, budget.window)
        (used,) = self._connection.execute(
            "SELECT coalesce(sum(used), 0) FROM budget WHERE account = ? AND family = ? AND window = ? "
            "AND slice >= ?",
            (*name, oldest),
        ).fetchone()
        row = self._connection.execute(
            "SELECT stop_until_us FROM budget_limit WHERE account = ? AND family = ? AND window = ?", name
        ).fetchone()
        return int(used), int(row[0]) if row else 0

    def _frees_us(self, budget: Budget, now_us: int, used: int) -> int:
        """When enough slices have left the window for one more call."""
        rows = self._connection.execute(
            "SELECT slice, used FROM budget WHERE account = ? AND family = ? AND window = ? AND slice >= "
            "? ORDER BY slice",
            (
                budget.account,
                budget.family,
                budget.window,
                (now_us - _window_us(budget)) // _slice_us(budget),
            ),
        )
        for number, calls in rows:
            used -= calls
            if used < budget.usable:
                return int((number + 1) * _slice_us(budget) + _window_us(budget))
        return now_us


def _window_us(budget: Budget) -> int:
    return int(budget.window_seconds * 1_000_000)


def _slice_us(budget: Budget) -> int:
    return max(1, _window_us(budget) // SLICES)
