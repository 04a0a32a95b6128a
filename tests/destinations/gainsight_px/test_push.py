"""`mode: segment_push`: whole messages, with the tag key, to the address where PX takes Segment's."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gainstage.configuration.schema import schema
from gainstage.destination import Response
from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.operation import Append, Record
from gainstage.outcome import Blocked, Delivered, Filtered, Outcome, Rejected, Retry
from gainstage.testing.driving import Driven, deliver, event_of
from tests.destinations.px_living import Scene, group, identify, message, track
from tests.destinations.sandboxed import Sandbox, everything_arrived
from tests.destinations.transcripts import example

PX = registry.load("gainsight_px")
PUSH = {"mode": "segment_push", "product_tag_key": "AP-ABC-2"}
TRACK = {"type": "track", "event": "Signed In", "properties": {"plan": "pro"}}


def settings(**more: Any) -> Any:
    return PX.settings(**{**PUSH, **more})


def send(given: dict[str, Any], vendor: Any, **more: Any) -> Driven:
    configured = settings(**more)
    [driven] = deliver(PX, configured, PX.plan(configured, event_of(given), Identity(), None), vendor)
    return driven


def outcome_of(status: int, body: Any) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return send(TRACK, lambda request: Response(status, {}, content)).outcomes[0]


def test_the_message_goes_as_it_is() -> None:
    given = {**TRACK, "messageId": "m-7", "userId": "u-1", "context": {"ip": "1.2.3.4"}, "extra": [1]}
    event = event_of(given)
    [operation] = PX.plan(settings(), event, Identity(), None).plan
    assert operation == Append(Record("user", "id:u-1"), event.message, "Signed In")
    [request] = send(given, PX.pretend).requests
    sent = json.loads(request.body)
    assert {name: sent[name] for name in given} == given


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("US", "https://segment-esp.aptrinsic.com"),
        ("EU", "https://segment-esp-eu.aptrinsic.com"),
        ("US2", "https://segment-esp-us2.aptrinsic.com"),
    ],
)
def test_it_goes_to_the_address_of_the_data_center_with_the_first_tag_key(region: str, host: str) -> None:
    keys = ["AP-ABC-2", "AP-DEF-2"]
    [request] = send(TRACK, PX.pretend, data_center=region, product_tag_key=keys).requests
    assert (request.method, request.url) == ("POST", f"{host}/rte/segmentio/v1/push")
    kind, _, encoded = request.headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(encoded)) == ("Basic", b"AP-ABC-2:")
    assert request.secret_headers == ("Authorization",) and not request.repeatable


@pytest.mark.parametrize("name", ["ex-9", "ex-10", "ex-11", "ex-12"])
def test_the_examples_arrive(sandbox: Sandbox, name: str) -> None:
    driven = send(example(name), sandbox, api_url=sandbox.url)
    everything_arrived([driven])
    assert len(driven.requests) == 1
    found = sandbox.state["px"]
    assert found["users"] or found["events"]


def test_page_and_screen_calls_go_where_they_are_switched_on() -> None:
    for kind in ("page", "screen"):
        event = event_of({"type": kind, "name": "Home"})
        off = PX.plan(settings(), event, Identity(), None).plan
        assert isinstance(off, Filtered) and off.code == "type_not_selected"
        on = PX.plan(settings(**{f"{kind}_events": True}), event, Identity(), None).plan
        assert on == (Append(Record("user", "id:u-1"), event.message),)
    alias = PX.plan(settings(), event_of({"type": "alias", "previousId": "x"}), Identity(), None).plan
    assert isinstance(alias, Filtered) and alias.code == "type_unsupported"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {}, Delivered),
        (200, {"status": "ok"}, Delivered),
        (200, b"", Retry),
        (200, b"<html></html>", Retry),
        (200, b'{"a', Retry),
        (200, [], Retry),
        (200, {"errorMessage": "no"}, Rejected),
        (200, {"error": "no"}, Rejected),
        (400, {"message": "The body must be a Segment message."}, Rejected),
        (401, {"message": "Unable to authenticate key 'AP-ABC-2': Unknown subscription"}, Blocked),
        (403, b"<html></html>", Retry),
        (404, b"<html></html>", Blocked),
        (500, {}, Retry),
    ],
)
def test_what_an_answer_means(status: int, body: Any, kind: type) -> None:
    outcome = outcome_of(status, body)
    assert isinstance(outcome, kind), outcome
    if status in (400, 401):
        assert not isinstance(outcome, Delivered) and body["message"] in outcome.detail


def test_messages_of_a_user_arrive_in_order_and_refused_credentials_hold_them(tmp_path: Path) -> None:
    scene = Scene(tmp_path, {**PUSH, "api_key": None}, refused_keys=["AP-ABC-2"])
    messages = [
        identify("u-1", email="ann@acme.test"),
        track("A", "u-1"),
        group("g-1", "u-1", name="Acme"),
        track("B", "u-1"),
        message("page", name="Home"),
    ]
    scene.play(messages)
    assert {word for word, _, _ in scene.outcomes(messages[:4])} == {"pending"}
    scene.sandbox.behaviour.set({"refused_keys": []})
    scene.play([track("C", "u-1")], seconds=1200)
    assert scene.words(messages) == ["delivered"] * 4 + ["filtered type_not_selected"]
    assert scene.events == ["A", "B", "C"]
    assert (scene.users["u-1"]["email"], scene.users["u-1"]["accountId"]) == ("ann@acme.test", "g-1")
    assert scene.accounts["g-1"]["name"] == "Acme"
    sent = [call for call in scene.calls() if not call.endswith(" 401")]
    assert sent == ["POST /rte/segmentio/v1/push 200"] * 5


def test_only_the_rest_api_needs_an_api_key() -> None:
    assert settings().key == ""
    for given in ({}, {"mode": "rest"}):
        with pytest.raises(ValidationError) as caught:
            PX.settings(product_tag_key="AP-ABC-2", **given)
        assert [error["loc"] for error in caught.value.errors()] == [("api_key",)]


def test_editors_are_told_so_and_that_one_tag_key_is_enough() -> None:
    form = schema()["$defs"]["PxSettings"]
    assert form["if"] == {"properties": {"mode": {"const": "rest"}}}
    assert form["then"] == {"required": ["api_key"]} and form["required"] == ["product_tag_key"]
    assert {"type": "string"} in form["properties"]["product_tag_key"]["anyOf"]


def test_what_has_no_effect_is_warned_of() -> None:
    assert not PX.warnings(settings())
    found = PX.warnings(
        settings(
            api_key="k",
            product_tag_key=["AP-ABC-2", "AP-DEF-2"],
            user_attributes={"a": "b"},
            account_attributes={"a": "b"},
            global_context={"a": 1},
            view_names="own",
            deny_list="ask",
            resend_unchanged_after="1d",
        )
    )
    assert {finding.level for finding in found} == {"warning"}
    assert [finding.setting for finding in found] == [
        "product_tag_key", "api_key", "user_attributes", "account_attributes", "global_context",
        "view_names", "deny_list", "resend_unchanged_after",
    ]  # fmt: skip
    assert "AP-ABC-2" in found[0].message


def test_region_and_tag_key_are_the_tenant_and_its_budget_is_its_own() -> None:
    tenants = {
        PX.tenant(settings()),
        PX.tenant(settings(product_tag_key="AP-DEF-2")),
        PX.tenant(settings(data_center="EU")),
        PX.tenant(settings(api_url="https://p.test")),
        PX.tenant(PX.settings(api_key="AP-ABC-2", product_tag_key="AP-ABC-2")),
    }
    assert len(tenants) == 5
    assert PX.tenant(settings(api_key="k")) == PX.tenant(settings())
    assert {budget.family for budget in PX.budgets(settings())} == {"px_push"}
    assert {budget.family for budget in PX.budgets(PX.settings(api_key="k", product_tag_key="AP-A-2"))} == {
        "px"
    }
