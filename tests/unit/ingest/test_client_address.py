"""Whose address `context.ip` holds: the user's device's, and nobody's where that is not known."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.errors import UsageError
from gainstage.ingest import Front
from gainstage.ingest.proxies import trusted_proxies
from tests.unit.ingest.requests import Asked

pytestmark = pytest.mark.anyio

PROXY = "10.0.0.7"
TRACK = {"type": "track", "userId": "ann", "event": "e"}
KEYS = {"web": "web-key", "app": "app-key", "site": "site-key"}


async def ip_of(
    source: str = "web",
    forwarded: str | None = "203.0.113.9",
    client: str = PROXY,
    context: object = None,
    trusted: tuple[str, ...] = ("10.0.0.0/8", "fd00::/8"),
    **around: object,
) -> object:
    asked = Asked(front=Front.of(trusted, None, None))
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    message = {**TRACK, **({"context": context} if context is not None else {})}
    body = {"batch": [message], "writeKey": KEYS[source], **around}
    assert (await asked.ask("/v1/batch", body, headers, client=client)).status == 200
    (event,) = asked.events(source)
    assert event.message.get("context", {}) == event.context
    return event.context.get("ip")


@pytest.mark.parametrize("source", ["web", "app"])
async def test_of_browsers_and_apps_is_filled_in(source: str) -> None:
    assert await ip_of(source) == "203.0.113.9"
    assert await ip_of(source, context={"page": {"url": "u"}}) == "203.0.113.9"


async def test_of_servers_is_not() -> None:
    assert await ip_of("site") is None
    assert await ip_of("site", context={"direct": False}) is None
    assert await ip_of("site", context={"direct": "yes"}) is None
    assert await ip_of("site", context={"page": {"direct": True}}) is None


async def test_of_a_device_that_a_server_speaks_for_is() -> None:
    assert await ip_of("site", context={"direct": True}) == "203.0.113.9"
    assert await ip_of("site", **{"context": {"direct": True}}) == "203.0.113.9"


@pytest.mark.parametrize("source", ["web", "site"])
async def test_that_is_there_is_kept(source: str) -> None:
    assert await ip_of(source, context={"ip": "198.51.100.1", "direct": True}) == "198.51.100.1"
    assert await ip_of(source, context={"ip": "0.0.0.0", "direct": True}) == "0.0.0.0"


async def test_that_the_request_tells_for_all_is_kept() -> None:
    asked = Asked(front=Front.of((PROXY,), None, None))
    body = {"batch": [TRACK], "writeKey": "web-key", "context": {"ip": "198.51.100.1"}}
    await asked.ask("/v1/batch", body, {"X-Forwarded-For": "203.0.113.9"}, client=PROXY)
    assert asked.events("web")[0].context == {"ip": "198.51.100.1"}


@pytest.mark.parametrize("absent", [None, ""])
async def test_that_is_null_or_empty_is_filled_in(absent: object) -> None:
    assert await ip_of(context={"ip": absent}) == "203.0.113.9"


async def test_is_nobodys_without_trusted_proxies() -> None:
    assert await ip_of(trusted=()) is None


async def test_is_nobodys_where_the_sender_is_no_trusted_proxy() -> None:
    assert await ip_of(client="192.0.2.1") is None
    assert await ip_of(client="unix") is None


async def test_is_nobodys_where_the_proxy_tells_none() -> None:
    assert await ip_of(forwarded=None) is None
    assert await ip_of(forwarded="unknown") is None


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("203.0.113.9, 10.0.0.1", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the first was written by the second, which may lie
        ("1.1.1.1, nonsense, 203.0.113.9,10.1.1.1", "203.0.113.9"),
        ("nonsense, 10.1.1.1", "10.1.1.1"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ('"203.0.113.9"', "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, fd00::1", "203.0.113.9"),
    ],
)
async def test_is_the_last_that_no_trusted_proxy_has(forwarded: str, expected: str) -> None:
    assert await ip_of(forwarded=forwarded) == expected


async def test_of_a_proxy_that_listens_on_both_protocols_is_known() -> None:
    assert await ip_of(client="::ffff:10.0.0.7") == "203.0.113.9"


async def test_of_a_pixel_is_the_viewers() -> None:
    asked = Asked(front=Front.of((PROXY,), None, None))
    headers = {"X-Forwarded-For": "203.0.113.9"}
    query = "writeKey=web-key&userId=ann&event=e"
    await asked.ask("/v1/pixel/track", method="GET", headers=headers, query=query, client=PROXY)
    (event,) = asked.events("web")
    assert event.context == {"ip": "203.0.113.9"}


@given(st.text(max_size=40))
def test_no_header_makes_it_fail(forwarded: str) -> None:
    scope = {"client": (PROXY, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    found = trusted_proxies([PROXY]).client(scope)
    assert not found or ip_address(found)


@pytest.mark.parametrize("text", ["proxy.acme.com", "10.0.0.0/33", "", "10.0.0.7/8", "*"])
def test_a_proxy_that_is_no_address_is_one_clear_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="write --trusted-proxy"):
        trusted_proxies([text])
