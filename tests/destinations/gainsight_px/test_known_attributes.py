"""Attributes that are known of a record go along with those that change, but not those mapped no more."""

from typing import Any

import msgspec

from gainstage.destination import Response, Work
from gainstage.destinations import registry
from gainstage.operation import Record
from gainstage.outcome import Delivered
from gainstage.testing.driving import drive
from tests.destinations.sandboxed import Sandbox

PX = registry.load("gainsight_px")


def configured(**settings: Any) -> Any:
    return PX.settings(**{"api_key": "key", "product_tag_key": "AP-ABC-2", **settings})


def user(fields: dict[str, Any], **known: Any) -> Work:
    given = {"identifyId": "u-1", **known, **fields}
    return Work("upsert", Record("user", "id:u-1"), fields, given, {"exists": True})


def test_an_attribute_that_is_deleted_and_mapped_no_more_spoils_no_later_update(sandbox: Sandbox) -> None:
    sandbox.seed(px={"users": [{"identifyId": "u-1"}], "attributes": {"user": [{"apiName": "tier"}]}})
    settings = configured(api_url=sandbox.url, user_attributes={"plan": "tier", "n": "kept"})
    work = user({"customAttributes.tier": "Gold"}, **{"customAttributes.gone": "x"})
    (outcome,) = drive(PX, settings, [work], sandbox).outcomes
    assert outcome == Delivered()
    (stored,) = sandbox.state["px"]["users"]
    assert stored["customAttributes"] == {"tier": "Gold"}


def test_an_attribute_known_in_two_spellings_is_sent_in_the_one_that_changed() -> None:
    settings = configured(user_attributes={"plan": "Tier", "n": "seats"})
    known = {"customAttributes.Tier": "Old", "customAttributes.tier": "New", "customAttributes.seats": 1}
    for fields, wanted in (
        ({"customAttributes.tier": "Newest"}, {"tier": "Newest", "seats": 1}),
        ({"customAttributes.seats": 2}, {"seats": 2}),
    ):
        driven = drive(PX, settings, [user(fields, **known)], lambda request: Response(204, {}, b""))
        (request,) = driven.requests
        assert msgspec.json.decode(request.body)["customAttributes"] == wanted
