"""A running gainstage with many sources, one for each test, and what its log and ledger say of them."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gainstage.app import apply, open_store
from gainstage.event import Event, Refusal
from gainstage.log.local import LocalLog
from gainstage.normalise import normalise
from tests.sdks.proxy import ScriptedProxy, Step
from tests.world import World, clickstream, wait_for

SOURCES_OF_A_KIND = 60
READ_AT_ONCE = 1_000
SECONDS = 30.0
KINDS = ("server", "web", "mobile")
#: Events a second.
RATE_LIMIT = 40

T = TypeVar("T")


@dataclass(frozen=True)
class Kept:
    """An event as it stands in the log, and its row in the ledger."""

    event: Event
    #: As `gainstage trace` prints it.
    trace: dict[str, Any]


class Site:
    """A server in processes of its own. Each test takes a source for itself and meets only its own events."""

    def __init__(
        self, folder: Path, sandbox: str, options: Sequence[str] = (), *, limits: dict[str, Any] | None = None
    ) -> None:
        sources = [
            {"name": f"{kind}-{number}", "kind": kind, "write_key": f"key-of-{kind}-{number}"}
            for kind in KINDS
            for number in range(SOURCES_OF_A_KIND)
        ]
        sources += [
            {"name": name, "kind": "server", "write_key": f"key-of-{name}", "rate_limit": RATE_LIMIT}
            for name in (f"limited-{number}" for number in range(SOURCES_OF_A_KIND))
        ]
        self.configuration: dict[str, Any] = {
            "sources": sources, "destinations": [clickstream(sandbox)], "limits": limits or {},
        }  # fmt: skip
        self.world = World(folder, sandbox, self.configuration, options=options)
        self._numbers = {kind: itertools.count() for kind in (*KINDS, "limited")}

    def pause(self, paused: bool) -> None:
        """Keep events from being delivered, or let them go again."""
        self.configuration["destinations"][0]["paused"] = paused
        apply(self.world.data, self.world.configure(self.configuration))

    def source(self, kind: str = "server") -> "Source":
        """A source that nobody else uses; "limited" ones are for servers and have a rate limit."""
        return Source(self, f"{kind}-{next(self._numbers[kind])}")


class Source:
    """A write key, and what became of the events that came with it."""

    def __init__(self, site: Site, name: str) -> None:
        self._world = site.world
        self.name = name
        self.key = f"key-of-{name}"
        self.address = site.world.address
        self.port = site.world.port

    @contextlib.contextmanager
    def behind(self, *script: Step, otherwise: Step | None = None) -> Iterator[ScriptedProxy]:
        """The way to the server through a proxy that follows a script."""
        with ScriptedProxy(self.port, script, otherwise) as proxy:
            yield proxy

    def kept(self, count: int) -> list[Kept]:
        """The events, oldest first; `count` of them, each exactly once in the ledger, whatever came again.

        Asked only after the SDK has ended, so that nothing is on its way any more.
        """
        logged = apart(lambda: asyncio.run(self._logged()))
        found = _distinct(logged)
        assert len(found) == count, [event.message for event in found]
        wanted = {"received": count, "duplicates": len(logged) - count, "refused": 0}
        wait_for(lambda: all(self._traces(found)), SECONDS, "the routing of what came")
        wait_for(lambda: self.counts() == wanted, SECONDS, f"{wanted} for {self.name}")
        kept = [Kept(event, trace) for event, trace in zip(found, self._traces(found), strict=True)]
        for one in kept:
            assert one.trace["source"] == self.name
            assert [row["destination"] for row in one.trace["destinations"]] == ["clickstream"], one.trace
        return kept

    def counts(self) -> dict[str, int]:
        """What the ledger says of the source."""
        status = apart(self._world.status)
        rows = [row for row in status["connections"] if row["source"] == self.name]
        received = rows[0]["received"] if rows else 0
        return {"received": received, "duplicates": 0, "refused": 0, **status["sources"].get(self.name, {})}

    def delivered(self, kind: str, count: int) -> dict[str, Any]:
        """The one event of a kind as `gainstage trace` prints it, once it was delivered."""
        (event,) = [one.event for one in self.kept(count) if one.event.kind == kind]

        def traced() -> dict[str, Any] | None:
            (trace,) = self._traces([event])
            return trace if trace["destinations"][0]["outcome"] == "delivered" else None

        return wait_for(traced, what=f"the delivery of {kind}") or {}

    def _traces(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """As `gainstage trace` prints them; empty for one that was not routed yet."""

        def traces() -> list[dict[str, Any]]:
            with contextlib.closing(open_store(self._world.data)) as reports:
                return [reports.trace(event.message_id) or {} for event in events]

        return apart(traces)

    async def _logged(self) -> list[Event | Refusal]:
        log, found = LocalLog(self._world.data), []
        try:
            for partition in range(log.partitions):
                after = 0
                while stored := await log.read(partition, after, READ_AT_ONCE):
                    after = stored[-1].offset
                    found += [(partition, one) for one in stored if one.entry.source == self.name]
        finally:
            await log.close()
        found.sort(key=lambda pair: (pair[1].entry.received_us, pair[1].entry.place))
        return [normalise(f"{partition}-{one.offset}", one.entry) for partition, one in found]


def _distinct(logged: list[Event | Refusal]) -> list[Event]:
    """The first of each message id; a refused message is a fault of the test or of gainstage."""
    found: dict[str, Event] = {}
    for event in logged:
        assert isinstance(event, Event), event
        found.setdefault(event.message_id, event)
    return list(found.values())


def apart(ask: Callable[[], T]) -> T:
    """The answer of a thread of its own: the browser's driver keeps an event loop in the test's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()
