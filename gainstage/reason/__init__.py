"""The closed list of reasons: why an event is not delivered (yet), or was without a call.

Codes are safe as metric labels. Everything here is for people: the documents are made from it.
"""

from gainstage.reason.entry import WORDS, Reason, Word
from gainstage.reason.failing import FAILED, REFUSED
from gainstage.reason.uncalled import DELIVERED, FILTERED
from gainstage.reason.waiting import PARKED, PENDING

__all__ = ["REASONS", "WORDS", "Reason", "Word"]

REASONS: dict[str, Reason] = {**REFUSED, **FILTERED, **FAILED, **PARKED, **PENDING, **DELIVERED}
