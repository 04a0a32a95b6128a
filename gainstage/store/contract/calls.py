"""Calls, and the budgets that they use."""

from collections.abc import Iterable
from typing import Protocol

from gainstage.destination import Budget


class Calls(Protocol):
    """Calls reserved before they are made, and the budgets that they used.

    A budget's window slides: whatever the instants of the calls, no window of its length, however aligned,
    holds more calls than allowed. Calls count for every process and destination that shares the budget's
    account.
    """

    def begin(
        self, destination_id: int, at_us: int, method: str, url: str, request: str, events: Iterable[int]
    ) -> int:
        """Note a call about to be made and the events that it carries."""

    def last(self) -> int:
        """The number of the last call that was begun; 0 before the first. Later calls have higher ones."""

    def end(self, call: int, status: int | None, response: str, at_us: int) -> None:
        """Note the answer, or in `response` why there is none."""

    def available(self, budgets: Iterable[Budget], now_us: int) -> int | None:
        """How many calls may be made now; None where no budget applies."""

    def renews_us(self, budgets: Iterable[Budget], now_us: int) -> int:
        """When at least one more call may be made; calls under way may delay it further."""

    def spend(
        self,
        budgets: Iterable[Budget],
        now_us: int,
        calls: int,
        *,
        ends_us: int | None = None,
        live: bool = True,
    ) -> None:
        """Reserve calls in every window. They count as made at `ends_us`, when they end at the latest: the
        vendor may count them at any moment until then.
        """

    def move(self, budgets: Iterable[Budget], from_us: int, to_us: int, *, live: bool = True) -> None:
        """A call that counts as made at `from_us` has ended at `to_us`, and counts as made then."""
