"""Audiences and computed traits as people ask of them: which there are, how large, how much is to be sent."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gainstage.app.configuring import opened
from gainstage.app.fields import kept_of
from gainstage.app.memberships import existing_state
from gainstage.app.moments import iso
from gainstage.app.verdicts import filled, records_at_once, unheard
from gainstage.audiences.catalog import linked
from gainstage.audiences.definition import Computation
from gainstage.audiences.keys import key_of, kind_of
from gainstage.computed import COMPUTED_SOURCE
from gainstage.computing.calls import digest_of
from gainstage.computing.state import Kept, Size, State
from gainstage.configuration import resolve
from gainstage.connection import Configuration
from gainstage.delivery.destinations import activate
from gainstage.delivery.rehearsing import calls_end_us, first_family
from gainstage.errors import DataUnusable, UnknownComputation
from gainstage.sqlite import StorageUnavailable
from gainstage.store.store import NoStore, Store

SIZES_SHOWN = 1_000
MEMBERS_SHOWN = 100
KINDS = ("audience", "computed_trait")


class Written(Protocol):
    """A document of the configuration."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


class Known:
    """What there is to say of computations now; read once."""

    def __init__(self, store: Store, state: State | None) -> None:
        with store.transaction() as transaction:
            documents = transaction.documents.all()
        written = opened(store.folder, documents)
        self.configuration = resolve(written, os.environ, lenient=True).configuration
        self.definitions = linked(self.configuration.computations)
        #: As they were written, by key.
        self.documents = {key_in(one): one for one in written if one.kind in KINDS}
        self.kept: dict[str, Kept] = state.computations() if state else {}
        self.sizes = state.sizes() if state else {}
        self.waiting = state.waiting() if state else {}
        now_us = time.time_ns() // 1_000
        with store.reading() as reading:
            counters = reading.counters()
        #: By destination, how many calls of computations are on their way.
        self.on_their_way = {at[1]: n.get("pending", 0) for at, n in counters.items()
                             if at[0] == COMPUTED_SOURCE}  # fmt: skip
        self.ends = finishing(store, self.configuration, self.definitions, self.waiting, now_us)
        #: By destination, what is known of its fields.
        self.schemas = kept_of(store, self.configuration.destinations.values())

    def remarks(self, one: Computation) -> Iterator[dict[str, Any]]:
        """Where nothing of what it says arrives, and what to write there."""
        return unheard(self.configuration, one, self.schemas)

    def fields(self, one: Computation) -> dict[str, list[str]]:
        """By destination, the fields that hold its values."""
        feeds = {name: self.configuration.destinations.get(name) for name in one.destinations}
        return {name: filled(connected, one) for name, connected in feeds.items() if connected is not None}


def audiences(data: Path) -> dict[str, Any]:
    """Every audience and computed trait, and how far what they say is.

    Raises:
        UsageError: the folder holds no data.
    """
    with _opened(data) as (store, state):
        known = Known(store, state)
    return {
        "audiences": [_described(one, known) for one in known.definitions],
        "unusable": sorted(known.documents.keys() - {one.key for one in known.definitions}),
        "destinations": [
            {"destination": name, "on_their_way": known.on_their_way.get(name, 0), "finishes_at": at}
            for name, at in sorted(known.ends.items())
        ],
    }


def audience(data: Path, key: str, limit: int = MEMBERS_SHOWN) -> dict[str, Any]:
    """One of them: as it was written, with some of those who have a value, and its sizes over time.

    Raises:
        UnknownComputation: there is none of this key.
        UsageError: the folder holds no data.
    """
    with _opened(data) as (store, state):
        known = Known(store, state)
        one = next((one for one in known.definitions if one.key == key), None)
        if one is None:
            raise unknown(key, [other.key for other in known.definitions])
        members = state.members(key, limit) if state else []
        sizes = state.history(key, SIZES_SHOWN) if state else []
    written = known.documents[key]
    return {
        **_described(one, known),
        "owner": written.owner,
        "definition": {**written.body},
        "members": [{**named(subject), "value": decoded(value)} for subject, value in members],
        "history": [_size(size) for size in sizes],
    }


def audience_history(data: Path, key: str) -> dict[str, Any]:
    """How many had a value over time, the newest first; of a removed one, too.

    Raises:
        UnknownComputation: there never was one of this key.
        UsageError: the folder holds no data.
    """
    with _opened(data) as (store, state):
        kept = state.computations() if state else {}
        if key not in kept:
            in_force = Known(store, state).definitions
            if key not in {one.key for one in in_force}:
                raise unknown(key, [one.key for one in in_force])
        sizes = state.history(key, SIZES_SHOWN) if state else []
    return {"key": key, "history": [_size(size) for size in sizes]}


def finishing(
    store: Store,
    configuration: Configuration,
    definitions: Sequence[Computation],
    waiting: Mapping[str, int],
    now_us: int,
) -> dict[str, str | None]:
    """By destination that computations are sent to, when all that waits now will have been sent, by the
    budget; None where that cannot be told: it is stopped, or live events need all.
    """
    calls: Counter[str] = Counter()
    names = {name for one in definitions if one.enabled for name in one.destinations}
    for one in definitions:
        for name in one.destinations if one.enabled and not one.paused else ():
            at_once = records_at_once(configuration.destinations[name], one)
            if at_once and waiting.get(one.key):
                calls[name] += -(-waiting[one.key] // at_once)
    found: dict[str, str | None] = {}
    with store.rehearsal() as transaction:
        running = activate(transaction, configuration, now_us)
        for name in sorted(names):
            active = running.get(name)
            if active is None or not active.runs or active.row.blocked:
                found[name] = None
                continue
            needed = calls[name] + transaction.reading.waiting(active.number)
            family = first_family(active)
            ends_us = calls_end_us(transaction, active, family, needed, now_us) if needed else now_us
            found[name] = iso(ends_us) if ends_us is not None else None
    return found


def key_in(written: Written) -> str:
    """The key of a definition as it was written."""
    key = written.body.get("key")
    return key if isinstance(key, str) else key_of(written.name)


def unknown(key: str, known: Sequence[str]) -> UnknownComputation:
    """There is none of this key."""
    listed = ", ".join(sorted(known)) or "none"
    return UnknownComputation(f"There is no audience or computed trait {key}; there are: {listed}.")


def named(subject: str) -> dict[str, str]:
    """A subject by what names it: `u:ID` is a user, `a:ID` a device, else it is an account."""
    kind, _, identifier = subject.partition(":")
    names = {"u": "user_id", "a": "anonymous_id"}
    return {names[kind]: identifier} if kind in names else {"account_id": subject}


def decoded(value: str) -> Any:
    """A value as it is told."""
    return msgspec.json.decode(value)


def _described(one: Computation, known: Known) -> dict[str, Any]:
    kept = known.kept.get(one.key)
    state = "disabled" if not one.enabled else "paused" if one.paused else "enabled"
    speaks = state == "enabled" and one.destinations
    ends = [known.ends.get(name) for name in one.destinations] if speaks else []
    waits = known.waiting.get(one.key, 0)
    return {
        "key": one.key,
        "name": one.name,
        "kind": kind_of(one),
        "for": one.subject,
        "description": one.description,
        "destinations": list(one.destinations),
        "state": state,
        "size": known.sizes.get(one.key, 0),
        "evaluated_at": iso(kept.evaluated_us) if kept and kept.evaluated_us else None,
        "current": bool(kept and kept.digest == digest_of(one)),
        "waiting": waits,
        "on_their_way": {name: known.on_their_way.get(name, 0) for name in one.destinations},
        "finishes_at": max((at for at in ends if at), default=None) if ends and all(ends) else None,
        "fields": known.fields(one),
        "warnings": list(known.remarks(one)),
    }


def _size(size: Size) -> dict[str, Any]:
    return {"at": iso(size.at_us), "size": size.subjects, "entered": size.entered, "left": size.left}


@contextmanager
def _opened(data: Path) -> Iterator[tuple[Store, State | None]]:
    """The store of a folder, and the memberships where there are any."""
    try:
        store = Store(data, create=False)
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(f"{error} Name the data folder with --data, or start `gainstage serve`.") from None
    with closing(store):
        state = existing_state(data)
        try:
            yield store, state
        finally:
            if state is not None:
                state.close()
