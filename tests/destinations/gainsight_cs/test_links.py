"""The link of a person to a company: its fields, forms and paths, over real HTTP."""

from typing import Any

import pytest

from gainstage.destination import Work
from gainstage.event import Identity
from gainstage.operation import Record, Upsert
from gainstage.outcome import Rejected
from gainstage.testing.driving import deliver, drive, event_of
from tests.destinations.sandboxed import CS, Sandbox, cs_settings, everything_arrived

FIELDS = {
    "company_person_fields": {
        "membership.role": "Role",
        "jobTitle": "Title",
        "isPrimary": "IsPrimaryCompany",
        "level": "Level__gc",
    }
}
PATHS = {"old": "/v1.0/api/people", "new": "/v1/peoplemgmt/v1.0/people"}


def group(name: str = "Acme", context: dict[str, Any] | None = None, **traits: Any) -> dict[str, Any]:
    user = {"email": "ann@acme.test", **(context or {})}
    return {"type": "group", "traits": {"name": name, **traits}, "context": {"traits": user}}


def send(sandbox: Sandbox, message: dict[str, Any], **settings: Any) -> None:
    configured = cs_settings(sandbox, **FIELDS, **settings)
    planned = CS.plan(configured, event_of(message), Identity())
    everything_arrived(deliver(CS, configured, planned, sandbox))


def planned_link(message: dict[str, Any]) -> dict[str, Any]:
    """What the plan says of the link."""
    settings = CS.settings(domain="acme", access_key="key", **FIELDS)
    plan = CS.plan(settings, event_of(message), Identity()).plan
    assert isinstance(plan, tuple) and isinstance(plan[1], Upsert)
    return {name: value for name, value in plan[1].fields.items() if name != "Email"}


@pytest.mark.parametrize("only", PATHS)
@pytest.mark.parametrize("links", ["companies", "both"])
def test_the_link_and_its_fields_arrive_on_either_path(sandbox: Sandbox, only: str, links: str) -> None:
    sandbox.behave(cs_people_path=only, cs_person_links=links)
    user = {"jobTitle": "CTO", "isPrimary": "yes"}
    send(sandbox, group(membership={"role": "Admin"}, level=3, context=user), people_path=PATHS[only])
    send(sandbox, group("Beta", isPrimary=False), people_path=PATHS[only])
    companies = {row["Gsid"]: row["Name"] for row in sandbox.state["cs"]["companies"]}
    [person] = sandbox.state["cs"]["people"]
    found = {companies[row["Company_ID"]]: row for row in sandbox.state["cs"]["associations"]}
    assert {row["Person_ID"] for row in found.values()} == {person["Gsid"]}
    names = ("Role", "Title", "IsPrimaryCompany", "Level__gc")
    assert [found["Acme"].get(name) for name in names] == ["Admin", "CTO", True, 3]
    assert [found["Beta"].get(name) for name in names] == [None, None, False, None]


def test_the_path_that_the_tenant_does_not_have_blocks_the_destination(sandbox: Sandbox) -> None:
    sandbox.behave(cs_people_path="new")
    settings = cs_settings(sandbox, **FIELDS)
    planned = CS.plan(settings, event_of(group()), Identity())
    assert [type(o).__name__ for d in deliver(CS, settings, planned, sandbox) for o in d.outcomes] == [
        "Delivered",
        "Blocked",
    ]


def test_each_field_of_a_link_is_a_field_of_its_own() -> None:
    assert planned_link(group(membership={"role": "Admin"}, jobTitle="CTO")) == {
        "companies[name:Acme]": {},
        "companies[name:Acme].Role": "Admin",
        "companies[name:Acme].Title": "CTO",
    }
    assert planned_link(group()) == {"companies[name:Acme]": {}}


@pytest.mark.parametrize("name", ["A].Role", "A]", "[x].y", "companies[name:B].Title", "a].b]"])
def test_company_names_with_brackets_are_told_from_fields_of_a_link(sandbox: Sandbox, name: str) -> None:
    send(sandbox, group(name, membership={"role": "Admin"}))
    assert [row["Name"] for row in sandbox.state["cs"]["companies"]] == [name]
    assert [row["Role"] for row in sandbox.state["cs"]["associations"]] == ["Admin"]


def test_a_changed_field_alone_travels_with_its_link(sandbox: Sandbox) -> None:
    send(sandbox, group(membership={"role": "Admin"}, jobTitle="CTO"))
    [company] = sandbox.state["cs"]["companies"]
    record = Record("company", "name:Acme")
    work = Work(
        "upsert",
        Record("person", "email:ann@acme.test"),
        {"companies[name:Acme].Title": "CEO"},
        after={record: {"gsid": company["Gsid"]}},
    )
    everything_arrived([drive(CS, cs_settings(sandbox), [work], sandbox)])
    assert [(row["Role"], row["Title"]) for row in sandbox.state["cs"]["associations"]] == [("Admin", "CEO")]


@pytest.mark.parametrize("given", ["perhaps", 2, {"a": 1}])
def test_a_truth_value_that_is_none_fails_the_event_with_its_trait(given: Any) -> None:
    settings = CS.settings(domain="acme", access_key="key", **FIELDS)
    plan = CS.plan(settings, event_of(group(isPrimary=given)), Identity()).plan
    assert isinstance(plan, Rejected) and (plan.code, plan.fields) == ("value_invalid", ("IsPrimaryCompany",))
    assert "The trait `isPrimary`" in plan.detail


def test_traits_that_a_link_reads_are_not_unmapped() -> None:
    settings = CS.settings(domain="acme", access_key="key", **FIELDS)
    planned = CS.plan(
        settings, event_of(group(membership={"role": "Admin"}, isPrimary=True, other=1)), Identity()
    )
    assert planned.unmapped == ("other",)


def test_a_refused_field_of_a_link_is_named_as_the_event_gave_it(sandbox: Sandbox) -> None:
    sandbox.seed(cs={"companies": [{"Name": "Acme"}]})
    fields = {"Email": "a@b.test", "companies[name:Acme]": {}, "companies[name:Acme].Nope": "x"}
    work = Work("upsert", Record("person", "email:a@b.test"), fields, fields)
    [outcome] = drive(CS, cs_settings(sandbox), [work], sandbox).outcomes
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.fields) == ("field_unknown", ("companies[name:Acme].Nope",))


def test_of_two_links_with_one_field_only_the_refused_value_is_named(sandbox: Sandbox) -> None:
    sandbox.seed(cs={"companies": [{"Name": "Acme"}, {"Name": "Other"}]})
    fields = {
        "companies[name:Acme]": {}, "companies[name:Acme].Role": "Admin",
        "companies[name:Other]": {}, "companies[name:Other].Role": "x" * 300,
    }  # fmt: skip
    work = Work("upsert", Record("person", "email:a@b.test"), fields, fields)
    [outcome] = drive(CS, cs_settings(sandbox), [work], sandbox).outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.fields == ("companies[name:Other].Role",)


def test_of_two_links_with_one_field_none_is_named_where_the_value_tells_neither(sandbox: Sandbox) -> None:
    sandbox.seed(cs={"companies": [{"Name": "Acme"}, {"Name": "Other"}]})
    answer = {"result": False, "errorCode": "GSOBJ_VDTBSTR1001", "errorDesc": "Too long (Role = ...)."}
    sandbox.fault(fault="status", status=400, answer=answer, path="*people*")
    fields = {
        "companies[name:Acme]": {}, "companies[name:Acme].Role": "Admin",
        "companies[name:Other]": {}, "companies[name:Other].Role": "Owner",
    }  # fmt: skip
    work = Work("upsert", Record("person", "email:a@b.test"), fields, fields)
    [outcome] = drive(CS, cs_settings(sandbox), [work], sandbox).outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.fields == (), "they are to be taken apart"


def test_a_link_without_fields_is_made_once(sandbox: Sandbox) -> None:
    send(sandbox, group())
    send(sandbox, group())
    assert len(sandbox.state["cs"]["associations"]) == 1
