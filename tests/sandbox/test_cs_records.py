"""Company and custom objects of CS: insert, update, delete, all-or-nothing validation, lookups."""

from typing import Any

import pytest

from tests.sandbox.vendor import COMPANY, Vendor, code, rows


def names(vendor: Vendor) -> list[str]:
    return [company["Name"] for company in vendor.state()["cs"]["companies"]]


def test_an_insert_answers_count_and_gsids_with_the_key_prefix(vendor: Vendor) -> None:
    data = vendor.insert({"Name": "Acme"}, {"Name": "Beta"}).json()["data"]
    assert (data["count"], data["errors"]) == (2, None)
    assert all(len(row["Gsid"]) == 36 and row["Gsid"].startswith("1P02") for row in data["records"])


def test_the_envelope_has_the_documented_keys(vendor: Vendor) -> None:
    keys = ["result", "errorCode", "errorDesc", "requestId", "data", "message"]
    assert list(vendor.insert({"Name": "Acme"}).json()) == keys
    assert list(vendor.insert({"Nam": "Acme"}).json()) == keys


def test_one_bad_record_refuses_all(vendor: Vendor) -> None:
    response = vendor.insert({"Name": "Acme"}, {"Name": "Beta", "OriginalContractDate": 210318})
    assert code(response) == (400, "GSOBJ_1006")
    assert response.json()["data"] == {
        "count": 0,
        "records": None,
        "errors": [
            [
                {
                    "success": False,
                    "parsedValue": 210318,
                    "errors": [
                        {
                            "errorMessage": "Invalid dateTime format",
                            "errorCode": "GSOBJ_1006",
                            "fieldName": "OriginalContractDate",
                            "invalidValue": 210318,
                        }
                    ],
                }
            ]
        ],
    }
    assert names(vendor) == []


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"Name": "x" * 256}, "GSOBJ_1001"),
        ({"Plan": "Gold"}, "GSOBJ_1002"),
        ({"Employees": "many"}, "GSOBJ_1002"),
        ({"Arr": "1,000"}, "GSOBJ_1002"),
        ({"Nps": 9}, "GSOBJ_1002"),
        ({"Gsid": "x"}, "GSOBJ_1002"),
        ({"Tags": ["a"]}, "GSOBJ_1002"),
        ({"SfdcAccountId": "001"}, "GSOBJ_1002"),
        ({"When__gc": "soon"}, "GSOBJ_1005"),
        ({"RenewalDate": "soon"}, "GSOBJ_1006"),
        ({"Name": None}, "GSOBJ_1007"),
        ({"Share__gc": "half"}, "GSOBJ_1008"),
        ({"Active__gc": "maybe"}, "GSOBJ_1008"),
        ({"Tier__gc": "Bronze"}, "GSOBJ_VDTPKLST1002"),
        ({"Fixed__gc": "x"}, "GSOBJ_1002"),
    ],
)
def test_a_bad_value_is_refused_with_its_code(vendor: Vendor, fields: dict[str, Any], wanted: str) -> None:
    vendor.seed(
        cs={
            "schema": {
                "Company": [
                    {"name": "When__gc", "type": "DATETIME"},
                    {"name": "Share__gc", "type": "PERCENTAGE"},
                    {"name": "Active__gc", "type": "BOOLEAN"},
                    {"name": "Tier__gc", "type": "PICKLIST", "options": ["Gold"]},
                    {"name": "Fixed__gc", "readOnly": True},
                ]
            }
        }
    )
    assert code(vendor.insert({"Name": "Acme", **fields})) == (400, wanted)
    assert names(vendor) == []


def test_a_required_field_binds_creation_only(vendor: Vendor) -> None:
    assert code(vendor.insert({"Industry": "Food"})) == (400, "GSOBJ_1007")
    gsid = vendor.company("Acme")
    assert vendor.update({"Gsid": gsid, "Industry": "Food"}, keys="Gsid").status_code == 200


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("2024-02-29", 1709164800000),
        ("2024-02-29T10:00:00.000Z", 1709164800000),
        (1709164800000, 1709164800000),
    ],
)
def test_dates_are_read_back_as_epoch_milliseconds(vendor: Vendor, value: Any, stored: int) -> None:
    vendor.company("Acme", RenewalDate=value)
    assert rows(vendor.query(select=["RenewalDate"])) == [{"RenewalDate": stored}]
    vendor.set(cs_date_read="text")
    assert rows(vendor.query(select=["RenewalDate"])) == [{"RenewalDate": "2024-02-29"}]


def test_at_most_50_records_a_call(vendor: Vendor) -> None:
    batch = [{"Name": f"Company {n}"} for n in range(51)]
    assert vendor.insert(*batch).status_code == 400
    assert vendor.insert(*batch[:50]).json()["data"]["count"] == 50
    assert vendor.update(*batch).status_code == 400
    assert vendor.insert().status_code == 400
    assert code(vendor.insert({})) == (400, "GSOBJ_1008")


def test_names_may_repeat(vendor: Vendor) -> None:
    vendor.insert({"Name": "Acme"}, {"Name": "Acme"})
    assert names(vendor) == ["Acme", "Acme"]


def test_switch_cs_company_name(vendor: Vendor) -> None:
    vendor.set(cs_company_name="unique")
    assert code(vendor.insert({"Name": "Acme"}, {"Name": "Acme"})) == (400, "GSOBJ_1008")


def test_an_update_merges_and_echoes_what_was_stored(vendor: Vendor) -> None:
    gsid = vendor.company("Acme", Employees=5)
    data = vendor.update({"Name": "Acme", "Industry": "Food"}).json()["data"]
    assert data["records"] == [{"Name": "Acme", "Industry": "Food", "Gsid": gsid}]
    (company,) = vendor.state()["cs"]["companies"]
    assert (company["Employees"], company["Industry"]) == (5, "Food")


def test_an_update_matches_all_its_keys(vendor: Vendor) -> None:
    vendor.insert({"Name": "Acme", "TickerSymbol": "A"}, {"Name": "Acme", "TickerSymbol": "B"})
    vendor.update({"Name": "Acme", "TickerSymbol": "B", "Employees": 7}, keys="Name,TickerSymbol")
    assert [company.get("Employees") for company in vendor.state()["cs"]["companies"]] == [None, 7]


@pytest.mark.parametrize("keys", ["", "Name,Tags,TickerSymbol,Summary", "Nothing", "RenewalDate"])
def test_bad_keys_are_refused(vendor: Vendor, keys: str) -> None:
    vendor.company("Acme")
    assert code(vendor.update({"Name": "Acme"}, keys=keys)) == (400, "GSOBJ_1002")


def test_each_record_of_an_update_carries_the_keys(vendor: Vendor) -> None:
    vendor.company("Acme")
    assert code(vendor.update({"Name": "Acme"}, {"Industry": "Food"})) == (400, "GSOBJ_1007")


def test_switch_cs_update_unmatched(vendor: Vendor) -> None:
    vendor.company("Acme")
    both = ({"Name": "Acme", "Employees": 1}, {"Name": "Nobody"})
    assert code(vendor.update(*both)) == (400, "GSOBJ_1011")
    assert "Employees" not in vendor.state()["cs"]["companies"][0]
    vendor.set(cs_update_unmatched="fail_named")
    ((entry,),) = vendor.update(*both).json()["data"]["errors"]
    assert entry["errors"][0]["invalidValue"] == "Nobody"
    vendor.set(cs_update_unmatched="partial")
    data = vendor.update(*both).json()["data"]
    assert [row["Name"] for row in data["records"]] == ["Acme"]
    assert code(vendor.update(both[1])) == (400, "GSOBJ_1011")


def test_switch_cs_update_ambiguous(vendor: Vendor) -> None:
    vendor.insert({"Name": "Acme"}, {"Name": "Acme"})
    assert vendor.update({"Name": "Acme", "Employees": 1}).json()["data"]["count"] == 2
    vendor.set(cs_update_ambiguous="first")
    assert vendor.update({"Name": "Acme", "Employees": 2}).json()["data"]["count"] == 1
    vendor.set(cs_update_ambiguous="error")
    assert code(vendor.update({"Name": "Acme", "Employees": 3})) == (400, "GSOBJ_1008")
    assert [company["Employees"] for company in vendor.state()["cs"]["companies"]] == [2, 1]


def test_switch_cs_record_order(vendor: Vendor) -> None:
    vendor.insert({"Name": "Acme"}, {"Name": "Beta"})
    both = ({"Name": "Acme"}, {"Name": "Beta"})
    assert [row["Name"] for row in rows(vendor.update(*both))] == ["Acme", "Beta"]
    vendor.set(cs_record_order="reversed")
    assert [row["Name"] for row in rows(vendor.update(*both))] == ["Beta", "Acme"]


@pytest.mark.parametrize(
    ("nesting", "shape"), [("by_record", [1, 2]), ("by_position", [0, 1, 2]), ("flat", [dict, dict, dict])]
)
def test_switch_cs_error_nesting(vendor: Vendor, nesting: str, shape: list[Any]) -> None:
    vendor.set(cs_error_nesting=nesting)
    bad = ({"Name": "A"}, {"Name": "B", "X": 1}, {"Name": "C", "X": 1, "Employees": "y"})
    errors = vendor.insert(*bad).json()["data"]["errors"]
    assert [type(entry) if isinstance(entry, dict) else len(entry) for entry in errors] == shape


def test_switch_cs_field_case(vendor: Vendor) -> None:
    assert code(vendor.insert({"NAME": "Acme"})) == (400, "GSOBJ_1002")
    vendor.set(cs_field_case="insensitive")
    vendor.insert({"NAME": "Acme", "ARR": 5})
    assert vendor.state()["cs"]["companies"][0]["Arr"] == 5


def test_switch_cs_null(vendor: Vendor) -> None:
    vendor.company("Acme", Industry="Food", Tags="a")
    vendor.set(cs_null="ignore")
    vendor.update({"Name": "Acme", "Industry": None})
    assert vendor.state()["cs"]["companies"][0]["Industry"] == "Food"
    vendor.set(cs_null="reject")
    assert code(vendor.update({"Name": "Acme", "Industry": None})) == (400, "GSOBJ_1007")
    vendor.set(cs_null="clear")
    vendor.update({"Name": "Acme", "Industry": None})
    assert "Industry" not in vendor.state()["cs"]["companies"][0]


def test_switch_cs_read_only(vendor: Vendor) -> None:
    vendor.set(cs_read_only="ignore")
    assert vendor.insert({"Name": "Acme", "Nps": 9}).status_code == 200
    assert "Nps" not in vendor.state()["cs"]["companies"][0]


def test_switch_cs_picklist(vendor: Vendor) -> None:
    options = [{"label": "Gold", "gsid": "1I00GOLD"}, {"label": "Old", "active": False}]
    field = {"name": "Tier__gc", "type": "MULTISELECTDROPDOWNLIST", "options": options}
    vendor.seed(cs={"schema": {"Company": [field]}})
    accepted = {}
    for form in ("label_or_gsid", "gsid", "label"):
        vendor.set(cs_picklist=form)
        for value in ("Gold", "1I00GOLD", "Old"):
            accepted[form, value] = vendor.insert({"Name": "A", "Tier__gc": value}).status_code == 200
    assert [key for key, good in accepted.items() if good] == [
        ("label_or_gsid", "Gold"),
        ("label_or_gsid", "1I00GOLD"),
        ("gsid", "1I00GOLD"),
        ("label", "Gold"),
    ]
    assert vendor.state()["cs"]["companies"][0]["Tier__gc"] == "1I00GOLD"


def test_switch_cs_date_write(vendor: Vendor) -> None:
    accepted = {}
    for form in ("any", "text", "epoch_ms"):
        vendor.set(cs_date_write=form)
        for value in ("2026-01-31", 1_769_817_600_000):
            accepted[form, value] = vendor.insert({"Name": "A", "RenewalDate": value}).status_code == 200
    assert [key for key, good in accepted.items() if not good] == [
        ("text", 1_769_817_600_000),
        ("epoch_ms", "2026-01-31"),
    ]


def test_a_company_is_deleted_with_its_links(vendor: Vendor) -> None:
    gsid = vendor.company("Acme")
    vendor.person(Email="a@b.c", companies=[{"Company_ID": gsid}])
    assert isinstance(vendor.cs("DELETE", f"{COMPANY}/{gsid}").json()["data"], str)
    assert vendor.state()["cs"]["companies"] == vendor.state()["cs"]["associations"] == []
    assert code(vendor.cs("DELETE", f"{COMPANY}/{gsid}")) == (400, "GSOBJ_1004")


def test_a_lookup_fills_a_field_from_another_object(vendor: Vendor) -> None:
    vendor.seed(cs={"objects": {"gsuser": [{"Gsid": "1P01X", "Email": "csm@acme.com", "Name": "Cy"}]}})
    lookup = {"fields": {"csm_email": "Email"}, "lookupField": "Gsid", "objectName": "gsuser"}
    vendor.insert({"Name": "Acme", "csm_email": "CSM@acme.com"}, lookups={"Csm": lookup})
    company = vendor.state()["cs"]["companies"][0]
    assert company["Csm"] == "1P01X"
    assert "csm_email" not in company
    assert rows(vendor.query(select=["Csm__gr.Name"])) == [{"Csm__gr.Name": "Cy"}]


@pytest.mark.parametrize(
    ("option", "value", "answer"),
    [
        ("onNoMatch", "NULLABLE", (200, None)),
        ("onNoMatch", "ERROR", (400, "GSOBJ_1008")),
        ("onNoMatch", "DEFAULTVALUE", (200, None)),
        ("onNoMatch", "WHATEVER", (400, "GSOBJ_1002")),
    ],
)
def test_a_lookup_without_a_match(vendor: Vendor, option: str, value: str, answer: Any) -> None:
    lookup = {"fields": {"mail": "Email"}, "objectName": "gsuser", option: value, "defaultValue": "1P01D"}
    assert code(vendor.insert({"Name": "A", "mail": "no@b.c"}, lookups={"Csm": lookup})) == answer
    if value == "DEFAULTVALUE":
        assert vendor.state()["cs"]["companies"][0]["Csm"] == "1P01D"


def test_a_lookup_with_several_matches(vendor: Vendor) -> None:
    first = vendor.company("Parent")
    vendor.company("Parent")
    lookup = {"fields": {"parent": "Name"}, "objectName": "Company", "multiMatchOption": "FIRSTMATCH"}
    vendor.insert({"Name": "Child", "parent": "Parent"}, lookups={"ParentCompany": lookup})
    assert vendor.state()["cs"]["companies"][2]["ParentCompany"] == first
    lookup["multiMatchOption"] = "MARKASERROR"
    response = vendor.insert({"Name": "Child", "parent": "Parent"}, lookups={"ParentCompany": lookup})
    assert code(response) == (400, "GSOBJ_1008")


LOOKUP = {"fields": {"mail": "Email"}, "objectName": "gsuser", "onNoMatch": "ERROR"}


@pytest.mark.parametrize(
    ("named", "field", "value"),
    [("target", "Csm", "no@b.c"), ("source", "mail", "no@b.c"), ("unnamed", None, None)],
)
@pytest.mark.parametrize("wanted", ["GSOBJ_1008", "GSOBJ_1002", "GSOBJ_1011"])
def test_switches_cs_lookup_error_and_cs_lookup_code(
    vendor: Vendor, named: str, field: str | None, value: str | None, wanted: str
) -> None:
    vendor.set(cs_lookup_error=named, cs_lookup_code=wanted)
    response = vendor.insert({"Name": "A", "mail": "no@b.c"}, lookups={"Csm": LOOKUP})
    assert code(response) == (400, wanted)
    [[entry]] = response.json()["data"]["errors"]
    [error] = entry["errors"]
    assert (error["fieldName"], error["invalidValue"], error["errorCode"]) == (field, value, wanted)
    assert ("(" in response.json()["errorDesc"]) == (named != "unnamed")


@pytest.mark.parametrize(("case", "answer"), [("insensitive", (200, None)), ("exact", (400, "GSOBJ_1008"))])
def test_switch_cs_lookup_case(vendor: Vendor, case: str, answer: Any) -> None:
    vendor.set(cs_lookup_case=case)
    vendor.seed(cs={"objects": {"gsuser": [{"Email": "csm@acme.com"}]}})
    assert code(vendor.insert({"Name": "A", "mail": "CSM@acme.com"}, lookups={"Csm": LOOKUP})) == answer
    assert code(vendor.insert({"Name": "B", "mail": "csm@acme.com"}, lookups={"Csm": LOOKUP})) == (200, None)


@pytest.mark.parametrize(("absent", "answer"), [("skip", (200, None)), ("refuse", (400, "GSOBJ_1008"))])
def test_switch_cs_lookup_absent(vendor: Vendor, absent: str, answer: Any) -> None:
    vendor.set(cs_lookup_absent=absent)
    assert code(vendor.insert({"Name": "A"}, lookups={"Csm": LOOKUP})) == answer


@pytest.mark.parametrize(("read", "answer"), [("answer", (200, None)), ("refuse", (400, "GSOBJ_1023"))])
def test_switch_cs_user_read(vendor: Vendor, read: str, answer: Any) -> None:
    vendor.set(cs_user_read=read)
    assert code(vendor.query(object="gsuser", select=["Gsid"])) == answer


def test_custom_objects_have_the_same_verbs(vendor: Vendor) -> None:
    usage = "usage_event__gc"
    gsid = rows(vendor.insert({"Name": "n", "Kind__gc": "x"}, object=usage))[0]["Gsid"]
    vendor.update({"Kind__gc": "x", "Count__gc": 3}, keys="Kind__gc", object=usage)
    assert rows(vendor.query(object=usage, select=["Count__gc"])) == [{"Count__gc": 3}]
    assert code(vendor.insert({"Kind": "x"}, object=usage)) == (400, "GSOBJ_1002")
    assert vendor.cs("DELETE", f"/v1/data/objects/{usage}/{gsid}").status_code == 200
    assert vendor.state()["cs"]["objects"] == {usage: []}


def test_a_high_volume_object_is_not_writable(vendor: Vendor) -> None:
    vendor.seed(cs={"schema": {"big__gc": {"fields": [{"name": "X__gc"}], "transactional": False}}})
    assert code(vendor.insert({"X__gc": "x"}, object="big__gc")) == (400, "GSOBJ_1002")


@pytest.mark.parametrize("name", ["Nothing", "Person", "gsuser"])
def test_other_objects_are_not_written_here(vendor: Vendor, name: str) -> None:
    assert vendor.insert({"Name": "x"}, object=name).status_code == 400


def test_switch_cs_unknown_object(vendor: Vendor) -> None:
    vendor.set(cs_unknown_object="reject")
    assert code(vendor.insert({"X__gc": 1}, object="usage__gc")) == (400, "GSOBJ_1023")
