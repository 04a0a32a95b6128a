"""Joining: records that turned out to be one become one, once no call is under way for either.

What the vendor holds may then be older than what is known (it was written under the other key): it is written
again with the operations that wait for the record.
"""

from collections.abc import Iterable

from gainstage.delivery.destinations import Active
from gainstage.delivery.settling import Settler
from gainstage.store.contract import Transaction


def join_records(transaction: Transaction, settler: Settler, actives: Iterable[Active]) -> bool:
    """Join what can be joined now; True when anything was."""
    joined = False
    while pairs := transaction.keys.joinable():
        joined = True
        place, again = transaction.keys.join(*pairs[0])
        for active in actives:
            waiting = transaction.lanes.ready(active.number, [place.number], 1)[place.number]
            if waiting:
                settler.write_again(active, waiting[0], place, again)
                break
    return joined
