"""Values in the forms that vendor fields take."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.mapping import UnfitError, boolean, epoch_ms, gender, number, plain, text
from gainstage.testing.hostile import json_values

MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        (5, 5),
        (-5, -5),
        (5.5, 5.5),
        (5.0, 5),
        ("5", 5),
        (" 5 ", 5),
        ("+5", 5),
        ("-5.50", -5.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("1E-2", 0.01),
        ("007", 7),
        ("", None),
        ("  ", None),
    ],
)
def test_numbers_and_numeric_text_become_numbers(value: Any, converted: Any) -> None:
    assert number(value) == converted
    assert type(number(value)) is type(converted)


@pytest.mark.parametrize(
    "value",
    [
        "abc",
        "1,000",
        "1_000",
        "0x10",
        "nan",
        "inf",
        "1e999",
        "٣",
        "5 5",
        "--5",
        True,
        [],
        {},
        ["5"],
        float("nan"),
        10**400,
        -(10**400),
    ],
)
def test_what_is_no_number_does_not_become_one(value: Any) -> None:
    with pytest.raises(UnfitError):
        number(value)


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        (" YES ", True),
        ("no", False),
        (1, True),
        (0, False),
        ("1", True),
        ("0", False),
        ("", None),
    ],
)
def test_truth_values(value: Any, converted: Any) -> None:
    assert boolean(value) is converted


@pytest.mark.parametrize("value", ["maybe", 2, -1, 0.5, [], {}])
def test_what_is_no_truth_value(value: Any) -> None:
    with pytest.raises(UnfitError):
        boolean(value)


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        ("2026-01-01", MIDNIGHT_MS),
        ("20260101", MIDNIGHT_MS),
        ("2026-01-01T00:00:00Z", MIDNIGHT_MS),
        ("2026-01-01T00:00:00", MIDNIGHT_MS),
        ("2026-01-01 00:00:00", MIDNIGHT_MS),
        ("2026-01-01T01:00:00+01:00", MIDNIGHT_MS),
        ("2025-12-31T19:00:00.123456-05:00", MIDNIGHT_MS + 123),
        ("1969-12-31T23:59:59.999Z", -1),
        (MIDNIGHT_MS, MIDNIGHT_MS),
        (MIDNIGHT_MS // 1000, MIDNIGHT_MS),
        (MIDNIGHT_MS / 1000 + 0.5, MIDNIGHT_MS + 500),
        (str(MIDNIGHT_MS), MIDNIGHT_MS),
        (str(MIDNIGHT_MS // 1000), MIDNIGHT_MS),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (0, 0),
        (-1, -1000),
        ("", None),
    ],
)
def test_dates_become_epoch_milliseconds(value: Any, converted: int | None) -> None:
    assert epoch_ms(value) == converted


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13-01", "01/02/2026", "99999999", 10**14, 1e300, True, [], {}, "1e200"]
)
def test_what_is_no_date(value: Any) -> None:
    with pytest.raises(UnfitError):
        epoch_ms(value)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_every_instant_survives_its_iso_form(moment: datetime) -> None:
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert epoch_ms(moment.isoformat()) == (elapsed.days * 86_400 + elapsed.seconds) * 1000 + (
        elapsed.microseconds // 1000
    )


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        ("m", "MALE"),
        ("Male", "MALE"),
        (" MAN ", "MALE"),
        ("f", "FEMALE"),
        ("Woman", "FEMALE"),
        ("other", "OTHER"),
        ("x", "OTHER"),
        ("Non-Binary", "OTHER"),
        ("unknown", None),
        ("", None),
        ("N/A", None),
    ],
)
def test_gender_spellings(value: str, converted: str | None) -> None:
    assert gender(value) == converted


def test_a_gender_that_is_no_text() -> None:
    with pytest.raises(UnfitError):
        gender(1)


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        ("x", "x"),
        (5, "5"),
        (5.0, "5"),
        (5.5, "5.5"),
        (True, "true"),
        ([1, "a"], '[1,"a"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_text(value: Any, converted: str) -> None:
    assert text(value) == converted


@given(json_values.filter(lambda value: value is not None))
def test_converters_convert_or_refuse_and_never_break(value: Any) -> None:
    assert isinstance(text(value), str)
    assert not isinstance(plain(value), dict | list)
    for convert, form in ((number, int | float), (boolean, bool), (epoch_ms, int), (gender, str)):
        try:
            converted = convert(value)
        except UnfitError:
            continue
        assert converted is None or isinstance(converted, form)
