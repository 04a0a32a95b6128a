"""Trimming: the log behind the router, the ledger behind the log, in small slices that hold nobody up."""

import asyncio
import logging

from gainstage.clock import DAY_US, SECOND_US, Clock
from gainstage.connection import Retention
from gainstage.delivery.archived import Archived
from gainstage.log.contract import Log, LogUnavailable
from gainstage.store import StorageUnavailable
from gainstage.store.contract import Store, Transaction

#: Entries of a partition, and events of the ledger, that are looked at in a turn.
ENTRIES_AT_ONCE = 500
EVENTS_AT_ONCE = 200
#: Entries of what was done that go in a turn.
ACTIONS_AT_ONCE = 500
#: When nothing is left to trim, it is looked again after this; and from the start of the ledger, for what has
#: been finished meanwhile.
LOOK_EVERY_US = 60 * SECOND_US
BEGIN_AGAIN_US = 3_600 * SECOND_US
FOR_EVER_US = 2**62

logger = logging.getLogger(__name__)


class Trimmer:
    """Trims what the retention in force lets go. One process does so: the one that delivers."""

    def __init__(self, store: Store, log: Log, clock: Clock, archived: Archived | None = None) -> None:
        self._store, self._log, self._clock, self._archived = store, log, clock, archived
        # When to look again; when the ledger was begun.
        self._log_us = self._ledger_us = self._begun_us = self._audit_us = 0
        self._first: tuple[int, ...] = ()
        self._after = 0
        self._before: Retention | None = None

    async def prepare(self, retention: Retention) -> bool:
        """A slice of the log; True when there is certainly more."""
        now_us = self._clock.now_us()
        if self._before != retention:
            self._before, self._log_us, self._ledger_us, self._begun_us = retention, 0, 0, 0
            self._audit_us = 0
        if not _is_due(self._log_us, now_us):
            return False
        try:
            more = await self._trim_log(retention, now_us)
        except LogUnavailable as error:
            logger.error("log_unavailable", extra={"problem": str(error)})
            more = False
        except StorageUnavailable as error:  # nobody knows what is archived: nothing goes
            logger.error("history_unavailable", extra={"problem": str(error)})
            more = False
        self._log_us = now_us + (0 if more else LOOK_EVERY_US)
        return more

    async def _trim_log(self, retention: Retention, now_us: int) -> bool:
        kept = await self._log.kept()
        before_us = now_us - int(retention.log_days * DAY_US) if retention.log_days is not None else 0
        if retention.log_bytes is not None and kept.size_bytes > retention.log_bytes:
            before_us = FOR_EVER_US
        trimmed, archived = 0, None
        if self._archived is not None and retention.history:
            archived = await asyncio.to_thread(self._archived.offsets)
        if kept.since_us is not None and kept.since_us < before_us:
            for partition in range(self._log.partitions):
                with self._store.reading() as reading:
                    upto = reading.offset(partition)
                if archived is not None:
                    upto = min(upto, archived.get(partition, 0))
                slice_ = await self._log.trim(partition, upto, before_us, ENTRIES_AT_ONCE)
                trimmed = max(trimmed, slice_)
        if trimmed:
            kept = await self._log.kept()
        self._first = kept.first
        return trimmed == ENTRIES_AT_ONCE

    def work(self, transaction: Transaction, retention: Retention, now_us: int) -> bool:
        """A slice of the ledger, and of what was done, within a turn; True when there is certainly more."""
        more = self._trim_audit(transaction, retention, now_us)
        return self._trim_ledger(transaction, retention, now_us) or more

    def _trim_audit(self, transaction: Transaction, retention: Retention, now_us: int) -> bool:
        if retention.audit_days is None or not _is_due(self._audit_us, now_us):
            return False
        before_us = now_us - int(retention.audit_days * DAY_US)
        more = transaction.audit.trim(before_us, ACTIONS_AT_ONCE) == ACTIONS_AT_ONCE
        self._audit_us = now_us + (0 if more else LOOK_EVERY_US)
        return more

    def _trim_ledger(self, transaction: Transaction, retention: Retention, now_us: int) -> bool:
        if not self._first or not _is_due(self._ledger_us, now_us):
            return False
        if not self._begun_us <= now_us < self._begun_us + BEGIN_AGAIN_US:
            self._begun_us, self._after = now_us, 0
        before_us = now_us - int(retention.ledger_days * DAY_US) if retention.ledger_days is not None else 0
        ended = transaction.retention.trim(
            before_us, retention.ledger_events, self._first, self._after, EVENTS_AT_ONCE
        )
        if ended.after is None:
            self._ledger_us = now_us + LOOK_EVERY_US
            return False
        self._after = ended.after
        return True


def _is_due(due_us: int, now_us: int) -> bool:
    """Whether its time has come, also after the clock was set back."""
    return not now_us < due_us <= now_us + LOOK_EVERY_US
