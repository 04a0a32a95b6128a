"""How the management API is asked, and in which form it refuses."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from gainstage import app
from gainstage.errors import DataUnusable
from gainstage.sqlite import StorageUnavailable
from tests.unit.management.asking import TOKEN, Asked, code

pytestmark = pytest.mark.anyio

PATHS = [
    ("GET", "/api/status"),
    ("GET", "/api/events/m-1"),
    ("GET", "/api/names"),
    ("DELETE", "/api/names"),
    ("GET", "/api/dead"),
    ("GET", "/api/dead/summary"),
    ("POST", "/api/dead/retry"),
    ("POST", "/api/dead/edit"),
    ("POST", "/api/dead/purge"),
    ("GET", "/api/dead/export"),
    ("GET", "/api/forget"),
    ("POST", "/api/forget"),
    ("POST", "/api/forget/find"),
    ("GET", "/api/forget/1"),
    ("POST", "/api/forget/1/lift"),
    ("GET", "/api/replays"),
    ("POST", "/api/replays"),
    ("POST", "/api/replays/dry-run"),
    ("GET", "/api/replays/1"),
    ("POST", "/api/replays/1/pause"),
    ("POST", "/api/replays/1/resume"),
    ("POST", "/api/replays/1/cancel"),
    ("POST", "/api/check"),
    ("GET", "/api/destinations"),
    ("POST", "/api/destinations/cs/check"),
    ("GET", "/api/destinations/cs/fields"),
    ("PUT", "/api/destinations/cs/fields"),
    ("DELETE", "/api/destinations/cs/fields"),
    ("POST", "/api/destinations/cs/fields/read"),
    ("POST", "/api/destinations/cs/preview"),
    ("GET", "/api/configuration"),
    ("PUT", "/api/configuration"),
    ("GET", "/api/nowhere"),
    ("OPTIONS", "/api/status"),
    ("GET", "/api"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_nothing_is_answered_without_the_token(asked: Asked, method: str, path: str) -> None:
    answer = await asked.ask(method, path, token=None, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, code(answer)) == (401, "api_token_missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="gainstage"'
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_description_and_the_pages_are_for_everybody(asked: Asked) -> None:
    for path in ("/", "/status", "/api/openapi.json"):
        assert (await asked.ask("GET", path, token=None)).status_code == 200
    answer = await asked.ask("POST", "/api/openapi.json", token=None)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_refusals_show_in_the_metrics(asked: Asked) -> None:
    await asked.ask("GET", "/api/status", token="wrong")
    shown = (await asked.ask("GET", "/metrics", token=None)).text
    assert 'gainstage_refused_requests_total{code="api_token_wrong",source=""} 1.0' in shown


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/api/status/", "/api//status"])
async def test_an_unknown_path_is_named_in_json(asked: Asked, path: str) -> None:
    answer = await asked.ask("GET", path)
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/check", "POST"),
        ("/api/configuration", "GET, HEAD, PUT"),
        ("/api/destinations/cs/fields", "DELETE, GET, HEAD, PUT"),
    ],
)
async def test_another_method_is_refused_with_those_that_there_are(
    asked: Asked, path: str, allowed: str
) -> None:
    answer = await asked.ask("PATCH", path)
    assert (answer.status_code, code(answer), answer.headers["allow"]) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/api/status?x=1", "x"),
        ("/api/dead?destinaton=cs", "destinaton"),
        ("/api/dead?outcome=late", "late"),
        ("/api/dead?limit=0", "limit"),
        ("/api/dead?limit=1001", "limit"),
        ("/api/dead?after=here", "after"),
        ("/api/dead/export?after=1-1", "after"),
        ("/api/events/m-1?source=", "source"),
        ("/api/names?limit=10001", "limit"),
        ("/api/names?destination=cs", "destination"),
    ],
)
async def test_a_query_that_is_misspelled_is_refused(asked: Asked, path: str, wrong: str) -> None:
    answer = await asked.ask("GET", path)
    assert (answer.status_code, code(answer)) == (400, "invalid_query")
    assert wrong in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"reason": "\xff"}', "invalid_json"),
        (b"[]", "invalid_body"),
        (b'{"destinaton": "cs"}', "invalid_body"),
        (b'{"message_ids": []}', "invalid_body"),
        (b"\x1f\x8b broken", "invalid_gzip"),
    ],
)
async def test_a_body_that_cannot_be_used_retries_nothing(asked: Asked, body: bytes, refused: str) -> None:
    answer = await asked.ask("POST", "/api/dead/retry", content=body)
    assert (answer.status_code, code(answer)) == (400, refused)


async def test_a_body_larger_than_4_mib_is_refused(asked: Asked) -> None:
    body = b" " * (4 * 1024 * 1024 + 1)
    for content in (body, gzip.compress(body)):
        answer = await asked.ask("PUT", "/api/destinations/cs/fields", content=content)
        assert (answer.status_code, code(answer)) == (413, "body_too_large")


@pytest.mark.parametrize("query", ["reason=bad_luck", "since=soon"])
async def test_filters_that_mean_nothing_are_refused(asked: Asked, query: str) -> None:
    answer = await asked.ask("GET", f"/api/dead?{query}")
    assert (answer.status_code, code(answer)) == (422, "unusable")
    assert query.partition("=")[2] in answer.json()["error"]["message"]


async def test_an_event_that_is_not_there_is_404(asked: Asked) -> None:
    for path in ("/api/events/a/b", "/api/events/%00?source=app"):
        answer = await asked.ask("GET", path)
        assert (answer.status_code, code(answer)) == (404, "event_unknown")


@pytest.mark.parametrize(
    ("method", "rest"),
    [("POST", "check"), ("GET", "fields"), ("POST", "fields/read"), ("PUT", "fields"), ("POST", "preview")],
)
async def test_a_destination_that_is_not_there_is_404_and_says_which_are(
    asked: Asked, method: str, rest: str
) -> None:
    content = b'{"messages": []}' if rest == "preview" else None
    answer = await asked.ask(method, f"/api/destinations/absent/{rest}", content=content)
    assert (answer.status_code, code(answer)) == (404, "destination_unknown")
    assert "clickstream, cs, px" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StorageUnavailable("secret"), 503, "unavailable"),
        (DataUnusable("secret"), 503, "unavailable"),
        (OSError("secret"), 500, "fault"),
    ],
)
async def test_a_fault_of_ours_is_told_as_that_and_tells_nothing_else(
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    said: str,
) -> None:
    monkeypatch.setattr(app, "destinations", failing(error), raising=False)
    answer = await asked.ask("GET", "/api/destinations")
    assert (answer.status_code, code(answer)) == (status, said)
    assert "secret" not in answer.text and len(caplog.records) == 1
    assert ("retry-after" in answer.headers) is (status == 503)


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any) -> Any:
        raise error

    return fail


async def test_head_is_answered_where_get_is(asked: Asked) -> None:
    for path in ("/api/status", "/api/dead", "/api/dead/export", "/api/configuration"):
        assert (await asked.ask("HEAD", path)).status_code == 200


async def test_a_page_of_somebody_else_gets_no_leave_to_ask_and_no_cookie_stands_for_the_token(
    asked: Asked,
) -> None:
    """A browser sends no `Authorization` of its own accord, and asks before it sends one for a page."""
    page = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "authorization"}
    asks_first = {**page, "Access-Control-Request-Method": "POST"}
    for method, headers in (("OPTIONS", asks_first), ("GET", page)):
        answer = await asked.ask(method, "/api/status", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    answer = await asked.ask("GET", "/api/status", token=None, headers={"Cookie": f"token={TOKEN}"})
    assert (answer.status_code, code(answer)) == (401, "api_token_missing")
    assert "set-cookie" not in answer.headers
