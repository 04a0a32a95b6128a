"""What the tests of `gainstage.testing.store_suite` and the processes that they start do with a store."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from gainstage.operation import Record
from gainstage.store.contract import PartitionLost, Store, Transaction
from gainstage.store.rows import (
    FAILED,
    FILTERED,
    PARKED,
    PENDING,
    NewDelivery,
    NewEvent,
    NewOperation,
    NewTurn,
    event_key,
)

NOW_US = 1_767_268_800_000_000
PERSON = Record("person", "email:ann@x.example")
UPSERT, APPEND = 0, 1


def opened_by(opener: str, place: Path) -> Store:
    """A handle, by the opener's name."""
    module, _, name = opener.partition(":")
    store: Store = getattr(import_module(module), name)(place)
    return store


def enter(
    transaction: Transaction, offset: int, *destinations: str, word: int = PENDING, opened: int = 1
) -> int:
    """Enter an event with a delivery at each destination, as a router does; its number."""
    source = transaction.names.source("app")
    number = transaction.intake.next_event_id()
    message_id = f"m-{offset}"
    key = event_key(source, message_id)
    transaction.intake.add([NewEvent(number, key, source, message_id, NOW_US, 0, offset, None, None)])
    transaction.intake.keep_bodies([(number, b"body %d" % offset)])
    places = [(number, transaction.names.destination(name), source) for name in destinations]
    transaction.ledger.add([NewDelivery(*place, word, open=opened) for place in places], NOW_US)
    return number


def wait_in_lane(
    transaction: Transaction, event: int, kind: int = UPSERT, *, record: Record = PERSON, waits: int = 0,
    after: Sequence[Record] = (), content: dict[str, Any] | None = None, due_us: int = NOW_US,
    at: str = "d", priority: int = 0,
) -> int:  # fmt: skip
    """Let an operation of an event wait at a destination; the record's number."""
    destination = transaction.names.destination(at)
    number = transaction.records.record_number(transaction.names.tenant("acme"), record)
    follows = msgspec.json.encode(after) if after else None
    transaction.lanes.add([
        NewOperation(destination, number, event, 1, True, kind, 1, waits, b"stamp", NOW_US,
                     msgspec.json.encode(content or {"event": event}), follows, priority)
    ])  # fmt: skip
    transaction.lanes.touch(
        [NewTurn(destination, number, record.object, priority, None if waits else due_us)]
    )
    return number


def lease(transaction: Transaction, number: int, until_us: int, carried: Sequence[int] = ()) -> int:
    """Take a record for a call of the first destination that carries these operations; returns its fence."""
    row = transaction.records.record(number)
    transaction.records.lease([(row, carried)], 1, until_us)
    return row.next_fence


@contextmanager
def child(name: str, opener: str, place: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs a function of this module; its lines can be read."""
    code = f"from gainstage.testing import store_processes as s; s.{name}({opener!r}, {str(place)!r})"
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stop_half_way(opener: str, place: str) -> None:
    """One transaction that ends, and one that does not."""
    store = opened_by(opener, Path(place))
    with store.transaction() as transaction:
        enter(transaction, 1, "d")
        transaction.intake.advance(0, 0, 1)
    print("committed 1", flush=True)
    with store.transaction() as transaction:
        enter(transaction, 2, "d")
        transaction.intake.advance(0, 1, 2)
        print("half way", flush=True)
        signal.pause()


def count_to_forty(opener: str, place: str) -> None:
    """Forty small transactions."""
    store = opened_by(opener, Path(place))
    for _ in range(40):
        with store.transaction() as transaction:
            transaction.intake.count_run(1, 1, 0)


def route(opener: str, place: str) -> None:
    """Route three entries at a time, up to the sixtieth, whoever else does."""
    store = opened_by(opener, Path(place))
    offset = 0
    while offset < 60:
        with store.reading() as reading:
            offset = reading.offset(0)
        try:
            with store.transaction() as transaction:
                if offset < 60:
                    transaction.intake.advance(0, offset, offset + 3)
                for place_in_log in range(offset + 1, min(offset + 4, 61)):
                    enter(transaction, place_in_log, "d")
        except PartitionLost:
            continue


def route_and_settle(opener: str, place: str) -> None:
    """Eighty transactions that route two events and settle one, each in its own way."""
    store = opened_by(opener, Path(place))
    for turn in range(80):
        with store.transaction() as transaction:
            events = [enter(transaction, 2 * turn + n, "d") for n in (1, 2)]
            transaction.intake.advance(0, 2 * turn, 2 * turn + 2)
            transaction.ledger.deliver_alone(events[0], 1, 1, "", NOW_US)
            changed = NewDelivery(events[1], 1, 1, (FILTERED, FAILED, PARKED)[turn % 3], "refused")
            transaction.ledger.change(changed, NOW_US)
        time.sleep(0.003)  # somebody reads meanwhile


def take_names(opener: str, place: str) -> None:
    """Ask for sixty names of one's own where a tenant has room for fifty; prints how many it got."""
    store, taken = opened_by(opener, Path(place)), 0
    for number in range(60):
        with store.transaction() as transaction:
            taken += transaction.vocabulary.admit(1, f"{os.getpid()} {number}", 50)
    print(taken, flush=True)
