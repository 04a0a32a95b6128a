"""Planning anew: what a change of settings makes of waiting events, what a person retried, what expired.

After a change every waiting event is planned anew, in the order of arrival, before anything is sent under the
new settings: they may lead to other records, or to another tenant (a corrected key), where a user's newer
events would overtake those that still wait under the old ones.
"""

from collections.abc import Iterable, Iterator, Sequence

from gainstage.delivery.destinations import Active
from gainstage.delivery.merging import newest_values
from gainstage.delivery.planning import UPSERT
from gainstage.delivery.router import Router
from gainstage.store.contract import Transaction
from gainstage.store.rows import FAILED, FILTERED, OperationRow

REPLANNED_A_TURN = 500
#: Reasons that a change of the settings may cure: the events are planned anew by themselves.
CURED_BY_SETTINGS = ("setting_missing", "configuration_invalid")
RETRIED = ("queued",)


class Replanner:
    """Plans anew within one transaction."""

    def __init__(self, transaction: Transaction, router: Router, now_us: int) -> None:
        self._transaction = transaction
        self._router = router
        self._now_us = now_us

    def work(self, actives: Iterable[Active], flying: set[int]) -> bool:
        """A turn's share; `flying`: the destinations with calls under way. True when anything was done."""
        worked = False
        for active in actives:
            if active.settings is None:
                continue
            if active.row.replan_after is None:
                retried = self._transaction.ledger.kept_with(active.number, RETRIED, 0, REPLANNED_A_TURN)
                worked |= self._plan(active, {event_id: {} for event_id in retried})
            elif active.number not in flying:  # else an answer is to come for what was sent before
                self._go_on(active, active.row.replan_after)
                worked = True
        for delivery in self._transaction.ledger.expired(self._now_us, REPLANNED_A_TURN):
            self._router.expire(delivery)
            worked = True
        return worked

    def _go_on(self, active: Active, after: int) -> None:
        """The next events above `after` after a change of settings."""
        place = (active.number, active.row.plan, after, REPLANNED_A_TURN)
        events = self._transaction.lanes.outdated(*place)
        kept = self._transaction.ledger.kept_with(
            active.number, (*CURED_BY_SETTINGS, *RETRIED), after, REPLANNED_A_TURN
        )
        for event_id in kept:
            events.setdefault(event_id, {})
        due = sorted(events)[:REPLANNED_A_TURN]
        self._plan(active, {event_id: events[event_id] for event_id in due})
        active.row.replan_after = due[-1] if len(due) == REPLANNED_A_TURN else None
        self._transaction.destinations.save(active.row)

    def _plan(self, active: Active, events: dict[int, dict[int, int]]) -> bool:
        """Plan events anew, in this order; for each, how many calls may have brought operations of a kind."""
        lanes = self._transaction.lanes
        for event_id, doubtful in events.items():
            kept = self._transaction.intake.kept(event_id)
            if kept is None:
                continue
            before = lanes.upserts(event_id, active.number) if UPSERT in doubtful else []
            withdrawn = lanes.remove_event(event_id, active.number)
            delivery = self._router.plan_again(kept, active)
            if delivery.word not in (FILTERED, FAILED):
                self._abandon(before, lanes.upserts(event_id, active.number))
            for kind, calls in doubtful.items():
                lanes.doubt_event(event_id, active.number, kind, calls)
            for number in withdrawn:
                lanes.end_lane(active.number, number)
        return bool(events)

    def _abandon(
        self, before: Sequence[tuple[int, OperationRow]], after: Sequence[tuple[int, OperationRow]]
    ) -> None:
        """Note what may have arrived of an event that counts, and that it asks for no more.

        The vendor may hold it: nothing older is to go over it. What it asks for again, as before an earlier
        change, is its own once more.
        """
        asked = {(number, name) for number, operation in after for name in operation.content}
        for number, names in self._returned(before, after):
            self._transaction.records.recall(number, names)
        for number, operation in before:
            values = newest_values([operation] if operation.in_doubt else ())
            left = {name: entry for name, entry in values.items() if (number, name) not in asked}
            if left:
                self._transaction.records.abandon(number, left)

    def _returned(
        self, before: Sequence[tuple[int, OperationRow]], after: Sequence[tuple[int, OperationRow]]
    ) -> Iterator[tuple[int, list[str]]]:
        if not any(operation.in_doubt for _, operation in before):  # then nothing of it was ever noted
            return
        for number, operation in after:
            abandoned = self._transaction.records.record(number).abandoned
            values = newest_values([operation])
            if same := [name for name, entry in values.items() if abandoned.get(name, ())[:2] == entry]:
                yield number, same
