"""How long what is finished is kept."""

from typing import NamedTuple, Protocol


class Trimmed(NamedTuple):
    """What a slice of trimming came to. `after`: where the next one begins; None: nothing older is left
    behind.
    """

    events: int
    after: int | None


class Retention(Protocol):
    """Lets go of what is finished: events that were delivered, filtered or given up everywhere.

    What is pending, parked, or failed and kept stays with its calls, however old it is; so does every event
    whose entry the log still has: whoever reads that again is told what became of it. Counters stay. A
    message whose event is gone is no duplicate any more.
    """

    def trim(
        self, before_us: int, most_events: int | None, first: tuple[int, ...], after: int, limit: int
    ) -> Trimmed:
        """Look at the next `limit` events above `after`, and let go of those that are finished and were
        received before that instant, or are not among the newest `most_events`.

        `first`: by partition, the offset of the oldest entry that the log has.
        """
