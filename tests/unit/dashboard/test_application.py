"""The pages beside the tracking API: answers that programs can read, whatever happens."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from gainstage import __version__
from gainstage.dashboard.application import pages
from gainstage.ingest import Counts
from gainstage.log.contract import LogUnavailable
from gainstage.store import StorageUnavailable

pytestmark = pytest.mark.anyio


class Broken:
    """A status that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def status_now(self, now_us: int) -> dict[str, Any]:
        raise self._error


async def ask(method: str, path: str, error: Exception | None = None) -> httpx2.Response:
    transport = httpx2.ASGITransport(pages(Broken(error or AssertionError("nobody asked")), Counts()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
        return await client.request(method, path)


async def test_the_description_is_served_with_the_version() -> None:
    answer = await ask("GET", "/api/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["info"]["version"] == __version__


async def test_an_unknown_path_is_named_in_json() -> None:
    answer = await ask("GET", "/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "/nowhere" in answer.json()["message"]


async def test_a_slash_too_many_is_another_path_and_never_a_redirect() -> None:
    answer = await ask("GET", "/status/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", "/status", "/metrics", "/api/openapi.json"])
async def test_another_method_is_refused_in_json_and_told_which_ones_there_are(path: str) -> None:
    answer = await ask("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["message"] == "use GET, HEAD"


@pytest.mark.parametrize("path", ["/status", "/metrics"])
@pytest.mark.parametrize("error", [StorageUnavailable("secret"), LogUnavailable("secret"), OSError("secret")])
async def test_figures_that_cannot_be_read_are_our_fault_and_tell_nothing_else(
    path: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await ask("GET", path, error)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "secret" not in answer.text
    assert len(caplog.records) == 1


class Fixed:
    """A status with one budget."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        day = {
            "account": "acme", "family": "cs", "window": "day", "limit": 800, "used": 560, "usable": 700,
            "ends_at": "2026-11-22T15:40:00.000Z", "alert_percent": 70,
        }  # fmt: skip
        minute = day | {"window": "minute", "ends_at": None, "alert_percent": None}
        return {"connections": [], "budgets": [day, minute], "blocked": [], "oldest_pending_seconds": None}


async def test_the_metrics_say_when_a_budget_ends_and_which_alert_stands() -> None:
    transport = httpx2.ASGITransport(pages(Fixed(), Counts()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
        lines = (await client.get("/metrics")).text.splitlines()
    day = '{account="acme",family="cs",window="day"}'
    minute = day.replace("day", "minute")
    assert f"gainstage_budget_usable_calls{day} 700.0" in lines
    assert f"gainstage_budget_alert_percent{day} 70.0" in lines
    assert f"gainstage_budget_alert_percent{minute} 0.0" in lines
    (ends,) = (line for line in lines if line.startswith(f"gainstage_budget_ends_timestamp_seconds{day}"))
    assert datetime.fromtimestamp(float(ends.split()[-1]), UTC) == datetime(2026, 11, 22, 15, 40, tzinfo=UTC)
    assert not any("ends_timestamp" in line and minute in line for line in lines)
