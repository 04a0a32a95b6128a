"""History that is sent again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from gainstage.store.replay import Asked, Carried, Entered, Replay, Standing, Tally


class Replays(Protocol):
    """Replays, each carried on in the transactions that plan what it sends again.

    A part of it advances by compare-and-set, and only while it is running: of two processes that read the
    same part of the log one plans it. A delivery is carried by one replay at a time, from its planning until
    its next outcome is counted by `settle`.
    """

    def begin(self, asked: Asked, ends: Mapping[int, int], now_us: int) -> int:
        """A new replay, running, of each partition up to an offset; its number, given once."""

    def get(self, number: int) -> Replay | None:
        """A replay as it stands; None where there is none of this number."""

    def all(self, limit: int) -> list[Replay]:
        """The newest replays, the newest first."""

    def active(self) -> list[tuple[int, int]]:
        """(number, state) of those that something is to be done for, the oldest first: which run, and which
        have deliveries to be withdrawn.
        """

    def change(self, number: int, state: int, now_us: int) -> bool:
        """Give a replay another state; False where it has ended, or has that state. Whose events it was about
        is forgotten when it ends.
        """

    def advance(self, number: int, partition: int, expected: int, offset: int) -> bool:
        """Go on to an offset, if the replay is running and still stands at `expected`."""

    def begins(self, number: int, begins_us: int) -> None:
        """The log has nothing older."""

    def count(self, number: int, tally: Tally) -> None:
        """Add to the counts."""

    def carry(self, deliveries: Iterable[Carried]) -> None:
        """These are on their way again."""

    def carried(self, event_id: int, destination_id: int) -> Carried | None:
        """What the delivery was, if a replay carries it."""

    def carried_by(self, number: int, after: tuple[int, int], limit: int, *, held: bool) -> Sequence[Carried]:
        """Deliveries of a replay above (event, destination), on their way or withdrawn."""

    def hold(self, delivery: Carried) -> None:
        """It was withdrawn until the replay goes on."""

    def send(self, delivery: Carried) -> None:
        """It is on its way again."""

    def drop(self, delivery: Carried) -> None:
        """The replay has to do with it no more."""

    def untouched(self, event_id: int, destination_id: int) -> bool:
        """Whether no call was made for the pending delivery, so that it can be withdrawn."""

    def settle(self, number: int) -> int:
        """Count the outcomes of what has one by now, and carry it no more; how many."""

    def routed(self, keys: Sequence[bytes]) -> dict[bytes, Entered]:
        """Events by the keys under which they were routed."""

    def standing(self, event_ids: Iterable[int]) -> dict[tuple[int, int], Standing]:
        """What became of events so far, by event and destination."""
