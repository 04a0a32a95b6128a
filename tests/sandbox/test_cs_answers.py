"""What all CS calls share: credentials, the forms of failure, unknown paths, metadata, events."""

from typing import Any

import pytest

from tests.sandbox.vendor import CS, EVENTS, PEOPLE, Clock, Vendor, code

TOKEN = "/v1/users/m2m/oauth/token"


def test_any_access_key_is_accepted_but_none_is_not(vendor: Vendor) -> None:
    assert vendor.person(Email="a@b.c").status_code == 200
    response = vendor.client.put(PEOPLE, json={"Email": "a@b.c"})
    assert code(response) == (401, "GS_APIG_2401")
    assert "data" not in response.json()
    assert response.json()["message"] == "Unauthorized"


def test_refused_and_only_accepted_keys(vendor: Vendor) -> None:
    vendor.set(refused_keys=[CS["Accesskey"]])
    assert vendor.person(Email="a@b.c").status_code == 401
    vendor.set(refused_keys=[], cs_access_keys=["good"])
    assert vendor.person(Email="a@b.c").status_code == 401
    assert vendor.cs("PUT", PEOPLE, {"Email": "a@b.c"}, Accesskey="good").status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "wanted"),
    [("401_json", 401, "GS_APIG_2401"), ("400_json", 400, "GSOBJ_1024"), ("403_json", 403, "GS_APIG_2402")],
)
def test_switch_cs_auth_refusal(vendor: Vendor, form: str, status: int, wanted: str) -> None:
    vendor.set(refused_keys=[CS["Accesskey"]], cs_auth_refusal=form)
    assert code(vendor.person(Email="a@b.c")) == (status, wanted)


def test_switch_cs_auth_refusal_as_a_page(vendor: Vendor) -> None:
    vendor.set(refused_keys=[CS["Accesskey"]], cs_auth_refusal="401_html")
    response = vendor.person(Email="a@b.c")
    assert (response.status_code, response.headers["content-type"]) == (401, "text/html; charset=utf-8")


def test_a_token_is_given_and_works_until_it_expires(vendor: Vendor, clock: Clock) -> None:
    form = {"grant_type": "client_credentials"}
    given = vendor.client.post(TOKEN, data=form, auth=("id", "secret")).json()
    assert given["expires_in"] == 86400
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert vendor.client.put(PEOPLE, json={"Email": "a@b.c"}, headers=headers).status_code == 200
    clock.now += 86401
    assert vendor.client.put(PEOPLE, json={"Email": "a@b.c"}, headers=headers).status_code == 401
    assert given["access_token"] not in str(vendor.control("GET", "requests"))


def test_a_token_needs_credentials_and_the_grant_type(vendor: Vendor) -> None:
    assert vendor.client.post(TOKEN, data={"grant_type": "client_credentials"}).status_code == 401
    assert vendor.client.post(TOKEN, auth=("id", "secret")).status_code == 400


def test_switch_cs_failure_status(vendor: Vendor) -> None:
    vendor.set(cs_failure_status="200")
    response = vendor.insert({"Nam": "x"})
    assert (response.status_code, response.json()["result"]) == (200, False)


def test_switch_cs_html_errors(vendor: Vendor) -> None:
    vendor.set(cs_html_errors="on")
    page = vendor.cs("POST", "/v1/data/objects/Company", {"records": []}, Accept="*/*")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert vendor.insert().json()["result"] is False


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"\xff"', b"[" * 100_000])
def test_a_body_that_is_not_an_object_is_refused(vendor: Vendor, content: bytes) -> None:
    assert vendor.client.put(PEOPLE, content=content, headers=CS).status_code == 400
    assert vendor.client.post("/v1/data/objects/Company", content=content, headers=CS).status_code == 400


def test_unknown_paths_and_methods_are_refused(vendor: Vendor) -> None:
    assert code(vendor.cs("POST", "/v1/data/nothing", {})) == (404, "GSOBJ_1023")
    assert vendor.cs("PATCH", PEOPLE, {}).status_code == 405
    assert vendor.client.get("/somewhere").status_code == 404


def test_objects_are_listed(vendor: Vendor) -> None:
    for query in ("", "?po=company&em=false"):
        listed = vendor.cs("GET", "/v1/meta/services/objects/list" + query).json()["data"]
        company = next(item for item in listed if item["objectName"] == "Company")
        assert (company["objectType"], company["keyPrefix"], company["transactional"]) == (
            "STANDARD",
            "1P02",
            True,
        )


def test_describe_shows_fields_types_and_options(vendor: Vendor) -> None:
    field = {"name": "Tier__gc", "type": "PICKLIST", "options": ["Gold"]}
    vendor.seed(cs={"schema": {"Company": [field]}})
    body = {"objectNames": ["Company", "person"], "populatePickListOptions": "true"}
    company, person = vendor.cs("POST", "/v1/meta/services/objects/describe", body).json()["data"]
    fields = {item["fieldName"]: item for item in company["fields"]}
    assert fields["Gsid"]["meta"]["readOnly"] is True
    assert fields["Name"]["meta"] == fields["Name"]["meta"] | {"required": True, "length": 255}
    assert fields["Csm"]["meta"]["lookupDetail"]["lookupObjects"] == ["gsuser"]
    option = fields["Tier__gc"]["options"][0]
    assert (option["label"], option["active"]) == ("Gold", True)
    assert person["objectName"] == "Person"
    category = fields["Tier__gc"]["meta"]["properties"]["PICKLIST_CATEGORY_ID"]
    items = vendor.cs("GET", f"/v1/meta/services/dropdowns/{category}").json()["data"]["childItems"]
    assert [(item["name"], item["gsid"]) for item in items] == [("Gold", option["value"])]
    one = vendor.cs("GET", "/v1/api/describe/MDA/company?ic=true&idd=true").json()["data"][0]
    assert one == company


def test_describe_tells_the_items_of_picklists_when_asked_to(vendor: Vendor) -> None:
    vendor.seed(cs={"schema": {"Company": [{"name": "Tier__gc", "type": "PICKLIST", "options": ["Gold"]}]}})
    body = {"objectNames": ["Company"], "populatePickListOptions": "false"}
    (company,) = vendor.cs("POST", "/v1/meta/services/objects/describe", body).json()["data"]
    assert not any("options" in field for field in company["fields"])


def test_a_field_may_be_written_at_creation_only(vendor: Vendor) -> None:
    field = {"name": "Origin__gc", "updateable": False}
    vendor.seed(cs={"schema": {"Company": [field, {"name": "Later__gc", "createable": False}]}})
    assert vendor.insert({"Name": "A", "Later__gc": "x"}).status_code == 400
    assert vendor.insert({"Name": "A", "Origin__gc": "web"}).status_code == 200
    update = "/v1/data/objects/Company?keys=Name"
    assert vendor.cs("PUT", update, {"records": [{"Name": "A", "Origin__gc": "app"}]}).status_code == 400
    assert vendor.cs("PUT", update, {"records": [{"Name": "A", "Later__gc": "x"}]}).status_code == 200
    (company,) = vendor.cs("POST", "/v1/meta/services/objects/describe", {"objectNames": ["Company"]}).json()[
        "data"
    ]
    meta = {one["fieldName"]: one["meta"] for one in company["fields"]}
    assert (meta["Origin__gc"]["createable"], meta["Origin__gc"]["updateable"]) == (True, False)
    assert (meta["Later__gc"]["createable"], meta["Later__gc"]["updateable"]) == (False, True)


def test_switch_cs_describe_links(vendor: Vendor) -> None:
    body = {"objectNames": ["Company", "company_person"]}
    assert len(vendor.cs("POST", "/v1/meta/services/objects/describe", body).json()["data"]) == 2
    vendor.set(cs_describe_links="refuse")
    told = vendor.cs("POST", "/v1/meta/services/objects/describe", body).json()
    assert (told["title"], told["result"]) == ("OBJECT_NOT_FOUND", False)


@pytest.mark.parametrize("status", [404, 400, 200])
def test_switch_cs_metadata_status(vendor: Vendor, status: int) -> None:
    vendor.set(cs_metadata_status=str(status))
    answer = vendor.cs("POST", "/v1/meta/services/objects/describe", {"objectNames": ["Nothing"]})
    assert (answer.status_code, answer.json()["title"]) == (status, "OBJECT_NOT_FOUND")


def test_an_unknown_object_has_the_metadata_form_of_failure(vendor: Vendor) -> None:
    body = vendor.cs("POST", "/v1/meta/services/objects/describe", {"objectNames": ["Nothing"]}).json()
    assert (body["result"], body["title"]) == (False, "OBJECT_NOT_FOUND")
    assert "errorCode" not in body
    assert vendor.cs("POST", "/v1/meta/services/objects/describe", {}).status_code == 404
    assert vendor.cs("GET", "/v1/meta/services/dropdowns/none").status_code == 404
    assert vendor.cs("GET", "/v1/api/describe/MDA/nothing").status_code == 404


def test_an_event_is_kept_with_its_headers(vendor: Vendor) -> None:
    assert vendor.event({"plan": "pro"}, contractId="c1").json()["result"] is True
    (event,) = vendor.state()["cs"]["events"]
    assert event["properties"] == {"plan": "pro"}
    assert (
        event["tenantId"],
        event["topicName"],
        event["eventName"],
        event["eventVersion"],
        event["contractId"],
    ) == (
        "tenant-1",
        "product",
        "Signed up",
        "v01",
        "c1",
    )
    assert "secret-1" not in str(vendor.state()) + str(vendor.control("GET", "requests"))


@pytest.mark.parametrize("name", ["tenantId", "sharedSecret", "eventName", "eventVersion", "topicName"])
def test_an_event_needs_its_headers(vendor: Vendor, name: str) -> None:
    response = vendor.event({"plan": "pro"}, **{name: None})
    assert response.status_code == 400
    assert name in response.json()["errorDesc"]
    assert vendor.state()["cs"]["events"] == []


def test_switch_cs_event_topic(vendor: Vendor) -> None:
    vendor.set(cs_event_topic="optional")
    assert vendor.event({"plan": "pro"}, topicName=None).status_code == 200


def test_a_wrong_shared_secret_is_refused(vendor: Vendor) -> None:
    vendor.set(cs_shared_secrets=["right"])
    assert code(vendor.event({})) == (401, "GS_APIG_2401")
    assert vendor.event({}, sharedSecret="right").status_code == 200
    vendor.set(refused_keys=["bad"])
    assert vendor.event({}, sharedSecret="right", Accesskey="bad").status_code == 401


def test_only_defined_events_are_accepted_once_some_are(vendor: Vendor) -> None:
    definition = {"eventName": "Signed up", "eventVersion": "v01", "properties": ["plan"]}
    vendor.seed(cs={"event_definitions": [definition]})
    assert vendor.event({"plan": "pro", "other": 1}).status_code == 200
    assert code(vendor.event({}, eventVersion="v02")) == (400, "GSOBJ_1002")
    vendor.set(cs_event_properties="reject")
    assert code(vendor.event({"plan": "pro", "other": 1})) == (400, "GSOBJ_1002")


@pytest.mark.parametrize(("form", "data"), [("envelope", None), ("text", "Event accepted")])
def test_switch_cs_event_reply(vendor: Vendor, form: str, data: Any) -> None:
    vendor.set(cs_event_reply=form)
    assert vendor.event({}).json()["data"] == data


def test_switch_cs_event_reply_without_a_body(vendor: Vendor) -> None:
    vendor.set(cs_event_reply="empty")
    response = vendor.event({})
    assert (response.status_code, response.content) == (200, b"")


def test_an_event_is_one_object(vendor: Vendor) -> None:
    assert vendor.cs("POST", EVENTS, [{}], sharedSecret="s").status_code == 400
