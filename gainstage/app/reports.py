"""Reports for people: status, one event's life, what failed or is parked. Reads beside a running server."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gainstage.app.archiving import report as archive_report
from gainstage.app.budgets import budget_report
from gainstage.app.configuring import opened
from gainstage.app.dead import Dead
from gainstage.app.entries import entry_of
from gainstage.app.memberships import computations
from gainstage.app.moments import iso
from gainstage.app.remarks import status_of
from gainstage.app.replaying import SHOWN, Replays, replay_report
from gainstage.app.room import read
from gainstage.app.searching import EVENTS_SHOWN, events_of
from gainstage.app.spelling import notes_of
from gainstage.app.standing import standing
from gainstage.configuration import resolve
from gainstage.connection import Configuration
from gainstage.errors import DataUnusable
from gainstage.event import Event, Identity
from gainstage.ingest.pressure import Pressure
from gainstage.log.contract import Entry, LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise
from gainstage.reason import WORDS
from gainstage.sqlite import StorageUnavailable
from gainstage.store.reading import DeliveryRow, Reading, json_or_text
from gainstage.store.replay import PAUSED, RUNNING
from gainstage.store.store import NoStore, Store

T = TypeVar("T")

_identity = msgspec.json.Decoder(Identity)


def open_store(data: Path) -> "Reports":
    """Reports on a data folder.

    Raises:
        UsageError: it holds no data, or cannot be read.
    """
    try:
        return Reports(Store(data, create=False), LocalLog(data), data)
    except (StorageUnavailable, LogUnavailable) as error:
        raise DataUnusable(str(error)) from None
    except NoStore as error:
        raise DataUnusable(
            f"{error} Name the data folder with --data, or start `gainstage serve` first."
        ) from None


class Reports:
    """Questions about a data folder; each answer is one consistent view of the store."""

    def __init__(
        self, store: Store, log: LocalLog, data: Path | None = None, pressure: Pressure | None = None
    ) -> None:
        self._store, self._log = store, log
        #: Whose limits are told: those of a server, else those of its folder as they would be judged now.
        self._data, self._pressure = data, pressure
        #: The configuration that was in force last, with its revision.
        self._resolved: tuple[int, Configuration] | None = None
        #: What failed or is parked.
        self.dead = Dead(store, log)
        #: What of history is sent again.
        self.replays = Replays(store, log, store.folder)

    def status(self, now_us: int) -> dict[str, Any]:
        """Counts of every connection, oldest pending, budgets, what is blocked and why."""
        return asyncio.run(self.status_now(now_us))

    async def status_now(self, now_us: int) -> dict[str, Any]:
        """`status`, for callers with an event loop."""
        with self._store.reading() as reading:  # never held over an await: the handle has one view at a time
            counters, live = reading.counters(), reading.connected()
            offsets = {number: reading.offset(number) for number in range(self._log.partitions)}
            oldest_us = reading.oldest_pending_us()
            rest = {
                "alerts": standing(reading.alerts()),
                "budgets": [budget_report(row, now_us) for row in reading.budgets()],
                "kept": {"ledger": _kept_ledger(reading)},
                "blocked": blocked(reading, now_us),
                "sources": reading.met_none(),
                "unmapped": reading.unmapped(),
                **status_of(reading, now_us),
                "replays": _under_way(reading),
            }
        log = await self._log.kept()
        rest["kept"]["log"] = {"since": iso(log.since_us) if log.since_us else None, "bytes": log.size_bytes}
        rest["kept"]["history"] = await archive_report(self._store.folder, self._log)
        rest["computations"] = await asyncio.to_thread(computations, self._store.folder)
        connections = await self._connections(counters, live, offsets)
        unrouted_us = await self._oldest_unrouted(offsets)
        oldest_us = oldest_us if oldest_us is not None else unrouted_us
        behind = [max(0, await self._log.end(number) - offset) for number, offset in offsets.items()]
        return {
            "connections": connections,
            "oldest_pending_seconds": _age_seconds(oldest_us, now_us),
            "log": {"unrouted": sum(behind), "oldest_unrouted_seconds": _age_seconds(unrouted_us, now_us)},
            "limits": await self._limits(now_us),
            **rest,
        }

    async def counts_now(self) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
        """The part of the status that counts: every connection, and per source what met no destination."""
        with self._store.reading() as reading:
            counters, live, unmet = reading.counters(), reading.connected(), reading.met_none()
            offsets = {number: reading.offset(number) for number in range(self._log.partitions)}
        return await self._connections(counters, live, offsets), unmet

    def ask(self, question: Callable[[Reading], T]) -> T:
        """The answer to a question, within one view of the store."""
        with self._store.reading() as reading:
            return question(reading)

    async def _limits(self, now_us: int) -> list[dict[str, Any]]:
        """When senders are asked to wait, and how things stand with that."""
        pressure = self._pressure
        if pressure is None:
            if self._data is None:
                return []
            pressure = Pressure()
            with self._store.reading() as reading:
                documents = reading.documents()
            limits = resolve(documents, os.environ, lenient=True).configuration.limits
            pressure.weigh(limits, await read(self._data, self._store, self._log), now_us)
        rows = pressure.report()
        return [{**row, "since": iso(row.pop("since_us")) if row["since_us"] else None} for row in rows]

    async def _connections(
        self,
        counters: dict[tuple[str, str], dict[str, int]],
        live: set[tuple[str, str]],
        offsets: dict[int, int],
    ) -> list[dict[str, Any]]:
        """The counts of the equation; what stands behind the offsets is received and pending alike."""
        for pair in live:
            counters.setdefault(pair, dict.fromkeys(WORDS, 0))
        tails: dict[str, int] = {}
        for source in {source for source, _ in counters}:
            behind = [await self._log.count(number, after, source) for number, after in offsets.items()]
            tails[source] = sum(behind)
        found = []
        for (source, destination), counts in sorted(counters.items()):
            tail = tails[source] if (source, destination) in live else 0
            words = {**counts, "pending": counts["pending"] + tail}
            found.append(
                {"source": source, "destination": destination, "received": sum(words.values()), **words}
            )
        return found

    async def _oldest_unrouted(self, offsets: dict[int, int]) -> int | None:
        heads = [await self._log.read(number, after, 1) for number, after in offsets.items()]
        return min((head[0].entry.received_us for head in heads if head), default=None)

    def trace(self, message_id: str, source: str | None = None) -> dict[str, Any] | None:
        """One event's whole life; None when no event has this message id.

        The newest, if several sources sent it and none is named.
        """
        now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
        with self._store.reading() as reading:
            events = reading.events(message_id)
            found = [one for one in events if source is None or one["source"] == source]
            if not found:
                return None
            row = found[-1]
            deliveries = reading.deliveries(row["id"], now_us)
            attempts = {one.destination: reading.attempts(row["id"], one.destination) for one in deliveries}
            configuration = self._configuration(reading)
        entry = entry_of(self._log, row)
        result = normalise(f"{row['partition']}-{row['offset']}", entry) if entry is not None else None
        destinations = [_traced(one, attempts[one.destination]) for one in deliveries]
        if row["code"] is not None:
            destinations = [
                {
                    "destination": None,
                    "outcome": "failed",
                    "reason": row["code"],
                    "detail": row["detail"],
                    "attempts": [],
                }
            ]
        return {
            "message_id": message_id,
            "received_at": iso(row["received_us"]),
            "source": row["source"],
            "event": _shown(entry, result),
            "notes": _notes(result, configuration) if entry is not None else [self._gone()],
            "resolved": _resolved(row["identity"]),
            "destinations": destinations,
            "also_sent_by": [other["source"] for other in events if other is not row],
        }

    def _configuration(self, reading: Reading) -> Configuration:
        """What is in force; worked out once for each revision."""
        revision = reading.revision()
        if self._resolved is None or self._resolved[0] != revision:
            documents = opened(self._store.folder, reading.documents())
            self._resolved = revision, resolve(documents, os.environ, lenient=True).configuration
        return self._resolved[1]

    def _gone(self) -> str:
        """Why a message is not shown."""
        since_us = asyncio.run(self._log.kept()).since_us
        since = f"messages are kept since {iso(since_us)}" if since_us else "no message is kept"
        return f"The message is gone from the log, by `retention` or since its person was forgotten: {since}."

    def let_go(self) -> str:
        """What is kept no more, as a sentence that follows another; empty where everything is."""
        with self._store.reading() as reading:
            since_us = reading.complete_since_us()
        if since_us is None:
            return ""
        return f" What was received up to {iso(since_us)} and is finished is kept no more (`retention`)."

    def events_of(self, person: str, limit: int = EVENTS_SHOWN) -> dict[str, Any]:
        """What the newest events of a person (userId, anonymousId or e-mail) became, newest first."""
        now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
        return events_of(self._store, self._log, person, limit, now_us)

    def close(self) -> None:
        """Let go of the files."""
        self._store.close()
        asyncio.run(self._log.close())


def _under_way(reading: Reading) -> list[dict[str, Any]]:
    """Replays that have not ended, the oldest first."""
    replays = (replay for replay in reversed(reading.replays.all(2 * SHOWN)))
    return [replay_report(one) for one in replays if one.open or one.state in (RUNNING, PAUSED)]


def undelivered(row: DeliveryRow) -> dict[str, Any]:
    """A delivery that did not arrive, as `send` lists it."""
    return {
        "message_id": row.message_id,
        "destination": row.destination or None,
        "outcome": row.word,
        "reason": row.code,
        "detail": row.detail,
    }


def _traced(row: DeliveryRow, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "destination": row.destination,
        "outcome": row.word,
        "reason": row.code,
        "detail": row.detail,
        "attempts": [
            {
                "at": iso(one["at_us"]),
                "method": one["method"],
                "url": one["url"],
                "status": one["status"],
                "request": json_or_text(one["request"]),
                "response": json_or_text(one["response"]),
            }
            for one in attempts
        ],
    }


def _shown(entry: Entry | None, result: object) -> Any:
    if isinstance(result, Event):
        return result.message
    return json_or_text(entry.body.decode("utf-8", "replace")) if entry is not None else None


def _notes(result: object, configuration: Configuration) -> list[str]:
    return notes_of(result, configuration) if isinstance(result, Event) else []


def _resolved(identity: bytes | None) -> dict[str, str]:
    known = _identity.decode(identity) if identity else Identity()
    return {name: value for name, value in msgspec.structs.asdict(known).items() if value}


def blocked(reading: Reading, now_us: int) -> list[dict[str, Any]]:
    """The destinations of the configuration to which nothing is sent now, and why."""
    configured = {document.name for document in reading.documents() if document.kind == "destination"}
    return [
        {
            "destination": row.name,
            "reason": "paused" if row.paused else row.code,
            "detail": row.detail or "",
            "since": iso(row.since_us) if row.since_us else None,
            "next_try_at": iso(row.resume_us) if row.resume_us > now_us else None,
        }
        for row in reading.destination_states().values()
        if row.name in configured and (row.paused or row.blocked or (row.code and row.resume_us > now_us))
    ]


def _kept_ledger(reading: Reading) -> dict[str, Any]:
    since_us = reading.complete_since_us() or reading.oldest_event_us()
    return {"since": iso(since_us) if since_us else None, "bytes": reading.size_bytes()}


def _age_seconds(instant_us: int | None, now_us: int) -> float | None:
    return None if instant_us is None else max(0.0, round((now_us - instant_us) / 1_000_000, 3))
