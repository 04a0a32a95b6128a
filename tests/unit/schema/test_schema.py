"""What is known of a tenant's objects, and lists of fields that people upload."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.schema import Field, Item, Object, Schema, names
from gainstage.schema.listing import read_list, read_rows

COMPANY = Object("Company", (Field("Name"), Field("Plan_Tier__gc"), Field("ARR"), Field("Arr__gc")))


def test_objects_are_found_in_any_letter_case_and_with_a_space() -> None:
    schema = Schema((COMPANY, Object("company_person", (Field("Role"),))))
    assert schema.object("COMPANY") is COMPANY
    assert schema.object("Company Person") is schema.objects[1]
    assert schema.object("Person") is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Plan_Tier", "Plan_Tier__gc"),
        ("PlanTier__gc", "Plan_Tier__gc"),
        ("plan_tier__gc", "Plan_Tier__gc"),
        ("Plan_Teir__gc", "Plan_Tier__gc"),
        ("Nmae", "Name"),
        ("Anything", None),
    ],
)
def test_the_field_that_was_probably_meant(written: str, meant: str | None) -> None:
    found = COMPANY.nearest(written)
    assert (found.name if found else None) == meant


USER = Object(
    "user",
    (
        Field("tier", label="Plan Tier", alias="cust_1"),
        Field("teir", state="DELETED"),
        Field("off", state="DISABLED"),
        Field("fixed", read_only=True),
    ),
    "User",
)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tier", ""),
        ("TIER", ""),
        ("Plan tier", "User has no field Plan tier at this tenant: "
         "that is how the vendor shows tier, so write tier."),
        ("CUST_1", "User has no field CUST_1 at this tenant: "
         "that is how the vendor shows tier, so write tier."),
        ("tiers", "User has no field tiers at this tenant; did you mean tier?"),
        ("T_I_E_R", "User has no field T_I_E_R at this tenant; did you mean tier?"),
        ("nothing", "User has no field nothing at this tenant."),
        ("", "User has no field  at this tenant."),
        ("Teir", "The field teir of User is deleted at this tenant."),
        ("off", "The field off of User is disabled at this tenant."),
        ("fixed", "The field fixed of User is read-only at this tenant."),
    ],
)  # fmt: skip
def test_why_a_field_cannot_be_written_is_told_in_a_sentence(name: str, sentence: str) -> None:
    assert USER.unwritable(name) == sentence


def test_what_people_read_of_its_age_says_how_to_renew_it() -> None:
    assert Schema((), "uploaded", 1_772_323_200_000_000).learnt == (
        "Its fields were uploaded 2026-03-01 00:00 UTC; `gainstage fields --read` reads them anew."
    )


def test_a_name_in_another_letter_case_is_the_same_field() -> None:
    found = COMPANY.in_any_case("arr")
    assert found is not None and found.name == "ARR"
    assert COMPANY.field("arr") is None


def test_when_and_how_it_was_learnt_does_not_make_another_schema() -> None:
    assert Schema((COMPANY,), "uploaded", 5).digest == Schema((COMPANY,), "read", 7).digest
    assert Schema((COMPANY,)).digest != Schema((Object("Company", COMPANY.fields[1:]),)).digest


def test_a_list_may_tell_what_is_switched_off_and_what_is_the_tenants_own() -> None:
    rows = read_rows(
        "object,name,type,state,custom,alias\nuser,tier,STRING,Disabled,no,cust_1\nuser,seats,NUMBER"
    )
    (user,) = read_list(rows).objects
    assert user.fields == (
        Field("tier", "STRING", state="DISABLED", custom=False, alias="cust_1"),
        Field("seats", "NUMBER"),
    )


def test_a_long_list_is_cut_in_a_sentence() -> None:
    assert names(["a", "b"]) == "a, b"
    assert names("abcde", most=3) == "a, b, c and 2 more"


CSV = """Object;Name;Type;Length;Items;Read only
Company;Tier__gc;picklist;;Gold, or more;
Person;Email;EMAIL;255;;yes
"""


def test_a_csv_is_read_whatever_parts_its_cells() -> None:
    read = read_list(read_rows(CSV))
    assert read.objects == (
        Object("Company", (Field("Tier__gc", "PICKLIST", items=(Item("Gold, or more"),)),)),
        Object("Person", (Field("Email", "EMAIL", length=255, read_only=True),)),
    )
    comma = 'object,name,type,items\nCompany,Tier__gc,PICKLIST,"Gold;Silver"\n'
    (company,) = read_list(read_rows(comma)).objects
    assert [item.label for item in company.fields[0].items] == ["Gold", "Silver"]


def test_a_json_list_may_tell_the_ids_of_items() -> None:
    items = ["Gold", {"label": "Old", "id": "1I00", "active": False}]
    row = {"object": "Company", "name": "Tier__gc", "type": "PICKLIST", "items": items, "length": 7}
    ((field,),) = (one.fields for one in read_list([row]).objects)
    assert field.items == (Item("Gold"), Item("Old", "1I00", active=False))
    assert field.length == 7


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"object": "Company", "name": "A"}, "Row 1: `type` is missing."),
        ({"object": "Company", "name": "", "type": "STRING"}, "Row 1: `name` is missing."),
        ({"object": "C", "name": "A", "type": "X", "size": 1}, "Row 1: there is no column 'size'"),
        (
            {"object": "C", "name": "A", "type": "X", "length": "long"},
            "`length` is a whole number, not 'long'.",
        ),
        ({"object": "C", "name": "A", "type": "X", "required": "perhaps"}, "`required` is true or false"),
        ({"object": "C", "name": "A", "type": "X", "items": 7}, "`items` is a list, not 7."),
        ({"object": "C", "name": "A", "type": "X", "items": [7]}, "an item is a text, or an object"),
        (
            {"object": "C", "name": "A", "type": "X", "state": "off"},
            "`state` is enabled, disabled or deleted",
        ),
        ({"object": "C", "name": "A", "type": "X", "custom": "maybe"}, "`custom` is true or false"),
        (["C", "A", "X"], "Row 1: a field is an object with"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_in_a_sentence(row: object, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        read_list([row])
    assert "\n" not in str(caught.value)


def test_a_field_is_listed_once() -> None:
    row = {"object": "Company", "name": "A", "type": "STRING"}
    with pytest.raises(ValueError, match="Row 2: company has the field A in an earlier row"):
        read_list([row, {**row, "object": "company"}])
    with pytest.raises(ValueError, match="It lists no fields"):
        read_list([])
    with pytest.raises(ValueError, match="Row 1: it has more cells than the head line"):
        read_list(read_rows("object,name,type\nCompany,A,STRING,more\n"))


@given(st.text())
def test_any_text_is_a_list_or_a_sentence(text: str) -> None:
    try:
        read_list(read_rows(text))
    except ValueError as error:
        assert str(error)


rows = st.dictionaries(
    st.sampled_from(["object", "name", "type", "label", "length", "items", "required", "other"]),
    st.none()
    | st.text(max_size=5)
    | st.integers()
    | st.booleans()
    | st.lists(st.text(max_size=3), max_size=3),
)


@given(st.lists(rows | st.integers(), max_size=3))
def test_any_json_is_a_list_or_a_sentence(given_rows: list[object]) -> None:
    try:
        read_list(given_rows)
    except ValueError as error:
        assert str(error)
