"""Values in the form that an attribute's type takes: examples, and what holds for every value."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.operation import Upsert
from gainstage.outcome import Rejected
from gainstage.schema import Field, Object, Schema
from gainstage.testing.driving import event_of
from gainstage_sandbox.px_fields import wrong_attribute

PX = registry.load("gainsight_px")
SETTINGS = PX.settings(api_key="key", product_tag_key="AP-ABC-2", user_attributes={"x": "attribute"})
NOT_SENT = object()
TYPES = ("STRING", "NUMBER", "BOOLEAN", "DATE_TIME")


def sent(value: Any, type_: str) -> Any:
    """What is sent for a trait, `NOT_SENT`, or the reason for which its event fails without a call."""
    known = Schema((Object("user", (Field("attribute", type_, custom=True),)),))
    plan = PX.plan(SETTINGS, event_of({"type": "identify", "traits": {"x": value}}), Identity(), known).plan
    if isinstance(plan, Rejected):
        return plan
    assert isinstance(plan, tuple)
    (upsert,) = plan
    assert isinstance(upsert, Upsert)
    return upsert.fields.get("customAttributes.attribute", NOT_SENT)


@pytest.mark.parametrize(
    ("type_", "value", "wanted"),
    [
        ("STRING", "Gold", "Gold"),
        ("STRING", "", ""),
        ("STRING", 5, "5"),
        ("STRING", 5.0, "5"),
        ("STRING", True, "true"),
        ("STRING", {"a": [1]}, '{"a":[1]}'),
        ("STRING", ["a", None], '["a",null]'),
        ("STRING", None, NOT_SENT),
        ("NUMBER", 12, 12),
        ("NUMBER", -1.5, -1.5),
        ("NUMBER", "12", 12),
        ("NUMBER", " 1.5e3 ", 1500),
        ("NUMBER", "1,234.5", 1234.5),
        ("NUMBER", "1 234 567", 1234567),
        ("NUMBER", "", NOT_SENT),
        ("NUMBER", None, NOT_SENT),
        ("BOOLEAN", True, True),
        ("BOOLEAN", "FALSE", False),
        ("BOOLEAN", "yes", True),
        ("BOOLEAN", 0, False),
        ("BOOLEAN", " ", NOT_SENT),
        ("DATE_TIME", "2026-03-01", 1_772_323_200_000),
        ("DATE_TIME", "2026-03-01T01:00:00.5+01:00", 1_772_323_200_500),
        ("DATE_TIME", 1_772_323_200, 1_772_323_200_000),
        ("DATE_TIME", 1_772_323_200_000, 1_772_323_200_000),
        ("DATE_TIME", "1772323200000", 1_772_323_200_000),
        ("DATE_TIME", "1960-01-01", -315_619_200_000),
        ("DATE_TIME", "", NOT_SENT),
        ("DATE_TIME", None, NOT_SENT),
        ("LIST", 5, 5),
        ("LIST", [5], "[5]"),
    ],
)
def test_a_value_takes_the_form_of_the_attributes_type(type_: str, value: Any, wanted: Any) -> None:
    found = sent(value, type_)
    assert found == wanted and type(found) is type(wanted)


@pytest.mark.parametrize(
    ("type_", "value", "needs"),
    [
        ("NUMBER", "many", "a plain number such as 1234.5"),
        ("NUMBER", "1,234", "a plain number such as 1234.5"),  # 1234, or 1.234 elsewhere
        ("NUMBER", "Infinity", "a plain number such as 1234.5"),
        ("NUMBER", "1e999", "a finite number"),
        ("NUMBER", 10**400, "a finite number"),
        ("NUMBER", True, "a number"),
        ("NUMBER", [1], "a number"),
        ("BOOLEAN", "perhaps", "true or false"),
        ("BOOLEAN", 2, "true or false"),
        ("BOOLEAN", {}, "true or false"),
        ("DATE_TIME", "01/03/2026", "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE_TIME", 20260301, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE_TIME", True, "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE_TIME", "2026-02-30", "a date (ISO 8601, epoch seconds or milliseconds)"),
        ("DATE_TIME", [], "a date (ISO 8601, epoch seconds or milliseconds)"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_converted_fails_its_event(type_: str, value: Any, needs: str) -> None:
    plan = sent(value, type_)
    assert isinstance(plan, Rejected), plan
    assert plan.code == "value_invalid"
    assert plan.detail.startswith("The trait `x` is ") and plan.detail.endswith(
        f"; the field customAttributes.attribute needs {needs}."
    )


words = st.sampled_from(
    ["true", "no", "1e400", "-0", "20260301", "2026-03-01T00:00Z", " 5 ", "1 234,5", "nan"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | words
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)


@given(value=values, type_=st.sampled_from([*TYPES, "ANY"]))
@example(value=10**400, type_="ANY")
@example(value=1e308, type_="NUMBER")
def test_what_is_sent_is_taken_by_the_vendor_or_the_event_fails_before_a_call(value: Any, type_: str) -> None:
    found = sent(value, type_)
    if isinstance(found, Rejected):
        assert found.code == "value_invalid" and "`x`" in found.detail
    elif found is not NOT_SENT:
        assert wrong_attribute(type_, found) is None
        assert found is not None
        assert type_ == "ANY" or json.loads(json.dumps(found, allow_nan=False)) == found
