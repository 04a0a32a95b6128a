"""OAuth: who gets a token, which requests it lets through, and the answers by which SDKs renew or give up."""

import base64
import dataclasses
import hmac
import json
import logging
import subprocess
import sys
from typing import Any

import jwt
import pytest

from gainstage.connection import OAuth, Source
from gainstage.ingest import Front
from gainstage.ingest.assertion import REMEMBERED_AT_MOST, REMEMBERED_SECONDS
from gainstage.ingest.oauth import BODY_BYTES
from gainstage.ingest.token_secret import SecretUnavailable
from gainstage.ingest.tokens import TOKEN_SECONDS
from tests.unit.ingest.clients import ADDRESS, NOW, assertion, client_key, form, private_key, public_text
from tests.unit.ingest.requests import BASIC, SITE, Answered, Asked

pytestmark = pytest.mark.anyio

EVENT = {"type": "track", "userId": "ann", "event": "Report Exported"}
STRICT = dataclasses.replace(SITE, oauth=OAuth((client_key(),)))
EITHER = Source("either", "server", "either-key", oauth=OAuth((client_key(),), required=False))
OTHER = Source("other", "server", "other-key", oauth=OAuth((client_key("other", "k2", "second"),)))
PLAIN = Source("plain", "server", "plain-key")


def asked(*sources: Source, **options: Any) -> Asked:
    """A tracking API with these sources."""
    made = Asked(**options)
    made.sources = {source.name: source for source in sources or (STRICT, EITHER, OTHER, PLAIN)}
    return made


async def post(api: Asked, body: bytes, **headers: str) -> Answered:
    answer = await api.ask("/token", body, {"Host": "127.0.0.1:8080", **headers})
    assert answer.headers["date"].endswith("GMT")
    assert answer.headers["cache-control"] == "no-store"
    return answer


async def token(api: Asked, **claims: Any) -> str:
    answer = await post(api, form(assertion(**claims)))
    assert answer.status == 200, answer.json
    return str(answer.json["access_token"])


async def send(api: Asked, bearer: str | None, key: str = "site-key", scheme: str = "Bearer") -> Answered:
    headers = {} if bearer is None else {"Authorization": f"{scheme} {bearer}"}
    return await api.ask("/v1/batch", {"batch": [EVENT], "writeKey": key}, headers)


class TestTokens:
    async def test_are_given_for_an_assertion_and_let_events_in(self) -> None:
        api = asked()
        answer = await post(api, form(assertion()))
        assert answer.status == 200
        assert answer.json == {
            "access_token": answer.json["access_token"],
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": "tracking_api:write",
        }
        assert (await send(api, answer.json["access_token"])).status == 200
        assert (await send(api, answer.json["access_token"], scheme="bearer")).status == 200
        assert len(api.entries()) == 2

    async def test_are_needed_where_required_and_a_basic_key_is_refused_before_its_body(self) -> None:
        api = asked()
        for answer in (await send(api, None), await api.ask("/v1/batch", {"batch": [EVENT]}, BASIC)):
            assert (answer.status, answer.code) == (401, "token_missing")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert not api.entries()
        assert api.api.counts.refused == {("token_missing", "site"): 2}

    async def test_may_be_left_out_where_they_are_allowed_and_not_required(self) -> None:
        api = asked()
        assert (await send(api, None, "either-key")).status == 200
        assert (await send(api, await token(api), "either-key")).status == 200
        assert (await send(api, "nonsense", "either-key")).status == 511

    async def test_are_not_looked_at_where_a_source_has_no_oauth(self) -> None:
        assert (await send(asked(), "nonsense", "plain-key")).status == 200

    async def test_of_another_source_are_refused_for_good(self) -> None:
        api = asked()
        answer = await send(api, await token(api), "other-key")
        assert (answer.status, answer.code) == (403, "token_of_another_source")

    async def test_that_expired_ask_for_renewal(self) -> None:
        api = asked()
        old = await token(api)
        await api.clock.sleep(TOKEN_SECONDS - 1)
        assert (await send(api, old)).status == 200
        await api.clock.sleep(1)
        answer = await send(api, old)
        assert (answer.status, answer.code) == (511, "token_invalid")
        assert (await send(api, await token(api, now=NOW + TOKEN_SECONDS))).status == 200

    async def test_end_when_their_key_leaves_the_configuration_or_is_replaced(self) -> None:
        api = asked()
        held = await token(api)
        for key in (client_key("backend", "k2"), client_key(key="second"), client_key("someone")):
            api.sources = {"site": dataclasses.replace(STRICT, oauth=OAuth((key,)))}
            assert (await send(api, held)).status == 511
        api.sources = {"site": STRICT}
        assert (await send(api, held)).status == 200

    async def test_of_two_keys_count_while_one_takes_over_from_the_other(self) -> None:
        api = asked(
            dataclasses.replace(SITE, oauth=OAuth((client_key(), client_key(key_id="k2", key="second"))))
        )
        for claims in ({}, {"kid": "k2", "key": "second"}):
            assert (await send(api, await token(api, **claims))).status == 200

    async def test_of_another_server_ask_for_renewal(self) -> None:
        first, second = asked(), asked()
        assert (await send(second, await token(first))).status == 511

    async def test_that_were_made_or_changed_by_others_count_for_nothing(self) -> None:
        api = asked(token_secret=lambda: b"s" * 32)
        good = await token(api)
        claims = jwt.decode(good, options={"verify_signature": False})
        head, body, signature = good.split(".")
        bare = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
        forged = [
            jwt.encode(claims, b"x" * 32, "HS256"),
            jwt.encode(claims, private_key("good"), "RS256"),
            jwt.encode({**claims, "iss": "another"}, b"s" * 32, "HS256"),
            jwt.encode({**claims, "scope": "read"}, b"s" * 32, "HS256"),
            f"{bare}.{body}.",
            f"{head}.{body}.",
            f"{head}.{body[:-2]}xx.{signature}",
            "", ".", "..", "a.b.c", good + "x" * 5000,
        ]  # fmt: skip
        for one in forged:
            answer = await send(api, one)
            assert (answer.status, answer.code) == (511, "token_invalid"), one
        assert (await send(api, good)).status == 200

    async def test_are_not_assertions(self) -> None:
        api = asked()
        assert (await send(api, assertion())).status == 511
        refused = await post(api, form(await token(api)))
        assert (refused.status, refused.json["error"]) == (401, "invalid_client")

    async def test_wait_while_the_secret_cannot_be_used(self, caplog: pytest.LogCaptureFixture) -> None:
        def gone() -> bytes:
            raise SecretUnavailable("oauth.secret cannot be used.")

        api = asked(token_secret=gone)
        answer = await post(api, form(assertion()))
        assert (answer.status, answer.headers["retry-after"]) == (429, "5")
        assert answer.json["error"] == "temporarily_unavailable"
        assert (await send(api, "a.b.c")).status == 503
        (record,) = caplog.records
        assert record.getMessage() == "token_secret_unavailable"
        assert vars(record)["problem"] == "oauth.secret cannot be used."


class TestAssertions:
    @pytest.mark.parametrize(
        ("changed", "status", "error"),
        [
            ({"key": "second"}, 401, "invalid_client"),
            ({"kid": "k2"}, 401, "invalid_client"),
            ({"kid": None}, 401, "invalid_client"),
            ({"iss": "other", "sub": "other"}, 401, "invalid_client"),
            ({"iss": None}, 401, "invalid_client"),
            ({"sub": "other"}, 401, "invalid_client"),
            ({"sub": None}, 401, "invalid_client"),
            ({"aud": "https://oauth2.example.com"}, 401, "invalid_client"),
            ({"aud": None}, 401, "invalid_client"),
            ({"aud": ["https://oauth2.example.com", 7]}, 401, "invalid_client"),
            ({"exp": NOW + 58}, 401, "invalid_client"),
            ({"exp": NOW + 86_400, "iat": NOW}, 401, "invalid_client"),
            ({"exp": "soon"}, 401, "invalid_client"),
            ({"exp": float("inf")}, 401, "invalid_client"),
            ({"exp": 10**400}, 401, "invalid_client"),
            ({"exp": None}, 401, "invalid_client"),
            ({"iat": None}, 401, "invalid_client"),
            ({"jti": None}, 401, "invalid_client"),
            ({"jti": ""}, 401, "invalid_client"),
            ({"jti": "x" * 256}, 401, "invalid_client"),
            ({"now": NOW - 65}, 400, "invalid_request"),
            ({"now": NOW + 16}, 400, "invalid_request"),
            ({"nbf": NOW + 16}, 400, "invalid_request"),
            ({"alg": "none", "key": None}, 401, "invalid_client"),
            ({"alg": "HS256", "key": b"s" * 32}, 401, "invalid_client"),
        ],
    )
    async def test_that_do_not_prove_who_asks_get_nothing(
        self, changed: dict[str, Any], status: int, error: str
    ) -> None:
        api = asked(token_secret=lambda: b"s" * 32)
        answer = await post(api, form(assertion(**changed)))
        assert (answer.status, answer.json["error"]) == (status, error)
        assert answer.json["error_description"]
        assert api.api.counts.refused == {(error, ""): 1}

    async def test_signed_with_the_public_key_as_if_it_were_a_secret_get_nothing(self) -> None:
        good = assertion()
        body = good.split(".")[1]
        header = {"alg": "HS256", "kid": "k1", "typ": "JWT"}
        start = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=") + "." + body
        made = hmac.digest(public_text(private_key("good")).encode(), start.encode(), "sha256")
        forged = f"{start}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"
        assert (await post(asked(), form(forged))).json["error"] == "invalid_client"

    @pytest.mark.parametrize("signed", ["x", "a.b.c", "..", "é", "[" * 4000, "W1tbW1tb" * 1000 + ".e30.e30"])
    async def test_that_are_none_get_nothing(self, signed: str) -> None:
        answer = await post(asked(), form(signed))
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("now", [NOW - 59, NOW - 3.4, NOW + 14])
    async def test_of_clocks_that_are_a_little_off_are_good(self, now: float) -> None:
        assert await token(asked(), now=now)

    async def test_whose_seconds_were_rounded_apart_are_good(self) -> None:
        assert await token(asked(), exp=NOW + 56)

    async def test_of_clocks_far_off_hear_the_sentences_that_sdks_know_and_the_time(self) -> None:
        api = asked()
        late, early = [await post(api, form(assertion(now=NOW + off))) for off in (-3600, 3600)]
        assert late.json["error_description"] == "Token is expired"
        assert early.json["error_description"] == "Token used before issued"
        assert late.headers["date"] == "Sun, 22 Nov 2026 12:00:00 GMT"

    async def test_count_once(self) -> None:
        api = asked()
        signed = assertion()
        assert (await post(api, form(signed))).status == 200
        again = await post(api, form(signed))
        assert (again.status, again.json["error"]) == (401, "invalid_client")
        assert (await post(api, form(assertion()))).status == 200

    async def test_of_one_key_beyond_what_is_remembered_wait_and_others_do_not(self) -> None:
        api = asked()
        for _ in range(REMEMBERED_AT_MOST):
            assert (await post(api, form(assertion()))).status == 200
        await api.clock.sleep(3)
        refused = await post(api, form(assertion()))
        assert refused.status == 429
        wait = int(refused.headers["retry-after"])
        assert refused.headers["x-ratelimit-reset"] == str(wait) == str(REMEMBERED_SECONDS - 3)
        assert await token(api, iss="other", sub="other", kid="k2", key="second")
        await api.clock.sleep(wait)
        assert await token(api, now=NOW + wait + 3)


class TestAudiences:
    @pytest.mark.parametrize(
        "audience", [ADDRESS, f"{ADDRESS}/", f"{ADDRESS}/token", ["urn:x", ADDRESS]], ids=str
    )
    async def test_are_the_address_asked_at(self, audience: Any) -> None:
        assert await token(asked(), aud=audience)

    async def test_are_what_a_proxy_says_it_was_asked_at(self) -> None:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "Events.acme.com"}
        body = form(assertion(aud="https://events.acme.com:443"))
        assert (await post(asked(), body, **headers)).status == 200

    async def test_are_the_public_url_and_then_no_other(self) -> None:
        api = asked(front=Front.of((), "https://events.acme.com/gs", None))
        assert await token(api, aud="https://events.acme.com/gs")
        refused = await post(api, form(assertion()))
        assert (refused.status, refused.json["error"]) == (401, "invalid_client")
        assert "https://events.acme.com/gs" in refused.json["error_description"]

    async def test_are_those_that_the_source_names_and_then_no_other(self) -> None:
        oauth = OAuth((client_key(),), audiences=("https://auth.acme.com", "http://gainstage:8080"))
        api = asked(dataclasses.replace(SITE, oauth=oauth))
        for audience in oauth.audiences:
            assert await token(api, aud=audience)
        assert (await post(api, form(assertion()))).status == 401


class TestRequests:
    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({"grant_type": None}, "unsupported_grant_type"),
            ({"client_assertion_type": "urn:other"}, "invalid_request"),
            ({"client_assertion": None}, "invalid_request"),
            ({"scope": "tracking_api:read"}, "invalid_scope"),
            ({"scope": "tracking_api:write public_api"}, "invalid_scope"),
        ],
    )
    async def test_that_are_not_filled_in_right_are_400(self, changed: Any, error: str) -> None:
        answer = await post(asked(), form(assertion(), **changed))
        assert (answer.status, answer.json["error"]) == (400, error)

    @pytest.mark.parametrize(
        "body",
        [b"\xff", b'{"grant_type":"client_credentials"}', b"&".join([b"a=b"] * 200), b""],
        ids=["no text", "json", "many", "empty"],
    )
    async def test_that_are_no_form_are_400(self, body: bytes) -> None:
        answer = await post(asked(), body)
        assert answer.status == 400
        assert answer.json["error"] and answer.json["error_description"]

    async def test_that_say_one_thing_twice_are_400(self) -> None:
        answer = await post(asked(), form(assertion()) + b"&scope=tracking_api:write")
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")

    async def test_may_leave_out_the_scope_and_name_the_client(self) -> None:
        assert (await post(asked(), form(assertion(), scope=None, client_id="backend"))).status == 200
        assert (await post(asked(), form(assertion(), client_id="other"))).status == 401

    async def test_are_taken_as_the_sdks_write_them(self) -> None:
        body = (
            "grant_type=client_credentials&client_assertion_type="
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer&"
            f"client_assertion={assertion()}&scope=tracking_api:write"
        )
        assert (await asked().ask("//token", body.encode(), {"Host": "127.0.0.1:8080"})).status == 200

    async def test_that_are_too_large_are_413(self) -> None:
        api = asked()
        big = form(assertion(), more="x" * BODY_BYTES)
        for headers in ({}, {"Content-Length": str(len(big))}):
            answer = await post(api, big, **headers)
            assert (answer.status, answer.json["error"]) == (413, "invalid_request")

    async def test_with_a_broken_length_hear_it_in_the_form_of_oauth(self) -> None:
        answer = await post(asked(), b"", **{"Content-Length": "x"})
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")
        assert answer.headers["connection"] == "close"

    async def test_wait_while_a_source_cannot_be_read(self) -> None:
        for api in (asked(PLAIN, complete=lambda: False), asked(complete=lambda: False)):
            answer = await post(api, form(assertion(iss="lost", sub="lost")))
            assert (answer.status, answer.json["error"]) == (429, "temporarily_unavailable")
            assert answer.headers["x-ratelimit-reset"] == "5"

    async def test_get_nothing_where_no_source_has_oauth(self) -> None:
        answer = await post(asked(PLAIN), form(assertion()))
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")

    async def test_leave_no_assertion_and_no_token_in_the_logs(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        api = asked()
        caplog.set_level(logging.DEBUG)
        signed = assertion()
        given = await post(api, form(signed))
        await post(api, form(signed))
        await send(api, given.json["access_token"])
        await send(api, "nonsense")
        said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
        for secret in (signed, given.json["access_token"], "nonsense"):
            assert secret not in said


def test_a_server_without_oauth_loads_nothing_for_it() -> None:
    program = """
import sys
from gainstage.app import serving, worker
from gainstage.configuration import resolve
from gainstage.configuration.document import Document
body = {"name": "site", "kind": "server", "write_key": "site-key"}
resolve([Document("source", "site", "file", body)], {})
print(sorted({"jwt", "cryptography"} & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
