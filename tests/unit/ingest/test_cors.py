"""What browsers hear before they let a page send, and before they let it read the answer."""

import pytest

from gainstage.ingest.asgi import Message
from gainstage.log.contract import LogUnavailable
from tests.unit.ingest.requests import Asked, FailingLog

pytestmark = pytest.mark.anyio

ACME = "https://app.acme.com"
TRACK = {"type": "track", "userId": "ann", "event": "e", "writeKey": "web-key"}
#: What each web SDK asks for.
SEGMENT = "authorization,x-retry-count"
RUDDER = (
    "anonymousid,authorization,content-type,rsa-recovered,rsa-retry-attempt,rsa-retry-reason,"
    "rsa-since-first-attempt,rsa-since-last-attempt,sentat"
)
SHARED = [path for path, route in Asked().api.routes.items() if route.shared]


async def preflight(path: str, method: str, wanted: str | None = None) -> dict[str, str]:
    async def never() -> Message:
        raise AssertionError("the body was read")

    headers = {"Origin": ACME, "Access-Control-Request-Method": method}
    if wanted is not None:
        headers["Access-Control-Request-Headers"] = wanted
    answer = await Asked().ask(
        path.format(writeKey="w", name="x"), b"", headers, method="OPTIONS", ends=never
    )
    assert answer.status == 204
    return answer.headers


@pytest.mark.parametrize("path", SHARED)
async def test_a_preflight_needs_no_key(path: str) -> None:
    headers = await preflight(path, "POST")
    assert headers["access-control-allow-origin"] == ACME
    assert "POST" in headers["access-control-allow-methods"]
    assert "GET" in headers["access-control-allow-methods"]
    assert headers["access-control-max-age"] == "7200"
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("path", SHARED)
async def test_a_preflight_tells_the_methods_of_the_path_and_no_others(path: str) -> None:
    headers = await preflight(path, "POST")
    methods = Asked().api.routes[path].methods
    assert headers["allow"] == ", ".join(sorted({*methods, "OPTIONS"}))


@pytest.mark.parametrize(
    ("path", "method", "wanted"),
    [
        ("/v1/t", "POST", SEGMENT),
        ("/v1/b", "POST", SEGMENT),
        ("/v1/track", "POST", RUDDER),
        ("/v1/batch", "POST", RUDDER),
        ("/sourceConfig/", "GET", "authorization"),
        ("/rsaMetrics", "POST", "authorization,content-type"),
    ],
)
async def test_a_preflight_allows_what_the_web_sdks_send(path: str, method: str, wanted: str) -> None:
    headers = await preflight(path, method, wanted)
    assert headers["access-control-allow-headers"] == wanted
    assert headers["access-control-allow-credentials"] == "true"


async def test_a_success_can_be_read_and_says_nothing_where_no_page_asks() -> None:
    asked = Asked()
    answer = await asked.ask("/v1/t", TRACK, {"Origin": ACME})
    assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert answer.headers["access-control-allow-origin"] == ACME
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"
    plain = await asked.ask("/v1/t", TRACK, {})
    assert plain.headers == {"content-type": "application/json", "content-length": "16"}


async def test_every_refusal_can_be_read() -> None:
    origin = {"Origin": ACME}
    bad = await Asked().ask("/v1/t", {**TRACK, "writeKey": "nobody"}, origin)
    broken = await Asked().ask("/v1/t", b"{", origin)
    large = await Asked().ask("/v1/batch", b" " * 5_000_000, origin)
    ours = await Asked(FailingLog(LogUnavailable("full"))).ask("/v1/t", TRACK, origin)
    method = await Asked().ask("/v1/t", method="DELETE", headers=origin)
    assert [answer.status for answer in (bad, broken, large, ours, method)] == [401, 400, 413, 503, 405]
    for answer in (bad, broken, large, ours, method):
        assert answer.code
        assert answer.headers["access-control-allow-origin"] == ACME


async def test_how_long_to_wait_can_be_read() -> None:
    asked = Asked()
    body = {"batch": [TRACK] * 25, "writeKey": "app-key"}
    await asked.ask("/v1/b", body, {"Origin": ACME})
    answer = await asked.ask("/v1/b", body, {"Origin": ACME})
    assert answer.status == 429
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"retry-after", "x-ratelimit-reset"} <= set(answer.headers)


@pytest.mark.parametrize("path", ["/health", "/ready", "/version", "/nothing"])
async def test_what_sdks_do_not_call_is_not_for_pages(path: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = await Asked().ask(path, method=method, headers={"Origin": ACME})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
