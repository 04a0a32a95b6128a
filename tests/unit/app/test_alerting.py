"""A server's alerts: kept, told with retries, and in nobody's way."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.app.alerting import Alerting
from gainstage.destination import CallFailed, Request, Response
from gainstage.operating import Alerts
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import AlertRow
from gainstage.store.store import Store

pytestmark = pytest.mark.anyio
SECOND_US = 1_000_000
HOOK = Alerts("https://hooks.example.com/h", ends_after_seconds=10)
WELL: dict[str, Any] = {"budgets": [], "blocked": [], "oldest_pending_seconds": None, "limits": []}


class Clock:
    """Set by hand."""

    us = 1_000 * SECOND_US

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits by this clock")


class Web:
    """Answers posts by a script, then with yes."""

    def __init__(self, *script: int | CallFailed) -> None:
        self.script, self.heard = list(script), asyncio.Queue[tuple[str, str]]()

    async def send(self, request: Request) -> Response:
        answer = self.script.pop(0) if self.script else 200
        if isinstance(answer, CallFailed):
            raise answer
        if answer == 200:
            told = msgspec.json.decode(request.body)
            self.heard.put_nowait((told["alert"], told["state"]))
        return Response(answer, {}, b"")

    async def close(self) -> None:
        pass


class Server:
    """What the alerts are told by, and who is told."""

    def __init__(self, data: Path, web: Web, settings: Alerts = HOOK) -> None:
        self.clock = Clock()
        self.problems: dict[str, str] = {}
        self.status: Mapping[str, Any] = WELL
        self.data = data
        self.alerting = Alerting(
            data, self.kept(), self._status, self._ready, lambda: (), lambda: settings, self.clock, web
        )

    def kept(self) -> list[AlertRow]:
        """What the store holds."""
        store = Store(self.data)
        try:
            with store.reading() as reading:
                return reading.alerts()
        finally:
            store.close()

    async def _status(self, now_us: int) -> Mapping[str, Any]:
        return self.status

    async def _ready(self) -> Mapping[str, str]:
        return self.problems


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gainstage.app.alerting.retry_seconds", lambda failures: 0.0)
    monkeypatch.setattr("gainstage.app.alerting.LOOK_SECONDS", 0.0)


async def test_what_is_not_taken_is_told_again_until_it_is(tmp_path: Path) -> None:
    web = Web(CallFailed("timeout", "", sent=True), 302, 500)
    server = Server(tmp_path, web)
    server.problems = {"delivery": "Still."}
    following = asyncio.create_task(server.alerting.follow())
    async with asyncio.timeout(20):
        assert await web.heard.get() == ("delivery", "begun")
        server.problems = {}
        server.clock.us += 11 * SECOND_US
        assert await web.heard.get() == ("delivery", "ended")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    counted = server.alerting.meter.counted("alert_posts")
    assert counted == {("no_answer",): 1, ("refused",): 2, ("taken",): 2}


@pytest.mark.parametrize(
    ("status", "alert"),
    [
        (
            {
                "budgets": [
                    {"account": "acme", "family": "writes", "window": "day", "used": 36, "usable": 40,
                     "alert_percent": percent}
                ]
            },
            "budget",
        )
        for percent in (50, 70, 90)
    ]
    + [
        ({"oldest_pending_seconds": 7_200.0}, "oldest_pending"),
        ({"limits": [{"limit": "free_disk", "at": 100, "value": 150, "reached": False}]}, "disk"),
        ({"blocked": [{"destination": "cs", "reason": "host_refused", "since": "1970-01-01T00:00:00Z"}]},
         "blocked"),
    ],
)  # fmt: skip
async def test_each_thing_that_needs_somebody_is_posted_when_it_begins_and_when_it_ends(
    tmp_path: Path, status: dict[str, Any], alert: str
) -> None:
    web = Web()
    server = Server(tmp_path, web)
    server.status = {**WELL, **status}
    following = asyncio.create_task(server.alerting.follow())
    reached = status["budgets"][0]["alert_percent"] if alert == "budget" else 0
    marks = [one for one in (50, 70, 90) if one <= reached]
    async with asyncio.timeout(20):
        for _ in marks or [0]:
            assert await web.heard.get() == (alert, "begun")
        server.status = WELL
        server.clock.us += 11 * SECOND_US
        for _ in marks or [0]:
            assert await web.heard.get() == (alert, "ended")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_without_a_webhook_the_log_alone_is_told_and_what_stands_is_kept(tmp_path: Path) -> None:
    server = Server(tmp_path, Web(599), Alerts())
    server.problems = {"log": "Full."}
    await server.alerting.look()
    (row,) = server.kept()
    assert (row.key, row.ended_us) == ("unusable log", None)


async def test_a_store_that_cannot_be_written_keeps_nobody_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = Web()
    server = Server(tmp_path, web)
    server.problems = {"store": "The disk is full."}

    def full(*_: object) -> None:
        raise StorageUnavailable("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr("gainstage.app.alerting._write", full)
        following = asyncio.create_task(server.alerting.follow())
        async with asyncio.timeout(20):
            assert await web.heard.get() == ("unusable", "begun")
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert server.kept() == []
    await server.alerting.look()  # by now it can
    assert [row.key for row in server.kept()] == ["unusable store"]
    assert web.heard.empty()
