"""Deleting a person at a vendor: a destination's conversation, its calls within the budget, tried again for
a while.
"""

from typing import Any

from gainstage.clock import DAY_US, SECOND_US, Clock
from gainstage.delivery.destinations import Active
from gainstage.delivery.journal import CALL_US
from gainstage.delivery.transport import Transport
from gainstage.destination import CallFailed, Person, Response
from gainstage.outcome import Blocked, Delivered, Outcome, Rejected, Retry, Throttled
from gainstage.store.contract import Store

#: A deletion is tried for this long, as deliveries are; then somebody has to ask for it again.
HORIZON_US = 7 * DAY_US
LONGEST_WAIT_SECONDS = 3_600
#: How often a destination that cannot be asked now is looked at.
LOOK_US = 10 * SECOND_US
#: Words of a receipt. Those that are final stand first.
DELETED, ABSENT, BY_HAND, FAILED = "deleted", "absent", "by_hand", "failed"
WAITING = "waiting"


class Deletion:
    """One try to delete somebody at one destination. Whatever it ends with may be stored: it tells no
    personal data.
    """

    def __init__(self, store: Store, clock: Clock, transport: Transport, active: Active) -> None:
        self._store, self._clock, self._transport, self._active = store, clock, transport, active

    async def run(self, person: Person) -> Outcome:
        """Make the calls; how it ended."""
        delete = self._active.connected.type.delete
        assert delete is not None
        conversation = delete(self._active.settings, person)
        answer: Response | None = None
        try:
            while True:
                request = conversation.send(answer)
                budgets = self._active.spent_by(request)
                with self._store.transaction() as transaction:
                    now_us = self._clock.now_us()
                    if transaction.calls.available(budgets, now_us) == 0:
                        return Retry("out_of_budget", "The call budget is used up.")
                    transaction.calls.spend(budgets, now_us, 1, ends_us=now_us + CALL_US)
                answer = await self._transport.send(request)
        except StopIteration as ended:
            outcome: Outcome = ended.value
            return outcome
        except CallFailed as failure:
            return Retry(failure.code, failure.detail)
        except Exception as error:  # a defect of a destination
            return Retry("internal_error", f"The deletion failed: {type(error).__name__}.")


def noted(before: dict[str, Any], outcome: Outcome, asked_us: int, now_us: int) -> dict[str, Any]:
    """What a receipt says after a try, and when the next one is due.

    Only codes are kept: what a vendor says may name the person.
    """
    attempts = int(before.get("attempts", 0)) + 1
    told = {"at_us": now_us, "attempts": attempts}
    match outcome:
        case Delivered(code):
            return {**told, "outcome": ABSENT if code == "absent" else DELETED, "reason": ""}
        case Rejected(code):
            return {**told, "outcome": FAILED, "reason": code}
        case Blocked(code) | Retry(code):
            reason = code
        case Throttled():
            reason = "throttled"
        case _:
            reason = "answer_lost"
    if _is_over(asked_us, now_us):
        return {**told, "outcome": FAILED, "reason": reason}
    wait_us = min(LONGEST_WAIT_SECONDS, 2 ** min(attempts, 12)) * SECOND_US
    return {**told, "outcome": WAITING, "reason": reason, "due_us": now_us + wait_us}


def postponed(before: dict[str, Any], active: Active, asked_us: int, now_us: int) -> dict[str, Any]:
    """What a receipt says while a destination cannot be asked. The person's names are kept for as long, so
    that waiting ends with the time for trying, too.
    """
    reason = "paused" if active.row.paused else active.row.code or ""
    if _is_over(asked_us, now_us):
        attempts = int(before.get("attempts", 0))
        return {"at_us": now_us, "attempts": attempts, "outcome": FAILED, "reason": reason}
    return {**before, "reason": reason, "due_us": now_us + LOOK_US}


def _is_over(asked_us: int, now_us: int) -> bool:
    return now_us >= asked_us + HORIZON_US
