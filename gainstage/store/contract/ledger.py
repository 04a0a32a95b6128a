"""What became of each event."""

from typing import Protocol

from gainstage.store.rows import NewDelivery


class Ledger(Protocol):
    """What became of each event at each destination, and counters that balance.

    At every commit each counter of a source, destination and word equals the number of deliveries with that
    word; counters outlive the rows. A body is kept while any delivery of its event is failed, parked or
    pending, unless it was given up.
    """

    def add(self, deliveries: list[NewDelivery], now_us: int) -> None:
        """Enter deliveries of new events."""

    def count(self, source_id: int, destination_id: int, word: int, n: int = 1) -> None:
        """Add to a counter."""

    def count_unmapped(self, destination_id: int, name: str) -> None:
        """Count a trait that had no field to go to."""

    def deliver_alone(
        self, event_id: int, destination_id: int, source_id: int, code: str, now_us: int
    ) -> None:
        """The only operation of a pending delivery is done."""

    def deliver_one(self, event_id: int, destination_id: int, code: str, now_us: int) -> int | None:
        """One operation of the delivery is done; the last one makes it delivered.

        Returns how many operations are still open, None where the delivery is not pending.
        """

    def change(self, delivery: NewDelivery, now_us: int, *, was: int | None = None) -> None:
        """Give a delivery another word; the counters follow. `was` saves a look when the caller knows."""

    def open_more(self, event_id: int, destination_id: int, operations: int) -> None:
        """So many more operations are open for a pending delivery."""

    def retry(self, event_id: int, destination_id: int, now_us: int) -> bool:
        """Have a failed or parked delivery planned again; False when it is neither by now, or given up."""

    def retry_all(self, event_id: int, now_us: int) -> list[str]:
        """Have all failed and parked deliveries of an event planned again; their destinations' names."""

    def admit(self, event_id: int, now_us: int) -> list[str]:
        """Let an event in that was refused: it is planned at all destinations that its source feeds by now.

        Their names; empty where there is none, or the event is not refused by now. Then nothing is changed.
        """

    def give_up(self, event_id: int, destination_id: int, detail: str, now_us: int) -> bool:
        """Let a failed or parked delivery count as failed for good; False when it is neither by now."""

    def give_up_refused(self, event_id: int, detail: str) -> bool:
        """Let a refused message be for good; False when it is not refused by now."""

    def source_of(self, event_id: int) -> int:
        """The number of the source of an event."""

    def park(self, event_id: int, destination_id: int, keys: tuple[str, ...]) -> None:
        """Note whose news a parked delivery waits for."""

    def unpark(self, event_id: int, destination_id: int) -> None:
        """It waits no more."""

    def parked_for(self, key: str, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
        """(event, destination) pairs above `after` that wait for news of a user, oldest first."""

    def kept_with(self, destination_id: int, codes: tuple[str, ...], after: int, limit: int) -> list[int]:
        """Events kept at a destination with one of the codes, by number, above `after`."""

    def expired(self, now_us: int, limit: int) -> list[NewDelivery]:
        """Parked deliveries whose time is over."""
