"""How people are forgotten."""

from collections.abc import Iterable
from typing import Any, Protocol

from gainstage.store.forgetting_rows import ForgettingRow, Purged, Someone


class Forgetting(Protocol):
    """Requests to forget a person, and what is purged for them.

    From the end of the transaction that keeps a request on no event of the person passes, and no call is
    begun for their records. What is purged leaves no row behind but counters; a call that may be under way
    is waited for. Whatever dies on the way, the request is found again where it was.
    """

    def ask(
        self, asked: bytes, person: Someone, digests: Iterable[bytes], vendors: dict[str, Any], now_us: int
    ) -> int:
        """Keep a request; `asked` is a keyed hash of the name it was made with. Returns its number."""

    def hold(self, person: Someone) -> None:
        """Begin no call for the person's records: they are about to go."""

    def open(self) -> list[ForgettingRow]:
        """Requests that are not done, the oldest first."""

    def save(self, row: ForgettingRow) -> None:
        """Write a request back."""

    def revision(self) -> int:
        """Rises with every change of whose events are let in; 0 before the first."""

    def suppressed(self) -> frozenset[bytes]:
        """The keyed hashes of those whose events are not let in."""

    def suppress(self, number: int, digests: Iterable[bytes]) -> None:
        """Let no event in any more of whom these mean."""

    def suppress_with(self, known: Iterable[bytes], new: Iterable[bytes]) -> None:
        """Let no event in of whom the new ones mean, for the same requests as those that are known."""

    def lift(self, number: int, now_us: int) -> bool:
        """Let events of the person in again; False where the request is not done, or lifted, or unknown."""

    def key_check(self) -> bytes | None:
        """What was kept to know the key of the keyed hashes by."""

    def keep_key_check(self, check: bytes) -> None:
        """Keep it."""

    def erase_later(self, places: Iterable[tuple[int, int]]) -> int:
        """Note entries of the log (partition, offset) that are to be erased; how many are new."""

    def erasures(self, limit: int) -> list[tuple[int, int]]:
        """Entries that are to be erased."""

    def erased(self, places: Iterable[tuple[int, int]]) -> None:
        """They are erased."""

    def note(self, number: int, events: Iterable[int]) -> None:
        """Note events that are to be purged."""

    def unresolve(self, events: Iterable[int], emails: Iterable[str]) -> None:
        """Take e-mails out of what is kept of events of others: what was resolved for them, what was said in
        calls, details. `emails` in lower case.
        """

    def note_keys(self, number: int, keys: Iterable[bytes]) -> None:
        """Note the events with these keys; see `gainstage.store.rows.event_key`."""

    def purge(self, number: int, after: int, limit: int) -> Purged:
        """Purge noted events above `after` from ledger, lanes and calls. Counters stay: what was pending or
        parked counts as filtered. An event for which a call may be under way stays until that has ended.
        """

    def purge_person(self, number: int, person: Someone) -> bool:
        """Purge what is known of the person beside events: identity memory, records with what was confirmed.

        False while a call may be under way, or events still wait for one of the records: these are noted.
        """
