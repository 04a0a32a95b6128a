"""PX: attributes of users and accounts, and what the switches make of those that do not fit."""

from typing import Any

import pytest

from tests.sandbox.vendor import Vendor

DAY = 86_400


def test_attributes_are_listed_with_default_and_seeded_ones(vendor: Vendor) -> None:
    vendor.seed(px={"attributes": {"user": [{"apiName": "seats", "type": "NUMBER"}]}})
    listed = {item["apiName"]: item for item in vendor.px("GET", "/v1/admin/model/user/attributes").json()}
    assert listed["seats"] == listed["seats"] | {"type": "NUMBER", "state": "ENABLED", "origin": "CUSTOM"}
    assert (listed["signUpDate"]["type"], listed["signUpDate"]["origin"]) == ("DATE_TIME", "DEFAULT")
    assert "sfdcContactId" not in listed
    assert any(
        item["apiName"] == "csm" for item in vendor.px("GET", "/v1/admin/model/account/attributes").json()
    )


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("NUMBER", 5, "five"),
        ("STRING", "x", 5),
        ("BOOLEAN", "true", "perhaps"),
        ("DATE_TIME", 1_700_000_000_000, None),
        ("DATE_TIME", 0, ""),
    ],
)
def test_a_seeded_attribute_has_its_type(vendor: Vendor, kind: str, good: Any, bad: Any) -> None:
    vendor.seed(px={"attributes": {"user": [{"apiName": "x", "type": kind}]}})
    assert vendor.user(customAttributes={"x": bad}).status_code == 400
    assert vendor.user(customAttributes={"x": good}).status_code == 201


def test_switch_px_unknown_attribute(vendor: Vendor) -> None:
    known = {"apiName": "x", "type": "STRING"}
    vendor.seed(px={"attributes": {"user": [known, {**known, "apiName": "off", "state": "DISABLED"}]}})
    assert vendor.user(customAttributes={"y": 1}).status_code == 400
    assert vendor.user(customAttributes={"off": "a"}).status_code == 400
    vendor.set(px_unknown_attribute="ignore")
    assert vendor.user(customAttributes={"y": 1, "x": "a"}).status_code == 201
    assert vendor.state()["px"]["users"][0]["customAttributes"] == {"x": "a"}


def test_the_stock_is_listed_and_restricts_nothing(vendor: Vendor) -> None:
    listed = {item["apiName"]: item for item in vendor.px("GET", "/v1/admin/model/account/attributes").json()}
    assert (listed["culture"]["name"], listed["culture"]["origin"]) == ("Culture", "CUSTOM")
    assert vendor.account(customAttributes={"anything": 1}).status_code == 201


def test_a_seeded_default_attribute_stands_in_its_place(vendor: Vendor) -> None:
    path = "/v1/admin/model/user/attributes"
    before = vendor.px("GET", path).json()
    vendor.seed(px={"attributes": {"user": [{"apiName": "role", "origin": "DEFAULT", "state": "DISABLED"}]}})
    after = vendor.px("GET", path).json()
    assert [item["id"] for item in after] == [item["id"] for item in before]
    (role,) = (item for item in after if item["apiName"] == "role")
    assert (role["state"], role["type"], role["origin"]) == ("DISABLED", "STRING", "DEFAULT")
    assert vendor.user("u1", customAttributes={"y": 1}).status_code == 201, "no custom attribute is seeded"


def test_of_two_attributes_of_one_name_the_enabled_one_counts(vendor: Vendor) -> None:
    gone = {"apiName": "x", "type": "NUMBER", "state": "DELETED"}
    for number, rows in enumerate(([gone, {"apiName": "x"}], [{"apiName": "x"}, gone])):
        vendor.control("POST", "reset", {"only": ["state"]})
        vendor.seed(px={"attributes": {"user": rows}})
        assert vendor.user(f"u{number}", customAttributes={"x": "text"}).status_code == 201


def test_switch_px_disabled_attribute(vendor: Vendor) -> None:
    custom = {"apiName": "off", "state": "DISABLED"}
    own = {"apiName": "role", "state": "DISABLED", "origin": "DEFAULT"}
    vendor.seed(px={"attributes": {"user": [custom, own]}})
    for number, fields in enumerate(({"customAttributes": {"off": "a"}}, {"role": "admin"})):
        vendor.set(px_disabled_attribute="reject")
        assert vendor.user(f"u{number}", **fields).status_code == 400
        vendor.set(px_disabled_attribute="ignore")
        assert vendor.user(f"u{number}", **fields).status_code == 201
        vendor.set(px_disabled_attribute="accept")
        assert vendor.user(f"v{number}", **fields).status_code == 201
    users = {user["identifyId"]: user for user in vendor.state()["px"]["users"]}
    assert users["u0"]["customAttributes"] == {} and "role" not in users["u1"]
    assert (users["v0"]["customAttributes"], users["v1"]["role"]) == ({"off": "a"}, "admin")


@pytest.mark.parametrize("form", ["attributes", "content"])
def test_switch_px_attribute_list(vendor: Vendor, form: str) -> None:
    path = "/v1/admin/model/user/attributes"
    plain = vendor.px("GET", path).json()
    vendor.set(px_attribute_list=form)
    assert vendor.px("GET", path).json() == {form: plain}
