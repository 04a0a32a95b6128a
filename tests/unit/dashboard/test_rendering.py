"""What templates make of values."""

import pytest

from gainstage import app
from gainstage.dashboard.rendering import setting_title, ticks


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Set `company_match`.", "Set <strong>Match companies by</strong>."),
        ("Write `7d` & no `<b>`.", "Write <code>7d</code> &amp; no <code>&lt;b&gt;</code>."),
        ("Add the type to `types`.", "Add the type to <strong>Calls</strong>."),
        ("`person_fields: {tier: Tier}` is odd.", "<code>person_fields: {tier: Tier}</code> is odd."),
    ],
)
def test_settings_are_told_by_their_titles_and_all_else_as_it_is_written(text: str, shown: str) -> None:
    assert ticks(text) == shown


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("api_key", "API key"),
        ("budget.per_day", "Budget"),
        ("company_match[0]", "Match companies by"),
        ("x", "x"),
    ],
)
def test_what_stands_inside_of_a_setting_is_told_by_that_ones_title(name: str, title: str) -> None:
    assert setting_title(name) == title


def test_no_two_types_call_a_setting_differently_and_parts_name_settings_that_do_not_map() -> None:
    titles = app.setting_titles()
    for entry in app.catalog():
        if entry["kind"] == "destination":
            found = app.destination_type(entry["name"])
            assert {one["name"]: titles[one["name"]] for one in found["settings"]} == {
                one["name"]: one["title"] for one in found["settings"]
            }
            named = [name for part in found["parts"] for name in part["settings"]]
            assert len(set(named)) == len(named)
            assert set(named) <= {one["name"] for one in found["settings"] if not one["names"]}
