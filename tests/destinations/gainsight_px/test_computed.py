"""Audiences and computed traits as attributes of users and accounts, which they do not make."""

from typing import Any

import pytest

from gainstage.computed import computed_by
from gainstage.destination import Planned, Work
from gainstage.destinations import registry
from gainstage.event import Event, Identity
from gainstage.operation import Append, Upsert
from gainstage.outcome import Delivered, Filtered, Parked
from gainstage.testing.driving import Driven, drive
from tests.destinations.computed_calls import group, identify
from tests.destinations.sandboxed import Sandbox

PX = registry.load("gainsight_px")
ATTRIBUTES = {
    "user_attributes": {"power_users": "power_user", "revenue_90_days": "revenue"},
    "account_attributes": {"power_users": "power_users"},
}
DECLARED = [
    {"apiName": "power_user", "type": "BOOLEAN"},
    {"apiName": "power_users", "type": "BOOLEAN"},
    {"apiName": "revenue", "type": "NUMBER"},
]
IN_EVERY_WAY = [(absent, known) for absent in ("404", "400") for known in (False, True)]


def planned(event: Event, url: str = "http://127.0.0.1:1", **given: Any) -> Planned:
    keys = {"api_key": "key"} if "mode" not in given else {}
    attributes = ATTRIBUTES if "mode" not in given else {}
    settings = PX.settings(api_url=url, product_tag_key="AP-ABC-2", **{**keys, **attributes, **given})
    computed, plan = computed_by(event), PX.plan_computed
    assert computed is not None and plan is not None
    return plan(settings, event, computed, Identity(), None)


def send(sandbox: Sandbox, event: Event, **facts: Any) -> Driven:
    plan = planned(event, sandbox.url).plan
    assert isinstance(plan, tuple)
    [operation] = plan
    assert isinstance(operation, Upsert)
    settings = PX.settings(api_url=sandbox.url, product_tag_key="AP-ABC-2", api_key="key", **ATTRIBUTES)
    work = Work("upsert", operation.record, operation.fields, operation.fields, facts)
    return drive(PX, settings, [work], sandbox)


def test_a_value_is_one_attribute() -> None:
    for event, wanted in (
        (identify("power_users", True), {"customAttributes.power_user": True}),
        (group("power_users", False), {"customAttributes.power_users": False}),
        (identify("revenue_90_days", None), {"customAttributes.revenue": None}),
    ):
        plan = planned(event).plan
        assert isinstance(plan, tuple) and isinstance(plan[0], Upsert)
        assert plan[0].fields == wanted


def test_what_is_not_mapped_or_kept_says_so() -> None:
    unmapped = planned(identify("nobody", True)).plan
    assert isinstance(unmapped, Filtered) and unmapped.code == "computation_unmapped"
    kept = planned(identify("revenue_90_days", None), when_value_gone="keep").plan
    assert isinstance(kept, Filtered) and kept.code == "value_kept"


def test_segments_path_takes_the_call_as_it_is() -> None:
    plan = planned(identify("nobody", True), mode="segment_push").plan
    assert isinstance(plan, tuple) and isinstance(plan[0], Append)
    assert plan[0].content["traits"] == {"nobody": True}


@pytest.mark.parametrize(("absent", "known"), IN_EVERY_WAY)
@pytest.mark.parametrize("call", [identify, group], ids=["user", "account"])
def test_nobody_is_made_for_a_value(sandbox: Sandbox, call: Any, absent: str, known: bool) -> None:
    """Whatever PX answers to an update of nobody, and whether it was known to be there or not."""
    sandbox.behave(px_absent_put=absent)
    sandbox.seed(px={"attributes": {"user": DECLARED, "account": DECLARED}})
    driven = send(sandbox, call("power_users", True), **({"exists": True} if known else {}))
    [outcome] = driven.outcomes
    assert isinstance(outcome, Parked) and outcome.for_record
    assert driven.settled[0].facts["exists"] is None
    assert not sandbox.state["px"]["users"] and not sandbox.state["px"]["accounts"]


@pytest.mark.parametrize("absent", ["404", "400"])
def test_a_user_whom_px_has_gets_the_value_by_one_call(sandbox: Sandbox, absent: str) -> None:
    sandbox.behave(px_absent_put=absent)
    user = {"identifyId": "u-1", "propertyKeys": ["AP-ABC-2"], "type": "USER"}
    sandbox.seed(px={"attributes": {"user": DECLARED}, "users": [user]})
    driven = send(sandbox, identify("power_users", True))
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered]
    assert len(driven.requests) == 1
    [found] = sandbox.state["px"]["users"]
    assert found["customAttributes"] == {"power_user": True}
