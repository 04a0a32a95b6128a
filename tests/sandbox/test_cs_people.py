"""People of CS: the upsert by e-mail, its validations and the links to companies."""

from typing import Any

import pytest

from tests.sandbox.vendor import NEW_PEOPLE, PEOPLE, Vendor, code


@pytest.mark.parametrize("path", [PEOPLE, NEW_PEOPLE])
def test_a_person_is_created_and_then_merged_by_email_in_any_letter_case(vendor: Vendor, path: str) -> None:
    assert vendor.cs("PUT", path, {"Email": "ada@acme.com", "Name": "Ada"}).json()["result"] is True
    assert vendor.cs("PUT", path, {"Email": "ADA@Acme.com", "Title__gc": "CTO"}).status_code == 200
    (person,) = vendor.state()["cs"]["people"]
    assert (person["Name"], person["Title__gc"]) == ("Ada", "CTO")
    assert len(person["Gsid"]) == 36


def test_a_link_is_made_once_and_then_merged(vendor: Vendor) -> None:
    acme, beta = vendor.company("Acme"), vendor.company("Beta")
    vendor.person(Email="ada@acme.com", companies=[{"Company_ID": acme, "Role": "Buyer"}])
    vendor.person(
        Email="ada@acme.com", companies=[{"Company_ID": acme, "Title": "CTO"}, {"Company_ID": beta}]
    )
    first, second = vendor.state()["cs"]["associations"]
    assert (first["Role"], first["Title"], first["Company_Name"]) == ("Buyer", "CTO", "Acme")
    assert (second["Company_ID"], second["Email"]) == (beta, "ada@acme.com")


def test_a_missing_company_refuses_the_whole_person(vendor: Vendor) -> None:
    response = vendor.person(Email="ada@acme.com", companies=[{"Company_ID": "1P02NOWHERE"}])
    assert code(response) == (400, "GSOBJ_PEOPLE1001")
    assert vendor.state()["cs"]["people"] == []


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, "GSOBJ_VCRUDR1001"),
        ({"Name": "Ada"}, "GSOBJ_VCRUDR1003"),
        ({"Email": None}, "GSOBJ_VCRUDR1003"),
        ({"Email": "nobody"}, "GSOBJ_VDTEMAIL1001"),
        ({"Email": "a@b.c", "Plan": "Gold"}, "GSOBJ_VCRUDR1002"),
        ({"Email": "a@b.c", "Gsid": "x"}, "GSOBJ_VCRUDR1002"),
        ({"Email": "a@b.c", "Name": "x" * 256}, "GSOBJ_VDTBSTR1001"),
        ({"Email": "a@b.c", "Name": {"first": "Ada"}}, "GSOBJ_VDTBSTR1001"),
        ({"Email": "a@b.c", "EmailOptOut": "maybe"}, "GSOBJ_VDTBOOL1001"),
        ({"Email": "a@b.c", "MasterAvatarTypeCode": "ten"}, "GSOBJ_VDTNUM1001"),
        ({"Email": "a@b.c", "MasterAvatarTypeCode": 10**16}, "GSOBJ_VDTNUM1002"),
        ({"Email": "a@b.c", "LinkedinUrl": "no link"}, "GSOBJ_VDTURL1001"),
        ({"Email": "a@b.c", "companies": [{}]}, "GSOBJ_VCRUDR1003"),
        ({"Email": "a@b.c", "companies": [{"Company_ID": "no id!"}]}, "GSOBJ_VDTGSID1001"),
        ({"Email": "a@b.c", "companies": "Acme"}, "GSOBJ_VDTBSTR1001"),
        ({"Email": "a@b.c", "associations": {"companyPerson": {}}}, "GSOBJ_VCRUDR1002"),
    ],
)
def test_a_bad_person_is_refused_with_its_code(vendor: Vendor, fields: dict[str, Any], wanted: str) -> None:
    response = vendor.person(**fields)
    assert code(response) == (400, wanted)
    assert response.json()["data"] is None
    assert vendor.state()["cs"]["people"] == []


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("DATETIME", "yesterday", "GSOBJ_VDTDATIME1001"),
        ("CURRENCY", "1,000.00", "GSOBJ_VDTCURREN1002"),
        ("CURRENCY", "much", "GSOBJ_VDTCURREN1001"),
        ("PERCENTAGE", "half", "GSOBJ_VDTPERCENT1001"),
        ("SFDCID", "001", "GSOBJ_VDTSFDCID1001"),
        ("PICKLIST", 5, "GSOBJ_VDTPKLST1001"),
        ("PICKLIST", "Bronze", "GSOBJ_VDTPKLST1002"),
    ],
)
def test_a_seeded_type_is_enforced(vendor: Vendor, kind: str, value: Any, wanted: str) -> None:
    options = ["Gold", "Silver"] if kind == "PICKLIST" else []
    vendor.seed(cs={"schema": {"Person": [{"name": "X__gc", "type": kind, "options": options}]}})
    assert code(vendor.person(Email="a@b.c", X__gc=value)) == (400, wanted)


def test_a_seeded_schema_refuses_other_custom_fields(vendor: Vendor) -> None:
    vendor.seed(cs={"schema": {"Person": [{"name": "Plan__gc", "length": 3}]}})
    assert vendor.person(Email="a@b.c", Plan__gc="Pro").status_code == 200
    assert code(vendor.person(Email="a@b.c", Other__gc="x")) == (400, "GSOBJ_VCRUDR1002")
    assert code(vendor.person(Email="a@b.c", Plan__gc="Free")) == (400, "GSOBJ_VDTBSTR1001")


def test_a_lookup_finds_the_company_of_a_link_by_name(vendor: Vendor) -> None:
    acme = vendor.company("Acme")
    lookup = {"fields": {"account": "Name"}, "objectName": "Company", "onNoMatch": "ERROR"}
    fields = {"companies": [{"account": "Acme"}], "lookups": {"Company_ID": lookup}}
    assert vendor.person(Email="a@b.c", **fields).status_code == 200
    assert vendor.state()["cs"]["associations"][0]["Company_ID"] == acme
    fields["companies"] = [{"account": "Nobody"}]
    assert code(vendor.person(Email="a@b.c", **fields)) == (400, "GSOBJ_PEOPLE1001")


def test_a_person_is_read_by_email_or_gsid(vendor: Vendor) -> None:
    vendor.person(Email="a@b.c", Name="Ada")
    gsid = vendor.state()["cs"]["people"][0]["Gsid"]
    assert vendor.cs("GET", PEOPLE + "?email=A@b.c").json()["data"]["Name"] == "Ada"
    assert vendor.cs("GET", f"{NEW_PEOPLE}?gsid={gsid}").json()["data"]["Name"] == "Ada"
    assert code(vendor.cs("GET", PEOPLE)) == (400, "GSOBJ_VQP1001")
    assert code(vendor.cs("GET", PEOPLE + "?email=no@b.c")) == (400, "GSOBJ_1011")


def test_people_are_read_with_a_query(vendor: Vendor) -> None:
    vendor.person(Email="a@b.c", Name="Ada")
    body = {"select": ["Email", "Name"], "where": {}}
    response = vendor.cs("POST", "/v1/data/objects/query/person", body)
    assert response.json()["data"] == [{"Email": "a@b.c", "Name": "Ada"}]


@pytest.mark.parametrize(("form", "data"), [("null", None), ("text", "Person upserted successfully")])
def test_switch_cs_person_reply_plain(vendor: Vendor, form: str, data: Any) -> None:
    vendor.set(cs_person_reply=form)
    assert vendor.person(Email="a@b.c").json()["data"] == data


def test_switch_cs_person_reply_with_the_record(vendor: Vendor) -> None:
    vendor.set(cs_person_reply="gsid")
    gsid = vendor.person(Email="a@b.c").json()["data"]["Gsid"]
    vendor.set(cs_person_reply="record")
    assert vendor.person(Email="a@b.c").json()["data"]["Email"] == "a@b.c"
    vendor.set(cs_person_reply="records")
    assert vendor.person(Email="a@b.c").json()["data"]["records"][0]["Gsid"] == gsid


@pytest.mark.parametrize(("only", "gone"), [("old", NEW_PEOPLE), ("new", PEOPLE)])
def test_switch_cs_people_path(vendor: Vendor, only: str, gone: str) -> None:
    vendor.set(cs_people_path=only)
    answers = {path: vendor.cs("PUT", path, {"Email": "a@b.c"}).status_code for path in (PEOPLE, NEW_PEOPLE)}
    assert answers.pop(gone) == 404
    assert list(answers.values()) == [200]


def test_switch_cs_person_links(vendor: Vendor) -> None:
    acme = vendor.company("Acme")
    nested = {"associations": {"companyPerson": {"Company_ID": acme}}}
    vendor.set(cs_person_links="associations")
    assert vendor.person(Email="a@b.c", **nested).status_code == 200
    assert code(vendor.person(Email="a@b.c", companies=[])) == (400, "GSOBJ_VCRUDR1002")
    vendor.set(cs_person_links="both")
    assert vendor.person(Email="a@b.c", companies=[{"Company_ID": acme}]).status_code == 200
    assert len(vendor.state()["cs"]["associations"]) == 1
