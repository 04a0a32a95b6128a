"""A clock that was set back: what waits does so for its own length, not until the old time comes again."""

import logging
from collections.abc import Iterable

from gainstage.clock import SECOND_US
from gainstage.delivery.destinations import Active
from gainstage.delivery.retrying import LONGEST_THROTTLE_SECONDS, LONGEST_WAIT_SECONDS
from gainstage.store.contract import Transaction

#: Time servers correct a clock by less, now and then.
NOTICED_US = 5 * SECOND_US
LONGEST_WAIT_US = int(LONGEST_WAIT_SECONDS) * SECOND_US
LONGEST_HOLD_US = int(LONGEST_THROTTLE_SECONDS) * SECOND_US

logger = logging.getLogger(__name__)


class Jumps:
    """The clock as one turn after the other sees it."""

    def __init__(self) -> None:
        self._last_us: int | None = None

    def follow(self, transaction: Transaction, actives: Iterable[Active], now_us: int) -> None:
        """Move what waits where the clock was set back.

        Of what an earlier process left nobody knows by how much: it waits no longer than anything may.
        """
        last_us, self._last_us = self._last_us, now_us
        if last_us is None:
            for active in actives:
                transaction.lanes.bring_forward(active.number, now_us + LONGEST_WAIT_US)
                _move(transaction, active, now_us + LONGEST_HOLD_US, 0)
        elif last_us - now_us >= NOTICED_US:
            back_us = last_us - now_us
            logger.warning("clock_set_back", extra={"seconds": back_us // SECOND_US})
            for active in actives:
                transaction.lanes.move(active.number, now_us, back_us)
                _move(transaction, active, now_us, back_us)


def _move(transaction: Transaction, active: Active, after_us: int, back_us: int) -> None:
    """Bring the ends of waits that are later forward: by so much, or to that time."""
    row = active.row
    before = row.resume_us, row.held_us
    row.resume_us, row.held_us = (
        (at_us - back_us if back_us else after_us) if at_us > after_us else at_us for at_us in before
    )
    if (row.resume_us, row.held_us) != before:
        transaction.destinations.save(row)
