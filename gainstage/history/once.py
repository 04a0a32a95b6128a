"""That an event counts once: by a 64-bit hash of its source and message id, in two tables of the index.

Hashes fall anywhere. Put straight into a tree of ten million, ten thousand of them change nearly as many
pages. So they gather in a small tree first, and are carried over a range of values at a time, when many of
them fall into each page.
"""

from gainstage.history.index import Transaction

#: So many gather, or this part of all, before they are carried over, in so many steps.
GATHERED_AT_LEAST = 200_000
GATHERED_PART = 32
RANGES = 32
_WIDTH = 2**64 // RANGES


def is_due(gathered: int, rows: int) -> bool:
    """Whether enough have gathered."""
    return gathered > max(GATHERED_AT_LEAST, rows // GATHERED_PART)


def carry_over(transaction: Transaction) -> int:
    """Move the next range; how many hashes."""
    number = transaction.meta("once_range") % RANGES
    first = number * _WIDTH - 2**63
    moved = transaction.carry_over(first, first + _WIDTH - 1)
    transaction.set("once_range", number + 1)
    transaction.add_to("once_new", -moved)
    return moved
