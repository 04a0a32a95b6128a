"""A flight: one exchange under way, with the records that it holds. Knows no store and no network."""

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from gainstage.clock import SECOND_US
from gainstage.delivery.destinations import Active
from gainstage.delivery.merging import Merged
from gainstage.destination import CANARY_OBJECT, Budget, CallFailed, Request, Response, Settled, Work
from gainstage.operation import Record
from gainstage.outcome import Outcome, Retry, Unknown
from gainstage.store.rows import LIVE, OperationRow


class Member(msgspec.Struct, frozen=True):
    """One piece of work of a flight: the record that it holds and the operations that it settles."""

    number: int
    record: Record
    operations: Sequence[OperationRow]
    #: None for an append.
    merged: Merged | None
    fence: int
    attempts: int
    take: int | None
    priority: int = LIVE

    @property
    def events(self) -> tuple[int, ...]:
        """The events behind it, each once, oldest first."""
        if len(self.operations) == 1:
            return (self.operations[0].event_id,)
        return tuple(dict.fromkeys(operation.event_id for operation in self.operations))


class Flight:
    """Drives an exchange step by step; whoever calls it makes the calls and records what is settled."""

    def __init__(
        self, active: Active, members: Sequence[Member], works: Sequence[Work], gathered: str = ""
    ) -> None:
        self.active = active
        self.members = members
        self.request: Request | None = None
        self.call: int | None = None
        #: The budgets that its call was reserved from, and when.
        self.reserved: tuple[tuple[Budget, ...], int] = ((), 0)
        self.finished = False
        #: Its next call is not made before.
        self.rests_until_us = 0
        #: The records of a backlog, gathered for one call; the object that they are of.
        self.gathered = gathered
        #: Works of an asynchronous call that the vendor may still carry out.
        self.occupied: set[int] = set()
        #: Works that such a call carried, which was accepted: what became of them is told later, if ever.
        self.accepted: set[int] = set()
        #: Works whose call was perhaps received without an answer being read.
        self.in_doubt: set[int] = set()
        self.last_response: Response | None = None
        self._settled: set[int] = set()
        is_canary = bool(works) and works[0].record.object == CANARY_OBJECT
        converse = active.connected.type.canary if is_canary else active.connected.type.exchange
        self._exchange = converse(active.settings, works)

    @property
    def live(self) -> bool:
        """Whether it carries anything of a live event."""
        return any(member.priority == LIVE for member in self.members)

    def begin(self) -> list[Settled]:
        """Run to the first request."""
        return self._run(lambda: next(self._exchange))

    def answer(self, response: Response) -> list[Settled]:
        """Hand the response in and run to the next request or the end."""
        self.last_response = response
        self._note_occupied()
        settled = self._run(lambda: self._exchange.send(response))
        self.accepted.update(self.occupied - self._settled)
        return settled

    def fail(self, failure: CallFailed) -> list[Settled]:
        """Throw a failed call in. What the exchange leaves open is settled by the rules for failed calls."""
        request = self.request
        if failure.sent and request is not None:
            self.in_doubt.update(request.works)
            self._note_occupied()
        return self._run(lambda: self._exchange.throw(failure), request)

    def give_back(self, failure: CallFailed) -> list[Settled]:
        """End here, before the next request: what is open goes back as it is, without asking the exchange."""
        self.request = None
        with contextlib.suppress(Exception):  # a defect of a destination
            self._exchange.close()
        return self._settle_failed(failure, None)

    def is_settled(self, work: int) -> bool:
        """Whether this work's outcome is known already."""
        return work in self._settled

    def rest(self, now_us: int) -> bool:
        """Begin to wait where the next call is not to be made at once; False where it is."""
        seconds = self.request.after_seconds if self.request is not None else 0.0
        self.rests_until_us = now_us + int(seconds * SECOND_US)
        return seconds > 0

    def is_resting(self, now_us: int) -> bool:
        """Whether it still waits. A clock that was set back makes it wait no longer than was asked for."""
        seconds = self.request.after_seconds if self.request is not None else 0.0
        self.rests_until_us = min(self.rests_until_us, now_us + int(seconds * SECOND_US))
        return now_us < self.rests_until_us

    def _note_occupied(self) -> None:
        if self.request is not None and self.request.occupies_seconds:
            self.occupied.update(self.request.works)

    def _run(self, step: Callable[[], Request | Settled], failed: Request | None = None) -> list[Settled]:
        settled: list[Settled] = []
        self.request = None
        try:
            item = step()
            while isinstance(item, Settled):
                if 0 <= item.work < len(self.members) and item.work not in self._settled:
                    self._settled.add(item.work)
                    settled.append(item)
                item = next(self._exchange)
            self.request = item
            if not item.occupies_seconds:
                self.occupied.clear()
        except StopIteration:
            self._finish(settled, Retry("internal_error", "The exchange ended without settling this."))
        except CallFailed as failure:
            settled.extend(self._settle_failed(failure, failed))
        except Exception as error:  # a defect of a destination holds back its own work only
            self._finish(
                settled, Retry("internal_error", f"The exchange failed: {type(error).__name__}: {error}")
            )
        return settled

    def _finish(self, settled: list[Settled], outcome: Outcome) -> None:
        self.finished = True
        settled.extend(self._left(work, outcome) for work in self._open())

    def _settle_failed(self, failure: CallFailed, request: Request | None) -> list[Settled]:
        """Only what the request carried failed; the rest was never tried."""
        self.finished = True
        carried = set(request.works) if request is not None else set(range(len(self.members)))
        unsure = failure.sent and request is not None and not request.repeatable
        outcome: Outcome = (
            Unknown(failure.code, failure.detail) if unsure else Retry(failure.code, failure.detail)
        )
        untried = Retry("queued", failure.detail, 0.0)
        return [self._left(work, outcome if work in carried else untried) for work in self._open()]

    def _left(self, work: int, outcome: Outcome) -> Settled:
        """What the exchange left open, perhaps with an asynchronous call under way."""
        if work in self.occupied:
            self.in_doubt.add(work)
        return Settled(work, outcome, occupied=work in self.occupied)

    def _open(self) -> list[int]:
        left = [work for work in range(len(self.members)) if work not in self._settled]
        self._settled.update(left)
        return left


class Finished(NamedTuple):
    """A call that came to an end."""

    flight: Flight
    result: Response | CallFailed
    at_us: int
