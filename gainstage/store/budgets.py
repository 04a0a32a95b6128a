"""What is known of each budget: its limit, what was used slice by slice, what refusals taught, its alert.

Only keeps and counts: what follows from it is decided in `gainstage.delivery`.
"""

from collections.abc import Iterable

from gainstage.destination import Budget
from gainstage.sqlite import Database
from gainstage.store.rows import BudgetRow, Slice

_STATE = (
    "since_us", "stop_until_us", "refused_call", "refusals", "lowered", "lowered_us", "step", "step_us",
    "alert", "alert_us",
)  # fmt: skip
_COLUMNS = ", ".join(("account", "family", "window", "window_us", "usable", *_STATE))


class Budgets:
    """The part of a transaction that keeps what is known of budgets."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def declare(self, budgets: Iterable[Budget], now_us: int) -> None:
        """Keep the limits in force, for those who read, and since when each is known."""
        for budget in budgets:
            self._connection.execute(
                "INSERT INTO budget_limit (account, family, window, window_us, usable, since_us) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, family, window) DO UPDATE SET "
                "window_us = excluded.window_us, usable = excluded.usable, "
                "since_us = iif(since_us = 0, excluded.since_us, min(since_us, excluded.since_us))",
                (*budget.name, int(budget.window_seconds * 1_000_000), budget.usable, now_us),
            )

    def get(self, budget: Budget, now_us: int) -> BudgetRow:
        """What is known of a budget; it is declared where it was not."""
        found = self._find("WHERE account = ? AND family = ? AND window = ?", budget.name)
        if not found:
            self.declare([budget], now_us)
            return self.get(budget, now_us)
        return found[0]

    def all(self) -> list[BudgetRow]:
        """What is known of every budget that was ever in force, the shorter windows of a family first."""
        return self._find("ORDER BY account, family, window_us", ())

    def save(self, row: BudgetRow) -> None:
        """Write back what is known beside the calls."""
        self._connection.execute(
            f"UPDATE budget_limit SET {', '.join(f'{name} = ?' for name in _STATE)} "
            "WHERE account = ? AND family = ? AND window = ?",
            (*(getattr(row, name) for name in _STATE), row.account, row.family, row.window),
        )

    def refused(self, budgets: Iterable[Budget], now_us: int) -> bool:
        """Whether one of them stands still because the vendor refused a call."""
        return any(
            self._connection.execute(
                "SELECT 1 FROM budget_limit WHERE account = ? AND family = ? AND window = ? "
                "AND refusals > 0 AND stop_until_us > ?",
                (*budget.name, now_us),
            ).fetchone()
            for budget in budgets
        )

    def probe(self, budgets: Iterable[Budget], until_us: int) -> None:
        """Where the vendor refused the last call nothing else goes until then."""
        for budget in budgets:
            self._connection.execute(
                "UPDATE budget_limit SET stop_until_us = max(stop_until_us, ?) "
                "WHERE account = ? AND family = ? AND window = ? AND refusals > 0",
                (until_us, *budget.name),
            )

    def grant(self, budgets: Iterable[Budget], call: int) -> None:
        """The vendor took a call: refusals in a row before it are over, and what they stopped goes on. A call
        that was under way when one was refused says nothing.
        """
        for budget in budgets:
            self._connection.execute(
                "UPDATE budget_limit SET refusals = 0, stop_until_us = 0 "
                "WHERE account = ? AND family = ? AND window = ? AND refusals > 0 "
                "AND refused_call < ?",
                (*budget.name, call),
            )

    def _find(self, where: str, values: tuple[str, ...]) -> list[BudgetRow]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM budget_limit {where}", values).fetchall()
        found = [BudgetRow(*row) for row in rows]
        for row in found:
            row.slices = self._slices(row)
        return found

    def _slices(self, row: BudgetRow) -> tuple[Slice, ...]:
        rows = self._connection.execute(
            "SELECT slice, used, live FROM budget WHERE account = ? AND family = ? AND window = ? "
            "ORDER BY slice",
            (row.account, row.family, row.window),
        )
        return tuple(Slice(*row) for row in rows)
