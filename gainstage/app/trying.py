"""One event tried: what each destination of its source would be sent; and the event sent for real.

Trying keeps and sends nothing. Unlike `preview` it knows what earlier events said of the user, so that it
tells what would become of the event now. Sent for real, the message goes the way of all others: into the log,
and from there to every destination that its source feeds.
"""

import asyncio
import os
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from gainstage.app.configuring import stored_documents
from gainstage.app.fields import kept
from gainstage.app.folder import open_parts, opened_store
from gainstage.app.previewing import planned
from gainstage.app.sending import user_of
from gainstage.configuration import resolve
from gainstage.connection import Configuration, Connected
from gainstage.delivery import identity as memory
from gainstage.delivery.destinations import Active
from gainstage.errors import DataUnusable, UnknownSource, UsageError
from gainstage.event import Event, Identity, Refusal
from gainstage.log.contract import Entry, LogUnavailable
from gainstage.normalise import normalise
from gainstage.reason import REASONS
from gainstage.store.rows import DestinationRow
from gainstage.store.store import Store

#: How the message ids begin of events that were tried without one.
TRIED = "try-"


def try_event(data: Path, source: str, message: bytes) -> dict[str, Any]:
    """What would become of a message of a source: `{"message_id", "type", ..., "destinations": [...]}`.

    Raises:
        UnknownSource: there is no such source.
        UsageError: the folder holds no data.
    """
    configuration = _configuration(data, source)
    event = normalise("try", _entry(source, message))
    with opened_store(data) as store:
        known = _known(store, event)
        return _told(event, known, _destinations(store, configuration.fed_by(source), event, known))


def send_event(data: Path, source: str, message: bytes) -> dict[str, Any]:
    """Accept a message as the source would have sent it; returned once it is on disk.

    Raises:
        UnknownSource: there is no such source.
        UsageError: it is switched off, the message would be refused, or one of its id is there already.
    """
    given = _configuration(data, source).sources[source]
    if not given.enabled:
        raise UsageError(f"The source {source} is switched off: switch it on first.")
    named, message_id = _with_id(message)
    entry = _entry(source, named)
    event = normalise("try", entry)
    if isinstance(event, Refusal):
        raise UsageError(f"The message would be refused: {event.detail}")
    store, log = open_parts(data, create=False)
    with closing(store):
        try:
            with store.reading() as reading:
                if any(row["source"] == source for row in reading.events(message_id)):
                    raise UsageError(
                        f"An event with the messageId {message_id} is there already, so that this one would "
                        "be taken off as a duplicate: leave messageId out, or change it."
                    )
            asyncio.run(log.append([entry]))
        except LogUnavailable as error:
            raise DataUnusable(str(error)) from None
        finally:
            asyncio.run(log.close())
    return {"message_id": message_id, "source": source}


def _configuration(data: Path, source: str) -> Configuration:
    found = resolve(stored_documents(data), os.environ, lenient=True).configuration
    if source not in found.sources:
        names = ", ".join(sorted(found.sources)) or "none"
        raise UnknownSource(f"There is no source {source}; configured are: {names}.")
    return found


def _entry(source: str, message: bytes) -> Entry:
    return Entry(source, user_of(message), time.time_ns() // 1_000, 0, b"", message)


def _with_id(message: bytes) -> tuple[bytes, str]:
    """The message with an id of its own, so that its life can be followed."""
    event = normalise("try", _entry("", message))
    if isinstance(event, Refusal) or event.has_own_id:
        return message, event.message_id
    given = msgspec.json.decode(message)
    given["messageId"] = f"{TRIED}{uuid.uuid4()}"
    return msgspec.json.encode(given), given["messageId"]


def _known(store: Store, event: Event | Refusal) -> Identity:
    """What earlier events said of the user."""
    if isinstance(event, Refusal):
        return Identity()
    with store.rehearsal() as transaction:
        return memory.resolve(transaction.intake, event)


def _destinations(
    store: Store, fed: tuple[Connected, ...], event: Event | Refusal, known: Identity
) -> list[dict[str, Any]]:
    """What each destination makes of it."""
    if isinstance(event, Refusal):
        return []
    found = []
    for connected in fed:
        line = {"destination": connected.name, "type": connected.type.name, "title": connected.type.title}
        found.append({**line, **_at(store, connected, event, known)})
    return found


def _at(store: Store, connected: Connected, event: Event, known: Identity) -> dict[str, Any]:
    if connected.problem is not None or connected.settings is None:
        problem = connected.problem
        code, detail = (problem.code, problem.detail) if problem else ("configuration_invalid", "")
        told: dict[str, Any] = {"outcome": "pending", "reason": code, "detail": detail, "requests": []}
    else:
        active = Active(connected, DestinationRow(0, connected.name), 0, kept(store, connected))
        told = planned(active, event, known)
        del told["message_id"]
    reason = REASONS.get(told["reason"])
    return {**told, "paused": connected.paused, "remedy": reason.remedy if reason else ""}


def _told(event: Event | Refusal, known: Identity, destinations: list[dict[str, Any]]) -> dict[str, Any]:
    refusal = event if isinstance(event, Refusal) else None
    said = event if isinstance(event, Event) else None
    return {
        "message_id": event.message_id if said is None or said.has_own_id else None,
        "refused": {"reason": refusal.code, "detail": refusal.detail} if refusal else None,
        "type": said.kind if said else None,
        "event": (said.name or None) if said else None,
        "notes": list(said.notes) if said else [],
        "resolved": {name: value for name, value in msgspec.structs.asdict(known).items() if value},
        "destinations": destinations,
    }
