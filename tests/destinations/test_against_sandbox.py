"""The destinations' exchanges over real HTTP, against the sandbox in all its forms of answering."""

from itertools import product
from typing import Any

import pytest

from gainstage.destination import CallFailed, Request, Response, Work
from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.operation import Record
from gainstage.outcome import Blocked, Delivered, Outcome, Rejected, Retry
from gainstage.testing.driving import deliver, drive, event_of
from tests.destinations.sandboxed import CS, Sandbox, companies, cs_settings, everything_arrived
from tests.destinations.transcripts import example

PX, CLICKSTREAM = registry.load("gainsight_px"), registry.load("gainsight")


def px_settings(sandbox: Sandbox, **more: Any) -> Any:
    return PX.settings(api_url=sandbox.url, api_key="key", product_tag_key="AP-ABC-2", **more)


CS_SWITCHES = {
    "cs_read_shape": ("list", "records"),
    "cs_no_rows": ("empty", "result_false", "error_400"),
    "cs_record_order": ("kept", "reversed"),
    "cs_failure_status": ("400", "200"),
}


@pytest.mark.parametrize("values", list(product(*CS_SWITCHES.values())), ids=lambda values: "-".join(values))
def test_cs_examples_arrive_however_the_vendor_answers(sandbox: Sandbox, values: tuple[str, ...]) -> None:
    sandbox.behave(**dict(zip(CS_SWITCHES, values, strict=True)))
    for name in ("ex-5", "ex-6", "ex-7", "ex-8"):
        planned = CS.plan(cs_settings(sandbox), event_of(example(name)), Identity(email="another@email.com"))
        everything_arrived(deliver(CS, cs_settings(sandbox), planned, sandbox))
    found = sandbox.state["cs"]
    assert {person["Email"] for person in found["people"]} == {"user@email.com", "another@email.com"}
    assert [(company["Name"], company["Employees"]) for company in found["companies"]] == [
        ("Example Company", 1000)
    ]
    assert {link["Email"] for link in found["associations"]} == {"user@email.com", "another@email.com"}
    assert [event["properties"] for event in found["events"]] == [{"name": "John Doe", "status": "resolved"}]


@pytest.mark.parametrize("reply", ["null", "gsid", "record", "records", "text"])
def test_a_person_is_delivered_whatever_data_its_answer_holds(sandbox: Sandbox, reply: str) -> None:
    sandbox.behave(cs_person_reply=reply)
    planned = CS.plan(cs_settings(sandbox), event_of(example("ex-5")), Identity())
    everything_arrived(deliver(CS, cs_settings(sandbox), planned, sandbox))


@pytest.mark.parametrize("path", ["/v1.0/api/people", "/v1/peoplemgmt/v1.0/people"])
def test_both_people_paths(sandbox: Sandbox, path: str) -> None:
    sandbox.behave(cs_people_path="old" if path.startswith("/v1.0") else "new")
    settings = cs_settings(sandbox, people_path=path)
    everything_arrived(
        deliver(CS, settings, CS.plan(settings, event_of(example("ex-5")), Identity()), sandbox)
    )


@pytest.mark.parametrize("form", ["401_json", "400_json", "403_json", "401_html"])
@pytest.mark.parametrize("name", ["ex-5", "ex-6"])
def test_a_refused_key_blocks_in_every_form(sandbox: Sandbox, form: str, name: str) -> None:
    sandbox.behave(cs_auth_refusal=form, refused_keys=["key"])
    planned = CS.plan(cs_settings(sandbox), event_of(example(name)), Identity())
    first = deliver(CS, cs_settings(sandbox), planned, sandbox)[0]
    assert [type(outcome) for outcome in first.outcomes] == [Blocked]
    findings = [item for item in run_check(CS, cs_settings(sandbox), sandbox) if item.level == "error"]
    assert [item.setting for item in findings] == ["access_key"]


@pytest.mark.parametrize("nesting", ["by_record", "by_position", "flat"])
def test_one_bad_company_of_fifty_costs_one_call(sandbox: Sandbox, nesting: str) -> None:
    sandbox.behave(cs_error_nesting=nesting)
    works = companies(*(f"Company {number:02}" for number in range(50)), Employees=1)
    bad = {"Name": "Company 17", "Employees": "many"}
    works[17] = Work("upsert", works[17].record, bad, bad)
    driven = drive(CS, cs_settings(sandbox), works, sandbox)
    assert [i for i, outcome in enumerate(driven.outcomes) if not isinstance(outcome, Delivered)] == [17]
    outcome = driven.outcomes[17]
    assert (
        isinstance(outcome, Rejected) and outcome.code == "value_invalid" and outcome.fields == ("Employees",)
    )
    assert len(driven.requests) == 1 + 1 + 1 + 1, "look-up, insert, insert of the others, their GSIDs"
    assert len(sandbox.state["cs"]["companies"]) == 49


@pytest.mark.parametrize("place", [0, 17, 24, 25, 49])
def test_one_bad_company_of_fifty_costs_at_most_twelve_calls_when_nothing_is_named(
    sandbox: Sandbox, place: int
) -> None:
    works = companies(*(f"Company {number:02}" for number in range(50)), Employees=1)
    bad = {"Name": works[place].fields["Name"], "Employees": "many"}
    works[place] = Work("upsert", works[place].record, bad, bad)

    def taciturn(request: Request) -> Response:
        response = sandbox(request)
        body = response.json()
        if body["result"] is False:
            return Response(
                400, {}, b'{"result":false,"errorCode":"GSOBJ_1008","errorDesc":"Validation failed."}'
            )
        return response

    driven = drive(CS, cs_settings(sandbox), works, taciturn)
    assert [i for i, outcome in enumerate(driven.outcomes) if not isinstance(outcome, Delivered)] == [place]
    assert len(driven.requests) - 3 <= 12
    assert len(sandbox.state["cs"]["companies"]) == 49


def test_a_thousand_companies_are_few_calls(sandbox: Sandbox) -> None:
    settings = cs_settings(sandbox)
    names = [f"Company {number:03}" for number in range(200)]
    driven = drive(CS, settings, companies(*names, Employees=1), sandbox)
    assert len(driven.requests) == 1 + 4 + 1, "look-up, inserts, their GSIDs"
    facts = [driven.settled[place].facts for place in range(200)]
    again = [
        Work("upsert", Record("company", f"name:{name}"), {"Employees": 2}, {}, fact)
        for name, fact in zip(names, facts, strict=True)
    ]
    driven = drive(CS, settings, again, sandbox)
    assert len(driven.requests) == 4
    assert {company["Employees"] for company in sandbox.state["cs"]["companies"]} == {2}


@pytest.mark.parametrize("unmatched", ["fail", "fail_named", "partial"])
def test_companies_that_are_gone_are_made_anew(sandbox: Sandbox, unmatched: str) -> None:
    sandbox.behave(cs_update_unmatched=unmatched)
    settings = cs_settings(sandbox)
    there = drive(CS, settings, companies("A", "B", "C"), sandbox)
    gsids = [there.settled[place].facts["gsid"] for place in range(3)]
    gsids[1] = "1P02GONE"
    known = {"Name": "B", "Employees": 5, "Summary": "s"}
    works = [
        Work(
            "upsert",
            Record("company", f"name:{name}"),
            {"Employees": 5},
            {**known, "Name": name},
            {"gsid": gsid},
        )
        for name, gsid in zip("ABC", gsids, strict=True)
    ]
    driven = drive(CS, settings, works, sandbox)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered, Retry, Delivered]
    assert driven.settled[1].facts == {"gsid": None}
    sandbox.client.delete(
        f"/v1/data/objects/Company/{there.settled[1].facts['gsid']}", headers={"Accesskey": "k"}
    )
    anew = drive(CS, settings, [Work("upsert", works[1].record, works[1].fields, works[1].known)], sandbox)
    everything_arrived([anew])
    found = {company["Name"]: company for company in sandbox.state["cs"]["companies"]}
    assert found.keys() == {"A", "B", "C"} and found["B"]["Summary"] == "s"


def test_an_insert_whose_answer_was_lost_is_not_repeated(sandbox: Sandbox) -> None:
    lost: list[Request] = []

    def vendor(request: Request) -> Response:
        response = sandbox(request)
        if not lost and request.url.endswith("/objects/Company"):
            lost.append(request)
            raise CallFailed("timeout", "no answer came", sent=True)
        return response

    settings = cs_settings(sandbox)
    driven = drive(CS, settings, companies("A", "B"), vendor)
    assert driven.failed == {0, 1}
    everything_arrived([drive(CS, settings, companies("A", "B"), vendor)])
    assert sorted(company["Name"] for company in sandbox.state["cs"]["companies"]) == ["A", "B"]


def test_a_stale_company_is_found_again_by_its_name(sandbox: Sandbox) -> None:
    settings = cs_settings(sandbox)
    drive(CS, settings, companies("Acme"), sandbox)
    company = Record("company", "name:Acme")
    fields = {"Email": "a@b.test", "companies[name:Acme]": {}, "companies[name:Acme].Title": "CTO"}
    work = Work(
        "upsert", Record("person", "email:a@b.test"), fields, fields, after={company: {"gsid": "1P02OLD"}}
    )
    driven = drive(CS, settings, [work], sandbox)
    everything_arrived([driven])
    [found] = sandbox.state["cs"]["companies"]
    assert driven.settled[0].learnt == {company: {"gsid": found["Gsid"]}}
    assert [(link["Email"], link["Title"]) for link in sandbox.state["cs"]["associations"]] == [
        ("a@b.test", "CTO")
    ]


def test_only_empty_fields_are_filled(sandbox: Sandbox) -> None:
    sandbox.seed(
        cs={
            "people": [{"Email": "a@b.test", "Name": "Kept", "Comments": None}],
            "companies": [{"Name": "Acme", "Summary": "kept", "Employees": None}],
        }
    )
    rules = dict.fromkeys(("Name", "Comments", "Summary", "Employees"), "if_empty")
    settings = cs_settings(sandbox, field_rules=rules)
    message = {
        "type": "group",
        "traits": {"name": "Acme", "summary": "new", "employees": 5},
        "context": {"traits": {"email": "a@b.test"}},
    }
    everything_arrived(deliver(CS, settings, CS.plan(settings, event_of(message), Identity()), sandbox))
    message = {"type": "identify", "traits": {"email": "A@b.test", "name": "New", "comments": "new"}}
    everything_arrived(deliver(CS, settings, CS.plan(settings, event_of(message), Identity()), sandbox))
    found = sandbox.state["cs"]
    assert [(person["Name"], person["Comments"]) for person in found["people"]] == [("Kept", "new")]
    assert [(company["Summary"], company["Employees"]) for company in found["companies"]] == [("kept", 5)]


PX_SWITCHES = {
    "px_absent_put": ("404", "400"),
    "px_put_property_keys": ("optional", "required"),
    "px_missing_account": ("accept", "reject"),
    "px_unknown_field": ("ignore", "reject"),
}


@pytest.mark.parametrize("values", list(product(*PX_SWITCHES.values())), ids=lambda values: "-".join(values))
def test_px_examples_arrive_however_the_vendor_answers(sandbox: Sandbox, values: tuple[str, ...]) -> None:
    sandbox.behave(**dict(zip(PX_SWITCHES, values, strict=True)))
    settings = px_settings(sandbox)
    for name in ("ex-9", "ex-10", "ex-11", "ex-12"):
        planned = PX.plan(settings, event_of(example(name)), Identity())
        everything_arrived(deliver(PX, settings, planned, sandbox))
    found = sandbox.state["px"]
    [user], [account] = found["users"], found["accounts"]
    assert (user["identifyId"], user["accountId"], user["gender"]) == (
        "sample-user-id",
        "sample-group-id",
        "MALE",
    )
    assert user["location"]["city"] == "New York" and user["firstName"] == "Example"
    assert (account["name"], account["numberOfEmployees"]) == ("Example Group", 10000)
    assert len(found["events"]) == 2


@pytest.mark.parametrize("identifier", ["a/b", "50%", "..", "update", "ü x", "a+b@c.d", "x" * 300, "a;b?c#d"])
def test_px_users_of_any_id_are_made_once(sandbox: Sandbox, identifier: str) -> None:
    settings = px_settings(sandbox)
    for title in ("CEO", "CTO"):
        message = {"type": "identify", "userId": identifier, "traits": {"title": title}}
        everything_arrived(deliver(PX, settings, PX.plan(settings, event_of(message), Identity()), sandbox))
    users = [(user["identifyId"], user["title"]) for user in sandbox.state["px"]["users"]]
    assert users == [(identifier, "CTO")]


@pytest.mark.parametrize("form", ["401_json", "401_text"])
def test_px_refused_keys_block(sandbox: Sandbox, form: str) -> None:
    sandbox.behave(px_auth_refusal=form, refused_keys=["key"])
    settings = px_settings(sandbox)
    planned = PX.plan(settings, event_of(example("ex-9")), Identity())
    outcomes = deliver(PX, settings, planned, sandbox)[0].outcomes
    assert [type(outcome) for outcome in outcomes] == [Blocked]
    assert [item.setting for item in run_check(PX, settings, sandbox) if item.level == "error"] == ["api_key"]


@pytest.mark.parametrize("reply", ["success", "list", "empty"])
def test_clickstream_messages_arrive_whole(sandbox: Sandbox, reply: str) -> None:
    sandbox.behave(clickstream_reply=reply)
    settings = CLICKSTREAM.settings(api_url=sandbox.url, access_key="k" * 36)
    for name in ("ex-1", "ex-2", "ex-3", "ex-4"):
        planned = CLICKSTREAM.plan(settings, event_of(example(name)), Identity())
        everything_arrived(deliver(CLICKSTREAM, settings, planned, sandbox))
    messages = sandbox.state["clickstream"]["messages"]
    kept = [{key: message[key] for key in example(message["messageId"])} for message in messages]
    assert kept == [example(f"ex-{number}") for number in (1, 2, 3, 4)]


def test_a_clickstream_answer_that_says_no_is_a_refusal(sandbox: Sandbox) -> None:
    sandbox.behave(clickstream_reply="failure")
    settings = CLICKSTREAM.settings(api_url=sandbox.url, access_key="k" * 36)
    planned = CLICKSTREAM.plan(settings, event_of(example("ex-1")), Identity())
    outcomes: list[Outcome] = deliver(CLICKSTREAM, settings, planned, sandbox)[0].outcomes
    assert [type(outcome) for outcome in outcomes] == [Rejected]


@pytest.mark.parametrize("name", ["gainsight_cs", "gainsight_px"])
def test_check_accepts_a_good_tenant(sandbox: Sandbox, name: str) -> None:
    settings = cs_settings(sandbox) if name == "gainsight_cs" else px_settings(sandbox)
    found = run_check(registry.load(name), settings, sandbox)
    assert {item.level for item in found} == {"ok", "unknown"}, found
    assert sandbox.state["cs"]["companies"] == [] and sandbox.state["px"]["users"] == []


def run_check(destination: Any, settings: Any, vendor: Sandbox) -> list[Any]:
    found, conversation = [], destination.check(settings)
    item = next(conversation)
    while True:
        try:
            if isinstance(item, Request):
                item = conversation.send(vendor(item))
            else:
                found.append(item)
                item = next(conversation)
        except StopIteration:
            return found
