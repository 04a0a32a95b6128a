"""PX users, accounts, attributes and custom events."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox.vendor import PX, TAG, Clock, Vendor, message

DAY = 86_400


def test_a_user_is_created_once(vendor: Vendor) -> None:
    assert vendor.user(email="a@b.c").status_code == 201
    again = vendor.user()
    assert again.status_code == 400
    assert again.json()["externalapierror"]["status"] == "BAD_REQUEST"
    assert [user["email"] for user in vendor.state()["px"]["users"]] == ["a@b.c"]


def test_an_update_merges(vendor: Vendor) -> None:
    vendor.user(email="a@b.c", customAttributes={"plan": "pro"})
    response = vendor.px("PUT", "/v1/users/u1", {"title": "CTO", "customAttributes": {"seats": 3}})
    assert (response.status_code, response.content) == (204, b"")
    user = vendor.px("GET", "/v1/users/u1").json()
    assert (user["email"], user["title"], user["id"]) == ("a@b.c", "CTO", "u1")
    assert user["customAttributes"] == {"plan": "pro", "seats": 3}


def test_an_absent_user_is_404_in_the_documented_form(vendor: Vendor) -> None:
    response = vendor.px("PUT", "/v1/users/absent-id", {"title": "CTO"})
    assert response.status_code == 404
    assert response.json() == {
        "externalapierror": {
            "status": "NOT_FOUND",
            "message": "User was not found for parameters {id=absent-id}",
            "debugMessage": None,
            "subErrors": None,
        }
    }
    assert vendor.px("GET", "/v1/users/absent-id").status_code == 404
    assert vendor.px("DELETE", "/v1/users/absent-id").status_code == 404


@pytest.mark.parametrize("path", ["/v1/users/u1", "/v1/accounts/acme", "/v1/users/update"])
def test_switch_px_absent_put(vendor: Vendor, path: str) -> None:
    body = {"identifyId": "u1"} if path.endswith("update") else {}
    assert vendor.px("PUT", path, body).status_code == 404
    vendor.set(px_absent_put="400")
    assert vendor.px("PUT", path, body).status_code == 400


def test_an_id_may_be_percent_encoded_or_in_the_body(vendor: Vendor) -> None:
    odd = "ünï/code?#%"
    assert vendor.user(odd).status_code == 201
    assert vendor.px("PUT", "/v1/users/" + quote(odd, safe=""), {"title": "A"}).status_code == 204
    assert vendor.px("PUT", "/v1/users/update", {"identifyId": odd, "role": "B"}).status_code == 204
    user = vendor.px("GET", "/v1/users/" + quote(odd, safe="")).json()
    assert (user["title"], user["role"]) == ("A", "B")
    assert vendor.px("DELETE", "/v1/users/delete", {"identifyId": odd}).status_code == 204
    assert vendor.px("PUT", "/v1/users/update", {"role": "B"}).status_code == 400


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"identifyId": ""}, "identifyId"),
        ({"propertyKeys": []}, "propertyKeys"),
        ({"propertyKeys": None}, "propertyKeys"),
        ({"propertyKeys": "AP-1"}, "propertyKeys"),
        ({"email": 5}, "email"),
        ({"type": "ROBOT"}, "type"),
        ({"gender": "X"}, "gender"),
        ({"score": 1.5}, "score"),
        ({"signUpDate": "2024-01-01"}, "signUpDate"),
        ({"signUpDate": None}, "signUpDate"),
        ({"globalUnsubscribe": "yes"}, "globalUnsubscribe"),
        ({"location": "Rome"}, "location"),
        ({"location": {"town": "Rome"}}, "location"),
        ({"location": {"city": 1}}, "location"),
        ({"location": {"coordinates": {"latitude": "x"}}}, "location"),
        ({"customAttributes": []}, "customAttributes"),
        ({"customAttributes": {"a": {"b": 1}}}, "customAttributes.a"),
    ],
)
def test_a_bad_user_is_refused_by_field(vendor: Vendor, fields: dict[str, Any], named: str) -> None:
    response = vendor.user(**{"key": fields.pop("identifyId", "u1"), **fields})
    assert response.status_code == 400
    (error,) = response.json()["externalapierror"]["subErrors"]
    assert error["field"] == named
    assert vendor.state()["px"]["users"] == []


def test_accounts_need_id_name_and_tags_when_created_only(vendor: Vendor) -> None:
    assert vendor.px("POST", "/v1/accounts", {"id": "acme", "propertyKeys": [TAG]}).status_code == 400
    assert vendor.px("POST", "/v1/accounts", {"id": "acme", "name": "Acme"}).status_code == 400
    assert vendor.account(numberOfEmployees=5, healthScore=0.5).status_code == 201
    assert message(vendor.account())[0] == 400
    assert vendor.px("PUT", "/v1/accounts/acme", {"plan": "pro"}).status_code == 204
    assert vendor.px("PUT", "/v1/accounts/update", {"id": "acme", "csm": "Cy"}).status_code == 204
    account = vendor.px("GET", "/v1/accounts/acme").json()
    assert (account["plan"], account["csm"], account["numberOfUsers"]) == ("pro", "Cy", 0)


def test_deleting_an_account_deletes_its_users(vendor: Vendor) -> None:
    vendor.account()
    vendor.user("u1", accountId="acme")
    vendor.user("u2")
    assert vendor.px("GET", "/v1/accounts/acme").json()["numberOfUsers"] == 1
    assert vendor.px("DELETE", "/v1/accounts/delete", {"id": "acme"}).status_code == 204
    assert [user["identifyId"] for user in vendor.state()["px"]["users"]] == ["u2"]


def test_a_deleted_user_is_revived_within_seven_days(vendor: Vendor, clock: Clock) -> None:
    vendor.user(email="a@b.c")
    first = vendor.px("GET", "/v1/users/u1").json()["aptrinsicId"]
    vendor.px("DELETE", "/v1/users/u1")
    clock.now += 6 * DAY
    vendor.user()
    assert vendor.px("GET", "/v1/users/u1").json()["aptrinsicId"] == first
    vendor.px("DELETE", "/v1/users/u1")
    clock.now += 8 * DAY
    vendor.user()
    assert vendor.px("GET", "/v1/users/u1").json()["aptrinsicId"] != first
    vendor.px("DELETE", "/v1/users/u1?hardDelete=true")
    vendor.user()
    assert "email" not in vendor.px("GET", "/v1/users/u1").json()


def test_lists_filter_sort_and_scroll(vendor: Vendor) -> None:
    for n in range(5):
        vendor.user(f"U{n}", email=f"{n}@b.c", score=n)
    found = vendor.px("GET", "/v1/users?filter=identifyId==u3").json()
    assert (found["totalHits"], found["users"][0]["identifyId"]) == (1, "U3")
    first = vendor.px("GET", "/v1/users?pageSize=2&sort=-score").json()
    assert [user["score"] for user in first["users"]] == [4, 3]
    second = vendor.px("GET", f"/v1/users?pageSize=2&sort=-score&scrollId={first['scrollId']}").json()
    assert [user["score"] for user in second["users"]] == [2, 1]
    assert vendor.px("GET", "/v1/users?filter=score>1;score<=3").json()["totalHits"] == 2
    assert vendor.px("GET", "/v1/users?filter=email~B.C;email!=1@b.c").json()["totalHits"] == 4
    assert vendor.px("GET", "/v1/accounts").json()["accounts"] == []


@pytest.mark.parametrize(
    "query", ["pageSize=1001", "pageSize=0", "pageSize=x", "scrollId=x", "filter=nonsense"]
)
def test_a_bad_list_request_is_refused(vendor: Vendor, query: str) -> None:
    assert vendor.px("GET", f"/v1/users?{query}").status_code == 400


def test_a_denied_users_events_are_ignored(vendor: Vendor) -> None:
    vendor.user()
    assert vendor.px("PUT", "/v1/users/denylist/u1", {"denied": True}).status_code == 204
    assert vendor.px("GET", "/v1/users/denylist/u1").json() == {"denied": True}
    assert vendor.track().status_code == 201
    vendor.px("PUT", "/v1/users/denylist/u1", {"denied": False})
    vendor.track(eventName="Later")
    assert [event["eventName"] for event in vendor.state()["px"]["events"]] == ["Later"]
    assert vendor.px("PUT", "/v1/users/denylist/u1", {"denied": "yes"}).status_code == 400
    assert vendor.px("PUT", "/v1/users/denylist/u2", {"denied": True}).status_code == 404


def test_switch_px_unknown_field(vendor: Vendor) -> None:
    assert vendor.user("u1", favourite="blue").status_code == 201
    assert "favourite" not in vendor.state()["px"]["users"][0]
    vendor.set(px_unknown_field="reject")
    assert vendor.user("u2", favourite="blue").status_code == 400


def test_switch_px_read_only(vendor: Vendor) -> None:
    assert vendor.user("u1", createDate=5, numberOfVisits=9).status_code == 201
    assert vendor.state()["px"]["users"][0]["numberOfVisits"] == 0
    vendor.set(px_read_only="reject")
    assert vendor.user("u2", createDate=5).status_code == 400


def test_switch_px_put_property_keys(vendor: Vendor) -> None:
    vendor.user()
    vendor.set(px_put_property_keys="required")
    assert vendor.px("PUT", "/v1/users/u1", {"title": "A"}).status_code == 400
    assert vendor.px("PUT", "/v1/users/u1", {"title": "A", "propertyKeys": [TAG]}).status_code == 204


def test_switch_px_missing_account(vendor: Vendor) -> None:
    assert vendor.user("u1", accountId="acme").status_code == 201
    vendor.set(px_missing_account="reject")
    assert vendor.user("u2", accountId="acme").status_code == 400
    vendor.account()
    assert vendor.user("u2", accountId="acme").status_code == 201


def test_an_event_is_kept_with_its_date(vendor: Vendor, clock: Clock) -> None:
    assert vendor.track(attributes={"plan": "pro"}).status_code == 201
    assert vendor.track(date=5).status_code == 201
    first, second = vendor.state()["px"]["events"]
    assert (first["attributes"], first["date"], second["date"]) == ({"plan": "pro"}, int(clock.now * 1000), 5)


@pytest.mark.parametrize("name", ["eventName", "identifyId", "propertyKey", "userType"])
def test_an_event_needs_its_fields(vendor: Vendor, name: str) -> None:
    assert vendor.track(**{name: None}).status_code == 400
    assert vendor.state()["px"]["events"] == []


def test_an_event_with_a_bad_value_is_refused(vendor: Vendor) -> None:
    assert vendor.track(userType="ROBOT").status_code == 400
    assert vendor.track(date="2024-01-01").status_code == 400
    assert vendor.track(attributes=[1]).status_code == 400


def test_switch_px_event_unknown_user(vendor: Vendor) -> None:
    vendor.set(px_event_unknown_user="reject")
    assert vendor.track().status_code == 400
    vendor.user()
    assert vendor.track().status_code == 201


def test_switch_px_event_id(vendor: Vendor) -> None:
    vendor.track(eventId="e1")
    vendor.track(eventId="e1")
    assert len(vendor.state()["px"]["events"]) == 2
    vendor.set(px_event_id="deduplicate")
    assert [vendor.track(eventId="e2").status_code for _ in range(2)] == [201, 201]
    assert len(vendor.state()["px"]["events"]) == 3


@pytest.mark.parametrize(("form", "status"), [("401_json", 401), ("401_text", 401), ("403_html", 403)])
def test_switch_px_auth_refusal(vendor: Vendor, form: str, status: int) -> None:
    vendor.set(px_auth_refusal=form, refused_keys=[PX["X-APTRINSIC-API-KEY"]])
    response = vendor.user()
    assert response.status_code == status
    assert form == "403_html" or "Authentication failed in loginAwareAuthentication" in response.text
    assert vendor.client.get("/v1/users").status_code == status


def test_only_the_given_px_keys_and_tags_are_accepted(vendor: Vendor) -> None:
    vendor.set(px_api_keys=["good"], px_tag_keys=["AP-GOOD"])
    assert vendor.user().status_code == 401
    good = {"X-APTRINSIC-API-KEY": "good"}
    assert (
        vendor.px("POST", "/v1/users", {"identifyId": "u1", "propertyKeys": [TAG]}, **good).status_code == 400
    )
    body = {"identifyId": "u1", "propertyKeys": ["AP-GOOD"]}
    assert vendor.px("POST", "/v1/users", body, **good).status_code == 201
    event = {"eventName": "e", "identifyId": "u1", "propertyKey": TAG, "userType": "USER"}
    assert vendor.px("POST", "/v1/events/custom", event, **good).status_code == 400


def test_a_body_that_is_not_an_object_is_refused(vendor: Vendor) -> None:
    assert vendor.px("POST", "/v1/users", []).status_code == 400
    assert vendor.client.post("/v1/users", content=b"{", headers=PX).status_code == 400
    assert vendor.px("POST", "/v1/users/bulk", {}).status_code == 405
    assert vendor.px("GET", "/v1/admin/nothing").status_code == 404


def test_segment_push_makes_users_accounts_and_events(vendor: Vendor) -> None:
    assert vendor.push({"type": "identify", "userId": "u1", "traits": {"email": "a@b.c"}}).json() == {}
    vendor.push({"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme"}})
    vendor.push(
        {"type": "track", "userId": "u1", "event": "Clicked", "messageId": "m1", "timestamp": "2024-01-01"}
    )
    px = vendor.state()["px"]
    assert (px["users"][0]["email"], px["users"][0]["accountId"]) == ("a@b.c", "acme")
    assert px["accounts"][0]["name"] == "Acme"
    assert (px["events"][0]["eventId"], px["events"][0]["date"]) == ("m1", 1704067200000)


def test_switch_px_push_message_id(vendor: Vendor) -> None:
    sent = {"type": "track", "userId": "u1", "event": "Clicked", "messageId": "m1"}
    for _ in range(2):
        vendor.push(sent)
    assert len(vendor.state()["px"]["events"]) == 1
    vendor.set(px_push_message_id="ignore")
    vendor.push(sent)
    assert len(vendor.state()["px"]["events"]) == 2


def test_segment_push_refuses_bad_keys_and_an_empty_list(vendor: Vendor) -> None:
    assert "not a valid API key structure" in vendor.push({"type": "track"}, key="nonsense").json()["message"]
    vendor.set(refused_keys=[TAG])
    response = vendor.push({"type": "track"})
    assert (response.status_code, "Unknown subscription" in response.text) == (401, True)
    vendor.set(refused_keys=[])
    assert vendor.push([]).status_code == 400


def test_switches_px_read_only_keys_and_px_write_only_keys(vendor: Vendor) -> None:
    key = PX["X-APTRINSIC-API-KEY"]
    vendor.set(px_read_only_keys=[key])
    assert vendor.px("GET", "/v1/users").status_code == 200
    assert message(vendor.user()) == (403, "The API key lacks the permission Write")
    vendor.set(px_read_only_keys=[], px_write_only_keys=[key])
    assert vendor.user().status_code == 201
    assert message(vendor.px("GET", "/v1/users")) == (403, "The API key lacks the permission Read")
    assert vendor.px("PUT", "/v1/users/u1", {"title": "CTO"}).status_code == 204


def test_switch_px_key_hosts(vendor: Vendor) -> None:
    key = PX["X-APTRINSIC-API-KEY"]
    vendor.set(px_key_hosts=[f"{key}@api-eu.aptrinsic.com", f"{TAG}@segment-esp-eu.aptrinsic.com"])
    assert vendor.px("GET", "/v1/users").status_code == 401
    assert vendor.px("GET", "/v1/users", host="api-eu.aptrinsic.com").status_code == 200
    assert vendor.push([]).status_code == 401
    assert vendor.push([], host="segment-esp-eu.aptrinsic.com").status_code == 400
    assert vendor.px("GET", "/v1/users", **{"X-APTRINSIC-API-KEY": "other"}).status_code == 200


def test_a_user_without_anything_is_refused(vendor: Vendor) -> None:
    status, said = message(vendor.px("POST", "/v1/users", {}))
    assert status == 400 and "identifyId is required" in said
    assert vendor.state()["px"]["users"] == []


@pytest.mark.parametrize("status", [404, 400, 200])
def test_switch_px_denied_unknown_user(vendor: Vendor, status: int) -> None:
    vendor.set(px_denied_unknown_user=str(status))
    assert vendor.px("GET", "/v1/users/denylist/u1").status_code == status
