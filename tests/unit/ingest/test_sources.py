"""What a source's write key, its kind, its origins and its switch decide."""

from collections import Counter
from hashlib import sha256

import pytest

from gainstage.connection import Source
from gainstage.ingest.answers import Refused
from gainstage.ingest.credentials import Credentials
from tests.unit.ingest.requests import BASIC, SITE, Asked

pytestmark = pytest.mark.anyio

TRACK = {"type": "track", "userId": "ann", "event": "e"}
ACME = "https://app.acme.com"


def key(write_key: str) -> dict[str, object]:
    return {"batch": [TRACK], "writeKey": write_key}


class TestAServersWriteKey:
    @pytest.mark.parametrize("path", ["/v1/batch", "/beacon/v1/batch", "/v1/track"])
    async def test_is_not_taken_from_an_address(self, path: str) -> None:
        asked = Asked()
        answer = await asked.ask(path, {"batch": [TRACK], **TRACK}, {}, query="writeKey=site-key")
        assert (answer.status, answer.code) == (403, "secret_write_key")
        assert asked.entries() == []
        assert asked.api.counts.refused == {("secret_write_key", ""): 1}

    async def test_is_not_taken_from_a_browser(self) -> None:
        asked = Asked()
        for headers, body in ((BASIC, {"batch": [TRACK]}), ({}, key("site-key"))):
            answer = await asked.ask("/v1/batch", body, {**headers, "Origin": ACME})
            assert (answer.status, answer.code) == (403, "secret_write_key")
            assert answer.headers["access-control-allow-origin"] == ACME
        assert asked.entries() == []

    @pytest.mark.parametrize(
        ("path", "query"),
        [("/v1/projects/site-key/settings", ""), ("/sourceConfig", "writeKey=site-key")],
    )
    async def test_gets_no_settings(self, path: str, query: str) -> None:
        answer = await Asked().ask(path, method="GET", headers={}, query=query)
        assert (answer.status, answer.code) == (403, "secret_write_key")
        assert b"site-key" not in answer.body


class TestAWriteKey:
    async def test_is_looked_up_by_its_digest(self) -> None:
        """Whoever measures how long an answer takes chooses no digest, and so learns nothing of a key."""
        credentials = Credentials(lambda: {"site": SITE}, lambda: True, Counter())
        assert credentials.source(SITE.write_key) is SITE
        with pytest.raises(Refused):
            credentials.source(SITE.write_key[:-1])
        assert set(credentials._by_digest) == {sha256(SITE.write_key.encode()).digest()}


class TestOrigins:
    async def test_of_a_web_source_are_those_it_names(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/b", key("web-key"), {"Origin": ACME})).status == 200
        for origin in ("https://evil.example", "http://app.acme.com", ACME + ":8443", "null", ""):
            answer = await asked.ask("/v1/b", key("web-key"), {"Origin": origin})
            assert (answer.status, answer.code) == (403, "origin_not_allowed"), origin
            assert answer.headers["access-control-allow-origin"] == origin
        assert len(asked.entries("web")) == 1
        assert asked.api.counts.refused == {("origin_not_allowed", "web"): 5}

    async def test_are_asked_for_before_the_body_is_read(self) -> None:
        headers = {"Authorization": "Basic d2ViLWtleTo=", "Origin": "https://evil.example"}
        assert (await Asked().ask("/v1/batch", b"no json", headers)).status == 403

    async def test_are_not_asked_for_where_no_page_sends(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/b", key("web-key"), {})).status == 200

    async def test_are_any_where_none_is_named(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/b", key("app-key"), {"Origin": "capacitor://localhost"})).status == 200

    @pytest.mark.parametrize(
        ("path", "query"), [("/v1/projects/web-key/settings", ""), ("/sourceConfig", "writeKey=web-key")]
    )
    async def test_count_for_the_settings_too(self, path: str, query: str) -> None:
        asked = Asked()
        fine = await asked.ask(path, method="GET", headers={"Origin": ACME}, query=query)
        assert fine.status == 200
        other = await asked.ask(path, method="GET", headers={"Origin": "https://evil.example"}, query=query)
        assert (other.status, other.code) == (403, "origin_not_allowed")
        assert other.headers["access-control-allow-origin"] == "https://evil.example"


class TestASourceThatIsOff:
    @pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"])
    async def test_hears_yes_and_is_not_kept(self, path: str) -> None:
        asked = Asked()
        answer = await asked.ask(path, key("off-key"), {"Origin": ACME})
        assert (answer.status, answer.body) == (200, b'{"success":true}')
        assert answer.headers["access-control-allow-origin"] == ACME
        assert asked.entries("off") == []
        assert asked.api.counts.refused == {("source_disabled", "off"): 1}

    async def test_tells_rudderstacks_sdks_to_stop(self) -> None:
        answer = await Asked().ask("/sourceConfig", method="GET", headers={}, query="writeKey=off-key")
        assert answer.status == 200
        assert answer.json["source"]["enabled"] is False

    async def test_keeps_segments_sdks_from_sending_elsewhere(self) -> None:
        answer = await Asked().ask("/v1/projects/off-key/settings", method="GET", headers={})
        assert answer.json["integrations"]["Segment.io"]["apiKey"] == "off-key"


class TestKeysThatCannotBeReadNow:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/v1/batch"), ("GET", "/v1/projects/lost-key/settings"), ("GET", "/sourceConfig")],
    )
    async def test_are_our_fault(self, method: str, path: str) -> None:
        asked = Asked(complete=lambda: False)
        headers = {"Authorization": "Basic bG9zdC1rZXk6"}
        answer = await asked.ask(path, key("lost-key"), headers, method=method)
        assert (answer.status, answer.code) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"

    async def test_do_not_disturb_the_known_ones(self) -> None:
        asked = Asked(complete=lambda: False)
        assert (await asked.ask("/v1/batch", {"batch": [TRACK]})).status == 200

    async def test_are_our_fault_when_no_source_can_be_read(self) -> None:
        def broken() -> bool:
            raise OSError("the disk is gone")

        answer = await Asked(complete=broken).ask("/v1/batch", key("lost-key"), {})
        assert answer.status == 503


class TestAFormerWriteKey:
    async def test_is_taken_and_counted(self) -> None:
        asked = Asked()
        asked.sources = {"web": Source("web", "web", "new-key", old_write_keys=("older-key", "old-key"))}
        for write_key in ("new-key", "old-key", "older-key", "old-key"):
            assert (await asked.ask("/v1/b", key(write_key), {})).status == 200
        assert (await asked.ask("/v1/b", key("oldest-key"), {})).status == 401
        assert len(asked.entries("web")) == 4
        assert asked.api.counts.old_keys == {"web": 3}

    async def test_gets_the_settings_of_the_new_one(self) -> None:
        asked = Asked()
        asked.sources = {"web": Source("web", "web", "new-key", old_write_keys=("old-key",))}
        answer = await asked.ask("/v1/projects/old-key/settings", method="GET", headers={})
        assert answer.status == 200
        assert b'"new-key"' in answer.body and b"old-key" not in answer.body

    async def test_of_a_server_stays_a_secret(self) -> None:
        asked = Asked()
        asked.sources = {"site": Source("site", "server", "new-key", old_write_keys=("old-key",))}
        answer = await asked.ask("/v1/b", key("old-key"), {"Origin": ACME})
        assert (answer.status, answer.code) == (403, "secret_write_key")
