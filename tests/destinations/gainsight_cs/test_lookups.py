"""The CSM by e-mail and the parent company by name: what is planned, sent and found, over real HTTP."""

from typing import Any

import pytest

from gainstage.destination import Request, Response, Work
from gainstage.event import Identity
from gainstage.operation import Record
from gainstage.outcome import Parked, Rejected
from gainstage.testing.driving import deliver, drive, event_of
from tests.destinations.gainsight_cs.lookups import (
    ANN,
    BOTH,
    GSID,
    USER,
    company,
    group,
    planned,
    stored,
    tenant,
    writes,
)
from tests.destinations.sandboxed import CS, Sandbox, companies, cs_settings, everything_arrived

# what is planned


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (" Ann@Vendor.test ", "Ann@Vendor.test"),
        (USER, USER),
        ("1P01X", "1P01X"),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_a_csm_is_an_e_mail_or_a_gsid(given: Any, field: Any) -> None:
    fields = planned(group(csm=given), csm_lookup="email").plan[0].fields
    assert fields.get("Csm") == field


@pytest.mark.parametrize(
    "given", ["Ann Lee", "Ann", "ann@", "a b@c.test", "a@b.test, c@d.test", 5, True, ["a"]]
)
def test_a_csm_that_is_neither_fails_the_event_without_a_call(given: Any) -> None:
    plan = planned(group(csm=given), csm_lookup="email").plan
    assert isinstance(plan, Rejected) and (plan.code, plan.fields) == ("value_invalid", ("Csm",))
    assert "Csm needs a user's e-mail (or GSID)" in plan.detail


@pytest.mark.parametrize("given", ["Ann Lee", "ann@vendor.test", 5])
def test_without_the_settings_values_go_as_they_are(given: Any) -> None:
    message = group(csm=given, parentCompany=given)
    fields = planned(message).plan[0].fields
    assert fields == {"Name": "Acme", "Csm": given, "ParentCompany": given}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (" Holding ", "Holding"),
        (GSID, GSID),
        (3, "3"),
        ("ACME", "ACME"),
        ("", None),
        (" ", None),
        (None, None),
    ],
)
def test_a_parent_is_a_name_or_a_gsid(given: Any, field: Any) -> None:
    fields = planned(group(parentCompany=given), parent_lookup="name").plan[0].fields
    assert fields.get("ParentCompany") == field


@pytest.mark.parametrize("given", ["Acme", " Acme ", True])
def test_a_company_is_not_its_own_parent(given: Any) -> None:
    plan = planned(group(parentCompany=given), parent_lookup="name").plan
    assert isinstance(plan, Rejected) and (plan.code, plan.fields) == ("value_invalid", ("ParentCompany",))


def test_other_traits_that_are_mapped_to_the_fields_are_looked_up_too() -> None:
    more = {"company_fields": {"owner": "Csm", "group.holding": "ParentCompany"}, **BOTH}
    fields = planned(group(owner=" a@b.test ", group={"holding": " Holding "}), **more).plan[0].fields
    assert fields == {"Name": "Acme", "Csm": "a@b.test", "ParentCompany": "Holding"}


def test_a_field_that_is_never_written_is_not_judged() -> None:
    rules = {"Csm": "never", "ParentCompany": "never"}
    fields = planned(group(csm="Ann Lee", parentCompany="Acme"), field_rules=rules, **BOTH).plan[0].fields
    assert fields == {"Name": "Acme"}


@pytest.mark.parametrize(
    ("kind", "field", "trait"),
    [("group", "Employees", "employees"), ("identify", "EmailOptOut", "emailOptOut")],
)
def test_a_value_that_no_such_field_can_hold_does_not_fail_the_event_where_it_is_never_written(
    kind: str, field: str, trait: str
) -> None:
    message = {"type": kind, "traits": {"name": "Acme", "email": "a@b.test", trait: "perhaps"}}
    message["context"] = {"traits": {"email": "a@b.test"}}
    settings = CS.settings(domain="acme", access_key="key", field_rules={field: "never"})
    plan = CS.plan(settings, event_of(message), Identity()).plan
    assert isinstance(plan, tuple) and field not in plan[0].fields
    settings = CS.settings(domain="acme", access_key="key")
    assert isinstance(CS.plan(settings, event_of(message), Identity()).plan, Rejected)


# what is sent


def test_the_look_ups_stand_beside_the_records_and_preview_shows_them() -> None:
    settings = CS.settings(domain="acme", access_key="key", **BOTH)
    plan = CS.plan(settings, event_of(group(csm="ann@vendor.test", parentCompany="Holding")), Identity())
    driven = deliver(CS, settings, plan, CS.pretend)
    everything_arrived(driven)
    common = {"lookupField": "Gsid", "multiMatchOption": "MARKASERROR", "onNoMatch": "ERROR"}
    assert writes(driven[0].requests) == [
        {
            "records": [{"Name": "Acme", "CSMEmail": "ann@vendor.test", "ParentCompanyName": "Holding"}],
            "lookups": {
                "Csm": {"fields": {"CSMEmail": "Email"}, "objectName": "gsuser", **common},
                "ParentCompany": {"fields": {"ParentCompanyName": "Name"}, "objectName": "Company", **common},
            },
        }
    ]


@pytest.mark.parametrize("absent", ["skip", "refuse"])
@pytest.mark.parametrize("there", [False, True], ids=["inserts", "updates"])
def test_only_records_with_the_same_look_ups_share_a_call(sandbox: Sandbox, absent: str, there: bool) -> None:
    sandbox.behave(cs_lookup_absent=absent)
    names = [f"Company {number:02}" for number in range(30)]
    gsids = tenant(sandbox, "Holding", *(names if there else ()))
    values: list[dict[str, Any]] = [
        {},
        {"Csm": "ann@vendor.test"},
        {"ParentCompany": "Holding"},
        {"Csm": "ann@vendor.test", "ParentCompany": "Holding"},
        {"Csm": USER},
        {"Csm": USER, "ParentCompany": GSID},
    ]
    works = [company(name, Employees=1, **values[at % 6]) for at, name in enumerate(names)]
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox)
    everything_arrived([driven])
    assert len(writes(driven.requests)) == 6
    for at, name in enumerate(names):
        row = stored(sandbox)[name]
        parent = {"Holding": gsids["Holding"]}.get(values[at % 6].get("ParentCompany", ""))
        assert row.get("Csm") == (USER if "Csm" in values[at % 6] else None)
        assert row.get("ParentCompany") == (parent or values[at % 6].get("ParentCompany"))


# rules for fields


@pytest.mark.parametrize("there", [False, True], ids=["empty", "filled"])
def test_an_owner_is_only_filled_in_where_there_is_none(sandbox: Sandbox, there: bool) -> None:
    values = {"Csm": "1P01OLD", "ParentCompany": "1P02OLD"} if there else {}
    sandbox.seed(
        cs={
            "objects": {"gsuser": [ANN]},
            "companies": [{"Name": "Acme", **values}, {"Gsid": GSID, "Name": "Holding"}],
        }
    )
    settings = cs_settings(sandbox, field_rules=dict.fromkeys(("Csm", "ParentCompany"), "if_empty"), **BOTH)
    work = company("Acme", Csm="ann@vendor.test" if not there else "nobody@x.test", ParentCompany="Holding")
    everything_arrived([drive(CS, settings, [work], sandbox)])
    row = stored(sandbox)["Acme"]
    assert (row["Csm"], row["ParentCompany"]) == (("1P01OLD", "1P02OLD") if there else (USER, GSID))


def test_a_field_that_is_never_written_by_now_is_not_brought_back_with_what_is_known(
    sandbox: Sandbox,
) -> None:
    settings = cs_settings(sandbox, field_rules=dict.fromkeys(("Csm", "Arr"), "never"), **BOTH)
    known = {"Name": "Acme", "Csm": "nobody@x.test", "Arr": 5, "Employees": 7}
    work = Work("upsert", Record("company", "name:Acme"), {"Arr": 6, "Employees": 8}, known)
    everything_arrived([drive(CS, settings, [work], sandbox)])
    row = stored(sandbox)["Acme"]
    assert row["Employees"] == 8 and "Csm" not in row and "Arr" not in row


def test_a_company_that_is_gone_is_made_anew_with_its_look_ups(sandbox: Sandbox) -> None:
    tenant(sandbox)
    known = {"Name": "Acme", "Csm": "ann@vendor.test", "Employees": 7}
    work = Work("upsert", Record("company", "name:Acme"), {"Employees": 8}, known)
    everything_arrived([drive(CS, cs_settings(sandbox, **BOTH), [work], sandbox)])
    assert stored(sandbox)["Acme"]["Csm"] == USER


def test_an_ambiguous_company_is_still_kept_with_its_candidates(sandbox: Sandbox) -> None:
    sandbox.seed(cs={"objects": {"gsuser": [ANN]}, "companies": [{"Name": "Acme"}, {"Name": "Acme"}]})
    [outcome] = drive(
        CS, cs_settings(sandbox, **BOTH), [company("Acme", Csm="ann@vendor.test")], sandbox
    ).outcomes
    assert isinstance(outcome, Parked) and outcome.code == "company_ambiguous"


def test_the_calls_stop_where_the_vendor_says_that_its_limit_is_reached(sandbox: Sandbox) -> None:
    tenant(sandbox)
    calls: list[Request] = []

    def vendor(request: Request) -> Response:
        calls.append(request)
        if len(calls) > 2:
            return Response(429, {}, b"")
        return sandbox(request)

    works = [company(name, Csm="nobody@vendor.test" if name == "A" else "ann@vendor.test") for name in "ABC"]
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, vendor)
    assert len(calls) == 4
    assert [type(outcome).__name__ for outcome in driven.outcomes] == ["Rejected", "Throttled", "Throttled"]


def test_works_of_other_kinds_need_no_look_ups(sandbox: Sandbox) -> None:
    driven = drive(CS, cs_settings(sandbox, **BOTH), companies("A", "B", Employees=1), sandbox)
    assert all("lookups" not in body for body in writes(driven.requests))
