"""`gainstage preview`: what would be sent to an empty, healthy Gainsight.

Nothing is sent, nothing is kept.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gainstage.app.asking import existing_store
from gainstage.app.configuring import named, read_only
from gainstage.app.fields import kept
from gainstage.app.sending import user_of
from gainstage.delivery import identity as memory
from gainstage.delivery.destinations import Active
from gainstage.delivery.flight import Flight, Member
from gainstage.delivery.journal import shown
from gainstage.destination import Work
from gainstage.event import Event, Identity, Refusal
from gainstage.log.contract import Entry
from gainstage.normalise import normalise
from gainstage.operation import Operation, Record, Upsert
from gainstage.outcome import Blocked, Filtered, Parked, Rejected
from gainstage.store.contract import Intake
from gainstage.store.rows import DestinationRow
from gainstage.store.store import Store

#: More requests than any event leads to; an exchange that goes on for ever ends here.
REQUESTS_AN_EVENT = 100


def preview(
    config: Path | None, data: Path, destination: str, messages: Iterable[bytes]
) -> Iterator[dict[str, Any]]:
    """One document an event: the requests that it would lead to, each event by itself.

    Users are remembered from one message to the next, as they would be.

    Raises:
        UsageError: the configuration cannot be used or has no such destination.
    """
    configuration, _ = read_only(data, config)
    connected = named(configuration, destination)
    store = existing_store(data)
    try:
        schema = kept(store, connected)
    finally:
        if store is not None:
            store.close()
    return _previewed(Active(connected, DestinationRow(0, connected.name), 0, schema), messages)


def _previewed(active: Active, messages: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    with Store.passing() as transaction:
        yield from _each(active, transaction.intake, messages)


def _each(active: Active, intake: Intake, messages: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, body in enumerate(messages, 1):
        entry = Entry("preview", user_of(body), time.time_ns() // 1_000, number, b"", body)
        event = normalise(f"preview-{number}", entry)
        if isinstance(event, Refusal):
            yield _line(event.message_id, "failed", event.code, event.detail)
            continue
        resolved = memory.resolve(intake, event)
        memory.learn(intake, event)
        yield planned(active, event, resolved)


def planned(active: Active, event: Event, resolved: Identity, *, writes_only: bool = False) -> dict[str, Any]:
    """What becomes of one event, and the requests that it would lead to; `writes_only`: without those that
    only ask.
    """
    refusal = active.connected.refuses(event)
    plan = refusal or active.connected.type.plan(active.settings, event, resolved, active.schema).plan
    match plan:
        case Filtered(code, detail):
            return _line(event.message_id, "filtered", code, detail)
        case Rejected(code, detail):
            return _line(event.message_id, "failed", code, detail)
        case Parked(code, detail):
            return _line(event.message_id, "parked", code, detail)
        case operations:
            return _carried_out(active, event, operations, writes_only)


def _carried_out(
    active: Active, event: Event, operations: Sequence[Operation], writes_only: bool
) -> dict[str, Any]:
    """Drive the exchanges of the event's operations, in order, with the pretended vendor's answers."""
    line = _line(event.message_id, "planned", "", "")
    facts: dict[Record, dict[str, Any]] = {}
    made = 0
    for operation in operations:
        member = Member(0, operation.record, (), None, 0, 0, None)
        flight = Flight(active, [member], [_work(operation, event, facts)])
        settled = flight.begin()
        while flight.request is not None and made < REQUESTS_AN_EVENT:
            made += 1
            if not (writes_only and (flight.request.asks or flight.request.method == "GET")):
                line["requests"].append(_shown(active, flight))
            settled.extend(flight.answer(active.connected.type.pretend(flight.request)))
        for one in settled:
            facts.setdefault(operation.record, {}).update(one.facts)
            if isinstance(one.outcome, Rejected | Blocked):
                return {**line, "outcome": "failed", "reason": one.outcome.code, "detail": one.outcome.detail}
            if isinstance(one.outcome, Parked):
                return {**line, "outcome": "parked", "reason": one.outcome.code, "detail": one.outcome.detail}
    return line


def _work(operation: Operation, event: Event, facts: dict[Record, dict[str, Any]]) -> Work:
    if isinstance(operation, Upsert):
        return Work(
            kind="upsert",
            record=operation.record,
            fields=operation.fields,
            known=operation.fields,
            after={record: facts.get(record, {}) for record in operation.after},
            time_us=event.time_us,
        )
    return Work(
        kind="append",
        record=operation.record,
        fields=operation.content,
        message_id=event.message_id,
        time_us=event.time_us,
    )


def _shown(active: Active, flight: Flight) -> dict[str, Any]:
    request = flight.request
    assert request is not None
    kept = msgspec.json.decode(active.mask_request(shown(request)))
    return {"method": request.method, "url": active.mask_request(request.url), **kept}


def _line(message_id: str, outcome: str, reason: str, detail: str) -> dict[str, Any]:
    return {"message_id": message_id, "outcome": outcome, "reason": reason, "detail": detail, "requests": []}
