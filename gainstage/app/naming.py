"""What events are called: their names with volumes, and what each destination makes of an event of a name."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gainstage.app.configuring import stored_documents
from gainstage.app.moments import iso
from gainstage.app.spelling import recently_differing
from gainstage.configuration import resolve
from gainstage.connection import Configuration, Connected
from gainstage.errors import DataUnusable, UnknownSource
from gainstage.event import Event, Identity
from gainstage.outcome import Filtered, Parked, Rejected
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import NameCount
from gainstage.store.store import NoStore, Store

NAMES_SHOWN = 1_000
#: A user of whom everything is known that a destination may ask for.
SAMPLE_USER = Identity(user_id="user", email="user@example.com", account="account")


def names(data: Path, source: str | None = None, limit: int = NAMES_SHOWN) -> dict[str, Any]:
    """The names of a source's events, or of all, the most frequent first, and what becomes of each.

    Raises:
        UnknownSource: no source of this name is configured or has sent anything.
        UsageError: the folder holds no data.
    """
    configuration = resolve(stored_documents(data), os.environ, lenient=True).configuration
    store = _opened(data)
    try:
        with store.reading() as reading:
            sources = reading.vocabulary.sources()
            _refuse_unknown(source, {one.source for one in sources}, configuration)
            wanted = [one for one in sources if source in (None, one.source)]
            found = [name for one in wanted for name in reading.vocabulary.names(one.source)]
    finally:
        store.close()
    found.sort(key=lambda one: (-one.n, one.source, one.kind, one.name))
    now_us = time.time_ns() // 1_000
    return {
        "sources": [
            {
                "source": one.source,
                "names": one.names,
                "properties": one.keys,
                "other_events": one.other_names,
            }
            for one in wanted
        ],
        "names": [_described(one, configuration, now_us) for one in found[:limit]],
        "more": max(0, len(found) - limit),
    }


def forget_names(data: Path, source: str | None = None) -> dict[str, Any]:
    """Count the events of a source, or of all, anew. What a vendor was sent stays counted.

    Raises:
        UnknownSource: no source of this name is configured or has sent anything.
        UsageError: the folder holds no data.
    """
    configuration = resolve(stored_documents(data), os.environ, lenient=True).configuration
    store = _opened(data)
    try:
        with store.transaction() as transaction:
            met = {one.source for one in transaction.reading.vocabulary.sources()}
            _refuse_unknown(source, met, configuration)
            forgotten = sorted(met if source is None else met & {source})
            for name in forgotten:
                transaction.vocabulary.forget(transaction.names.source(name))
    finally:
        store.close()
    return {"forgotten": forgotten}


def made_of(connected: Connected, kind: str, name: str) -> dict[str, str]:
    """What a destination makes of an event of this name: it is planned, for a user of whom all is known."""
    message = {"type": kind, "userId": "user", "messageId": "sample", "properties": {}}
    message["event" if kind == "track" else "name"] = name
    event = Event(
        kind=kind, message_id="sample", source="", user_id="user", name=name, time_us=0, received_us=0,
        message=message,
    )  # fmt: skip
    refusal = connected.refuses(event)
    if refusal is None and connected.settings is None:
        return _verdict(connected, "pending", "configuration_invalid", "The settings cannot be used.")
    plan = refusal or connected.type.plan(connected.settings, event, SAMPLE_USER, None).plan
    match plan:
        case Filtered(code, detail):
            return _verdict(connected, "filtered", code, detail)
        case Rejected(code, detail):
            return _verdict(connected, "failed", code, detail)
        case Parked(code, detail):
            return _verdict(connected, "parked", code, detail)
    return _verdict(connected, "sent", "", "")


def _verdict(connected: Connected, outcome: str, reason: str, detail: str) -> dict[str, str]:
    return {"destination": connected.name, "outcome": outcome, "reason": reason, "detail": detail}


def _described(one: NameCount, configuration: Configuration, now_us: int) -> dict[str, Any]:
    fed: Sequence[Connected] = configuration.fed_by(one.source)
    return {
        "source": one.source,
        "type": one.kind,
        "name": one.name,
        "count": one.n,
        "first_at": iso(one.first_us),
        "last_at": iso(one.last_us),
        "properties": [{"key": key.key, "count": key.n, "last_at": iso(key.last_us)} for key in one.keys],
        "other_properties": one.other_keys,
        "differ_by_case": [list(group) for group in recently_differing(one, now_us)],
        "destinations": [made_of(connected, one.kind, one.name) for connected in fed],
    }


def _refuse_unknown(source: str | None, met: set[str], configuration: Configuration) -> None:
    known = met | set(configuration.sources) | configuration.unusable_sources
    if source is not None and source not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise UnknownSource(f"There is no source {source}; known are: {listed}.")


def _opened(data: Path) -> Store:
    try:
        return Store(data, create=False)
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None
