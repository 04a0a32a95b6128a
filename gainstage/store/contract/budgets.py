"""What is known of budgets."""

from collections.abc import Iterable
from typing import Protocol

from gainstage.destination import Budget
from gainstage.store.rows import BudgetRow


class Budgets(Protocol):
    """The limits in force, what was used of each, and what was decided about it; known to every process.

    What `save` keeps is obeyed by `Calls`: nothing goes before `stop_until_us`, one call at a time while
    there are `refusals`, and never more than `usable_at`.
    """

    def declare(self, budgets: Iterable[Budget], now_us: int) -> None:
        """Keep the limits in force, for those who read, and since when each is known."""

    def get(self, budget: Budget, now_us: int) -> BudgetRow:
        """What is known of a budget; it is declared where it was not."""

    def all(self) -> list[BudgetRow]:
        """What is known of every budget that was ever in force, the shorter windows of a family first."""

    def save(self, row: BudgetRow) -> None:
        """Write back what is known beside the calls."""

    def refused(self, budgets: Iterable[Budget], now_us: int) -> bool:
        """Whether one of them stands still because the vendor refused a call."""

    def probe(self, budgets: Iterable[Budget], until_us: int) -> None:
        """A call is tried: where the last one was refused, nothing else goes until then."""

    def grant(self, budgets: Iterable[Budget], call: int) -> None:
        """The vendor took a call: refusals in a row before it are over, and what they stopped goes on. A call
        that was under way when one was refused says nothing.
        """
