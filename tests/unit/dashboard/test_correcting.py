"""A message corrected by the fields of a form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.dashboard.correcting import Line, corrected, refilled, sheet
from gainstage.dashboard.forms import Form

IDENTIFY = {"type": "identify", "userId": "bob", "traits": {"firstName": "Bob", "seats": "about 40"}}
GROUP = {"type": "group", "userId": "bob", "groupId": "acme", "traits": {"name": "Acme", "arr": 12.5}}
TRACK = {"type": "track", "userId": "bob", "event": "Used", "properties": {"n": 1, "tags": ["a"], "ok": True}}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


def form_of(message: Any, **changed: str) -> Form:
    """What a browser sends of the page's form, with some fields changed by hand."""
    made = sheet(message)
    assert made is not None
    pairs = [(line.field, line.text) for line in (*made.lines, *made.rows)]
    pairs += [(f"name.{row.field.partition('.')[2]}", "") for row in made.rows if not row.title]
    by_hand = {name.replace("_", "."): text for name, text in changed.items()}
    assert set(by_hand) <= {name for name, _ in pairs}
    return Form([(name, by_hand.get(name, text)) for name, text in pairs])


@given(
    kind=st.sampled_from(["identify", "group", "track", "page", "screen"]),
    told=st.dictionaries(st.text(min_size=1), values, max_size=4),
    more=st.dictionaries(st.sampled_from(["userId", "groupId", "event", "name", "extra"]), values),
    context=st.fixed_dictionaries({}, optional={"traits": st.dictionaries(st.text(), values, max_size=2)}),
)
def test_what_nobody_touches_stays_as_it_was(
    kind: str, told: dict[str, Any], more: dict[str, Any], context: dict[str, Any]
) -> None:
    table = "traits" if kind in ("identify", "group") else "properties"
    message = {"type": kind, **more, table: told, "context": context}
    assert corrected(message, form_of(message)) == message


@pytest.mark.parametrize(
    ("message", "changed", "expected"),
    [
        (IDENTIFY, {"email": "bob@acme.com"}, {"traits": {**IDENTIFY["traits"], "email": "bob@acme.com"}}),
        (IDENTIFY, {"value_1": "40"}, {"traits": {"firstName": "Bob", "seats": "40"}}),
        (IDENTIFY, {"value_1": " "}, {"traits": {"firstName": "Bob"}}),
        (IDENTIFY, {"name_2": "plan", "value_2": "gold"}, {"traits": {**IDENTIFY["traits"], "plan": "gold"}}),
        (GROUP, {"email": "b@acme.com"}, {"context": {"traits": {"email": "b@acme.com"}}}),
        (GROUP, {"groupId": "7", "value_1": "13"}, {"groupId": "7", "traits": {"name": "Acme", "arr": 13}}),
        (TRACK, {"event": "Opened"}, {"event": "Opened"}),
        (TRACK, {"value_1": '["b"]'}, {"properties": {**TRACK["properties"], "tags": ["b"]}}),
        (TRACK, {"value_2": "maybe"}, {"properties": {**TRACK["properties"], "ok": "maybe"}}),
        (TRACK, {"name_3": "x", "value_3": "7"}, {"properties": {**TRACK["properties"], "x": 7}}),
    ],
)  # fmt: skip
def test_a_value_is_changed_added_or_taken_away_and_keeps_its_kind(
    message: dict[str, Any], changed: dict[str, str], expected: dict[str, Any]
) -> None:
    assert corrected(message, form_of(message, **changed)) == {**message, **expected}


def test_a_value_without_a_name_is_asked_about_and_what_was_typed_stays() -> None:
    form = form_of(TRACK, value_3="7")
    with pytest.raises(ValueError, match="Name the value '7'"):
        corrected(TRACK, form)
    again = refilled(sheet(TRACK), form_of(TRACK, value_3="7", name_4="later"))
    assert again is not None and again.rows[3:] == [
        Line("value.3", "", "7"),
        Line("value.4", "", "", "later"),
    ]


@pytest.mark.parametrize(
    "message",
    [
        [1, 2],
        {"type": "identified", "userId": "u"},
        {"type": "alias", "userId": "u", "previousId": "a"},
        {"type": "identify", "traits": ["gold"]},
        {"type": "track", "context": "web"},
        {"type": "track", "context": {"traits": 7}},
    ],
)
def test_a_message_that_is_built_otherwise_has_no_fields(message: Any) -> None:
    assert sheet(message) is None
    with pytest.raises(ValueError, match="as JSON only"):
        corrected(message, Form([]))
