"""What the tracking API makes of a body: any encoding, any size, any nonsense."""

import asyncio
import gzip
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.ingest.asgi import Message
from gainstage.ingest.body import BODY_BYTES
from tests.unit.ingest.requests import BASIC, Asked

pytestmark = pytest.mark.anyio

TRACK = {"type": "track", "userId": "ann", "event": "Report Exported", "messageId": "m1"}
SUCCESS = b'{"success":true}'


class TestBodies:
    @pytest.mark.parametrize("headers", [{"Content-Encoding": "GZip"}, {}, {"Content-Type": "text/plain"}])
    async def test_may_be_gzip_whatever_the_headers_say(self, headers: Mapping[str, str]) -> None:
        asked = Asked()
        body = gzip.compress(json.dumps({"batch": [TRACK]}).encode())
        assert (await asked.ask("/v1/batch", body, {**BASIC, **headers})).status == 200
        assert asked.outcomes() == ["track"]

    async def test_may_be_plain_although_gzip_is_said(self) -> None:
        headers = {**BASIC, "Content-Encoding": "gzip"}
        assert (await Asked().ask("/v1/batch", {"batch": [TRACK]}, headers)).status == 200

    async def test_may_be_gzip_in_several_members(self) -> None:
        text = json.dumps({"batch": [TRACK]}).encode()
        body = gzip.compress(text[:20]) + gzip.compress(text[20:]) + b"\0\0"
        assert (await Asked().ask("/v1/batch", body)).status == 200

    async def test_may_come_in_pieces(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/batch", {"batch": [TRACK] * 50}, pieces=17)).status == 200
        assert len(asked.entries()) == 50

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json;charset=UTF-8", ""]
    )
    async def test_are_json_whatever_the_content_type(self, kind: str) -> None:
        asked = Asked()
        assert (
            await asked.ask("/v1/batch", {"batch": [TRACK]}, {**BASIC, "Content-Type": kind})
        ).status == 200

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "invalid_json"),
            (b"{", "invalid_json"),
            (b'{"batch":[{]}', "invalid_json"),
            (b"batch=x", "invalid_json"),
            (b'{"batch":[{"a":"\xff"}],"x":NaN}', "invalid_json"),
            (b'{"batch":[' + b"[" * 5000 + b"]" * 5000 + b"]}", "invalid_json"),
            (b'{"batch":[1],"context":' + b"[" * 300 + b"]" * 300 + b"}", "invalid_json"),
            (b"\x1f\x8bnot gzip at all", "invalid_gzip"),
            (gzip.compress(b'{"batch":[]}', mtime=0)[:-5], "invalid_gzip"),
            (gzip.compress(b'{"batch":[]}', mtime=0) + b"rest", "invalid_gzip"),
            (gzip.compress(b"", mtime=0) * 101, "invalid_gzip"),
        ],
    )
    async def test_that_cannot_be_decoded_are_400(self, body: bytes, code: str) -> None:
        answer = await Asked().ask("/v1/batch", body)
        assert (answer.status, answer.code) == (400, code)

    @pytest.mark.parametrize("body", [b"{", b"\x1f\x8b broken", b'{"batch":5}'])
    async def test_of_senders_that_repeat_a_400_for_ever_are_kept_and_explained(self, body: bytes) -> None:
        asked = Asked()
        answer = await asked.ask("/v1/batch", body, {**BASIC, "AnonymousId": "YW5u"})
        assert answer.status == 200
        assert [entry.body for entry in asked.entries()] == [body]
        assert asked.outcomes() in (["event_not_json"], ["type_missing"])

    async def test_over_4_mib_are_413(self) -> None:
        asked = Asked()
        large = {"batch": [{**TRACK, "x": "y" * 30_000}] * 150}
        for answer in (
            await asked.ask("/v1/batch", large),
            await asked.ask("/v1/batch", large, pieces=80),
            await asked.ask("/v1/batch", gzip.compress(json.dumps(large).encode())),
        ):
            assert (answer.status, answer.code) == (413, "body_too_large")
        assert asked.entries() == []

    async def test_over_4_mib_are_400_where_one_sdk_drops_nothing_else(self) -> None:
        large = {"batch": [{**TRACK, "x": "y" * 30_000}] * 150, "writeKey": "site-key"}
        answer = await Asked().ask("/v1/b", large, {})
        assert (answer.status, answer.code) == (400, "body_too_large")

    async def test_up_to_4_mib_are_taken(self) -> None:
        asked = Asked()
        body = json.dumps({"batch": [{**TRACK, "x": "y" * 20_000}] * 200}).encode()
        assert BODY_BYTES * 0.9 < len(body) < BODY_BYTES
        assert (await asked.ask("/v1/batch", gzip.compress(body))).status == 200
        assert asked.outcomes() == ["track"] * 200

    @pytest.mark.parametrize("length", [str(BODY_BYTES + 1), str(10**12), "9" * 400])
    async def test_are_refused_by_their_length_before_they_are_read(self, length: str) -> None:
        async def never() -> Message:
            raise AssertionError("the body was read")

        answer = await Asked().ask("/v1/batch", b"", {**BASIC, "Content-Length": length}, ends=never)
        assert (answer.status, answer.code) == (413, "body_too_large")

    @pytest.mark.parametrize("length", ["-1", "1e3", "x", ""])
    async def test_of_no_length_that_is_one_are_400(self, length: str) -> None:
        answer = await Asked().ask("/v1/batch", b"", {**BASIC, "Content-Length": length})
        assert answer.status == 400

    async def test_a_gzip_bomb_is_given_up_early(self) -> None:
        bomb = gzip.compress(gzip.compress(bytes(200 * 1024 * 1024)))
        assert (await Asked().ask("/v1/batch", gzip.compress(bytes(100 * 1024 * 1024)))).status == 413
        assert (await Asked().ask("/v1/batch", bomb)).status == 400

    async def test_that_never_end_are_408(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def never() -> Message:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits that long")

        monkeypatch.setattr("gainstage.body.READ_SECONDS", 0.01)
        answer = await Asked().ask("/v1/batch", b'{"batch":', pieces=3, ends=never)
        assert (answer.status, answer.code) == (408, "body_too_slow")

    async def test_of_senders_that_went_away_are_not_answered(self) -> None:
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        asked = Asked()
        sent = await asked.messages("/v1/batch", b'{"batch":', BASIC, ends=gone)
        assert sent == []
        assert asked.entries() == []

    @given(st.binary(max_size=100) | st.binary(max_size=60).map(gzip.compress))
    async def test_of_any_bytes_are_never_our_fault(self, body: bytes) -> None:
        asked = Asked()
        for path in ("/v1/batch", "/v1/track"):
            answer = await asked.ask(path, body)
            assert answer.status in (200, 400)
        for result in asked.outcomes():
            assert result

    @given(st.data())
    async def test_with_any_damage_are_never_our_fault(self, data: st.DataObject) -> None:
        asked = Asked()
        around = {"context": {"a": 1}, "sentAt": "x", "integrations": {}}
        text = bytearray(json.dumps({"batch": [TRACK, {"x": "\ud83d"}], **around}).encode())
        for _ in range(data.draw(st.integers(1, 5))):
            text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
        body = bytes(text)
        if data.draw(st.booleans()):
            packed = bytearray(gzip.compress(body, mtime=0))
            packed[data.draw(st.integers(2, len(packed) - 1))] ^= data.draw(st.integers(0, 255))
            body = bytes(packed)
        assert (await asked.ask("/v1/batch", body)).status in (200, 400)
        assert all(asked.outcomes())
