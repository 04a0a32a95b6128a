"""Forgetting people, beside delivery and in small slices: a request goes from phase to phase, each step
durable.

What waits for something (the log, a vendor, the files) is done between turns by `prepare`; what it found is
written by `work`, within the turn's transaction. A step that was lost with its process is done once more,
and does no harm then. The order is such that nothing is forgotten halfway: first the person's events are no
longer let in, then all that is known is found, then it goes, and only then is the vendor asked to delete the
person.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from gainstage.clock import SECOND_US, Clock
from gainstage.delivery.archived import Archived, Eraser, Looked
from gainstage.delivery.deleting import BY_HAND, FAILED, WAITING, Deletion, noted, postponed
from gainstage.delivery.destinations import Active
from gainstage.delivery.finding import Finder, texts_of
from gainstage.delivery.suppressing import Suppression
from gainstage.delivery.transport import Transport
from gainstage.destination import Person
from gainstage.log.contract import Erased, Log, LogUnavailable, Stored
from gainstage.outcome import Outcome
from gainstage.store import StorageUnavailable
from gainstage.store.contract import Store, Transaction
from gainstage.store.forgetting_rows import ForgettingRow, Phase
from gainstage.store.rows import event_key

READ_AT_ONCE = 1_000
ERASED_AT_ONCE = 500
LOOKED_AT_ONCE = 5_000
PURGED_AT_ONCE = 200
#: Entries of people who were forgotten before are erased this often; then the log's journal is emptied.
ERASE_EVERY_US = SECOND_US
LOOK_AGAIN_US = SECOND_US
LOG_PAUSE_US = 30 * SECOND_US
LONGEST_WAIT_US = 3_600 * SECOND_US

logger = logging.getLogger(__name__)


class Read(NamedTuple):
    """A slice of the log that was read for a request."""

    request: int
    partition: int
    after: int
    entries: Sequence[Stored]


class Remains(NamedTuple):
    """How often a person's names stand in the files; None where nobody can tell."""

    in_store: int | None
    in_log: int | None


class Forgetter:
    """Works off requests to forget people. One process does so: the one that delivers."""

    def __init__(
        self,
        store: Store,
        log: Log,
        clock: Clock,
        transport: Transport,
        suppression: Suppression,
        archived: Archived | None = None,
    ) -> None:
        self._store, self._log, self._clock, self._transport = store, log, clock, transport
        self._eraser = Eraser(archived)
        self._suppression = suppression
        self._wish: tuple[int, int, int] | None = None  # request, partition, offset: to be read next
        self._read: Read | None = None
        self._erasing: list[tuple[int, int]] = []
        self._erase_us = 0
        self._paused_us = 0  # the log could not be used: not before
        self._erased: tuple[list[tuple[int, int]], int | None] | None = None
        #: Request, destination and what is under way.
        self._deletion: tuple[int, str, asyncio.Task[Outcome]] | None = None
        self._texts: dict[int, list[bytes]] = {}  # by request: what must not be left in the files
        self._rewriting: list[int] | None = None  # the requests that wait for the files to be cleaned
        self._rewritten: dict[int, Remains | str] = {}

    @property
    def quiet(self) -> bool:
        """Whether no call is to be begun now: the files are about to be cleaned."""
        return self._rewriting is not None

    async def prepare(self, *, idle: bool) -> None:
        """Do what has to be waited for; `idle`: no call is under way."""
        if not _is_due(self._paused_us, self._clock.now_us()):
            return
        try:
            if self._erasing:
                self._erased = await self._erase(self._erasing)
                self._erasing = []
            if self._wish is not None:
                number, partition, after = self._wish
                self._read = Read(
                    number, partition, after, await self._log.read(partition, after, READ_AT_ONCE)
                )
                self._wish = None
            if self._rewriting is not None and idle:
                await self._rewrite(self._rewriting)
        except LogUnavailable as error:
            logger.error("log_unavailable", extra={"problem": str(error)})
            self._paused_us = self._clock.now_us() + LOG_PAUSE_US

    async def _erase(self, places: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], int | None]:
        by_partition: dict[int, list[int]] = {}
        for partition, offset in places:
            by_partition.setdefault(partition, []).append(offset)
        ended = [await self._log.erase(partition, offsets) for partition, offsets in by_partition.items()]
        return list(places), _latest(ended)

    async def _rewrite(self, numbers: Sequence[int]) -> None:
        """Clean the files, once for all requests that wait for it."""
        try:
            await asyncio.to_thread(self._store.scrub)
            for number in numbers:
                self._rewritten[number] = await self._remains(number)
        except StorageUnavailable as error:
            self._rewritten.update(dict.fromkeys(numbers, str(error)))
        self._rewriting = None

    async def _remains(self, number: int) -> Remains:
        """How often a person's names are left. Nobody knows them any more if we were ended before this."""
        texts = self._texts.get(number)
        if not texts:
            await self._log.scrub([], 0)
            return Remains(None, None)
        with self._store.reading() as reading:
            row = reading.receipts.get(number)
        in_log = await self._log.scrub(texts, row.place.get("mentions", 0) if row is not None else 0)
        return Remains(await asyncio.to_thread(self._store.count, texts), in_log)

    # within a turn

    def work(self, transaction: Transaction, actives: Mapping[str, Active], now_us: int) -> bool:
        """A turn's share; True when there is more to do at once."""
        worked = self._note_erased(transaction, now_us)
        rows = transaction.forgetting.open()
        if not rows:
            return worked
        row = next((row for row in rows if row.phase < Phase.VENDORS and _is_due(row.due_us, now_us)), None)
        if row is not None:
            before = msgspec.msgpack.encode(row)
            self._go_on(transaction, row, now_us)
            if msgspec.msgpack.encode(row) != before:
                transaction.forgetting.save(row)
            worked |= row.due_us <= now_us
        for row in rows:
            if row.phase == Phase.VENDORS:
                worked |= self._at_vendors(transaction, row, actives, now_us)
        self._clean(transaction, [row for row in rows if row.phase == Phase.REWRITE], now_us)
        return worked

    def _note_erased(self, transaction: Transaction, now_us: int) -> bool:
        if self._erased is not None:
            places, gone_by_us = self._erased
            self._erased = None
            transaction.forgetting.erased(places)
            for row in transaction.forgetting.open() if gone_by_us is not None else ():
                row.log_gone_us = max(gone_by_us or 0, row.log_gone_us or 0)
                transaction.forgetting.save(row)
        if self._erasing or self._erase_us - ERASE_EVERY_US <= now_us < self._erase_us:
            return False
        self._erasing = transaction.forgetting.erasures(ERASED_AT_ONCE)
        full = len(self._erasing) == ERASED_AT_ONCE
        self._erase_us = now_us + (0 if full else ERASE_EVERY_US)
        return bool(self._erasing)

    def _go_on(self, transaction: Transaction, row: ForgettingRow, now_us: int) -> None:
        row.due_us = 0
        finder = Finder(transaction, row, self._suppression.pseudonyms)
        match row.phase:
            case Phase.LOG:
                self._look_through_log(transaction, row, finder, now_us)
            case Phase.LEDGER:
                self._look_through_ledger(row, finder)
            case _:
                self._purge(transaction, row, now_us)

    def _look_through_log(
        self, transaction: Transaction, row: ForgettingRow, finder: Finder, now_us: int
    ) -> None:
        partition, after = row.place.get("partition", 0), row.place.get("offset", 0)
        if partition >= self._log.partitions:
            self._look_through_archive(row, finder, now_us)
            return
        read, self._read = self._read, None
        if read is None or (read.request, read.partition, read.after) != (row.id, partition, after):
            self._wish = (row.id, partition, after)
            return
        upto = transaction.intake.offset(partition)
        # What is routed from now on is suppressed by every name that is known.
        until = row.place.setdefault("until", upto)
        routed = [stored for stored in read.entries if stored.offset <= upto]
        found = finder.look_at(partition, routed)
        for stored, message_id in found:
            source_id = transaction.names.source(stored.entry.source)
            transaction.forgetting.note_keys(row.id, [event_key(source_id, message_id)])
        row.count(
            "log_entries",
            transaction.forgetting.erase_later((partition, stored.offset) for stored, _ in found),
        )
        row.place["offset"] = routed[-1].offset if routed else after
        rest = read.entries[len(routed) :]
        if rest and rest[0].entry.received_us <= row.asked_us:  # accepted before the request: routed first
            row.due_us = now_us + LOOK_AGAIN_US
        elif row.place["offset"] >= until or (len(routed) < READ_AT_ONCE and (rest or not read.entries)):
            row.place["partition"], row.place["offset"] = partition + 1, 0
            del row.place["until"]
        if row.place.get("partition", 0) < self._log.partitions:
            self._wish = (row.id, row.place.get("partition", 0), row.place["offset"])

    def _look_through_archive(self, row: ForgettingRow, finder: Finder, now_us: int) -> None:
        """Look at the archive, too, which is older than the log; once no further name is found, have the
        person's events taken out of it, and go on with the ledger.
        """
        assert row.person is not None
        looked = row.place.get("looked", False)
        answer = (
            self._eraser.erased(row.id, row.person)
            if looked
            else self._eraser.looked(row.id, row.person, row.asked_us)
        )
        if answer is None:
            row.due_us = now_us + LOOK_AGAIN_US // 10
        elif isinstance(answer, StorageUnavailable):
            row.detail, row.due_us = str(answer), now_us + LOOK_AGAIN_US * 30
        elif isinstance(answer, Looked):
            row.detail = ""
            finder.add(answer.further)
            if not finder.begins_anew():
                row.count("archived_events", answer.events)
                row.place["looked"] = True
        elif answer:
            row.detail, row.due_us = answer, now_us + LOOK_AGAIN_US
        else:
            row.detail, row.phase = "", Phase.LEDGER
            row.place = {"mentions": row.place.get("mentions", 0)}

    def _look_through_ledger(self, row: ForgettingRow, finder: Finder) -> None:
        """Note the person's events; from the start again if further names were found."""
        last = finder.look_at_events(row.place.get("event", 0), LOOKED_AT_ONCE)
        row.place["event"] = last or 0
        if last is None:
            row.phase = Phase.LOG if finder.begins_anew() else Phase.PURGE

    def _purge(self, transaction: Transaction, row: ForgettingRow, now_us: int) -> None:
        assert row.person is not None
        purged = transaction.forgetting.purge(row.id, row.place.get("event", 0), PURGED_AT_ONCE)
        row.count("events", purged.events)
        row.count("deliveries", purged.deliveries)
        row.count("calls", purged.calls)
        row.place["busy"] = row.place.get("busy", 0) + purged.busy
        row.place["event"] = purged.last if purged.more else 0
        if purged.more:
            return
        busy, row.place["busy"] = row.place["busy"], 0
        if busy or not transaction.forgetting.purge_person(row.id, row.person):
            row.detail = "Waits for the end of calls that are under way for the person."
            row.due_us = now_us + LOOK_AGAIN_US // 10
            return
        row.detail, row.phase = "", Phase.VENDORS

    # at the vendors

    def _at_vendors(
        self, transaction: Transaction, row: ForgettingRow, actives: Mapping[str, Active], now_us: int
    ) -> bool:
        """Ask one destination after the other; True when something was noted."""
        assert row.person is not None
        if self._deletion is not None and self._deletion[0] == row.id:
            _, name, task = self._deletion
            if not task.done():
                return False
            self._deletion = None
            row.vendors[name] = noted(row.vendors[name], task.result(), row.asked_us, now_us)
            transaction.forgetting.save(row)
        elif self._deletion is not None:
            return False
        waiting = [name for name, told in row.vendors.items() if told["outcome"] == WAITING]
        if not waiting:
            row.phase = Phase.REWRITE
            row.place["ends"] = [transaction.intake.offset(number) for number in range(self._log.partitions)]
            transaction.forgetting.save(row)
            return True
        due = [name for name in waiting if _is_due(row.vendors[name].get("due_us", 0), now_us)]
        if not due:
            return False
        name, person = due[0], Person(row.person.ids, row.person.emails)
        active = actives.get(name)
        if active is None or active.connected.type.delete is None:
            code = FAILED if active is None else BY_HAND
            row.vendors[name] = {"outcome": code, "reason": "", "at_us": now_us, "attempts": 0}
        elif not active.runs or active.row.resume_us > now_us:
            row.vendors[name] = postponed(row.vendors[name], active, row.asked_us, now_us)
        else:
            deletion = Deletion(self._store, self._clock, self._transport, active)
            self._deletion = (row.id, name, asyncio.create_task(deletion.run(person)))
        transaction.forgetting.save(row)
        return True

    # the files

    def _clean(self, transaction: Transaction, rows: Sequence[ForgettingRow], now_us: int) -> None:
        """Let go of the names, and have the files cleaned of all that was deleted."""
        for row in rows:
            ended = self._rewritten.pop(row.id, None)
            if isinstance(ended, str):
                row.detail, row.due_us = ended, now_us + LOOK_AGAIN_US * 30
            elif ended is not None:
                self._done(row, ended, now_us)
            else:
                continue
            transaction.forgetting.save(row)
        due = [row for row in rows if row.done_us is None and _is_due(row.due_us, now_us)]
        if self._rewriting is not None or not due:
            return
        left = transaction.forgetting.erasures(ERASED_AT_ONCE)
        due = [row for row in due if _is_erased(row, left)]
        if not due:
            return
        self._rewriting = [row.id for row in due]
        for row in due:
            if row.person is not None:  # the names stand in the files: they go with all else that was deleted
                self._texts[row.id] = texts_of(row.person)
                row.person = None
                transaction.forgetting.save(row)

    def _done(self, row: ForgettingRow, remains: Remains, now_us: int) -> None:
        self._texts.pop(row.id, None)
        row.phase, row.done_us, row.detail = Phase.DONE, now_us, ""
        row.counts["mentioned_by_others"] = row.place.get("mentions", 0)
        for name, found in zip(("left_in_store", "left_in_log"), remains, strict=True):
            if found is not None:
                row.counts[name] = found
        row.place = {}
        told = {"request": row.id, "events": row.counts.get("events", 0)}
        logger.info("person_forgotten", extra=told)

    async def close(self) -> None:
        """A deletion that is under way is done again by whoever comes next."""
        await self._eraser.close()
        if self._deletion is not None:
            self._deletion[2].cancel()
            await asyncio.gather(self._deletion[2], return_exceptions=True)
            self._deletion = None


def _latest(ended: Sequence[Erased]) -> int | None:
    return max((one.gone_by_us for one in ended if one.gone_by_us is not None), default=None)


def _is_erased(row: ForgettingRow, left: Sequence[tuple[int, int]]) -> bool:
    """Whether nothing of the request is to be erased from the log any more: all that is left came later."""
    ends = row.place.get("ends")
    if ends is None or len(left) == ERASED_AT_ONCE:
        return not left
    return all(offset > ends[partition] for partition, offset in left)


def _is_due(due_us: int, now_us: int) -> bool:
    """Whether its time has come; nothing waits longer than an hour, whatever the clock was set to."""
    return not now_us < due_us <= now_us + LONGEST_WAIT_US
