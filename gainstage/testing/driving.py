"""A synchronous driver for exchanges: what the engine does with one, without time, store or network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gainstage.destination import CallFailed, Destination, Planned, Request, Response, Settled, Work
from gainstage.event import Event, Refusal
from gainstage.log.contract import Entry
from gainstage.normalise import normalise
from gainstage.operation import Record, Upsert
from gainstage.outcome import Outcome

#: An exchange that asks for more than this (and as much again a work) does not end.
CALLS = 60

#: Answers a request, or raises CallFailed.
Vendor = Callable[[Request], Response]

NOON_US = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z


@dataclass
class Driven:
    """What an exchange asked for and how its works ended."""

    requests: list[Request] = field(default_factory=list)
    settled: dict[int, Settled] = field(default_factory=dict)
    #: Works that an uncaught CallFailed left to the engine, because the failed request carried them.
    failed: set[int] = field(default_factory=set)
    #: Works that it left to the engine untried.
    untried: set[int] = field(default_factory=set)

    @property
    def outcomes(self) -> list[Outcome]:
        """Outcomes by work."""
        return [self.settled[work].outcome for work in sorted(self.settled)]


def drive(destination: Destination, settings: Any, works: Sequence[Work], vendor: Vendor) -> Driven:
    """Run an exchange to its end and hold it to the contract on the way."""
    driven = Driven()
    exchange = destination.exchange(settings, works)
    limit = CALLS * (1 + len(works))
    try:
        item = next(exchange)
        while True:
            if isinstance(item, Settled):
                assert 0 <= item.work < len(works), f"work {item.work} does not exist"
                assert item.work not in driven.settled, f"work {item.work} is settled twice"
                driven.settled[item.work] = item
                item = next(exchange)
                continue
            driven.requests.append(item)
            assert len(driven.requests) <= limit, "the exchange does not come to an end"
            assert all(0 <= work < len(works) for work in item.works), "a request carries unknown work"
            assert not driven.settled.keys() & set(item.works), "a request carries settled work"
            try:
                response = vendor(item)
            except CallFailed as failure:
                item = exchange.throw(failure)
            else:
                item = exchange.send(response)
    except StopIteration:
        open_works = set(range(len(works))) - driven.settled.keys()
        assert not open_works, f"works {sorted(open_works)} were left unsettled"
    except CallFailed:
        open_works = set(range(len(works))) - driven.settled.keys()
        driven.failed = open_works & set(driven.requests[-1].works)
        driven.untried = open_works - driven.failed
    return driven


def event_of(message: Mapping[str, Any], *, source: str = "test", received_us: int = NOON_US) -> Event:
    """A message as the router would read it."""
    body = msgspec.json.encode({"messageId": "m-1", "userId": "u-1", **message})
    event = normalise("0-1", Entry(source, "u-1", received_us, 0, b"", body))
    if isinstance(event, Refusal):
        raise ValueError(event.detail)
    return event


def works_of(planned: Planned, facts: Mapping[Record, dict[str, Any]], time_us: int = NOON_US) -> list[Work]:
    """The operations of a plan, each as a piece of work of its own."""
    if not isinstance(planned.plan, tuple):
        return []
    works = []
    for operation in planned.plan:
        known = facts.get(operation.record, {})
        if isinstance(operation, Upsert):
            after = {record: facts.get(record, {}) for record in operation.after}
            fields = operation.fields
            works.append(Work("upsert", operation.record, fields, fields, known, after, time_us=time_us))
        else:
            works.append(Work("append", operation.record, operation.content, facts=known, time_us=time_us))
    return works


def deliver(
    destination: Destination, settings: Any, planned: Planned, vendor: Vendor, time_us: int = NOON_US
) -> list[Driven]:
    """Deliver the operations of one plan one after the other, with the facts that each leaves behind."""
    facts: dict[Record, dict[str, Any]] = {}
    driven = []
    for place in range(len(planned.plan) if isinstance(planned.plan, tuple) else 0):
        work = works_of(planned, facts, time_us)[place]
        done = drive(destination, settings, [work], vendor)
        for settled in done.settled.values():
            facts.setdefault(work.record, {}).update(settled.facts)
        driven.append(done)
    return driven
