"""Reads of CS: every operator, expressions, order, pages, and the forms of an empty reply."""

from typing import Any

import pytest

from tests.sandbox.vendor import Vendor, code, rows


@pytest.fixture
def companies(vendor: Vendor) -> Vendor:
    vendor.insert(
        {"Name": "Acme", "Employees": 10, "RenewalDate": "2024-01-01", "Tags": "a;b"},
        {"Name": "Beta", "Employees": 20, "RenewalDate": "2024-06-01", "Tags": "b;c"},
        {"Name": "Gamma", "Employees": 30, "Industry": "Food"},
    )
    return vendor


@pytest.mark.parametrize(
    ("name", "operator", "value", "wanted"),
    [
        ("Name", "EQ", ["Acme"], "A"),
        ("Name", "EQ", ["acme"], ""),
        ("Name", "NE", ["Acme"], "BG"),
        ("Employees", "LT", [20], "A"),
        ("Employees", "GT", [20], "G"),
        ("Employees", "LTE", [20], "AB"),
        ("Employees", "GTE", [20], "BG"),
        ("Employees", "GTE", ["x"], ""),
        ("Employees", "LT", [[]], ""),
        ("Employees", "BTW", [15, 30], "BG"),
        ("Name", "IN", ["Acme", "Gamma", "Nobody"], "AG"),
        ("Name", "CONTAINS", ["MM"], "G"),
        ("Name", "STARTS_WITH", ["be"], "B"),
        ("Name", "ENDS_WITH", ["A"], "BG"),
        ("Industry", "IS_NULL", None, "AB"),
        ("Industry", "IS_NOT_NULL", None, "G"),
        ("Tags", "INCLUDES", ["a", "c"], "AB"),
        ("Tags", "EXCLUDES", ["a"], "BG"),
        ("RenewalDate", "GT", ["2024-03-01 00:00:00"], "B"),
        ("RenewalDate", "EQ", [1704067200000], "A"),
    ],
)
def test_an_operator_chooses_rows(
    companies: Vendor, name: str, operator: str, value: Any, wanted: str
) -> None:
    found = rows(companies.query({"name": name, "operator": operator, "value": value}))
    assert "".join(row["Name"][0] for row in found) == wanted


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("A AND B", ""),
        ("A OR B", "AB"),
        ("A or (B AND C)", "AB"),
        ("(A OR B) AND C", "B"),
        ("A OR B AND C", "AB"),
    ],
)
def test_an_expression_joins_conditions(companies: Vendor, expression: str, wanted: str) -> None:
    conditions = (
        {"name": "Name", "operator": "EQ", "value": ["Acme"]},
        {"name": "Name", "operator": "EQ", "value": ["Beta"]},
        {"name": "Employees", "operator": "GT", "value": [10]},
    )
    found = rows(companies.query(*conditions, expression=expression))
    assert "".join(row["Name"][0] for row in found) == wanted


def test_order_limit_and_offset(companies: Vendor) -> None:
    found = rows(companies.query(orderBy={"Employees": "desc"}, limit=2, offset=1))
    assert [row["Name"] for row in found] == ["Beta", "Acme"]
    assert [row["Name"] for row in rows(companies.query(orderBy={"Industry": "asc", "Name": "desc"}))] == [
        "Gamma",
        "Beta",
        "Acme",
    ]


@pytest.mark.parametrize(
    "block",
    [
        {"select": []},
        {"select": ["Nothing"]},
        {"select": None},
        {"limit": 5001},
        {"offset": -1},
        {"orderBy": {"Name": "up"}},
        {"expression": "A AND"},
        {"expression": "Z"},
        {"where": {"conditions": [{"name": "Nothing", "alias": "A", "operator": "EQ", "value": [1]}]}},
        {"where": {"conditions": [{"name": "Name", "alias": "A", "operator": "LIKE", "value": [1]}]}},
        {"where": {"conditions": [{"name": "Name", "alias": "A", "operator": "EQ", "value": None}]}},
        {"where": {"conditions": [{"name": "RenewalDate", "alias": "A", "operator": "EQ", "value": ["x"]}]}},
        {"where": "Name = 1"},
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(companies: Vendor, block: dict[str, Any]) -> None:
    condition = {"name": "Name", "operator": "EQ", "value": ["Acme"]}
    response = companies.query(condition, **block)
    assert response.status_code == 400
    assert response.json()["errorCode"].startswith("GSOBJ_")


def test_5000_rows_can_be_read_at_once(vendor: Vendor) -> None:
    vendor.seed(cs={"companies": [{"Name": f"Company {n}"} for n in range(5001)]})
    assert len(rows(vendor.query(limit=5000))) == 5000
    assert len(rows(vendor.query(limit=5000, offset=5000))) == 1


def test_switch_cs_read_shape(companies: Vendor) -> None:
    assert isinstance(companies.query().json()["data"], list)
    companies.set(cs_read_shape="records")
    assert len(companies.query().json()["data"]["records"]) == 3


def test_switch_cs_no_rows(vendor: Vendor) -> None:
    assert vendor.query().json()["data"] == []
    vendor.set(cs_no_rows="result_false")
    assert (vendor.query().status_code, vendor.query().json()["result"]) == (200, False)
    assert vendor.query().json()["errorDesc"] == "No data found for given criteria"
    vendor.set(cs_no_rows="error_400")
    assert code(vendor.query()) == (400, "GSOBJ_1011")
