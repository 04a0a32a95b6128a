"""References to the environment: expanded anywhere, escaped with a second dollar sign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.configuration.environment import Expansion, escape


def expand(value: object) -> tuple[object, Expansion]:
    expansion = Expansion({"HOST": "acme", "EMPTY": "", "ODD": "${HOST}"})
    return expansion.expand(value), expansion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}.com", "acme.com"),
        ("${HOST}${HOST}", "acmeacme"),
        ("$${HOST}", "${HOST}"),
        ("$HOST $ $$ {HOST}", "$HOST $ $$ {HOST}"),
        ("${ODD}", "${HOST}"),
        ("price: $5", "price: $5"),
    ],
)
def test_references_are_replaced_once(text: str, expected: str) -> None:
    value, expansion = expand(text)
    assert value == expected
    assert not expansion.problems


def test_every_depth_is_reached_and_keys_stay() -> None:
    value, _ = expand({"${HOST}": [{"a": "${HOST}"}, 7, None, True]})
    assert value == {"${HOST}": [{"a": "acme"}, 7, None, True]}


def test_a_missing_variable_is_named_with_its_place() -> None:
    _, expansion = expand({"settings": {"keys": ["${ABSENT}"]}})
    assert expansion.problems == [("settings.keys[0]", "the environment variable ABSENT is not set")]


@pytest.mark.parametrize("text", ["${", "${HOST", "${}", "${not a name}", "${1A}"])
def test_a_broken_reference_says_how_to_write_it(text: str) -> None:
    _, expansion = expand(text)
    assert len(expansion.problems) == 1
    assert "$${" in expansion.problems[0][1]


def test_an_empty_variable_warns() -> None:
    value, expansion = expand({"a": "${EMPTY}"})
    assert value == {"a": ""}
    assert expansion.warnings == [("a", "the environment variable EMPTY is empty")]


@given(st.text())
def test_an_escaped_text_expands_to_itself(text: str) -> None:
    value, expansion = expand(escape(text))
    assert value == text
    assert not expansion.problems
