"""The CSM by e-mail and the parent company by name: what is planned, sent and found, over real HTTP."""

import json
from itertools import product
from typing import Any

import pytest

from gainstage.destination import Request, Response, Work
from gainstage.event import Identity
from gainstage.operation import Record
from gainstage.outcome import Delivered, Parked, Rejected, Retry
from gainstage.testing.driving import deliver, drive, event_of
from tests.destinations.sandboxed import CS, Sandbox, companies, cs_settings, everything_arrived

GSID = "1P02" + "A" * 32
USER = "1P01" + "B" * 32
ANN = {"Gsid": USER, "Email": "ann@vendor.test", "Name": "Ann"}
BOTH = {"csm_lookup": "email", "parent_lookup": "name"}


def group(**traits: Any) -> dict[str, Any]:
    return {
        "type": "group",
        "traits": {"name": "Acme", **traits},
        "context": {"traits": {"email": "p@acme.test"}},
    }


def planned(message: dict[str, Any], **settings: Any) -> Any:
    return CS.plan(CS.settings(domain="acme", access_key="key", **settings), event_of(message), Identity())


def company(name: str, facts: dict[str, Any] | None = None, **fields: Any) -> Work:
    content = {"Name": name, **fields}
    return Work("upsert", Record("company", f"name:{name}"), content, content, facts or {})


def tenant(sandbox: Sandbox, *names: str, users: tuple[dict[str, Any], ...] = (ANN,)) -> dict[str, str]:
    """Users and companies at Gainsight; returns the companies' GSIDs."""
    sandbox.seed(cs={"objects": {"gsuser": list(users)}, "companies": [{"Name": name} for name in names]})
    return {row["Name"]: row["Gsid"] for row in sandbox.state["cs"]["companies"]}


def stored(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {row["Name"]: row for row in sandbox.state["cs"]["companies"]}


def writes(requests: list[Request]) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in requests if "/query/" not in request.url]


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


# one bad record of fifty

SWITCHES = {
    "cs_lookup_error": ("target", "source", "unnamed"),
    "cs_lookup_code": ("GSOBJ_1008", "GSOBJ_1002", "GSOBJ_1011"),
    "cs_user_read": ("answer", "refuse"),
    "cs_failure_status": ("400", "200"),
}


@pytest.mark.parametrize("values", list(product(*SWITCHES.values())), ids=lambda values: "-".join(values))
@pytest.mark.parametrize("there", [False, True], ids=["inserts", "updates"])
def test_one_unknown_csm_of_fifty_fails_alone(sandbox: Sandbox, values: tuple[str, ...], there: bool) -> None:
    sandbox.behave(**dict(zip(SWITCHES, values, strict=True)))
    error, code, users, _ = values
    names = [f"Company {number:02}" for number in range(50)]
    gsids = tenant(sandbox, *(names if there else ()))
    works = [
        company(name, {"gsid": gsids[name]} if there else None, Employees=1, Csm="ann@vendor.test")
        for name in names
    ]
    works[17] = company(names[17], works[17].facts, Employees=1, Csm="nobody@vendor.test")
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox)
    assert [at for at, outcome in enumerate(driven.outcomes) if not isinstance(outcome, Delivered)] == [17]
    rows = stored(sandbox)
    assert all(rows[name]["Csm"] == USER for name in names if name != names[17])
    assert names[17] not in rows or "Csm" not in rows[names[17]]
    base = 1 if there else 3  # the write; look-up, insert, GSIDs of what was inserted
    extra = len(driven.requests) - base
    outcome = driven.outcomes[17]
    if error != "unnamed":
        assert extra <= 2
    elif users == "answer":
        assert extra <= 3
    else:  # a call to learn that users cannot be read, then halving
        assert extra <= 12
    if error == "unnamed" and users == "refuse" and code != "GSOBJ_1011":
        assert isinstance(outcome, Rejected) and outcome.code == "value_invalid" and not outcome.fields
        assert "Looked up: Csm by 'nobody@vendor.test'." in outcome.detail
        return
    if error == "unnamed" and users == "refuse" and there:
        assert isinstance(outcome, Retry) and outcome.code == "record_gone"  # the GSID may be meant
        again = drive(
            CS, cs_settings(sandbox, **BOTH), [company(names[17], Csm="nobody@vendor.test")], sandbox
        )
        outcome = again.outcomes[0]
    assert isinstance(outcome, Rejected) and (outcome.code, outcome.fields) == ("lookup_unmatched", ("Csm",))
    assert "nobody@vendor.test" in outcome.detail
    if users == "answer":
        assert "Gainsight has no user with the e-mail 'nobody@vendor.test'" in outcome.detail


@pytest.mark.parametrize("error", SWITCHES["cs_lookup_error"])
def test_several_users_of_one_e_mail_are_shown_and_none_is_chosen(sandbox: Sandbox, error: str) -> None:
    sandbox.behave(cs_lookup_error=error)
    tenant(sandbox, users=(ANN, {**ANN, "Gsid": "1P01C"}))
    settings = cs_settings(sandbox, company_on_ambiguous="first", **BOTH)
    driven = drive(CS, settings, [company("Acme", Csm="ann@vendor.test"), company("Beta", Csm=USER)], sandbox)
    refused, arrived = driven.outcomes
    assert isinstance(arrived, Delivered)
    assert isinstance(refused, Rejected) and refused.code == "lookup_unmatched"
    assert f"more than one user with the e-mail 'ann@vendor.test' (for the field Csm): {USER}, 1P01C" in (
        refused.detail
    )
    assert stored(sandbox).keys() == {"Beta"}


@pytest.mark.parametrize("error", SWITCHES["cs_lookup_error"])
@pytest.mark.parametrize("case", ["insensitive", "exact"])
def test_an_e_mail_in_another_letter_case_is_found_or_refused_but_harms_no_other(
    sandbox: Sandbox, case: str, error: str
) -> None:
    sandbox.behave(cs_lookup_case=case, cs_lookup_error=error)
    tenant(sandbox, users=({**ANN, "Email": "Ann@Vendor.test"},))
    given = ["Ann@Vendor.test", "ANN@vendor.test", "nobody@vendor.test"]
    works = [company(f"Company {at}", Csm=email) for at, email in enumerate(given)]
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox)
    assert isinstance(driven.outcomes[0], Delivered)
    assert isinstance(driven.outcomes[1], Delivered if case == "insensitive" else Rejected)
    assert isinstance(driven.outcomes[2], Rejected)
    assert stored(sandbox)["Company 0"]["Csm"] == USER


@pytest.mark.parametrize("error", ["target", "source"])
@pytest.mark.parametrize("code", SWITCHES["cs_lookup_code"])
def test_a_look_up_refused_although_a_read_finds_the_user_is_not_taken_for_a_company_that_is_gone(
    sandbox: Sandbox, code: str, error: str
) -> None:
    sandbox.behave(cs_lookup_case="exact", cs_lookup_code=code, cs_lookup_error=error)
    gsids = tenant(sandbox, "Acme")
    work = company("Acme", {"gsid": gsids["Acme"]}, Csm="ANN@vendor.test")
    [outcome] = drive(CS, cs_settings(sandbox, **BOTH), [work], sandbox).outcomes
    assert isinstance(outcome, Rejected) and outcome.fields == ("Csm",)
    assert outcome.code == ("lookup_unmatched" if code == "GSOBJ_1011" else "value_invalid")


def test_another_bad_value_is_not_taken_for_the_look_up(sandbox: Sandbox) -> None:
    tenant(sandbox, "Acme")
    works = [company(name, Employees="many" if name == "B" else 1, Csm="ann@vendor.test") for name in "ABC"]
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered, Rejected, Delivered]
    assert driven.outcomes[1].code == "value_invalid"  # type: ignore[union-attr]
    assert not any("gsuser" in request.url for request in driven.requests)


def test_a_read_that_is_lost_does_not_hide_the_refusal(sandbox: Sandbox) -> None:
    tenant(sandbox)
    sandbox.fault(fault="reset", path="/v1/data/objects/query/gsuser")
    works = [company("A", Csm="nobody@vendor.test"), company("B", Csm="ann@vendor.test")]
    refused, arrived = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox).outcomes
    assert isinstance(arrived, Delivered)
    assert isinstance(refused, Rejected) and refused.code == "lookup_unmatched"
    assert "Gainsight finds no single user with the e-mail 'nobody@vendor.test'" in refused.detail


# parents


@pytest.mark.parametrize("error", SWITCHES["cs_lookup_error"])
def test_a_parent_that_is_not_there_is_not_created(sandbox: Sandbox, error: str) -> None:
    sandbox.behave(cs_lookup_error=error)
    tenant(sandbox)
    works = [company("Child", ParentCompany="Holding"), company("Other", Employees=1)]
    refused, arrived = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox).outcomes
    assert isinstance(arrived, Delivered)
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.fields) == ("lookup_unmatched", ("ParentCompany",))
    assert "Gainsight has no company named 'Holding' (for the field ParentCompany)" in refused.detail
    assert stored(sandbox).keys() == {"Other"}


@pytest.mark.parametrize("choice", ["quarantine", "error", "first"])
def test_several_parents_of_one_name_are_chosen_from_only_where_that_is_set(
    sandbox: Sandbox, choice: str
) -> None:
    sandbox.seed(cs={"companies": [{"Gsid": f"{GSID[:-1]}{at}", "Name": "Holding"} for at in range(2)]})
    settings = cs_settings(sandbox, company_on_ambiguous=choice, **BOTH)
    [outcome] = drive(CS, settings, [company("Child", ParentCompany="Holding")], sandbox).outcomes
    if choice == "first":
        assert isinstance(outcome, Delivered)
        assert stored(sandbox)["Child"]["ParentCompany"] == f"{GSID[:-1]}0"
        return
    assert isinstance(outcome, Rejected) and outcome.code == "lookup_unmatched"
    assert f"{GSID[:-1]}0, {GSID[:-1]}1" in outcome.detail
    assert "Child" not in stored(sandbox)


def test_new_parents_are_made_before_their_children(sandbox: Sandbox) -> None:
    gsids = tenant(sandbox, "Old")
    works = [
        company("Grandchild", ParentCompany="Child"),
        company("Old", {"gsid": gsids["Old"]}, ParentCompany="Grandchild"),
        company("Child", ParentCompany="Holding"),
        company("Sister", ParentCompany="Holding"),
        company("Holding"),
    ]
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox)
    everything_arrived([driven])
    rows = stored(sandbox)
    assert rows["Grandchild"]["ParentCompany"] == rows["Child"]["Gsid"]
    assert rows["Child"]["ParentCompany"] == rows["Sister"]["ParentCompany"] == rows["Holding"]["Gsid"]
    assert rows["Old"]["ParentCompany"] == rows["Grandchild"]["Gsid"]
    assert len(writes(driven.requests)) == 4


def test_new_companies_that_are_each_others_parents_are_refused_and_not_made(sandbox: Sandbox) -> None:
    works = [company("A", ParentCompany="B"), company("B", ParentCompany="A"), company("C", Employees=1)]
    driven = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox)
    assert [type(outcome) for outcome in driven.outcomes] == [Rejected, Rejected, Delivered]
    assert stored(sandbox).keys() == {"C"}


def test_a_child_of_a_refused_parent_says_so(sandbox: Sandbox) -> None:
    works = [company("Holding", Employees="many"), company("Child", ParentCompany="Holding")]
    parent, child = drive(CS, cs_settings(sandbox, **BOTH), works, sandbox).outcomes
    assert isinstance(parent, Rejected) and parent.code == "value_invalid"
    assert isinstance(child, Rejected) and child.code == "lookup_unmatched"


@pytest.mark.parametrize("users", SWITCHES["cs_user_read"])
def test_when_two_look_ups_may_have_failed_the_one_that_did_is_found(sandbox: Sandbox, users: str) -> None:
    sandbox.behave(cs_lookup_error="unnamed", cs_lookup_code="GSOBJ_1011", cs_user_read=users)
    tenant(sandbox)
    work = company("Child", Csm="ann@vendor.test", ParentCompany="Holding")
    [outcome] = drive(CS, cs_settings(sandbox, **BOTH), [work], sandbox).outcomes
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.fields) == ("lookup_unmatched", ("ParentCompany",))


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
