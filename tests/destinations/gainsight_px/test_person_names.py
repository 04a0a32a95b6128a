"""First and last name from `name`: no word is lost, none is said twice."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.operation import Upsert
from gainstage.testing.driving import event_of

PX = registry.load("gainsight_px")
SETTINGS = PX.settings(api_key="key", product_tag_key="AP-ABC-2")


def names(traits: dict[str, Any]) -> tuple[Any, Any]:
    """What PX is told as first and last name."""
    planned = PX.plan(SETTINGS, event_of({"type": "identify", "traits": traits}), Identity(), None)
    assert isinstance(planned.plan, tuple) and isinstance(planned.plan[0], Upsert)
    assert not planned.unmapped
    fields = planned.plan[0].fields
    return fields.get("firstName"), fields.get("lastName")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ann", "Ann", None),
        ("Ann Lee", "Ann", "Lee"),
        ("Ann Mary van Dyk", "Ann", "Mary van Dyk"),
        ("  Ann \t Lee\n", "Ann", "Lee"),
        ("Jean-Luc O'Neil Jr.", "Jean-Luc", "O'Neil Jr."),
        ("山田 太郎", "山田", "太郎"),
        ("山田\u3000太郎", "山田", "太郎"),  # the ideographic space
        ("محمد بن سلمان", "محمد", "بن سلمان"),
        ("Александр Сергеевич Пушкин", "Александр", "Сергеевич Пушкин"),
        ("", None, None),
        (" \t ", None, None),
        (7, None, None),
        ({"first": "Ann"}, None, None),
    ],
)
def test_a_name_of_any_number_of_words_is_split(name: Any, first: str | None, last: str | None) -> None:
    assert names({"name": name}) == (first, last)


@pytest.mark.parametrize(
    ("given", "name", "both"),
    [
        ({"firstName": "Ann Mary"}, "Ann Mary Lee", ("Ann Mary", "Lee")),
        ({"lastName": "van Dyk"}, "Ann van Dyk", ("Ann", "van Dyk")),
        ({"lastName": "van Dyk"}, "Ann Mary van Dyk", ("Ann Mary", "van Dyk")),
        ({"firstName": "ann"}, "ANN LEE", ("ann", "LEE")),
        ({"lastName": "Ann"}, "Ann Ann", ("Ann", "Ann")),
        ({"firstName": "Ann"}, "Ann Ann", ("Ann", "Ann")),
        ({"firstName": "Ann"}, "Lee, Ann", ("Ann", "Lee,")),
        ({"firstName": "Cher"}, "Cher", ("Cher", None)),
        ({"lastName": "Lee"}, "Lee", (None, "Lee")),
        ({"firstName": "Ann Lee"}, "Ann Lee", ("Ann Lee", None)),
        ({"firstName": " Ann "}, "Ann Lee", ("Ann", "Lee")),
        ({"firstName": " "}, "Ann Lee", ("Ann", "Lee")),
        ({"firstName": " ", "lastName": "Lee"}, "Ann Lee", ("Ann", "Lee")),
        ({"firstName": None, "lastName": ""}, "Ann Lee", ("Ann", "Lee")),
        ({"firstName": "Bob"}, "Robert van Dyk", ("Bob", "van Dyk")),
        ({"lastName": "Miller"}, "Ann Mary Lee", ("Ann Mary", "Miller")),
        ({"lastName": "Miller"}, "Ann", ("Ann", "Miller")),
        ({"firstName": "Ann", "lastName": "Lee"}, "Somebody Else Entirely", ("Ann", "Lee")),
        ({"firstName": 7}, "7 Lee", ("7", "Lee")),
    ],
)
def test_where_one_of_the_two_is_given_the_rest_of_the_name_is_the_other(
    given: dict[str, Any], name: str, both: tuple[str | None, str | None]
) -> None:
    assert names({**given, "name": name}) == both


def test_first_and_last_name_do_without_a_name() -> None:
    assert names({"firstName": " Ann", "lastName": "Lee "}) == ("Ann", "Lee")
    assert names({"firstName": "Ann"}) == ("Ann", None)
    assert names({"firstName": ""}) == ("", None)


words = st.lists(st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=6), max_size=6)


@given(words, st.data())
def test_no_word_of_a_name_is_lost_and_none_is_said_twice(parts: list[str], data: st.DataObject) -> None:
    blank = st.sampled_from([" ", "  ", "\t", "\u3000", " \n"])
    name = "".join(data.draw(blank) + part for part in parts) + data.draw(blank)
    cut = data.draw(st.integers(0, len(parts)))
    given_parts = {
        "neither": {},
        "first": {"firstName": " ".join(parts[:cut])},
        "last": {"lastName": " ".join(parts[cut:])},
    }
    for traits in given_parts.values():
        first, last = names({**traits, "name": name})
        assert Counter(f"{first or ''} {last or ''}".split()) == Counter(parts)
    first, last = names({"name": name, **given_parts["first"]})
    if cut and " ".join(parts[:cut]).split() == parts[:cut]:
        assert (first or "").split() == parts[:cut]
