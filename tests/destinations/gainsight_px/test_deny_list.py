"""`deny_list`: PX drops the events of denied users itself, or is asked before they are sent."""

from pathlib import Path
from typing import Any

import pytest

from gainstage.destination import CallFailed, Request, Response, Work
from gainstage.destinations import registry
from gainstage.operation import Record
from gainstage.outcome import Blocked, Delivered, Filtered, Retry
from gainstage.testing.driving import NOON_US, Driven, drive
from tests.destinations.px_living import Scene, identify, track
from tests.destinations.sandboxed import Sandbox

PX = registry.load("gainsight_px")
DAY_US = 86_400_000_000
ASK = {"deny_list": "ask"}


def send(vendor: Any, key: str = "u-1", facts: dict[str, Any] | None = None, **more: Any) -> Driven:
    """Have one custom event sent."""
    address = vendor.url if isinstance(vendor, Sandbox) else "https://vendor.test"
    given = {"api_key": "key", "product_tag_key": "AP-ABC-2", "api_url": address, **ASK, **more}
    time_us = given.pop("time_us", NOON_US)
    event = {"eventName": "A", "identifyId": key, "propertyKey": "AP-ABC-2", "userType": "USER"}
    work = Work("append", Record("user", f"id:{key}"), event, facts=facts or {}, time_us=time_us)
    return drive(PX, PX.settings(**given), [work], vendor)


def deny(sandbox: Sandbox, user: str) -> None:
    sandbox.seed(px={"users": [{"identifyId": user}], "denied": [user]})


def test_by_default_px_is_not_asked_and_drops_the_event_itself(sandbox: Sandbox) -> None:
    deny(sandbox, "u-1")
    driven = send(sandbox, deny_list="left_to_px")
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered] and len(driven.requests) == 1
    assert sandbox.state["px"]["events"] == []


def test_a_denied_users_event_is_filtered_and_not_sent(sandbox: Sandbox) -> None:
    deny(sandbox, "u-1")
    driven = send(sandbox)
    [outcome] = driven.outcomes
    assert isinstance(outcome, Filtered) and outcome.code == "user_denied"
    assert [request.url.removeprefix(sandbox.url) for request in driven.requests] == [
        "/v1/users/denylist/u-1"
    ]
    assert driven.settled[0].facts == {"denied": True, "denied_asked_us": NOON_US}


@pytest.mark.parametrize("status", ["404", "400", "200"])
def test_a_user_that_px_does_not_have_is_not_denied(sandbox: Sandbox, status: str) -> None:
    sandbox.behave(px_denied_unknown_user=status)
    driven = send(sandbox)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered] and len(driven.requests) == 2
    assert driven.settled[0].facts == {"denied": False, "denied_asked_us": NOON_US}


@pytest.mark.parametrize(("hours", "calls"), [(0, 1), (23, 1), (24, 2), (48, 2), (-23, 1), (-24, 2)])
def test_px_is_asked_again_a_day_later_by_the_events_time(sandbox: Sandbox, hours: int, calls: int) -> None:
    facts = {"denied": False, "denied_asked_us": NOON_US}
    driven = send(sandbox, facts=facts, time_us=NOON_US + hours * 3_600_000_000)
    assert len(driven.requests) == calls


def test_of_a_user_that_is_known_to_be_denied_no_call_is_made(sandbox: Sandbox) -> None:
    driven = send(sandbox, facts={"denied": True, "denied_asked_us": NOON_US - 1})
    assert [type(outcome) for outcome in driven.outcomes] == [Filtered] and not driven.requests


@pytest.mark.parametrize("key", ["a/b", "denylist", "..", "x" * 300])
def test_ids_that_cannot_be_asked_about_are_left_to_px(sandbox: Sandbox, key: str) -> None:
    driven = send(sandbox, key)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered] and len(driven.requests) == 1


def test_a_key_that_may_not_read_blocks_where_px_is_to_be_asked(sandbox: Sandbox) -> None:
    sandbox.behave(px_write_only_keys=["key"])
    [outcome] = send(sandbox).outcomes
    assert isinstance(outcome, Blocked) and "Read" in outcome.detail
    assert sandbox.state["px"]["events"] == []


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_key_blocks_in_whatever_status_it_is_told(status: int) -> None:
    said = b"Authentication failed in loginAwareAuthentication"
    driven = send(lambda request: Response(status, {}, said))
    [outcome] = driven.outcomes
    assert isinstance(outcome, Blocked) and outcome.code == "credentials_refused"
    assert len(driven.requests) == 1, "no event is sent after it"


@pytest.mark.parametrize("body", [b"{}", b'{"denied":"yes"}', b"<html></html>", b'{"den', b""])
def test_an_answer_that_does_not_say_is_asked_for_again(body: bytes) -> None:
    [outcome] = send(lambda request: Response(200, {}, body)).outcomes
    assert isinstance(outcome, Retry)


def test_a_question_without_an_answer_leaves_nothing_in_doubt() -> None:
    def vendor(request: Request) -> Response:
        assert request.method == "GET" and request.repeatable
        raise CallFailed("timeout", "no answer", sent=True)

    assert send(vendor).failed == {0}


def test_the_answer_is_kept_with_the_user_for_a_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ASK)
    scene.sandbox.seed({"px": {"users": [{"identifyId": "u-2"}], "denied": ["u-2"]}})
    first = [
        identify("u-1", title="CTO"),
        track("A", "u-1"),
        track("B", "u-1"),
        track("A", "u-2"),
        track("B", "u-2"),
    ]
    scene.play(first)
    assert scene.words(first) == ["delivered"] * 3 + ["filtered user_denied"] * 2
    assert scene.events == ["A", "B"]
    asked = [call for call in scene.calls() if "denylist" in call]
    assert sorted(asked) == ["GET /v1/users/denylist/u-1 200", "GET /v1/users/denylist/u-2 200"]
    scene.sandbox.px.denied.clear()
    later = [track("C", "u-2", timestamp="2025-12-31T00:00:00Z"), identify("u-2", title="CEO")]
    scene.play(later)
    assert scene.words(later) == ["delivered"] * 2 and scene.events == ["A", "B", "C"]


def test_a_denied_user_is_still_written_and_its_other_lane_goes_on(tmp_path: Path) -> None:
    """The deny list is about events."""
    scene = Scene(tmp_path, ASK)
    scene.sandbox.seed({"px": {"users": [{"identifyId": "u-1"}], "denied": ["u-1"]}})
    messages = [track("A"), identify(title="CTO"), track("B"), identify(title="CEO")]
    scene.play(messages)
    assert scene.words(messages)[::2] == ["filtered user_denied"] * 2
    assert scene.users["u-1"]["title"] == "CEO" and not scene.events
