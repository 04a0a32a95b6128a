"""A server's alerts: looks again and again at what stands, keeps what was announced, tells the webhook.

Nothing here is on the way of an event: the store is written in a thread, and a webhook that does not answer
holds back other alerts only.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from gainstage.alerts.announcing import Announcer, News
from gainstage.alerts.conditions import Arrival, conditions
from gainstage.alerts.webhook import request, retry_seconds
from gainstage.clock import Clock
from gainstage.delivery.transport import HttpTransport, Transport
from gainstage.destination import CallFailed
from gainstage.log.contract import LogUnavailable
from gainstage.management.aside import Aside
from gainstage.meter import Meter
from gainstage.operating import Alerts
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import AlertRow
from gainstage.store.store import Store

LOOK_SECONDS = 3.0
POST_SECONDS = 10.0

logger = structlog.get_logger(__name__)


class Alerting:
    """Looks, keeps and tells. `late` names canaries that have not arrived."""

    def __init__(
        self,
        data: Path,
        rows: Sequence[AlertRow],
        status: Callable[[int], Awaitable[Mapping[str, Any]]],
        problems: Callable[[], Awaitable[Mapping[str, str]]],
        late: Callable[[], Sequence[Arrival]],
        settings: Callable[[], Alerts],
        clock: Clock,
        transport: Transport | None = None,
    ) -> None:
        self._data, self._status, self._problems, self._late = data, status, problems, late
        self._settings, self._clock = settings, clock
        self._transport = transport or HttpTransport(call_seconds=POST_SECONDS, connections=2)
        self._announcer = Announcer(rows, clock.now_us())
        self._aside = Aside(1)
        self._news = asyncio.Event()
        self._server = socket.gethostname()
        #: Posts to the webhook by what they came to.
        self.meter = Meter()

    async def follow(self) -> None:
        """Look until cancelled, and tell beside."""
        telling = asyncio.create_task(self._tell())
        try:
            while True:
                try:
                    await self.look()
                except Exception as error:  # a defect here must not end all alerts
                    logger.error("alerts_not_looked_at", reason=type(error).__name__, exc_info=error)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await self._transport.close()

    async def look(self) -> None:
        """Look once."""
        settings, now_us = self._settings(), self._clock.now_us()
        problems = await self._problems()
        try:
            status = await self._status(now_us)
        except (
            StorageUnavailable,
            LogUnavailable,
        ):  # the problems say so; what else stands, goes on standing
            status = {"budgets": [], "blocked": [], "oldest_pending_seconds": None, "limits": []}
        standing = conditions(status, problems, self._late(), settings, now_us)
        for one in self._announcer.look(standing, settings, now_us):
            event = "alert_ended" if one.row.ended_us is not None else "alert_begun"
            logger.warning(
                event, alert=one.condition.alert, subject=one.condition.subject, told=one.condition.sentence
            )
        await self._keep()
        self._news.set()

    async def _tell(self) -> None:
        """Tell what is to be told, one after the other."""
        failures = 0
        while True:
            news = self._announcer.next()
            if news is None:
                self._news.clear()
                await self._news.wait()
            elif await self._post(news):
                failures = 0
                self._announcer.told(news)
                await self._keep()
            else:
                failures += 1
                await asyncio.sleep(retry_seconds(failures))

    async def _post(self, news: News) -> bool:
        """Whether the webhook has heard of it. Without one, the log has."""
        settings = self._settings()
        if settings.webhook is None:
            return True
        try:
            answer = await self._transport.send(request(news, settings, self._server, self._clock.now_us()))
        except CallFailed as failure:
            self.meter.count("alert_posts", "no_answer")
            logger.warning("alert_not_posted", alert=news.condition.alert, reason=failure.code)
            return False
        taken = 200 <= answer.status < 300
        self.meter.count("alert_posts", "taken" if taken else "refused")
        if not taken:
            logger.warning("alert_not_posted", alert=news.condition.alert, status=answer.status)
        return taken

    async def _keep(self) -> None:
        """Write what changed; where that cannot be done now, it is known here and written later."""
        changed = self._announcer.take_changed()
        if not changed:
            return
        try:
            await self._aside.run(lambda: _write(self._data, changed))
        except StorageUnavailable:
            self._announcer.give_back(changed)
        except BaseException:  # cancelled, or a defect: nobody knows whether it was written
            self._announcer.give_back(changed)
            raise


def _write(data: Path, changed: Mapping[str, AlertRow | None]) -> None:
    store = Store(data, create=False)
    try:
        with store.transaction() as transaction:
            for key, row in changed.items():
                if row is None:
                    transaction.alerts.remove(key)
                else:
                    transaction.alerts.save(row)
    finally:
        store.close()
