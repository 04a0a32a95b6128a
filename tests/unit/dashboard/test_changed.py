"""The history of a destination says what was changed into what, in words."""

from gainstage.dashboard.changed import changed_lines

CS = "destinations.cs"


def lines(changed: list[str], **values: list[object]) -> list[tuple[str, str | None, str | None]]:
    told = {f"{CS}.{place.replace('__', '.')}": value for place, value in values.items()}
    return [tuple(line) for line in changed_lines({"changed": changed, "values": told})]  # type: ignore[misc]


def test_a_value_that_may_be_told_is_shown_before_and_after() -> None:
    changed = [f"{CS}.paused", f"{CS}.settings.budget.per_minute"]
    assert lines(changed, paused=[None, True], settings__budget__per_minute=[50, 40]) == [
        ("paused", "not set", "yes"),
        ("budget.per_minute", "50", "40"),
    ]


def test_of_a_table_those_rows_are_shown_that_differ() -> None:
    before = {"plan": "Plan__gc", "seats": "Seats__gc", "tier": "Tier__gc"}
    after = {"plan": "Plan__gc", "seats": "Licences__gc", "city": "City__gc"}
    place = f"{CS}.settings.person_fields"
    assert lines([place], settings__person_fields=[before, after]) == [
        ("person_fields.seats", "Seats__gc", "Licences__gc"),
        ("person_fields.tier", "Tier__gc", "not set"),
        ("person_fields.city", "not set", "City__gc"),
    ]
    assert lines([place], settings__person_fields=[None, {"plan": "P__gc"}])[0][1:] == ("not set", "P__gc")


def test_lists_are_enumerated_and_a_value_that_is_not_told_is_only_named() -> None:
    assert lines([f"{CS}.types", f"{CS}.settings.access_key", CS], types=[["track"], []]) == [
        ("types", "track", "none"),
        ("access_key", None, None),
        ("all of it", None, None),
    ]
