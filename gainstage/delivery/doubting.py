"""What becomes of doubt: values that a call may have written though nobody read its answer, and values that
were perhaps written under earlier settings and are asked for no more.
"""

from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.merging import Merged
from gainstage.destination import Settled
from gainstage.outcome import Blocked, Retry, Throttled, Unknown
from gainstage.store.contract import Transaction

#: With no more than this the vendor has not told what became of what an asynchronous call carried.
UNDECIDED = (Retry, Throttled, Blocked)


def is_in_doubt(flight: Flight, settled: Settled) -> bool:
    """Whether the vendor may hold what a work carried, though no answer confirmed it."""
    outcome = settled.outcome
    lost = settled.work in flight.in_doubt and isinstance(outcome, Retry)
    untold = settled.work in flight.accepted and isinstance(outcome, UNDECIDED)
    return isinstance(outcome, Unknown) or lost or untold or settled.occupied


class Doubts:
    """Notes within one transaction what is not known, and what an answer tells of it."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def unsure(self, member: Member) -> None:
        """From now on nobody knows which of the values the vendor holds: an error may follow a write."""
        records = self._transaction.records
        if member.merged is None:
            return
        state = records.record(member.number).state
        for name in member.merged.fields:
            if name in state:
                state[name][2] = 0
        records.write_state(member.number, state)

    def refused(self, member: Member, named: tuple[str, ...]) -> bool:
        """A call was refused, for these fields if the vendor named some. True where a value that it said
        again, since it may have been written before, is or may be at fault: then the call is made anew.

        What was refused now was not taken from earlier calls in doubt that carried just the same.
        """
        merged = member.merged
        if merged is None:
            return False
        calls = min((operation.in_doubt for operation in member.operations), default=0)
        if calls:
            self._transaction.lanes.doubt((operation.id for operation in member.operations), -calls)
        return bool(merged.recalled) and self._suspects(member, merged, named)

    def _suspects(self, member: Member, merged: Merged, named: tuple[str, ...]) -> bool:
        """Such a value is at fault where the vendor names it, or nothing else was said. With one event it may
        be: the next call goes without it, which shows whose fault it is.
        """
        records, recalled = self._transaction.records, merged.recalled
        nothing_else = recalled if recalled >= merged.fields.keys() else frozenset[str]()
        if guilty := recalled & set(named) or nothing_else:
            records.recall(member.number, guilty)
        elif len(member.events) == 1:
            records.silence(member.number, recalled, member.events[0])
        else:
            return False
        return True

    def failed(self, member: Member) -> None:
        """Its one event failed by a fault of its own: what was left out for it is suspected no more."""
        if member.merged is not None and member.merged.silent:
            self._transaction.records.silence(member.number, member.merged.silent, 0)

    def taken(self, member: Member) -> bool:
        """A call was taken: what it said anew counts. True where it went without what made it fail before,
        which is thereby at fault and was never written: what was left out for it may go.
        """
        merged = member.merged
        if merged is None or not (merged.doubtful or merged.silent):
            return False
        records = self._transaction.records
        abandoned = records.record(member.number).abandoned
        guilty = {
            name
            for name in merged.silent & abandoned.keys()
            if len(abandoned[name]) > 2 and abandoned[name][2] in member.events
        }
        records.recall(member.number, merged.doubtful | guilty)
        return bool(guilty)
