"""The tenant's attributes, read from the vendor or from a document, and by them delivered to it."""

from typing import Any

import pytest

from gainstage.app.fields import read_content
from gainstage.destination import Finding, Request, Response
from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.schema import Field, Schema
from gainstage.testing.driving import deliver, event_of
from tests.destinations.sandboxed import Sandbox, everything_arrived

PX = registry.load("gainsight_px")


def configured(**settings: Any) -> Any:
    return PX.settings(**{"api_key": "key", "product_tag_key": "AP-ABC-2", **settings})


def described(vendor: Any, settings: Any) -> list[Any]:
    """What describe yields beside its requests, and how many those were."""
    assert PX.doctor is not None
    conversation, found, calls = PX.doctor.describe(settings), [], 0
    item = next(conversation, None)
    while item is not None:
        try:
            if isinstance(item, Request):
                calls += 1
                item = conversation.send(vendor(item))
            else:
                found.append(item)
                item = next(conversation)
        except StopIteration:
            break
    return [*found, calls]


def of_sandbox(sandbox: Sandbox, **more: Any) -> Any:
    return configured(api_url=sandbox.url, **more)


@pytest.mark.parametrize("form", ["list", "attributes", "content"])
def test_the_attributes_are_read_in_two_calls_whatever_holds_the_list(sandbox: Sandbox, form: str) -> None:
    sandbox.behave(px_attribute_list=form)
    seats = {"apiName": "seats", "name": "Seats used", "internalName": "cust_7", "type": "NUMBER"}
    off = {"apiName": "role", "origin": "DEFAULT", "state": "DISABLED"}
    again = [{"apiName": "tier", "type": "NUMBER", "state": "DELETED"}, {"apiName": "tier", "type": "STRING"}]
    sandbox.seed(px={"attributes": {"user": [seats, off, *again], "account": [{"apiName": "plan"}]}})
    found, calls = described(sandbox, of_sandbox(sandbox))
    assert (calls, [one.name for one in found.objects]) == (2, ["user", "account"])
    user, account = found.objects
    assert user.field("seats") == Field("seats", "NUMBER", "Seats used", custom=True, alias="cust_7")
    assert (user.field("role").state, user.field("role").custom) == ("DISABLED", False)
    assert (user.field("tier").type, user.field("tier").enabled) == ("STRING", True), "the one in use"
    assert user.field("signUpDate").type == "DATE_TIME" and user.field("sfdcContactId") is None
    assert account.field("plan").custom is True, "of two of one name the tenant's own"


@pytest.mark.parametrize("turn", [1, -1])
def test_of_rows_of_one_name_the_one_in_use_counts_and_then_the_tenants_own(turn: int) -> None:
    own = {"apiName": "x", "origin": "CUSTOM", "type": "NUMBER"}
    rows = [
        {**own, "state": "DELETED", "type": "STRING"},
        own,
        {"apiName": "x", "origin": "DEFAULT", "type": "STRING"},
    ][::turn]
    assert PX.doctor is not None
    (user,) = PX.doctor.read({"user": rows}).objects
    assert user.fields == (Field("x", "NUMBER", custom=True),)


def test_in_mode_segment_push_nothing_is_asked_judged_or_said_to_be_written() -> None:
    settings = PX.settings(product_tag_key="AP-ABC-2", mode="segment_push")
    found, calls = described(None, settings)
    assert (found.level, found.setting, calls) == ("ok", "mode", 0)
    assert PX.doctor is not None
    assert PX.doctor.uses(settings) == PX.doctor.examine(settings, Schema(())) == ()


@pytest.mark.parametrize("form", ["401_json", "401_text", "403_html"])
def test_a_refused_key_is_told_after_one_call(sandbox: Sandbox, form: str) -> None:
    sandbox.behave(px_auth_refusal=form, refused_keys=["key"])
    found, calls = described(sandbox, of_sandbox(sandbox))
    assert (found.level, calls) == ("warning", 1)
    assert found.message.startswith("The tenant's attributes could not be read (HTTP 40")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"[1]", b"{}", b'{"attributes":{}}', b'[{"name":"x"}]', b'"x"']
)
def test_an_answer_that_lists_nothing_is_told(body: bytes) -> None:
    found, _ = described(lambda request: Response(200, {}, body), configured())
    assert isinstance(found, Finding) and found.level == "warning"
    assert found.message.startswith("The tenant's attributes could not be read")


def test_half_of_the_attributes_is_none_of_them(sandbox: Sandbox) -> None:
    sandbox.fault(fault="status", status=500, path="/v1/admin/model/account/attributes")
    found, calls = described(sandbox, of_sandbox(sandbox))
    assert isinstance(found, Finding) and calls == 2 and "HTTP 500" in found.message


def test_the_replies_saved_together_are_a_list_too(sandbox: Sandbox) -> None:
    sandbox.seed(px={"attributes": {"user": [{"apiName": "seats", "type": "NUMBER"}]}})
    found, _ = described(sandbox, of_sandbox(sandbox))
    replies = (
        f'"{kind}": {sandbox.client.get(f"/v1/admin/model/{kind}/attributes", headers={KEY: "key"}).text}'
        for kind in ("user", "account")
    )
    assert PX.doctor is not None
    assert read_content(f"{{{','.join(replies)}}}".encode(), PX.doctor) == found


KEY = "X-APTRINSIC-API-KEY"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"apiName": "seats", "name": "Seats"}]', 'form {"user": [...], "account": [...]}'),
        (b'{"user": [{"name": "Seats"}]}', "lists no attributes of users with an `apiName`"),
    ],
)
def test_what_does_not_say_whose_attributes_it_lists_is_no_list(content: bytes, told: str) -> None:
    assert PX.doctor is not None
    with pytest.raises(ValueError) as caught:
        read_content(content, PX.doctor)
    assert told in str(caught.value)


# under each behaviour of the vendor


@pytest.mark.parametrize("disabled", ["reject", "ignore", "accept"])
@pytest.mark.parametrize("unknown", ["reject", "ignore"])
def test_what_fits_the_attributes_arrives_whatever_the_vendor_does_with_the_others(
    sandbox: Sandbox, disabled: str, unknown: str
) -> None:
    sandbox.behave(px_disabled_attribute=disabled, px_unknown_attribute=unknown)
    rows = [
        {"apiName": "Plan_Tier", "type": "STRING"},
        {"apiName": "beta", "type": "BOOLEAN"},
        {"apiName": "role", "origin": "DEFAULT", "state": "DISABLED"},
    ]
    sandbox.seed(px={"attributes": {"user": rows}})
    settings = of_sandbox(sandbox, user_attributes={"plan": "plan_tier", "beta": "beta"})
    known, _ = described(sandbox, settings)
    traits = {"plan": 5, "beta": "no", "role": "admin", "title": "CTO"}
    event = event_of({"type": "identify", "traits": traits})
    everything_arrived(deliver(PX, settings, PX.plan(settings, event, Identity(), known), sandbox))
    (user,) = sandbox.state["px"]["users"]
    assert user["customAttributes"] == {"Plan_Tier": "5", "beta": False}
    assert user["title"] == "CTO" and "role" not in user
