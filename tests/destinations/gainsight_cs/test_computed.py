"""Audiences and computed traits as fields of Person and Company."""

from typing import Any

import pytest

from gainstage.computed import computed_by
from gainstage.destination import Planned
from gainstage.event import Event, Identity
from gainstage.operation import Upsert
from gainstage.outcome import Filtered, Parked
from gainstage.testing.driving import deliver
from tests.destinations.computed_calls import group, identify
from tests.destinations.sandboxed import CS, Sandbox, cs_settings, everything_arrived

FIELDS = {
    "person_fields": {"power_users": "Power_User__gc", "revenue_90_days": "Revenue__gc"},
    "company_fields": {"groupId": "Ext__gc", "power_users": "Power_Users__gc"},
}
ANN = Identity(email="ann@acme.test")


def planned(event: Event, identity: Identity = ANN, **settings: Any) -> Planned:
    found = CS.settings(domain="acme", access_key="key", **{**FIELDS, **settings})
    computed, plan = computed_by(event), CS.plan_computed
    assert computed is not None and plan is not None
    return plan(found, event, computed, identity, None)


def fields(plan: Planned) -> dict[str, Any]:
    assert isinstance(plan.plan, tuple)
    [operation] = plan.plan
    assert isinstance(operation, Upsert)
    return operation.fields


def test_a_member_is_one_field_of_a_person() -> None:
    assert fields(planned(identify("power_users", True))) == {
        "Email": "ann@acme.test",
        "Power_User__gc": True,
    }
    assert fields(planned(identify("power_users", False)))["Power_User__gc"] is False
    assert fields(planned(identify("revenue_90_days", 12.5)))["Revenue__gc"] == 12.5


def test_the_email_known_now_goes_before_the_one_that_the_call_brings() -> None:
    call = identify("power_users", True, email="old@acme.test")
    assert fields(planned(call))["Email"] == "ann@acme.test"
    assert fields(planned(call, Identity()))["Email"] == "old@acme.test"
    assert isinstance(planned(identify("power_users", True), Identity()).plan, Parked)


def test_a_key_that_is_the_name_of_a_built_in_trait_writes_its_own_field_only() -> None:
    own = {"person_fields": {"location": "Where__gc"}, "company_fields": {"employees": "Many__gc"}}
    person = fields(planned(identify("location", "Bern"), **own))
    assert person == {"Email": "ann@acme.test", "Where__gc": "Bern"}
    assert fields(planned(group("employees", 3), **own)) == {"Name": "Acme", "Many__gc": 3}


def test_an_account_is_a_field_of_its_company_without_anybodys_email() -> None:
    assert fields(planned(group("power_users", True))) == {"Name": "Acme", "Power_Users__gc": True}
    told = fields(planned(group("power_users", True), company_match=["Ext__gc", "name"]))
    assert told == {"[exists]": "Acme", "Ext__gc": "g-1", "Power_Users__gc": True}


@pytest.mark.parametrize("call", [identify, group], ids=["person", "account"])
def test_what_nothing_maps_is_filtered_and_the_setting_named(call: Any) -> None:
    plan = planned(call("nobody", True)).plan
    assert isinstance(plan, Filtered) and plan.code == "computation_unmapped"
    assert "_fields" in plan.detail and "'nobody'" in plan.detail


def test_a_value_that_goes_away_is_null_or_stays() -> None:
    gone = identify("revenue_90_days", None)
    assert fields(planned(gone)) == {"Email": "ann@acme.test", "Revenue__gc": None}
    assert fields(planned(group("power_users", None)))["Power_Users__gc"] is None
    kept = planned(gone, when_value_gone="keep").plan
    assert isinstance(kept, Filtered) and kept.code == "value_kept"
    never = planned(gone, field_rules={"Revenue__gc": "never"}).plan
    assert isinstance(never, Filtered) and never.code == "nothing_mapped"


def test_values_arrive_and_go_away_at_gainsight(sandbox: Sandbox) -> None:
    settings = cs_settings(sandbox, **FIELDS)
    for event in (
        identify("revenue_90_days", 7),
        group("power_users", True),
        identify("revenue_90_days", None),
    ):
        computed, plan = computed_by(event), CS.plan_computed
        assert computed is not None and plan is not None
        everything_arrived(deliver(CS, settings, plan(settings, event, computed, ANN, None), sandbox))
    [person], [company] = sandbox.state["cs"]["people"], sandbox.state["cs"]["companies"]
    assert person.get("Revenue__gc") is None
    assert (company["Name"], company["Power_Users__gc"]) == ("Acme", True)
