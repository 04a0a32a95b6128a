"""What browsers and apps fetch before they send anything."""

import pytest

from gainstage.errors import UsageError
from gainstage.ingest import Front
from gainstage.ingest.address import public_address
from tests.unit.ingest.requests import Asked

pytestmark = pytest.mark.anyio


async def segment_io(headers: dict[str, str], front: Front | None = None) -> dict[str, str]:
    answer = await Asked(front=front).ask("/v1/projects/app-key/settings", method="GET", headers=headers)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    assert list(answer.json["integrations"]) == ["Segment.io"]
    return dict(answer.json["integrations"]["Segment.io"])


class TestSegmentSettings:
    async def test_send_events_where_they_were_asked_for(self) -> None:
        told = await segment_io({"Host": "127.0.0.1:8080"})
        assert told == {"apiKey": "app-key", "apiHost": "127.0.0.1:8080/v1", "protocol": "http"}

    @pytest.mark.parametrize(
        ("headers", "host", "protocol"),
        [
            ({"Host": "inner", "X-Forwarded-Proto": "https"}, "inner", "https"),
            (
                {"Host": "inner", "X-Forwarded-Proto": "HTTPS, http", "X-Forwarded-Host": "e.acme.com, x"},
                "e.acme.com",
                "https",
            ),
            (
                {"Host": "inner:1", "X-Forwarded-Host": "<script>", "X-Forwarded-Proto": "ws"},
                "inner:1",
                "http",
            ),
            ({"Host": "[::1]:8080"}, "[::1]:8080", "http"),
            ({"Host": 'a"b'}, "127.0.0.1:8080", "http"),
            ({}, "127.0.0.1:8080", "http"),
        ],
    )
    async def test_follow_what_proxies_tell(self, headers: dict[str, str], host: str, protocol: str) -> None:
        told = await segment_io(headers)
        assert (told["apiHost"], told["protocol"]) == (f"{host}/v1", protocol)

    async def test_name_the_public_address_where_there_is_one(self) -> None:
        front = Front.of((), "https://events.acme.com:8443/gs/", None)
        told = await segment_io({"Host": "inner", "X-Forwarded-Proto": "http"}, front)
        assert (told["apiHost"], told["protocol"]) == ("events.acme.com:8443/gs/v1", "https")

    async def test_have_nothing_that_makes_sdks_stumble(self) -> None:
        answer = await Asked().ask("/v1/projects/app-key/settings", method="GET", headers={})
        for value in answer.json["integrations"].values():
            assert isinstance(value, dict)
        for name in ("plan", "metrics", "consentSettings", "edgeFunction", "middlewareSettings"):
            assert isinstance(answer.json.get(name, {}), dict)
        assert answer.json["metrics"]["sampleRate"] == 0

    @pytest.mark.parametrize("path", ["//v1/projects/app-key/settings", "/v1/projects/app-key/settings/"])
    async def test_are_there_with_slashes_too_many(self, path: str) -> None:
        assert (await Asked().ask(path, method="GET", headers={})).status == 200

    @pytest.mark.parametrize(
        "path", ["/v1/projects/settings", "/v1/projects//settings", "/v1/projects/app-key", "/v1/projects"]
    )
    async def test_need_a_key(self, path: str) -> None:
        assert (await Asked().ask(path, method="GET", headers={})).status == 404


class TestSourceConfig:
    @pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/", "//sourceConfig"])
    @pytest.mark.parametrize(
        ("headers", "query"),
        [
            ({"Authorization": "Basic YXBwLWtleTo="}, "p=android&v=1"),
            ({}, "p=npm&v=3&build=modern&writeKey=app-key"),
            ({"Authorization": "Basic YXBwLWtleTo="}, "writeKey=nobody"),
        ],
    )
    async def test_has_what_every_sdk_needs(self, path: str, headers: dict[str, str], query: str) -> None:
        answer = await Asked().ask(path, method="GET", headers=headers, query=query)
        assert answer.status == 200
        source = answer.json["source"]
        assert source["enabled"] is True
        assert (source["id"], source["name"], source["writeKey"]) == ("app", "app", "app-key")
        assert source["workspaceId"]
        assert source["updatedAt"] == "2026-11-22T12:00:00.000Z"
        assert source["destinations"] == []
        assert source["dataplanes"] == {}
        assert source["config"]["statsCollection"] == {
            "errors": {"enabled": False},
            "metrics": {"enabled": False},
        }

    async def test_takes_no_other_method(self) -> None:
        assert (await Asked().ask("/sourceConfig")).status == 405


@pytest.mark.parametrize("path", ["/sourceConfig", "/v1/projects/nobody/settings"])
async def test_an_unknown_key_is_401_and_never_the_400_that_makes_apps_delete(path: str) -> None:
    asked = Asked()
    answer = await asked.ask(path, method="GET", headers={"Authorization": "Basic bm9ib2R5Og=="})
    assert answer.status == 401
    assert answer.json == {"code": "invalid_write_key", "message": "invalid write key"}
    assert asked.api.counts.refused == {("invalid_write_key", ""): 1}


async def test_no_key_is_401() -> None:
    answer = await Asked().ask("/sourceConfig", method="GET", headers={})
    assert (answer.status, answer.code) == (401, "missing_write_key")


async def test_what_sdks_tell_about_themselves_is_thanked_for_and_dropped() -> None:
    asked = Asked()
    for path in ("/v1/m", "/rsaMetrics"):
        answer = await asked.ask(path, {"series": []}, {"Content-Type": "text/plain"})
        assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert asked.entries("app") == []


class TestPublicAddress:
    async def test_may_have_a_path_that_the_proxy_leaves_in_place(self) -> None:
        asked = Asked(front=Front.of((), "https://acme.com/a/b", None))
        track = {"userId": "ann", "event": "e", "writeKey": "web-key"}
        for path in ("/a/b/v1/track", "//a/b//v1/t/", "/v1/track"):
            assert (await asked.ask(path, track, {})).status == 200
        assert (
            await asked.ask("/a/b/sourceConfig/", method="GET", headers={}, query="writeKey=web-key")
        ).status
        for path in ("/a/v1/track", "/a/bv1/track", "/a/b", "/a/b/a/b/v1/track"):
            assert (await asked.ask(path, track, {})).status == 404
        assert asked.outcomes("web") == ["track"] * 3

    @pytest.mark.parametrize(
        "text",
        ["events.acme.com", "ftp://acme.com", "https://", "https://a b", "https://acme.com/v1",
         "https://u:p@acme.com", "https://acme.com?x=1", "https://acme.com/#x", "https://acme.com:99999", ""],
    )  # fmt: skip
    def test_that_is_none_is_one_clear_sentence(self, text: str) -> None:
        with pytest.raises(UsageError, match="write --public-url https://"):
            public_address(text)
