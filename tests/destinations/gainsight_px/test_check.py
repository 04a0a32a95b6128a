"""`check`: what it can tell apart, and that it leaves nothing behind."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from gainstage.destination import CallFailed, Finding, Request, Response
from gainstage.destinations import registry
from gainstage.testing.driving import Vendor
from tests.destinations.sandboxed import Sandbox

PX = registry.load("gainsight_px")
REST = {"api_key": "key", "product_tag_key": "AP-ABC-2"}
PUSH = {"mode": "segment_push", "product_tag_key": "AP-ABC-2"}
EU, US2 = "api-eu.aptrinsic.com", "api-us2.aptrinsic.com"


def run(settings: Any, vendor: Vendor) -> tuple[list[Finding], list[Request]]:
    """What a check found, and what it asked."""
    found: list[Finding] = []
    asked: list[Request] = []
    conversation = PX.check(settings)
    answer: Response | CallFailed | None = None
    while True:
        try:
            item = conversation.throw(answer) if isinstance(answer, CallFailed) else conversation.send(answer)
        except StopIteration:
            return found, asked
        answer = None
        if isinstance(item, Finding):
            found.append(item)
            continue
        assert item.repeatable and not item.works
        asked.append(item)
        try:
            answer = vendor(item)
        except CallFailed as failure:
            answer = failure


def told(settings: Any, vendor: Vendor) -> list[tuple[str, str]]:
    return [(one.level, one.setting) for one in run(settings, vendor)[0]]


def at(sandbox: Sandbox, **given: Any) -> Any:
    return PX.settings(api_url=sandbox.url, **given)


def everywhere(sandbox: Sandbox) -> Callable[[Request], Response]:
    """The sandbox as every data center, told apart by the host's name."""

    def vendor(request: Request) -> Response:
        parts = urlsplit(request.url)
        headers = {**request.headers, "host": parts.netloc}
        url = f"{sandbox.url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        answer = httpx2.request(request.method, url, content=request.body, headers=headers)
        return Response(answer.status_code, dict(answer.headers), answer.content)

    return vendor


@pytest.fixture(autouse=True)
def leaves_nothing_behind(sandbox: Sandbox) -> Any:
    before = sandbox.state["px"]
    yield
    assert sandbox.state["px"] == before


def test_a_good_key_is_accepted_and_may_write(sandbox: Sandbox) -> None:
    found, asked = run(at(sandbox, **REST), sandbox)
    assert [one.level for one in found] == ["ok", "unknown"]
    assert (
        f"accepted by {sandbox.url} (api_url, in place of the data center US) and may write"
        in found[0].message
    )
    assert "tag key is right cannot be known without writing" in found[1].message
    assert [(request.method, request.body) for request in asked] == [("GET", b""), ("POST", b"{}")]


@pytest.mark.parametrize("form", ["401_json", "401_text"])
def test_a_refused_key(sandbox: Sandbox, form: str) -> None:
    sandbox.behave(refused_keys=["key"], px_auth_refusal=form)
    found, asked = run(at(sandbox, **REST), sandbox)
    assert [(one.level, one.setting) for one in found] == [("error", "api_key")] and len(asked) == 1
    assert "Authentication failed" in found[0].message and "key" not in found[0].message.split("key: ")[1]


def test_a_key_of_another_data_center(sandbox: Sandbox) -> None:
    sandbox.behave(px_key_hosts=[f"key@{EU}"])
    found, asked = run(PX.settings(**REST, data_center="US"), everywhere(sandbox))
    assert [(one.level, one.setting) for one in found] == [("error", "api_key"), ("error", "data_center")]
    assert "set `data_center` to EU" in found[1].message
    assert [urlsplit(request.url).netloc for request in asked] == ["api.aptrinsic.com", EU, US2]
    assert told(PX.settings(**REST, data_center="EU"), everywhere(sandbox))[0] == ("ok", "api_key")


def test_a_data_center_that_does_not_answer_keeps_no_other_from_being_asked(sandbox: Sandbox) -> None:
    sandbox.behave(px_key_hosts=[f"key@{US2}"])

    def vendor(request: Request) -> Response:
        if EU in request.url:
            raise CallFailed("unreachable", "no way", sent=False)
        return everywhere(sandbox)(request)

    assert told(PX.settings(**REST), vendor) == [("error", "api_key"), ("error", "data_center")]


def test_a_key_that_may_not_write(sandbox: Sandbox) -> None:
    sandbox.behave(px_read_only_keys=["key"])
    found, _ = run(at(sandbox, **REST), sandbox)
    assert [(one.level, one.setting) for one in found] == [("error", "api_key")]
    assert "may not write; give it the permission Write" in found[0].message


def test_a_key_that_may_not_read_goes_with_a_warning(sandbox: Sandbox) -> None:
    sandbox.behave(px_write_only_keys=["key"])
    assert told(at(sandbox, **REST), sandbox) == [
        ("ok", "api_key"),
        ("warning", "api_key"),
        ("unknown", "product_tag_key"),
    ]
    found, _ = run(at(sandbox, **REST, deny_list="ask"), sandbox)
    assert "`deny_list: ask` has to" in found[1].message


def test_a_key_that_may_do_nothing(sandbox: Sandbox) -> None:
    sandbox.behave(px_write_only_keys=["key"], px_read_only_keys=["key"])
    found, _ = run(at(sandbox, **REST), sandbox)
    assert [(one.level, one.setting) for one in found] == [("error", "api_key")]
    assert "neither read nor write" in found[0].message


def test_a_key_without_the_permission_to_read_is_known_where_it_belongs(sandbox: Sandbox) -> None:
    sandbox.behave(px_key_hosts=[f"key@{EU}"], px_write_only_keys=["key"])
    found, _ = run(PX.settings(**REST), everywhere(sandbox))
    assert [(one.level, one.setting) for one in found] == [("error", "api_key"), ("error", "data_center")]


#: The key is taken, but may perhaps not write.
UNSURE = [("ok", "api_key"), ("warning", "api_key"), ("unknown", "product_tag_key")]


def answering(*answers: tuple[int, bytes]) -> Vendor:
    left = list(answers)
    return lambda request: Response(left[0][0], {}, left.pop(0)[1] if len(left) > 1 else left[0][1])


@pytest.mark.parametrize(
    ("answers", "findings"),
    [
        ([(200, b"<html></html>")], [("error", "data_center")]),
        ([(404, b"<html></html>")], [("error", "data_center")]),
        ([(403, b"<html></html>")], [("error", "data_center")]),
        ([(500, b"{}")], [("error", "data_center")]),
        ([(200, b"{}"), (403, b"<html></html>")], UNSURE),
        ([(200, b"{}"), (503, b"{}")], UNSURE),
        ([(200, b"{}"), (429, b"{}")], UNSURE),
        ([(200, b"{}"), (400, b"Authentication failed")], UNSURE),
    ],
)
def test_what_tells_nothing_of_the_key_is_not_held_against_it(answers: Any, findings: Any) -> None:
    assert told(PX.settings(**REST), answering(*answers)) == findings


def test_with_an_address_of_ones_own_that_is_at_fault(sandbox: Sandbox) -> None:
    wrong = answering((404, b"<html></html>"))
    assert told(at(sandbox, **REST), wrong) == [("error", "api_url")]
    assert told(at(sandbox, **PUSH), wrong) == [("error", "api_url")]


def test_a_tag_key_of_unusual_form_is_a_warning_and_no_refusal(sandbox: Sandbox) -> None:
    settings = at(sandbox, api_key="key", product_tag_key="ABC")
    assert [(one.level, one.setting) for one in PX.warnings(settings)] == [("warning", "product_tag_key")]
    assert {level for level, _ in told(settings, sandbox)} == {"ok", "unknown"}


def test_pushing_an_empty_list_shows_whether_the_tag_key_is_taken(sandbox: Sandbox) -> None:
    found, asked = run(at(sandbox, **PUSH), sandbox)
    assert [(one.level, one.setting) for one in found] == [("ok", "product_tag_key"), ("unknown", "")]
    assert [(request.method, request.body) for request in asked] == [("POST", b"[]")]
    sandbox.behave(refused_keys=["AP-ABC-2"])
    found, _ = run(at(sandbox, **PUSH), sandbox)
    assert [(one.level, one.setting) for one in found] == [("error", "product_tag_key")]
    assert "Unknown subscription" in found[0].message


def test_a_tag_key_of_another_data_center(sandbox: Sandbox) -> None:
    sandbox.behave(px_key_hosts=["AP-ABC-2@segment-esp-us2.aptrinsic.com"])
    found, asked = run(PX.settings(**PUSH), everywhere(sandbox))
    assert [one.setting for one in found] == ["product_tag_key", "data_center"]
    assert "set `data_center` to US2" in found[1].message
    assert {request.body for request in asked} == {b"[]"} and len(asked) == 3


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"{}"), (403, b"<html></html>"), (400, b"<html></html>"), (200, b"")]
)
def test_what_tells_nothing_of_the_tag_key(status: int, body: bytes) -> None:
    assert told(PX.settings(**PUSH), answering((status, body))) == [("error", "data_center")]
