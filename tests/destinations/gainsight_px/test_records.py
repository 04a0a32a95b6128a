"""Users and accounts at PX: how many calls they take, and how they end where the documents leave it open."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gainstage.destination import Request, Response, Work
from gainstage.destinations import registry
from gainstage.operation import Record
from gainstage.outcome import Delivered, Rejected
from gainstage.testing.driving import Driven, drive
from tests.destinations.px_living import Scene, group, identify, track
from tests.destinations.sandboxed import Sandbox

PX = registry.load("gainsight_px")
SWITCHES = {
    "px_absent_put": ("404", "400"),
    "px_put_property_keys": ("optional", "required"),
    "px_unknown_field": ("ignore", "reject"),
    "px_unknown_attribute": ("ignore", "reject"),
    "px_read_only": ("ignore", "reject"),
    "px_missing_account": ("accept", "reject"),
}
EVERY_WAY = [dict(zip(SWITCHES, values, strict=True)) for values in product(*SWITCHES.values())]


def shown(switches: dict[str, str]) -> str:
    return "-".join(value for value in switches.values())


def write(sandbox: Sandbox, key: str = "u-1", *, known: dict[str, Any] | None = None, **given: Any) -> Driven:
    """Have one record written."""
    facts, fields, kind = given.pop("facts", {}), given.pop("fields", {}), given.pop("kind", "user")
    vendor, account = given.pop("vendor", sandbox), given.pop("account", {})
    settings = PX.settings(api_url=sandbox.url, api_key="key", product_tag_key="AP-ABC-2", **given)
    after = {Record("account", f"id:{fields['accountId']}"): account} if "accountId" in fields else {}
    work = Work("upsert", Record(kind, f"id:{key}"), fields, known or fields, facts, after)
    return drive(PX, settings, [work], vendor)


def paths(driven: Driven, sandbox: Sandbox) -> list[str]:
    return [f"{request.method} {request.url.removeprefix(sandbox.url)}" for request in driven.requests]


def test_a_known_user_takes_one_call_and_a_new_one_two(sandbox: Sandbox) -> None:
    new = write(sandbox, fields={"title": "CTO"})
    assert paths(new, sandbox) == ["PUT /v1/users/u-1", "POST /v1/users"]
    assert new.settled[0].facts == {"exists": True}
    known = write(sandbox, fields={"title": "CEO"}, facts={"exists": True})
    assert paths(known, sandbox) == ["PUT /v1/users/u-1"]
    assert sandbox.state["px"]["users"][0]["title"] == "CEO"


@pytest.mark.parametrize("switches", EVERY_WAY, ids=shown)
def test_records_arrive_whatever_the_vendor_makes_of_what_is_not_documented(
    sandbox: Sandbox, switches: dict[str, str]
) -> None:
    """A new user of a new account, with read-only fields, and an update of it."""
    sandbox.behave(**switches)
    sandbox.seed(px={"attributes": {"user": [{"apiName": "plan_tier", "type": "STRING"}]}})
    fields = {
        "identifyId": "u-1",
        "accountId": "g-1",
        "createDate": 5,
        "title": "CTO",
        "customAttributes.plan_tier": "gold",
    }
    first = write(sandbox, fields=fields)
    assert [type(outcome) for outcome in first.outcomes] == [Delivered]
    again = write(
        sandbox,
        fields={"title": "CEO", "createDate": 6},
        known={**fields, "title": "CEO", "createDate": 6},
        facts=first.settled[0].facts,
    )
    assert [type(outcome) for outcome in again.outcomes] == [Delivered]
    [user] = sandbox.state["px"]["users"]
    assert (user["title"], user["accountId"], user["customAttributes"]) == (
        "CEO",
        "g-1",
        {"plan_tier": "gold"},
    )
    assert len(again.requests) == 1, "what was learnt is not learnt again"
    if switches["px_missing_account"] == "accept":
        assert sandbox.state["px"]["accounts"] == []


def test_read_only_fields_that_px_refuses_are_left_out_from_then_on(sandbox: Sandbox) -> None:
    sandbox.behave(px_read_only="reject")
    first = write(sandbox, "g-1", kind="account", fields={"plan": "gold", "numberOfUsers": 5})
    assert [type(outcome) for outcome in first.outcomes] == [Delivered]
    facts = first.settled[0].facts
    assert facts == {"exists": True, "refuses_read_only": True}
    second = write(
        sandbox, "g-1", kind="account", fields={"plan": "free", "lastModifiedDate": 7}, facts=facts
    )
    assert paths(second, sandbox) == ["PUT /v1/accounts/g-1"]
    assert sandbox.state["px"]["accounts"][0]["plan"] == "free"
    only = write(sandbox, "g-1", kind="account", fields={"numberOfUsers": 6}, facts=facts)
    assert [type(outcome) for outcome in only.outcomes] == [Delivered] and not only.requests


def test_read_only_fields_do_not_excuse_a_bad_value(sandbox: Sandbox) -> None:
    sandbox.behave(px_read_only="reject")
    driven = write(sandbox, fields={"createDate": 5, "score": 1.5}, facts={"exists": True})
    [outcome] = driven.outcomes
    assert isinstance(outcome, Rejected) and outcome.fields == ("score",)


def test_of_several_values_the_one_that_px_names_is_at_fault(sandbox: Sandbox) -> None:
    sandbox.seed(px={"attributes": {"user": [{"apiName": "seats", "type": "NUMBER"}]}})
    fields = {"title": "CTO", "customAttributes.seats": "many", "location.city": "Oslo"}
    [outcome] = write(sandbox, fields=fields).outcomes
    assert isinstance(outcome, Rejected) and outcome.fields == ("customAttributes.seats",)


@pytest.mark.parametrize("absent", ["404", "400"])
@pytest.mark.parametrize("key", ["u-1", "title-1"])
def test_a_record_that_was_deleted_at_px_is_made_anew_with_everything_known(
    sandbox: Sandbox, absent: str, key: str
) -> None:
    """Also where the answer tells the id, and the id holds the name of a field."""
    sandbox.behave(px_absent_put=absent)
    known = {"identifyId": key, "email": "ann@acme.test", "title": "CEO"}
    driven = write(sandbox, key, fields={"title": "CEO"}, known=known, facts={"exists": True})
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered]
    assert paths(driven, sandbox) == [f"PUT /v1/users/{key}", "POST /v1/users"]
    assert sandbox.state["px"]["users"][0]["email"] == "ann@acme.test"


@pytest.mark.parametrize("missing", ["accept", "reject"])
@pytest.mark.parametrize("absent", ["404", "400"])
def test_a_deleted_account_and_its_users_are_made_anew(tmp_path: Path, missing: str, absent: str) -> None:
    scene = Scene(tmp_path, px_missing_account=missing, px_absent_put=absent)
    first = [
        group("g-1", "u-1", name="Acme", plan="gold"),
        identify("u-1", email="a@acme.test"),
        identify("u-2", email="b@acme.test", accountId="g-1"),
    ]
    scene.play(first)
    scene.sandbox.px.delete("account", "g-1", scene.sandbox.clock())
    assert not scene.users and not scene.accounts, "an account's users are deleted with it"
    second = [identify("u-1", title="CTO"), identify("u-2", title="CEO")]
    scene.play(second)
    assert set(scene.words(first + second)) == {"delivered"}
    assert scene.users["u-1"]["email"] == "a@acme.test" and scene.users["u-2"]["title"] == "CEO"
    assert {user["accountId"] for user in scene.users.values()} == {"g-1"}
    if absent == "404" or missing == "reject":
        assert (scene.accounts["g-1"]["name"], scene.accounts["g-1"]["plan"]) == ("Acme", "gold")


@pytest.mark.parametrize("missing", ["accept", "reject"])
def test_an_identify_names_an_account_that_px_does_not_have(tmp_path: Path, missing: str) -> None:
    scene = Scene(tmp_path, px_missing_account=missing)
    messages = [identify(accountId="g-1", email="ann@acme.test")]
    scene.play(messages)
    assert scene.words(messages) == ["delivered"]
    assert (scene.users["u-1"]["accountId"], scene.users["u-1"]["email"]) == ("g-1", "ann@acme.test")
    if missing == "accept":
        assert not scene.accounts
        assert scene.calls() == ["PUT /v1/users/u-1 404", "POST /v1/users 201"]
    else:
        assert scene.accounts["g-1"]["name"] == "g-1"
        assert scene.calls() == [
            "PUT /v1/users/u-1 404",
            "POST /v1/users 400",
            "PUT /v1/users/u-1 404",
            "GET /v1/accounts/g-1 404",
            "POST /v1/accounts 201",
            "POST /v1/users 201",
        ]
    later = [group("g-1", name="Acme"), identify("u-2", accountId="g-1")]
    scene.play(later)
    assert set(scene.words(later)) == {"delivered"}
    assert scene.accounts["g-1"]["name"] == "Acme"
    assert scene.calls()[-2:] == ["PUT /v1/users/u-2 404", "POST /v1/users 201"] or missing == "accept"


def test_a_refused_account_fails_the_events_that_name_it_and_no_others(tmp_path: Path) -> None:
    scene = Scene(tmp_path, px_missing_account="reject")
    refusal = {"externalapierror": {"status": "BAD_REQUEST", "message": "no more accounts"}}
    scene.sandbox.faults.add(
        {"fault": "status", "status": 400, "answer": refusal, "path": "/v1/accounts", "times": None}
    )
    messages = [
        identify("u-1", email="ann@acme.test"),
        identify("u-1", accountId="g-1", title="CTO"),
        identify("u-1", role="admin"),
        track("Signed In", "u-1"),
        identify("u-2", email="bo@acme.test"),
    ]
    scene.play(messages)
    assert scene.words(messages) == [
        "delivered", "failed company_refused", "delivered", "delivered", "delivered",
    ]  # fmt: skip
    _, _, detail = scene.outcomes(messages[1:2])[0]
    assert "'g-1'" in detail and "no more accounts" in detail
    ann = scene.users["u-1"]
    assert (ann["email"], ann["role"], "accountId" in ann, "title" in ann) == (
        "ann@acme.test", "admin", False, False,
    )  # fmt: skip
    assert scene.events == ["Signed In"] and scene.users["u-2"]["email"] == "bo@acme.test"


def test_a_refused_group_takes_its_link_along_and_the_users_other_events_go_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, {"account_attributes": {"seats": "seats"}})
    scene.sandbox.seed({"px": {"attributes": {"account": [{"apiName": "seats", "type": "NUMBER"}]}}})
    messages = [identify(email="ann@acme.test"), group("g-1", seats="many"), track("Signed In")]
    scene.play(messages)
    assert scene.words(messages) == ["delivered", "failed refused", "delivered"]
    assert not scene.accounts and "accountId" not in scene.users["u-1"] and scene.events == ["Signed In"]


def test_a_refused_value_of_a_user_makes_no_account(sandbox: Sandbox) -> None:
    driven = write(sandbox, fields={"accountId": "g-1", "score": 1.5})
    [outcome] = driven.outcomes
    assert isinstance(outcome, Rejected) and (outcome.code, outcome.fields) == ("refused", ("score",))
    assert sandbox.state["px"]["accounts"] == []


def test_a_refusal_that_speaks_of_the_account_costs_no_attempt_without_read_only_fields(
    sandbox: Sandbox,
) -> None:
    sandbox.behave(px_missing_account="reject")
    refusal = {"externalapierror": {"status": "BAD_REQUEST", "message": "There is no such account."}}
    sandbox.fault(fault="status", status=400, answer=refusal, path="/v1/users", method="POST", times=1)
    driven = write(sandbox, fields={"accountId": "g-1", "createDate": 5})
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered]
    assert paths(driven, sandbox) == [
        "PUT /v1/users/u-1",
        "POST /v1/users",
        "PUT /v1/users/u-1",
        "GET /v1/accounts/g-1",
        "POST /v1/accounts",
        "POST /v1/users",
    ]


def test_an_account_that_is_there_is_not_made_again_for_a_refused_user(sandbox: Sandbox) -> None:
    sandbox.seed(px={"accounts": [{"id": "g-1", "name": "Acme"}]})
    refusal = {"externalapierror": {"status": "BAD_REQUEST", "message": "no more users"}}
    sandbox.fault(fault="status", status=400, answer=refusal, path="/v1/users*", times=None)
    for account, more in (({}, ["PUT /v1/users/u-1", "POST /v1/users"]), ({"exists": True}, [])):
        driven = write(sandbox, fields={"accountId": "g-1"}, facts={"exists": True}, account=account)
        assert [type(outcome) for outcome in driven.outcomes] == [Rejected]
        asked = ["PUT /v1/users/u-1", "POST /v1/users", "GET /v1/accounts/g-1"]
        assert paths(driven, sandbox) == [*asked, *more]
        assert driven.settled[0].learnt == {Record("account", "id:g-1"): {"exists": True}}


@pytest.mark.parametrize(("key", "before"), [("g-1", "GET"), ("g-1", "POST"), ("g?1", "POST")])
@pytest.mark.parametrize("absent", ["404", "400"])
def test_a_user_is_linked_to_an_account_that_somebody_else_makes_at_the_same_time(
    sandbox: Sandbox, key: str, before: str, absent: str
) -> None:
    """Two users' calls, or a user's and the account's own, may be at work on one account at once."""
    sandbox.behave(px_missing_account="reject", px_absent_put=absent)

    def others_come_first(request: Request) -> Response:
        if request.method == before and "/v1/accounts" in request.url:
            sandbox.seed(px={"accounts": [{"id": key, "name": "Acme"}]})
        return sandbox(request)

    driven = write(sandbox, fields={"accountId": key}, vendor=others_come_first)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered]
    assert sandbox.state["px"]["users"][0]["accountId"] == key
    assert [account["name"] for account in sandbox.state["px"]["accounts"]] == ["Acme"]


def test_what_the_vendor_does_not_tell_of_an_account_refuses_nobody(sandbox: Sandbox) -> None:
    """Somebody else makes it, and the question whether it is there meets a limit."""
    sandbox.behave(px_missing_account="reject")
    asked: list[str] = []

    def others_come_first(request: Request) -> Response:
        asked.append(request.method)
        if request.method == "POST" and request.url.endswith("/v1/accounts"):
            sandbox.seed(px={"accounts": [{"id": "g-1", "name": "Acme"}]})
        limited = request.method == "GET" and asked.count("GET") == 2
        return Response(429, {}, b"{}") if limited else sandbox(request)

    driven = write(sandbox, fields={"accountId": "g-1"}, vendor=others_come_first)
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered]
    assert asked.count("GET") == 2


def test_a_key_that_may_not_read_makes_missing_accounts_all_the_same(sandbox: Sandbox) -> None:
    sandbox.behave(px_missing_account="reject", px_write_only_keys=["key"])
    driven = write(sandbox, fields={"accountId": "g-1"})
    assert [type(outcome) for outcome in driven.outcomes] == [Delivered]
    assert [account["id"] for account in sandbox.state["px"]["accounts"]] == ["g-1"]


@pytest.mark.parametrize("missing", ["accept", "reject"])
def test_a_group_before_its_identify_ends_linked(tmp_path: Path, missing: str) -> None:
    scene = Scene(tmp_path, px_missing_account=missing)
    messages = [group("g-1", name="Acme"), identify(email="ann@acme.test", name="Ann Lee")]
    scene.play(messages[:1], messages[1:])
    assert scene.words(messages) == ["delivered"] * 2
    ann = scene.users["u-1"]
    assert (ann["accountId"], ann["email"], ann["lastName"]) == ("g-1", "ann@acme.test", "Lee")
    assert scene.accounts["g-1"]["name"] == "Acme"


@pytest.mark.parametrize("traits", [{}, {"name": None}, {"name": ""}, {"name": " "}])
def test_a_group_without_a_name_makes_its_account_and_keeps_the_name_of_one_that_is_there(
    tmp_path: Path, traits: dict[str, Any]
) -> None:
    scene = Scene(tmp_path)
    scene.sandbox.seed({"px": {"accounts": [{"id": "old", "name": "Old Acme"}]}})
    messages = [group("g-1", plan="gold", **traits), group("old", "u-2", plan="free", **traits)]
    scene.play(messages, [group("g-1", name="Acme")])
    assert scene.words(messages) == ["delivered"] * 2
    assert (scene.accounts["g-1"]["name"], scene.accounts["g-1"]["plan"]) == ("Acme", "gold")
    assert (scene.accounts["old"]["name"], scene.accounts["old"]["plan"]) == ("Old Acme", "free")
    created = [entry for entry in scene.calls() if entry.startswith("POST /v1/accounts")]
    assert created == ["POST /v1/accounts 201"]


def test_the_account_goes_before_its_user_and_the_user_before_its_events(tmp_path: Path) -> None:
    scene = Scene(tmp_path, px_missing_account="reject", px_event_unknown_user="reject")
    messages = [identify(email="ann@acme.test"), group("g-1", name="Acme"), track("A"), track("B")]
    scene.play(messages)
    assert scene.words(messages) == ["delivered"] * 4
    assert scene.users["u-1"]["accountId"] == "g-1" and scene.events == ["A", "B"]


def test_a_track_alone_makes_no_user(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.play([track("Signed In")])
    assert not scene.users and scene.events == ["Signed In"]


def test_other_users_do_not_wait_for_an_account_in_trouble(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.sandbox.faults.add({"fault": "status", "status": 503, "path": "/v1/accounts/g-1", "times": None})
    messages = [group("g-1", "u-1", name="Acme"), identify("u-2", accountId="g-2"), track("A", "u-2")]
    scene.play(messages)
    assert scene.words(messages)[1:] == ["delivered"] * 2
    assert scene.outcomes(messages[:1])[0][0] == "pending"


def test_ids_are_case_sensitive(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    messages = [identify("Ann", title="CTO"), identify("ann", title="CEO"), group("ACME"), group("acme")]
    scene.play(messages)
    assert scene.words(messages) == ["delivered"] * 4
    assert {key: user.get("title") for key, user in scene.users.items() if key != "u-1"} == {
        "Ann": "CTO", "ann": "CEO",
    }  # fmt: skip
    assert set(scene.accounts) == {"ACME", "acme"}


def test_unchanged_values_cost_no_call_and_changed_ones_go_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    again = {"email": "ann@acme.test", "title": "CTO"}
    scene.play([identify(**again)], [identify(**again)], [identify(**{**again, "title": "CEO"})])
    assert scene.calls() == ["PUT /v1/users/u-1 404", "POST /v1/users 201", "PUT /v1/users/u-1 204"]


@pytest.mark.parametrize(
    ("region", "host"), [("us", "api"), ("US", "api"), ("EU", "api-eu"), ("us2", "api-us2")]
)
def test_calls_go_to_the_data_center_with_every_tag_key(region: str, host: str) -> None:
    settings = PX.settings(api_key="key", product_tag_key=["AP-ABC-2", "AP-DEF-2"], data_center=region)
    for kind, key in (("user", "u-1"), ("account", "g-1")):
        work = Work("upsert", Record(kind, f"id:{key}"), {"plan": "gold"}, {"plan": "gold"})
        driven = drive(PX, settings, [work], PX.pretend)
        assert [request.url for request in driven.requests] == [
            f"https://{host}.aptrinsic.com/v1/{kind}s/{key}",
            f"https://{host}.aptrinsic.com/v1/{kind}s",
        ]
        for request in driven.requests:
            assert json.loads(request.body)["propertyKeys"] == ["AP-ABC-2", "AP-DEF-2"]


def test_two_accounts_of_ids_unfit_for_a_path_are_two(sandbox: Sandbox) -> None:
    for key in ("a/b", "a b", "update", "denylist", ".."):
        for plan in ("gold", "free"):
            write(sandbox, key, kind="account", fields={"plan": plan})
    found = {account["id"]: account["plan"] for account in sandbox.state["px"]["accounts"]}
    assert found == dict.fromkeys(("a/b", "a b", "update", "denylist", ".."), "free")


def test_of_merged_events_the_one_whose_value_px_names_fails_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    messages = [identify(title="CTO"), identify(score=1.5, role="admin"), identify(phone="7")]
    scene.play(messages)
    assert scene.words(messages) == ["delivered", "failed refused", "delivered"]
    ann = scene.users["u-1"]
    assert (ann["title"], ann["phone"], "role" in ann, "score" in ann) == ("CTO", "7", False, False)
    assert len(scene.calls()) == 3 + 2, "the refusal of all, then a new user of the others"
