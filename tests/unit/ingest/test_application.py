"""What the tracking API keeps and says: the answers that SDKs act upon."""

import json
import logging
from collections.abc import Mapping

import pytest

from gainstage import __version__
from gainstage.event import EVENT_BYTES, KINDS, Event
from gainstage.ingest.appends import Appends
from gainstage.ingest.asgi import Receive, Scope, Send
from gainstage.log.contract import LogUnavailable
from tests.unit.ingest.requests import NOW_US, SITE, Asked, FailingLog

pytestmark = pytest.mark.anyio

TRACK = {"type": "track", "userId": "ann", "event": "Report Exported", "messageId": "m1"}
SUCCESS = b'{"success":true}'


class TestBatches:
    @pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"])
    async def test_keep_every_message_as_it_came(self, path: str) -> None:
        asked = Asked()
        items = [b'{ "type":"track", "userId":7 , "event":"e" }', b'{"anonymousId":"x","type":"page"}', b"17"]
        body = (
            b'{"batch": ['
            + b" , ".join(items)
            + b'], "sentAt":"2026-11-22T12:00:00Z", "writeKey":"site-key"}'
        )
        answer = await asked.ask(path, body)
        assert (answer.status, answer.body) == (200, SUCCESS)
        entries = asked.entries()
        assert [entry.body for entry in entries] == items
        assert [entry.key for entry in entries] == ["7", "x", ""]
        assert [entry.place for entry in entries] == [0, 1, 2]
        assert {entry.received_us for entry in entries} == {NOW_US}
        assert {entry.surroundings for entry in entries} == {b'{"sentAt":"2026-11-22T12:00:00Z"}'}

    async def test_faults_of_single_messages_never_fail_the_request(self) -> None:
        asked = Asked()
        items = [
            TRACK,
            {"type": "track"},
            5,
            None,
            [],
            "x",
            {"type": "dance", "userId": "a"},
            {**TRACK, "userId": {}},
        ]
        big = {**TRACK, "properties": {"x": "y" * EVENT_BYTES}}
        assert (await asked.ask("/v1/batch", {"batch": [*items, big]})).status == 200
        assert asked.outcomes() == [
            "track", "id_missing", "event_not_object", "event_not_object", "event_not_object",
            "event_not_object", "type_unknown", "id_invalid", "event_too_large",
        ]  # fmt: skip

    async def test_what_the_request_says_counts_for_every_message(self) -> None:
        asked = Asked()
        around = {"context": {"ip": "1.2.3.4"}, "integrations": {"All": False}, "channel": "server"}
        await asked.ask("/v1/batch", {"batch": [TRACK, {**TRACK, "context": {"ip": "5"}}], **around})
        first, second = asked.results()
        assert isinstance(first, Event)
        assert isinstance(second, Event)
        assert first.context == {"ip": "1.2.3.4"}
        assert first.integrations == {"All": False}
        assert second.context == {"ip": "5"}

    async def test_an_empty_one_is_fine(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/batch", {"batch": []})).status == 200
        assert asked.entries() == []

    async def test_more_than_2500_messages_are_taken(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/batch", {"batch": [TRACK] * 3000})).status == 200
        assert len(asked.entries()) == 3000

    @pytest.mark.parametrize("body", [{}, {"batch": {}}, {"batch": None}, [TRACK], 5, TRACK, None])
    async def test_need_a_list(self, body: object) -> None:
        asked = Asked()
        answer = await asked.ask("/v1/batch", body)
        assert (answer.status, answer.code) == (400, "invalid_batch")
        assert asked.entries() == []

    async def test_of_endless_tiny_messages_are_refused(self) -> None:
        asked = Asked()
        answer = await asked.ask("/v1/batch", b'{"batch":[%s1]}' % (b"1," * 1_500_000))
        assert (answer.status, answer.code) == (413, "body_too_large")

    async def test_cannot_multiply_their_surroundings(self) -> None:
        asked = Asked()
        answer = await asked.ask("/v1/batch", {"batch": [1] * 1000, "context": {"x": "y" * 100_000}})
        assert (answer.status, answer.code) == (413, "body_too_large")

    async def test_with_text_that_only_lenient_readers_take_are_mended(self) -> None:
        asked = Asked()
        track = rb'{"type":"track","userId":"a","event":"caf\ud83d","properties":{"n":NaN}}'
        body = b'{"batch":[%s,{"type":"page","userId":"b"}]}' % track
        assert (await asked.ask("/v1/batch", body)).status == 200
        assert asked.outcomes() == ["track", "page"]


class TestSinglePaths:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_give_their_type(self, kind: str) -> None:
        asked = Asked()
        message = {"userId": "ann", "event": "e", "previousId": "old", "groupId": "g", "type": "dance"}
        answer = await asked.ask(f"/v1/{kind}", message)
        assert (answer.status, answer.body) == (200, SUCCESS)
        assert asked.outcomes() == [kind]

    @pytest.mark.parametrize("kind", KINDS)
    async def test_may_be_called_by_the_first_letter(self, kind: str) -> None:
        asked = Asked()
        message = {"userId": "ann", "event": "e", "previousId": "old", "groupId": "g", "writeKey": "site-key"}
        assert (await asked.ask(f"/v1/{kind[0]}", message, {})).status == 200
        assert asked.outcomes() == [kind]

    @pytest.mark.parametrize("path", ["/v1/merge", "/v1/audiencelist"])
    async def test_of_calls_that_no_destination_takes_are_kept_and_explained(self, path: str) -> None:
        asked = Asked()
        merge = {"type": "merge", "mergeProperties": [{"type": "email", "value": "a@b.c"}], "userId": "ann"}
        assert (await asked.ask(path, merge)).status == 200
        assert asked.outcomes() == ["type_unknown"]

    async def test_keep_what_is_no_object_and_explain_it_later(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/track", [1])).status == 200
        assert asked.outcomes() == ["event_not_object"]

    async def test_refuse_more_than_32_kb(self) -> None:
        asked = Asked()
        answer = await asked.ask("/v1/track", {**TRACK, "properties": {"x": "y" * EVENT_BYTES}})
        assert (answer.status, answer.code) == (400, "event_too_large")
        room = EVENT_BYTES - len(json.dumps({**TRACK, "x": ""}))
        assert (await asked.ask("/v1/track", {**TRACK, "x": "y" * room})).status == 200

    async def test_mend_halves_of_surrogate_pairs(self) -> None:
        asked = Asked()
        assert (
            await asked.ask("/v1/track", rb'{"userId":"a","event":"\udc00","writeKey":"site-key"}', {})
        ).status == 200
        assert asked.outcomes() == ["track"]


class TestPaths:
    @pytest.mark.parametrize("path", ["/v1/batch/", "//v1/batch", "/v1//batch//", "//v1//batch"])
    async def test_may_have_slashes_too_many(self, path: str) -> None:
        asked = Asked()
        assert (await asked.ask(path, {"batch": [TRACK]})).status == 200
        assert len(asked.entries()) == 1

    @pytest.mark.parametrize("path", ["/", "/v1", "/v1/batchx", "/v2/batch", "/V1/BATCH", "/v1/track/x", ""])
    async def test_that_nothing_serves_are_404_in_json(self, path: str) -> None:
        answer = await Asked().ask(path, {"batch": [TRACK]})
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
    async def test_refuse_other_methods(self, method: str) -> None:
        answer = await Asked().ask("/v1/batch", method=method)
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"

    @pytest.mark.parametrize("path", Asked().api.routes)
    @pytest.mark.parametrize("form", ["{}", "/{}", "{}/"])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
    async def test_never_redirect_and_never_answer_html(self, path: str, form: str, method: str) -> None:
        asked = Asked()
        known = path.format(writeKey="web-key", name="x")
        answer = await asked.ask(form.format(known), {}, {"Origin": "null"}, method=method)
        assert not 300 <= answer.status < 400
        assert "location" not in answer.headers
        assert answer.headers.get("content-type", "application/json") in ("application/json", "image/gif")
        route = asked.api.routes[path]
        takes = method in route.methods or (method == "OPTIONS" and route.shared)
        assert (answer.status != 405) == takes

    async def test_of_other_parts_go_to_the_fallback(self) -> None:
        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            body = scope["path"].encode()
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        asked = Asked(fallback=page)
        assert (await asked.ask("/dashboard", method="GET")).body == b"/dashboard"
        assert (await asked.ask("/v1/batch", {"batch": []})).body == SUCCESS


class TestCredentials:
    @pytest.mark.parametrize(
        "value",
        ["Basic c2l0ZS1rZXk6", "Basic c2l0ZS1rZXk=", "basic c2l0ZS1rZXk6", "Basic c2l0ZS1rZXk6aWdub3JlZA=="],
    )
    async def test_as_the_user_of_basic_authentication(self, value: str) -> None:
        asked = Asked()
        answer = await asked.ask(
            "/v1/batch", {"batch": [TRACK], "writeKey": "other"}, {"Authorization": value}
        )
        assert answer.status == 200
        assert len(asked.entries()) == 1

    @pytest.mark.parametrize(
        ("path", "body", "query"),
        [
            ("/v1/batch", {"batch": [TRACK], "writeKey": "site-key"}, ""),
            ("/v1/batch", {"batch": [{**TRACK, "writeKey": "site-key"}]}, ""),
            ("/v1/batch", {"batch": [TRACK]}, "x=1&writeKey=app-key"),
            ("/v1/track", {**TRACK, "writeKey": "site-key"}, ""),
            ("/v1/track", TRACK, "writeKey=app-key"),
            ("/v1/track", {**TRACK, "writeKey": "site-key"}, "writeKey=other"),
        ],
    )
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer token"}, {"Authorization": "Basic !"}])
    async def test_in_the_body_or_the_query(
        self, path: str, body: object, query: str, headers: Mapping[str, str]
    ) -> None:
        asked = Asked()
        assert (await asked.ask(path, body, headers, query=query)).status == 200
        assert len(asked.entries("app" if "app-key" in query else "site")) == 1

    @pytest.mark.parametrize("headers", [{"Authorization": "Basic bm9ib2R5Og=="}, {}])
    async def test_that_are_unknown_are_401_and_counted(self, headers: Mapping[str, str]) -> None:
        asked = Asked()
        answer = await asked.ask("/v1/batch", {"batch": [TRACK], "writeKey": "nobody"}, headers)
        assert answer.status == 401
        assert answer.json == {"code": "invalid_write_key", "message": "invalid write key"}
        assert asked.api.counts.refused == {("invalid_write_key", ""): 1}
        assert asked.entries() == []

    @pytest.mark.parametrize("key", [None, "", 5, [], {}])
    async def test_that_are_missing_are_401(self, key: object) -> None:
        answer = await Asked().ask("/v1/batch", {"batch": [TRACK], "writeKey": key}, {})
        assert (answer.status, answer.code) == (401, "missing_write_key")

    async def test_change_with_the_configuration(self) -> None:
        asked = Asked()
        assert (await asked.ask("/v1/batch", {"batch": []})).status == 200
        asked.sources = {}
        assert (await asked.ask("/v1/batch", {"batch": []})).status == 401
        asked.sources = {"again": SITE}
        assert (await asked.ask("/v1/batch", {"batch": []})).status == 200


class TestFaultsOfOurs:
    async def test_a_log_that_is_unavailable_is_503(self, caplog: pytest.LogCaptureFixture) -> None:
        asked = Asked(FailingLog(LogUnavailable("The disk is full.")))
        with caplog.at_level(logging.ERROR):
            answers = [await asked.ask("/v1/batch", {"batch": [TRACK]}) for _ in range(3)]
        assert {(answer.status, answer.code) for answer in answers} == {(503, "unavailable")}
        assert answers[0].headers["retry-after"] == "5"
        (record,) = caplog.records
        assert (record.message, vars(record)["problem"]) == ("log_unavailable", "The disk is full.")
        assert asked.api.counts.refused == {("unavailable", "site"): 3}
        assert asked.api.counts.accepted == {}

    async def test_what_comes_of_appends_is_told_and_a_batch_of_nothing_tells_nothing(self) -> None:
        appends, batch = Appends(), {"batch": [TRACK]}
        full = FailingLog(LogUnavailable("The disk is full."))
        assert (await Asked(full, appends=appends).ask("/v1/batch", batch)).status == 503
        assert appends.problem == "The disk is full."
        assert (await Asked(appends=appends).ask("/v1/batch", {"batch": []})).status == 200
        assert appends.problem == "The disk is full."
        assert (await Asked(appends=appends).ask("/v1/batch", batch)).status == 200
        assert appends.problem == ""

    async def test_anything_unexpected_is_503_and_shows_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        asked = Asked(FailingLog(ZeroDivisionError("a secret")))
        with caplog.at_level(logging.ERROR):
            answers = [await asked.ask("/v1/track", TRACK) for _ in range(3)]
        assert answers[0].status == 503
        assert b"secret" not in answers[0].body
        assert b"Traceback" not in answers[0].body
        assert len(caplog.records) == 1


class TestRateLimits:
    async def test_send_a_source_away_for_whole_seconds(self) -> None:
        asked = Asked()
        body = {"batch": [TRACK] * 25, "writeKey": "app-key"}
        assert (await asked.ask("/v1/batch", body, {})).status == 200
        answer = await asked.ask("/v1/batch", body, {})
        assert (answer.status, answer.code) == (429, "rate_limited")
        assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"] == "2"
        assert (await asked.ask("/v1/batch", {"batch": [TRACK]})).status == 200
        asked.clock.us += 1_000_000
        assert (await asked.ask("/v1/batch", body, {})).status == 429
        asked.clock.us += 1_000_000
        assert (await asked.ask("/v1/batch", body, {})).status == 200
        assert asked.api.counts.refused == {("rate_limited", "app"): 2}

    async def test_let_the_configured_rate_through(self) -> None:
        asked = Asked()
        for _ in range(50):
            asked.clock.us += 100_000
            assert (await asked.ask("/v1/track", {**TRACK, "writeKey": "app-key"}, {})).status == 200


class TestOrder:
    async def test_the_time_of_receipt_rises_when_the_clock_does_not(self) -> None:
        asked = Asked()
        for step in (0, 0, -5_000_000, 10_000_000):
            asked.clock.us += step
            await asked.ask("/v1/track", TRACK)
        received = [entry.received_us for entry in asked.entries()]
        assert received == [NOW_US, NOW_US + 1, NOW_US + 2, NOW_US + 5_000_000]

    async def test_the_key_is_the_user_else_the_visitor_else_the_message(self) -> None:
        asked = Asked()
        batch = [
            {"userId": "u", "anonymousId": "a"},
            {"userId": " ", "anonymousId": "a"},
            {"userId": 5},
            {"userId": None, "messageId": "m"},
            {"userId": {}, "anonymousId": []},
        ]
        await asked.ask("/v1/batch", {"batch": batch})
        assert [entry.key for entry in asked.entries()] == ["u", "a", "5", "m", ""]


class TestHealth:
    async def test_is_answered_without_credentials(self) -> None:
        for path, word in (("/health", "live"), ("/ready", "ready")):
            told = (await Asked().ask(path, method="GET")).json
            assert told.pop("status") == word
            assert told == {
                "appType": "GAINSTAGE",
                "server": "UP",
                "db": "UP",
                "acceptingEvents": "TRUE",
                "mode": "NORMAL",
            }

    async def test_tells_the_version(self) -> None:
        told = (await Asked().ask("/version", method="GET")).json
        assert told == {"name": "gainstage", "version": __version__}

    async def test_names_what_is_not_ready(self) -> None:
        async def ready() -> Mapping[str, str]:
            return {"log": "The disk is full."}

        async def broken() -> Mapping[str, str]:
            raise RuntimeError

        answer = await Asked(ready=ready).ask("/ready", method="GET")
        assert answer.status == 503
        assert answer.json["problems"] == {"log": "The disk is full."}
        assert (await Asked(ready=broken).ask("/ready", method="GET")).status == 503

    async def test_calls_a_process_alive_that_cannot_take_events(self) -> None:
        async def ready() -> Mapping[str, str]:
            return {"log": "The disk is full."}

        answer = await Asked(ready=ready).ask("/health", method="GET")
        assert answer.status == 200
        assert (answer.json["status"], answer.json["db"], answer.json["acceptingEvents"]) == (
            "live",
            "DOWN",
            "FALSE",
        )

    async def test_counts_what_was_accepted(self) -> None:
        asked = Asked()
        await asked.ask("/v1/batch", {"batch": [1, 22]})
        assert asked.api.counts.accepted == {"site": 2}
        assert asked.api.counts.accepted_bytes == {"site": 3}
