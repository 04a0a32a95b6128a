"""Whose events are not let in: the router asks for each event, before anything is made of it."""

from gainstage.event import Event
from gainstage.outcome import Filtered
from gainstage.pseudonym import Pseudonyms
from gainstage.store.contract import Transaction

SUPPRESSED = Filtered("suppressed", "Its person was forgotten on request: nothing of it was kept.")


class Suppression:
    """Knows people by keyed hashes only; read again when somebody was added or taken off."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms
        self._digests: frozenset[bytes] = frozenset()
        self._revision = 0

    def refresh(self, transaction: Transaction) -> "Suppression":
        """As of this transaction."""
        revision = transaction.forgetting.revision()
        if revision != self._revision:
            self._digests, self._revision = transaction.forgetting.suppressed(), revision
        return self

    def meets(self, event: Event) -> bool:
        """Whether the event is about somebody whose events are not let in."""
        return bool(self._digests) and not self._digests.isdisjoint(self.pseudonyms.all_of(event))

    def learn(self, transaction: Transaction, event: Event) -> None:
        """An event of somebody who was forgotten tells another id of theirs: that one is suppressed, too.

        Not a device that somebody else was seen with.
        """
        ids = [f"u:{event.user_id}"] if event.user_id else []
        device = transaction.intake.user(f"a:{event.anonymous_id}") if event.anonymous_id else None
        if event.anonymous_id and (device is None or device.user_id in ("", event.user_id)):
            ids.append(f"a:{event.anonymous_id}")
        new = {self.pseudonyms.of(name) for name in ids} - self._digests
        if new:
            transaction.forgetting.suppress_with(
                self._digests.intersection(self.pseudonyms.all_of(event)), new
            )
            self._digests |= new
            self._revision = -1  # should this be rolled back, what is kept is read again

    def names(self, key: str) -> bool:
        """Whether it is the userId or the anonymousId of such a person; of a message that is no event."""
        return bool(self._digests) and not self._digests.isdisjoint(
            self.pseudonyms.of(f"{kind}:{key}") for kind in "ua"
        )
