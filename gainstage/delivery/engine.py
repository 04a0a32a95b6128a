"""The engine: everything between the log and the vendors, turn by turn.

A turn is one transaction: the next slice of the log is routed, finished calls are recorded, lanes whose turn
it is become flights, and the calls about to be made are reserved. Only after its commit are they made.
One process runs one engine, in one event loop; nothing here is shared between threads.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence

from gainstage.clock import SECOND_US, Clock
from gainstage.connection import Configuration, Retention
from gainstage.delivery.alerts import Announce, BudgetAlert, due_alerts, log_alert
from gainstage.delivery.archived import Archived
from gainstage.delivery.availability import LIMITED
from gainstage.delivery.destinations import Active, activate
from gainstage.delivery.dispatch import LEASE_US, Dispatcher
from gainstage.delivery.flight import Finished, Flight
from gainstage.delivery.forgetting import Forgetter
from gainstage.delivery.joining import join_records
from gainstage.delivery.journal import begin_call, end_call
from gainstage.delivery.jumping import Jumps
from gainstage.delivery.observing import Observer
from gainstage.delivery.pace import Pace
from gainstage.delivery.replanning import Replanner
from gainstage.delivery.replaying import Replayer, Replaying
from gainstage.delivery.router import Router
from gainstage.delivery.settling import Settler
from gainstage.delivery.suppressing import Suppression
from gainstage.delivery.transport import Transport
from gainstage.delivery.trimming import Trimmer
from gainstage.destination import CallFailed, Response
from gainstage.log.contract import Log, Stored
from gainstage.outcome import Throttled
from gainstage.pseudonym import Pseudonyms
from gainstage.store import StorageUnavailable
from gainstage.store.contract import PartitionLost, Store, Transaction
from gainstage.store.rows import Document

SLICE = 500
ALERTS_EVERY_US = 5 * SECOND_US
IDLE_SECONDS = 0.1
STORAGE_PAUSE_SECONDS = 1.0
#: Until it is known what may be let go.
KEEP_ALL = Retention.of_everything()
#: Later than any lease ends, also one taken before the clock was set back.
FAR_US = 2**62

logger = logging.getLogger(__name__)
Configure = Callable[[Sequence[Document], int], Configuration]


class Engine:
    """Delivers until told to stop. `configure` builds the configuration from the store's documents.

    `pseudonyms` are those of the data folder; without `sends` no call is begun, and all else is done.
    """

    def __init__(
        self,
        store: Store,
        log: Log,
        clock: Clock,
        transport: Transport,
        configure: Configure,
        chance: random.Random | None = None,
        announce: Announce = log_alert,
        *,
        pseudonyms: Pseudonyms | None = None,
        sends: bool = True,
        observer: Observer | None = None,
        archived: Archived | None = None,
    ) -> None:
        self._store, self._log, self._clock, self._transport = store, log, clock, transport
        self._configure = configure
        self._chance = chance or random.Random()
        self._announce = announce
        self.observer = observer or Observer()
        self._alerts_us = 0  # when marks of budgets are looked at next
        self._configuration: Configuration | None = None
        self._schemas = 0  # the revision of what is known of the tenants' objects
        self._active: dict[str, Active] = {}
        self._flights: set[Flight] = set()
        self._hungry: list[Flight] = []  # flights that wait for budget for their next call
        self._resting: list[Flight] = []  # flights whose next call is not to be made yet
        self._finished: list[Finished] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._pace = Pace()
        self._jumps = Jumps()
        self._sends = sends
        self._adrift = False  # calls of ours may hold leases that nobody answers to any more
        self._suppression = Suppression(pseudonyms or Pseudonyms(b""))
        self._trimmer = Trimmer(store, log, clock, archived)
        self._forgetter = Forgetter(store, log, clock, transport, self._suppression, archived)
        self._replaying = Replaying(store, log)

    async def run(self, stop: asyncio.Event) -> None:
        """Turn after turn until `stop` is set; then finish the calls under way and record them."""
        async with self._log.claim("delivery") as claim:
            while not claim.partitions and not stop.is_set():  # a predecessor has not let go yet
                await self._clock.sleep(IDLE_SECONDS)
            with self._store.transaction() as transaction:
                self._recover(transaction, everything=True)
            while not stop.is_set():
                try:
                    busy = await self.turn(claim.partitions)
                except StorageUnavailable as error:
                    logger.error("storage_unavailable", extra={"problem": str(error)})
                    await self._abandon()
                    await self._clock.sleep(STORAGE_PAUSE_SECONDS)
                    continue
                except PartitionLost as error:
                    logger.warning("partition_lost", extra={"problem": str(error)})
                    await self._abandon()
                    continue
                if not busy:
                    await self._wait()
            await self._forgetter.close()
            await self._land()

    async def turn(self, partitions: Sequence[int]) -> bool:
        """One turn; True when there is certainly more to do at once."""
        slices = await self._read(partitions)
        began_us = self._clock.now_us()
        await self._forgetter.prepare(idle=not self._calls)
        trimmed = await self._trimmer.prepare(self._retention)
        history = await self._replaying.read(partitions)
        finished, self._finished = self._finished, []
        with self._store.transaction() as transaction:
            now_us = self._clock.now_us()
            self._refresh(transaction)
            self._jumps.follow(transaction, self._active.values(), now_us)
            self._recover(transaction, everything=self._adrift)
            router = self._router(transaction, now_us)
            for partition, expected, slice_ in slices:
                router.route(partition, expected, slice_)
            settler = Settler(transaction, now_us, self._chance, self.observer)
            for one in finished:
                self._record(transaction, settler, one, now_us)
            router.wake(settler.appeared)
            ready = self._reserve(transaction, settler, now_us)
            joined = join_records(transaction, settler, self._active.values())
            flying = {flight.active.number for flight in self._flights}
            replanned = Replanner(transaction, router, now_us).work(self._active.values(), flying)
            forgotten = self._forgetter.work(transaction, self._active, now_us)
            trimmed |= self._trimmer.work(transaction, self._retention, now_us)
            replayer = self._replayer(transaction, router, now_us)
            replayed = self._replaying.work(transaction, replayer, history, now_us)
            picked = self._dispatch(transaction, settler, now_us)
            ready.extend(picked)
            alerts = self._due_alerts(transaction, now_us)
            ending_us = self._clock.now_us()
        self._adrift = False
        busy = bool(slices or finished or joined or replanned or forgotten or trimmed or replayed)
        self.observer.turned(began_us, ending_us, self._clock.now_us(), wrote=busy or bool(picked))
        started = [flight for flight in ready if flight is not None]
        for flight in started:
            self._call(flight)
        for alert in alerts:
            self._announce(alert)
        return busy or bool(picked and not started)

    @property
    def _retention(self) -> Retention:
        return self._configuration.retention if self._configuration is not None else KEEP_ALL

    def under_way(self) -> Counter[str]:
        """Calls that are being made, by destination."""
        return Counter(flight.active.connected.name for flight in self._flights)

    # the parts of a turn

    async def _read(self, partitions: Sequence[int]) -> list[tuple[int, int, Sequence[Stored]]]:
        slices = []
        for partition in partitions:
            with self._store.reading() as reading:
                after = reading.offset(partition)
            if slice_ := await self._log.read(partition, after, SLICE):
                slices.append((partition, after, slice_))
        return slices

    def _refresh(self, transaction: Transaction) -> None:
        revision, schemas = transaction.documents.revision(), transaction.schemas.revision()
        known = self._configuration.revision if self._configuration is not None else None
        if (known, self._schemas) != (revision, schemas):
            self._schemas = schemas
            self._configuration = self._configure(transaction.documents.all(), revision)
            before = self._active
            self._active = activate(transaction, self._configuration, self._clock.now_us())
            for name, active in self._active.items():
                active.succeed(before.get(name))
            for flight in self._flights:  # their state is the destination's current one
                name = flight.active.connected.name
                if name in self._active:
                    flight.active.row = self._active[name].row
                    if flight.active.current:  # also its budgets, which other destinations may have narrowed
                        flight.active = self._active[name]
            loaded = {"revision": revision, "destinations": len(self._active)}
            logger.info("configuration_loaded", extra=loaded)

    def _recover(self, transaction: Transaction, *, everything: bool = False) -> None:
        """Calls of a process that is gone count as unknown: their records are free again, in doubt.

        Our own calls end by their time limit. Where the lease of one ran out, the clock was set forward.
        """
        transaction.records.vacate(self._clock.now_us())
        if everything:
            transaction.records.expire(FAR_US)
        else:
            ours = (member.number for flight in self._flights for member in flight.members)
            transaction.records.expire(self._clock.now_us(), ours)

    def _router(self, transaction: Transaction, now_us: int) -> Router:
        assert self._configuration is not None
        suppression = self._suppression.refresh(transaction)
        return Router(transaction, self._configuration, self._active, now_us, suppression, self.observer)

    def _replayer(self, transaction: Transaction, router: Router, now_us: int) -> Replayer:
        assert self._configuration is not None
        return Replayer(transaction, self._configuration, self._active, router, now_us)

    def _record(self, transaction: Transaction, settler: Settler, finished: Finished, now_us: int) -> None:
        """Hand a call's end to its exchange and record what that settles."""
        flight, result, at_us = finished
        self.observer.called(flight.active.connected.name, result, at_us - flight.reserved[1])
        end_call(transaction, flight, result, now_us, at_us, self._pace)
        settled = flight.answer(result) if isinstance(result, Response) else flight.fail(result)
        for one in settled:
            settler.record(flight, one)
        throttled = any(isinstance(one.outcome, Throttled) for one in settled)
        if isinstance(result, Response) and result.status == LIMITED and not throttled:
            settler.limited(flight)  # asked after writing: what was written counts all the same
        elif isinstance(result, Response) and result.status < 500 and not throttled:
            transaction.budgets.grant(flight.reserved[0], flight.call or 0)
        if flight.finished:
            self._flights.discard(flight)
        elif flight.rest(now_us):
            if self._hold(transaction, flight, flight.rests_until_us):
                self._resting.append(flight)
        else:
            self._hungry.append(flight)

    def _reserve(self, transaction: Transaction, settler: Settler, now_us: int) -> list[Flight | None]:
        """Next calls of flights under way go before new flights. What must wait too long is given back."""
        ready: list[Flight | None] = []
        resting, waiting = self._resting, self._hungry
        self._resting, self._hungry = [], []
        for flight in resting:
            stays = self._is_in_force(flight) and flight.is_resting(now_us)
            (self._resting if stays else waiting).append(flight)
        for flight in waiting:
            if not self._is_in_force(flight):
                self._give_back(settler, flight, "queued", "The settings changed.")
                continue
            budgets = flight.active.spent_by(flight.request)
            if transaction.calls.available(budgets, now_us) != 0:
                if self._hold(transaction, flight, now_us):
                    ready.append(begin_call(transaction, flight, budgets, now_us))
                continue
            if transaction.calls.renews_us(budgets, now_us) - now_us < LEASE_US:
                if self._hold(transaction, flight, now_us):
                    self._hungry.append(flight)
                continue
            if flight.occupied and flight.rest(now_us):  # what became of its call is cheaper to ask later
                if self._hold(transaction, flight, flight.rests_until_us):
                    self._resting.append(flight)
                continue
            self._give_back(settler, flight, "out_of_budget", "The call budget is used up.")
        return ready

    def _is_in_force(self, flight: Flight) -> bool:
        """Whether its destination is there, with the settings that it was begun under."""
        return self._active.get(flight.active.connected.name) is flight.active

    def _give_back(self, settler: Settler, flight: Flight, code: str, detail: str) -> None:
        """End a flight before its next call."""
        for one in flight.give_back(CallFailed(code, detail, sent=False)):
            settler.record(flight, one)
        self._flights.discard(flight)

    def _hold(self, transaction: Transaction, flight: Flight, until_us: int) -> bool:
        """Prolong the flight's leases; a flight that lost one ends here, its work is somebody else's now."""
        kept = [
            transaction.records.extend(member.number, member.fence, until_us + LEASE_US)
            for work, member in enumerate(flight.members)
            if not flight.is_settled(work)
        ]
        if all(kept):
            return True
        self._flights.discard(flight)
        return False

    def _dispatch(self, transaction: Transaction, settler: Settler, now_us: int) -> list[Flight | None]:
        """New flights, each begun before the next destination picks: they may share a budget."""
        if not self._sends or self._forgetter.quiet:
            return []
        dispatcher = Dispatcher(transaction, settler, now_us, self._pace)
        begun: list[Flight | None] = []
        for active in self._active.values():
            theirs = [flight for flight in self._flights if flight.active.number == active.number]
            under_way = sum(1 for flight in theirs if flight not in self._resting)
            flying = sum(1 for flight in self._flights if flight.active.tenant_id == active.tenant_id)
            gathered = Counter(flight.gathered for flight in theirs)
            picked = dispatcher.pick(active, under_way, flying, gathered)
            begun.extend(self._begin(transaction, settler, flight, now_us) for flight in picked)
            if picked:
                dispatcher.look_at_budget(active)
        return begun

    def _begin(
        self, transaction: Transaction, settler: Settler, flight: Flight, now_us: int
    ) -> Flight | None:
        """Run a new flight to its first request and reserve it; None when it ended without any, or waits."""
        for one in flight.begin():
            settler.record(flight, one)
        if flight.finished:
            return None
        self._flights.add(flight)
        if flight.rest(now_us):
            if self._hold(transaction, flight, flight.rests_until_us):
                self._resting.append(flight)
            return None
        budgets = flight.active.spent_by(flight.request)
        if transaction.calls.available(budgets, now_us) == 0:
            self._hungry.append(flight)
            return None
        return begin_call(transaction, flight, budgets, now_us)

    def _due_alerts(self, transaction: Transaction, now_us: int) -> list[BudgetAlert]:
        """Marks that budgets reached, now and then."""
        if self._alerts_us - ALERTS_EVERY_US <= now_us < self._alerts_us:
            return []
        self._alerts_us = now_us + ALERTS_EVERY_US
        return due_alerts(transaction.budgets, now_us)

    # calls

    def _call(self, flight: Flight) -> None:
        task = asyncio.create_task(self._make(flight))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _make(self, flight: Flight) -> None:
        assert flight.request is not None
        result: Response | CallFailed
        try:
            result = await self._transport.send(flight.request)
        except CallFailed as failure:
            result = failure
        except Exception as error:  # a defect of the transport counts as a lost answer
            logger.exception("call_failed")
            result = CallFailed("internal_error", f"The call failed: {type(error).__name__}.", sent=True)
        self._finished.append(Finished(flight, result, self._clock.now_us()))
        self._news.set()

    async def _wait(self) -> None:
        """Until a call ends or a destination may go on, but only for a moment."""
        now_us = self._clock.now_us()
        resumed = (active.row.resume_us - now_us for active in self._active.values())
        seconds = min([IDLE_SECONDS, *(us / SECOND_US for us in resumed if us > 0)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _land(self) -> None:
        """Finish the calls under way and record them; flights that want more are given back."""
        if self._calls:
            await asyncio.wait(self._calls)
        with self._store.transaction() as transaction:
            now_us = self._clock.now_us()
            settler = Settler(transaction, now_us, self._chance, self.observer)
            for one in self._finished:
                self._record(transaction, settler, one, now_us)
            for flight in (*self._hungry, *self._resting):
                self._give_back(settler, flight, "queued", "gainstage was stopped.")
            alerts = due_alerts(transaction.budgets, now_us)
        for alert in alerts:
            self._announce(alert)
        self._finished, self._hungry, self._resting = [], [], []

    async def _abandon(self) -> None:
        """A turn was rolled back: what was under way is unknown, and the next turn takes it up again."""
        self.observer.abandoned()
        for task in tuple(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        self._flights.clear()
        self._hungry, self._resting, self._finished = [], [], []
        self._configuration, self._adrift = None, True
