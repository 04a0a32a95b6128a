"""What was said to the vendor and what it answered, kept for `trace`: secrets masked, bodies cut to a
limit.
"""

from collections.abc import Sequence

import msgspec

from gainstage.clock import SECOND_US
from gainstage.delivery.call import CALL_SECONDS
from gainstage.delivery.flight import Flight
from gainstage.delivery.pace import Pace
from gainstage.delivery.throttling import probing
from gainstage.destination import Budget, CallFailed, Request, Response
from gainstage.store.contract import Transaction

KEPT_CHARACTERS = 32_768
CALL_US = int(CALL_SECONDS * SECOND_US)
#: A call is with the vendor this long after it was reserved at the latest, also across a stop of ours.
WITH_VENDOR_US = 60 * SECOND_US
CUT = " … (cut)"


def begin_call(transaction: Transaction, flight: Flight, budgets: Sequence[Budget], now_us: int) -> Flight:
    """Reserve the flight's next call: counted against its budgets, noted with the events that it carries."""
    request, active = flight.request, flight.active
    assert request is not None
    transaction.calls.spend(budgets, now_us, 1, ends_us=now_us + CALL_US, live=flight.live)
    probing(transaction.budgets, budgets, now_us)
    flight.reserved = (tuple(budgets), now_us)
    if request.occupies_seconds:  # questions what became of a call do not make it last longer
        until_us = now_us + WITH_VENDOR_US + int(request.occupies_seconds * SECOND_US)
        begun = set(request.works) - flight.occupied
        transaction.records.occupy((flight.members[work].number for work in sorted(begun)), until_us)
    works = request.works or range(len(flight.members))
    events = dict.fromkeys(event for work in works for event in flight.members[work].events)
    url, text = active.mask_request(request.url), active.mask_request(shown(request))
    flight.call = transaction.calls.begin(active.number, now_us, request.method, url, text, events)
    return flight


def end_call(
    transaction: Transaction,
    flight: Flight,
    result: Response | CallFailed,
    now_us: int,
    ended_us: int,
    pace: Pace,
) -> None:
    """Note how the flight's call ended, and when."""
    if flight.call is None:
        return
    budgets, reserved_us = flight.reserved
    ended_us, answered = min(ended_us, now_us), isinstance(result, Response)
    pace.note(budgets, max(0, ended_us - reserved_us), now_us, answered=answered)
    for budget in budgets:
        counts_us = pace.counts_us(budget, ended_us, now_us) if answered else now_us
        transaction.calls.move([budget], reserved_us + CALL_US, counts_us, live=flight.live)
    if isinstance(result, Response):
        text = flight.active.mask(text_of(result.body))
        transaction.calls.end(flight.call, result.status, text, now_us)
    else:
        transaction.calls.end(
            flight.call, None, flight.active.mask(f"{result.code}: {result.detail}"), now_us
        )


def shown(request: Request) -> str:
    """A request's headers and body as JSON text, secret headers masked."""
    secret = {name.lower() for name in request.secret_headers}
    headers = {name: "***" if name.lower() in secret else value for name, value in request.headers.items()}
    body = "null"
    if request.body:
        text = text_of(request.body)
        whole = not text.endswith(CUT)
        # Bodies are the JSON that a destination encoded: they go in as they are, unless they were cut.
        body = text if whole and text[:1] in "{[" else msgspec.json.encode(text).decode()
    return f'{{"headers":{msgspec.json.encode(headers).decode()},"body":{body}}}'


def text_of(body: bytes) -> str:
    """A body as text, cut to what is kept."""
    text = body.decode("utf-8", "replace")
    return text if len(text) <= KEPT_CHARACTERS else text[:KEPT_CHARACTERS] + CUT
