"""Values in the form that the field's type takes: examples, and what holds for every value."""

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from gainstage.destinations import registry
from gainstage.destinations.gainsight_cs.conversions import converter
from gainstage.mapping import UnfitError
from gainstage.schema import Field, Item
from tests.destinations.sandboxed import Sandbox

CS = registry.load("gainsight_cs")
ITEMS = (
    Item("Gold", "1I00GOLD", "gold_plan"),
    Item("Silver", "1I00SILVER"),
    Item("silver", "1I00LOWER"),
    Item("Bronze", "1I00BRONZE", active=False),
    Item("A; B", "1I00AB"),
)


def convert(
    value: Any, type_: str, *, date_values: str = "text", picklist_values: str = "label", **more: Any
) -> Any:
    forms = {"date_values": date_values, "picklist_values": picklist_values}
    made = converter(Field("F__gc", type_, **more), CS.settings(domain="acme", **forms))
    return value if made is None else made(value)


@pytest.mark.parametrize(
    ("type_", "value", "wanted"),
    [
        ("STRING", 5, "5"),
        ("STRING", True, "true"),
        ("STRING", {"a": 1}, '{"a":1}'),
        ("RICHTEXTAREA", "<b>x</b>", "<b>x</b>"),
        ("NUMBER", "12", 12),
        ("NUMBER", " 1.5 ", 1.5),
        ("NUMBER", "", None),
        ("NUMBER", "1,234,567", 1234567),
        ("NUMBER", "1,234.5", 1234.5),
        ("NUMBER", "-1,234.5", -1234.5),
        ("NUMBER", "1.234.567,89", 1234567.89),
        ("NUMBER", "1.234,5", 1234.5),
        ("NUMBER", "12,5", 12.5),
        ("NUMBER", "1 234", 1234),
        ("NUMBER", "1\u202f234,5", 1234.5),
        ("NUMBER", "1'234'567.25", 1234567.25),
        ("NUMBER", "12,34,567", 1234567),
        ("CURRENCY", "$1,234.50", 1234.5),
        ("CURRENCY", "$ 5", 5),
        ("CURRENCY", "-$5", -5),
        ("CURRENCY", "$-5", -5),
        ("CURRENCY", "1.234,50 €", 1234.5),
        ("CURRENCY", "USD 1,234,567", 1234567),
        ("CURRENCY", "12 345 EUR", 12345),
        ("CURRENCY", "US$10", 10),
        ("CURRENCY", 7.25, 7.25),
        ("PERCENTAGE", "12.5 %", 12.5),
        ("PERCENTAGE", 40, 40),
        ("BOOLEAN", "Yes", True),
        ("BOOLEAN", 0, False),
        ("BOOLEAN", " ", None),
        ("DATE", "2026-03-01", "2026-03-01"),
        ("DATE", "20260301", "2026-03-01"),
        ("DATE", "2026-03-01T00:30:00+02:00", "2026-03-01"),
        ("DATE", "2026-02-28T22:30:00Z", "2026-02-28"),
        ("DATE", 1_772_323_200, "2026-03-01"),
        ("DATE", 1_772_323_200_000, "2026-03-01"),
        ("DATE", "1772323200000", "2026-03-01"),
        ("DATE", "", None),
        ("DATETIME", "2026-03-01T00:00:00Z", 1_772_323_200_000),
        ("DATETIME", "2026-03-01T01:00:00.123456+01:00", 1_772_323_200_123),
        ("DATETIME", "2026-03-01", 1_772_323_200_000),
        ("DATETIME", 1_772_323_200, 1_772_323_200_000),
        ("DATETIME", "1960-01-01", -315_619_200_000),
        ("EMAIL", " Ann@acme.test ", "Ann@acme.test"),
        ("URL", "https://acme.com/a?b=c", "https://acme.com/a?b=c"),
        ("URL", "acme.com", "acme.com"),
        ("SFDCID", "001B000000K7qYxIAJ", "001B000000K7qYxIAJ"),
        ("SFDCID", "001B000000K7qYx", "001B000000K7qYx"),
        ("GSID", "1P02X", "1P02X"),
        ("LOOKUP", "1P01Y", "1P01Y"),
        ("SOMETHING_NEW", ["as", "it", "is"], ["as", "it", "is"]),
        ("", 5, 5),
    ],
)  # fmt: skip
def test_a_value_takes_the_form_of_the_fields_type(type_: str, value: Any, wanted: Any) -> None:
    assert convert(value, type_) == wanted
    assert type(convert(value, type_)) is type(wanted)


@pytest.mark.parametrize(
    ("type_", "value", "needs"),
    [
        ("NUMBER", "many", "a plain number such as 1234.5"),
        ("NUMBER", "1,234", "a plain number such as 1234.5"),  # 1234, or 1.234 elsewhere
        ("NUMBER", "$5", "a plain number such as 1234.5"),
        ("NUMBER", True, "a number"),
        ("NUMBER", [1], "a number"),
        ("CURRENCY", "1,234", "a plain number"),
        ("CURRENCY", "$1.234", "a plain number"),
        ("CURRENCY", "5 apples", "a plain number"),
        ("CURRENCY", "-$-5", "a plain number"),
        ("PERCENTAGE", "half", "a plain number"),
        ("BOOLEAN", "perhaps", "true or false"),
        ("DATE", "01/03/2026", "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE", "2026-02-30", "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE", 20260301, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE", 210318, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE", 0, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE", 10**15, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE", "0001-01-01T00:00:00+14:00", "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATETIME", True, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATETIME", {"year": 2026}, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("EMAIL", "ann", "an e-mail"),
        ("EMAIL", 5, "an e-mail"),
        ("URL", "not a link", "a web address such as https://acme.com"),
        ("URL", "http://intranet", "a web address such as https://acme.com"),
        ("SFDCID", "001", "a Salesforce id of 15 or 18 letters and digits"),
    ],
)
def test_what_does_not_fit_says_what_the_field_needs(type_: str, value: Any, needs: str) -> None:
    with pytest.raises(UnfitError) as caught:
        convert(value, type_)
    assert str(caught.value).startswith(needs)


@pytest.mark.parametrize("type_", ["STRING", "EMAIL", "URL"])
def test_a_text_that_is_too_long_is_never_cut(type_: str) -> None:
    value = "ann@acme.test" if type_ == "EMAIL" else "https://acme" + ".test"
    assert convert(value, type_, length=len(value)) == value
    with pytest.raises(UnfitError, match=f"at most {len(value) - 1} characters, and it has {len(value)}"):
        convert(value, type_, length=len(value) - 1)


@pytest.mark.parametrize(
    ("value", "label", "gsid"),
    [
        ("Gold", "Gold", "1I00GOLD"),
        (" gold ", "Gold", "1I00GOLD"),
        ("GOLD_PLAN", "Gold", "1I00GOLD"),
        ("1I00GOLD", "Gold", "1I00GOLD"),
        ("silver", "silver", "1I00LOWER"),
        ("Silver", "Silver", "1I00SILVER"),
        ("SILVER", "Silver", "1I00SILVER"),
        ("", None, None),
    ],
)
def test_a_picklist_takes_an_item_by_any_of_its_names(
    value: str, label: str | None, gsid: str | None
) -> None:
    assert convert(value, "PICKLIST", items=ITEMS) == label
    assert convert(value, "PICKLIST", items=ITEMS, picklist_values="gsid") == gsid


def test_what_is_no_item_names_the_items() -> None:
    with pytest.raises(UnfitError, match="one of its items: Gold, Silver, silver, A; B"):
        convert("Platinum", "PICKLIST", items=ITEMS)
    with pytest.raises(UnfitError, match="an active item, which 'Bronze' is not: Gold"):
        convert("bronze", "PICKLIST", items=ITEMS)
    with pytest.raises(UnfitError, match="one of its items"):
        convert(["Gold"], "PICKLIST", items=ITEMS)
    assert convert("Anything", "PICKLIST") == "Anything", "items that are not known restrict nothing"


def test_several_items_are_joined_each_once() -> None:
    kind = "MULTISELECTDROPDOWNLIST"
    assert convert(["gold", "Silver", "Gold", None], kind, items=ITEMS) == "Gold;Silver"
    assert convert("Silver; gold", kind, items=ITEMS) == "Silver;Gold"
    assert convert(["Gold"], kind, items=ITEMS, picklist_values="gsid") == "1I00GOLD"
    assert convert([], kind, items=ITEMS) is None
    with pytest.raises(UnfitError, match="one of its items"):
        convert("Gold;Lead", kind, items=ITEMS)


# what holds for every value

TYPES = (
    "STRING", "RICHTEXTAREA", "EMAIL", "URL", "NUMBER", "PERCENTAGE", "CURRENCY", "BOOLEAN", "DATE",
    "DATETIME", "SFDCID", "PICKLIST", "MULTISELECTDROPDOWNLIST",
)  # fmt: skip
WRITABLE_ITEMS = tuple(item for item in ITEMS if ";" not in item.label)
MORE = {"STRING": {"length": 12}, "PICKLIST": {"items": WRITABLE_ITEMS}}
MORE["MULTISELECTDROPDOWNLIST"] = MORE["PICKLIST"]

figures = st.from_regex(r"\A[-+]?[$€]?\s?[0-9]{1,3}([., '][0-9]{2,3}){0,3}([.,][0-9]{1,3})?\s?(%|€|EUR)?\Z")
days = st.dates().map(date.isoformat)
moments = st.datetimes(timezones=st.sampled_from([None, UTC])).map(datetime.isoformat)
labels = st.sampled_from([word for item in ITEMS for word in (item.label, item.id, item.label.upper())])
addresses = st.emails() | st.sampled_from(["acme.com", "https://a.b/c", "http://x.y.z?q", "001B000000K7qYx"])
plain_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = (
    plain_values
    | figures
    | days
    | moments
    | labels
    | addresses
    | st.lists(labels | st.text(max_size=4), max_size=4)
    | st.dictionaries(st.text(max_size=3), plain_values, max_size=2)
    | st.integers(-(10**12), 10**13)
)
forms = st.fixed_dictionaries(
    {
        "date_values": st.sampled_from(["text", "epoch_ms"]),
        "picklist_values": st.sampled_from(["label", "gsid"]),
    }
)


def converted(value: Any, type_: str, chosen: dict[str, str]) -> Any:
    """The converted value; values that do not fit are of no interest."""
    try:
        return convert(value, type_, **chosen, **MORE.get(type_, {}))
    except UnfitError as unfit:
        assert str(unfit)
        assume(False)


def ambiguous(value: Any, type_: str) -> bool:
    """Milliseconds that would be read as seconds, or as no date: about 1973, and after the year 5138."""
    if type_ not in ("DATE", "DATETIME") or not isinstance(value, int):
        return False
    return not 100_000_000_000 <= abs(value) < 100_000_000_000_000


@given(value=values.filter(lambda value: value is not None), type_=st.sampled_from(TYPES), chosen=forms)
@example(value="1e999", type_="NUMBER", chosen={})
@example(value="9999-12-31T23:59:59-14:00", type_="DATE", chosen={})
@example(value=math.inf, type_="DATE", chosen={})
def test_a_converted_value_stays_as_it_is_when_it_is_converted_again(
    value: Any, type_: str, chosen: dict[str, str]
) -> None:
    first = converted(value, type_, chosen)
    assume(first is not None and not ambiguous(first, type_))
    assert convert(first, type_, **chosen, **MORE.get(type_, {})) == first


@given(day=st.dates(), hours=st.integers(-14, 14), time=st.times())
def test_the_day_is_the_one_that_was_written(day: date, hours: int, time: Any) -> None:
    assume(date(1, 1, 3) < day < date(9999, 12, 29))
    offset = f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"
    assert (
        convert(f"{day.isoformat()}T{time.replace(tzinfo=None).isoformat()}{offset}", "DATE")
        == day.isoformat()
    )


@given(st.integers(-(10**11), 10**11) | st.decimals(-(10**9), 10**9, places=2))
def test_a_number_written_with_separators_is_the_number(amount: Any) -> None:
    for thousands, decimals in ((",", "."), (".", ","), (" ", "."), ("'", ",")):
        written = f"{amount:,}".replace(",", "_").replace(".", decimals).replace("_", thousands)
        try:
            found = convert(written, "CURRENCY")
        except UnfitError:
            assert written.count(",") + written.count(".") == 1, "only one separator can mean two things"
        else:
            assert found == pytest.approx(float(amount)) or written.lstrip("-").count(".") == 1


SCHEMA: list[dict[str, Any]] = [
    {
        "name": f"{type_.title()}__gc",
        "type": type_,
        **({"length": 12} if type_ == "STRING" else {}),
        **(
            {"options": [{"label": i.label, "gsid": i.id, "active": i.active} for i in WRITABLE_ITEMS]}
            if type_ in ("PICKLIST", "MULTISELECTDROPDOWNLIST")
            else {}
        ),
    }
    for type_ in TYPES
]
#: The sandbox's own bounds; Gainsight's are not documented.
LARGEST_NUMBER, EARLIEST_MS = 10**15, 10**9


def test_gainsight_takes_every_converted_value(sandbox: Sandbox) -> None:
    sandbox.seed(cs={"schema": {"Company": SCHEMA}})
    sandbox.client.post("/__sandbox__/limits", json={"enabled": False}).raise_for_status()

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
    @given(value=values.filter(lambda value: value is not None), type_=st.sampled_from(TYPES), chosen=forms)
    def is_taken(value: Any, type_: str, chosen: dict[str, str]) -> None:
        found = converted(value, type_, chosen)
        assume(found is not None)
        if isinstance(found, int | float) and not isinstance(found, bool):
            assume(not ambiguous(found, type_) or abs(found) >= EARLIEST_MS)
            assume(type_.startswith("DATE") or abs(found) <= LARGEST_NUMBER)
        sandbox.behave(cs_picklist=chosen["picklist_values"], cs_date_write=chosen["date_values"])
        record = {"Name": "A", f"{type_.title()}__gc": found}
        body = {"records": [record]}
        answer = sandbox.client.post("/v1/data/objects/Company", json=body, headers={"Accesskey": "key"})
        assert answer.json()["result"], (record, answer.text)

    is_taken()
