"""What calls say of a destination as a whole: whether it may be called, and since when calls to it fail."""

from gainstage.clock import SECOND_US
from gainstage.delivery.destinations import Active
from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.retrying import (
    FAILURES_BEFORE_PROBING,
    LONGEST_BLOCK_SECONDS,
    LONGEST_COUNTED_US,
    LONGEST_PROBE_SECONDS,
    probe_seconds,
)
from gainstage.outcome import Retry
from gainstage.store.contract import Transaction

LIMITED, UNAVAILABLE = 429, 503


class Availability:
    """Keeps the state of destinations within one transaction. Calls that were begun under other settings say
    nothing of them under these.
    """

    def __init__(self, transaction: Transaction, now_us: int) -> None:
        self._transaction = transaction
        self._now_us = now_us

    def failing_us(self, active: Active) -> int:
        """A call failed: for how long calls to the destination have failed, ever.

        Between two that failed no more counts than the longest wait of a delivery: while nothing could be
        tried (budget, a pause, a stop, a jump of the clock) nothing failed.
        """
        row = active.row
        if row.failed_us != self._now_us:
            passed_us = self._now_us - row.failed_us if row.failed_us else 0
            row.failing_us += min(max(passed_us, 0), LONGEST_COUNTED_US)
            row.failed_us = self._now_us
            self._transaction.destinations.save(row)
        return row.failing_us

    def failed(
        self, active: Active, flight: Flight, member: Member, outcome: Retry, asked: float | None
    ) -> None:
        """A call failed for what may pass; the vendor `asked` for so many seconds with Retry-After.

        Calls are counted, not the records that they carry; and a record that fails again and again says
        nothing of others.
        """
        row = active.row
        if not active.current:
            return
        records = {one.number for one in flight.members}
        probed = row.failures >= FAILURES_BEFORE_PROBING
        alone = member.attempts > 0 and active.failing <= records and not probed
        if asked is not None and _is_unavailable(flight) and not alone:
            self._hold(active, outcome, self._now_us + int(asked * SECOND_US))
        known = records <= active.failing and row.failures > 0 and not probed
        if known or active.failed_call == flight.call:
            return
        active.failed_call = flight.call
        if not probed:
            active.failing |= records
        row.failures += 1
        if row.failures >= FAILURES_BEFORE_PROBING:
            seconds = probe_seconds(row.failures, LONGEST_PROBE_SECONDS)
            row.resume_us = max(row.held_us, self._now_us + int(seconds * SECOND_US))
            self._say(active, outcome.code, outcome.detail)
        self._transaction.destinations.save(row)

    def recovered(self, active: Active) -> None:
        """A call succeeded, or was refused for what it carried."""
        row = active.row
        active.proven = True
        if not active.current:
            return
        active.failing.clear()
        if row.failures or row.blocked or row.code:
            row.failures, row.blocked, row.resume_us = 0, False, row.held_us
            if row.held_us <= self._now_us:
                row.code, row.detail, row.since_us = None, None, None
            self._transaction.destinations.save(row)

    def block(self, active: Active, code: str, detail: str) -> None:
        """Nothing can go before somebody mends something; it is tried now and then."""
        row = active.row
        if not active.current:
            return
        row.failures += 1
        seconds = min(LONGEST_BLOCK_SECONDS, 5.0 * 2 ** min(row.failures - 1, 10))
        row.blocked = True
        row.resume_us = max(row.held_us, self._now_us + int(seconds * SECOND_US))
        self._say(active, code, detail)
        self._transaction.destinations.save(row)

    def throttle(self, active: Active, seconds: float, detail: str) -> None:
        """A call was refused for a limit that no budget knows."""
        self._hold(active, Retry("throttled", detail), self._now_us + int(seconds * SECOND_US))

    def _hold(self, active: Active, outcome: Retry, until_us: int) -> None:
        """The vendor asked not to be called before; another call's success does not lift that."""
        row = active.row
        row.held_us = max(row.held_us, until_us)
        row.resume_us = max(row.resume_us, row.held_us)
        if not row.blocked:  # what blocked it is still the reason
            self._say(active, outcome.code, outcome.detail)
        self._transaction.destinations.save(row)

    def _say(self, active: Active, code: str, detail: str) -> None:
        row = active.row
        row.code, row.detail, row.since_us = code, active.mask(detail), row.since_us or self._now_us


def _is_unavailable(flight: Flight) -> bool:
    return flight.last_response is not None and flight.last_response.status == UNAVAILABLE
