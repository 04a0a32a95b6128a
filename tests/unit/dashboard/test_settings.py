"""Forms made of settings: what is shown, and what a form that was sent says of them."""

from typing import Any

import pytest

from gainstage.configuration import inputs_of
from gainstage.dashboard.forms import Form
from gainstage.dashboard.settings import begin_row, controls, first_of, of_mapping, of_settings, sent
from gainstage.destinations import registry

CS, PX, CLICKSTREAM = (
    inputs_of(registry.load(name).settings) for name in ("gainsight_cs", "gainsight_px", "gainsight")
)
KEPT = {
    "domain": "acme",
    "access_key": "***",
    "person_fields": {"plan": "Plan__gc"},
    "events": {"Used": {"name": "used", "version": "1"}},
    "budget": {"per_minute": 50},
    "create_companies": False,
}


def filled(inputs: Any, settings: dict[str, Any]) -> Form:
    """The form as a browser sends it back when nothing was changed."""
    pairs: list[tuple[str, str]] = []

    def add(made: list[dict[str, Any]]) -> None:
        for one in made:
            match one["kind"]:
                case "group":
                    add(one["controls"])
                case "switch":
                    pairs.extend([(one["field"], "yes")] if one["value"] else [])
                case "table" | "entries":
                    for row in one["rows"]:
                        names = ["key", *one["columns"]]
                        pairs.extend(
                            (f"{one['field']}#{name}", text) for name, text in zip(names, row, strict=True)
                        )
                case "list":
                    pairs.append((one["field"], "\r\n".join(one["value"])))
                case "choice":
                    pairs.append((one["field"], one["value"] or one["default"]))
                case _:
                    pairs.append((one["field"], one["value"]))

    add(controls(inputs, settings))
    return Form(pairs)


@pytest.mark.parametrize(
    ("inputs", "settings"),
    [
        (CS, KEPT),
        (CS, {"domain": "acme"}),
        (PX, {"api_key": "***", "product_tag_key": ["AP-1", "AP-2"], "global_context": {"a": {"b": 1}}}),
        (PX, {"api_key": "***", "product_tag_key": "AP-1"}),
        (CLICKSTREAM, {"access_key": "${KEY}", "track_events": ["Used"], "remember_account": False}),
    ],
)
def test_a_form_that_is_sent_back_as_it_was_shown_changes_nothing(
    inputs: Any, settings: dict[str, Any]
) -> None:
    told = sent(inputs, filled(inputs, settings), settings)
    after = {key: value for key, value in {**settings, **told}.items() if value is not None}
    assert after == settings


def test_settings_and_mapping_have_each_setting_once_and_a_new_destination_is_asked_for_what_it_needs() -> (
    None
):
    for inputs in (CS, PX, CLICKSTREAM):
        assert sorted(one["name"] for one in [*of_settings(inputs), *of_mapping(inputs)]) == sorted(
            one["name"] for one in inputs
        )
    assert [one["name"] for one in of_mapping(CS)] == [
        "person_fields", "company_fields", "company_person_fields", "events", "field_rules",
    ]  # fmt: skip
    assert {"mode", "api_key", "product_tag_key", "data_center", "api_url"} == {
        one["name"] for one in first_of(PX)
    }
    assert {"domain", "access_key", "shared_secret", "tenant_id", "topic_name"} <= {
        one["name"] for one in first_of(CS)
    }


def test_a_secret_stays_where_its_field_is_empty_and_goes_where_that_is_asked_for() -> None:
    key = "settings.access_key"
    assert "access_key" not in sent(CS, Form([(key, "")]), KEPT)
    assert sent(CS, Form([(key, "new")]), KEPT)["access_key"] == "new"
    assert sent(CS, Form([(key, ""), (f"{key}#remove", "yes")]), KEPT)["access_key"] is None
    (control,) = controls([one for one in CS if one["name"] == "access_key"], {"access_key": "secret-text"})
    assert control["is_set"] and control["value"] == ""


def test_rows_that_are_half_filled_are_sent_so_that_they_are_refused_and_empty_ones_are_not() -> None:
    rows = [("settings.person_fields#key", "plan"), ("settings.person_fields#value", ""),
            ("settings.person_fields#key", ""), ("settings.person_fields#value", "")]  # fmt: skip
    assert sent(CS, Form(rows), {})["person_fields"] == {"plan": ""}
    assert sent(CS, Form([]), KEPT)["person_fields"] is None


def test_what_is_said_of_a_setting_stands_beside_it_also_where_it_is_about_a_row() -> None:
    problems = [
        {"place": "settings.domain", "message": "is missing: The tenant's address"},
        {"place": 'settings.events["Signed Up"].version', "message": "must be a text"},
        {"place": "settings.budget.per_minute", "message": "must be greater than or equal to 1"},
    ]
    made = {one["name"]: one for one in controls(CS, {}, problems=problems)}
    assert made["domain"]["problem"] == "Give a value."
    assert made["events"]["problem"] == '["Signed Up"].version: Must be a text.'
    assert made["budget"]["controls"][0]["problem"] == "Must be greater than or equal to 1."


def test_a_number_that_is_none_goes_as_it_was_entered_and_names_are_picked_and_written() -> None:
    form = Form([("settings.event_names", "many")])
    assert sent(PX, form, {})["event_names"] == "many"
    form = Form([("settings.track_events#", "Used"), ("settings.track_events", "Rare\r\nUsed\r\n")])
    assert sent(CLICKSTREAM, form, {})["track_events"] == ["Used", "Rare"]


@pytest.mark.parametrize(
    ("written", "told"),
    [("10,000", 10_000), ("2.5", 2.5), ("1,00", "1,00"), ("null", None), ("For ever", None)],
)
def test_a_number_is_taken_as_pages_write_it_and_none_as_people_say_it(written: str, told: Any) -> None:
    assert sent(PX, Form([("settings.event_names", written)]), {})["event_names"] == told


def test_a_link_begins_a_row_of_the_first_table_of_its_kind_unless_the_name_is_mapped() -> None:
    made = controls(CS, KEPT)
    for key in ("seats", "plan"):
        begin_row(made, "identify", key)
    begin_row(made, "track", "Signed Up")
    by_name = {one["name"]: one for one in made}
    assert [row[0] for row in by_name["person_fields"]["rows"]] == ["plan", "seats", "", ""]
    assert by_name["person_fields"]["begun"] == 1
    assert by_name["events"]["rows"][1] == ["Signed Up", "", "", ""]
    assert by_name["company_fields"]["begun"] is None
