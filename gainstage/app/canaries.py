"""The canary: an event of our own that goes through the tracking API and along the real path, time and again.

One is under way at most: while it has not arrived no other is sent, so that a vendor that is down finds no
flock of them. At a destination it comes to one call that only reads, or to none where nothing can be read.
"""

import asyncio
import base64
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec
import structlog

from gainstage.alerts.conditions import Arrival
from gainstage.clock import SECOND_US, Clock
from gainstage.operating import Canary
from gainstage.sqlite import StorageUnavailable
from gainstage.store.contract import Store

LOOK_SECONDS = 1.0
POST_SECONDS = 10.0
USER = "gainstage-canary"
#: The address at which a server that listens everywhere is to be found on its own machine.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}

logger = structlog.get_logger(__name__)


class Canaries:
    """Sends them and watches where they arrive."""

    def __init__(
        self, store: Store, settings: Callable[[], Canary | None], write_key: str, clock: Clock
    ) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._key = write_key
        #: Where this server answers; empty until it does.
        self.address = ""
        #: By destination: when the last one arrived, and after how many seconds.
        self.arrived: dict[str, tuple[float, float]] = {}
        self._message_id = ""
        self._sent_us = 0
        self._missing: set[str] = set()
        self._over = True

    async def follow(self) -> None:
        """Send and watch until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once what became of the last one, and send the next where it is time."""
        settings, now_us = self._settings(), self._clock.now_us()
        if settings is None or not self.address:
            self._missing, self._over = set(), True
            return
        self._missing &= settings.destinations
        if self._missing:
            self._watch()
        waited_us = now_us - self._sent_us
        due = waited_us < 0 or waited_us >= settings.every_seconds * SECOND_US
        if due and settings.destinations and (not self._missing or self._over):
            await self._send(settings, now_us)

    def late(self) -> Sequence[Arrival]:
        """Where the last one should have arrived and has not."""
        settings = self._settings()
        seconds = (self._clock.now_us() - self._sent_us) // SECOND_US
        if settings is None or seconds < settings.within_seconds:
            return ()
        return [Arrival(name, seconds) for name in sorted(self._missing & settings.destinations)]

    def _watch(self) -> None:
        try:
            with self._store.reading() as reading:
                events = reading.events(self._message_id)
                rows = reading.deliveries(events[0]["id"], self._clock.now_us()) if events else ()
        except StorageUnavailable:
            return
        for row in rows:
            if row.word == "delivered" and row.destination in self._missing:
                self._missing.discard(row.destination)
                seconds = max(0, row.at_us - self._sent_us) / SECOND_US
                self.arrived[row.destination] = (row.at_us / SECOND_US, seconds)
        # What was refused or given up arrives no more: the next one shows whether things are well again.
        ended = {row.destination for row in rows if row.word in ("failed", "filtered")}
        self._over |= bool(rows) and self._missing <= ended

    async def _send(self, settings: Canary, now_us: int) -> None:
        self._message_id, self._sent_us = f"canary-{now_us}", now_us
        self._missing, self._over = set(settings.destinations), False
        try:
            async with asyncio.timeout(POST_SECONDS):
                status = await self._post(now_us)
        except (OSError, ValueError, TimeoutError) as error:
            status = 0
            logger.warning("canary_not_sent", reason=type(error).__name__)
        if status != 200:  # it is late from now on, and another one is sent in its turn
            logger.warning("canary_not_taken", status=status)
            self._over = True

    async def _post(self, now_us: int) -> int:
        """The status of the answer. By hand, so that no proxy comes in between."""
        message = {
            "type": "track", "event": "Gainstage Canary", "userId": USER, "messageId": self._message_id,
        }  # fmt: skip
        body = msgspec.json.encode({"batch": [message]})
        parts = urlsplit(self.address)
        host = EVERYWHERE.get(parts.hostname or "", parts.hostname or "")
        login = base64.b64encode(f"{self._key}:".encode()).decode()
        head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(host, parts.port)
        try:
            writer.write(head.encode() + body)
            await writer.drain()
            line = await reader.readline()
            return int(line.split()[1]) if line.startswith(b"HTTP/") else 0
        finally:
            writer.close()
