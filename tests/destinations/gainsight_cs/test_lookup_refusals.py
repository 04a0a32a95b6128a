"""Look-ups that find nothing, several or the wrong thing: who fails, who goes on, and by which calls."""

from itertools import product

import pytest

from gainstage.outcome import Delivered, Rejected, Retry
from gainstage.testing.driving import drive
from tests.destinations.gainsight_cs.lookups import ANN, BOTH, GSID, USER, company, stored, tenant, writes
from tests.destinations.sandboxed import CS, Sandbox, cs_settings, everything_arrived

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
