"""An event's time: by whose clock, and what is done with times that cannot be read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.normalise import Surroundings
from gainstage.normalise.times import instant_of, iso_of
from tests.unit.normalise.messages import RECEIVED, RECEIVED_US, TRACK, event, iso

HOUR = timedelta(hours=1)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-11-22T12:00:00.250Z", RECEIVED),
            ("2026-11-22T12:00:00.25Z", RECEIVED),
            ("2026-11-22T12:00:00.250000+00:00", RECEIVED),
            ("2026-11-22T12:00:00.250000999Z", RECEIVED),
            ("2026-11-22T12:00:00.250", RECEIVED),
            ("2026-11-22 12:00:00.250", RECEIVED),
            ("2026-11-22t12:00:00.250z", RECEIVED),
            ("2026-11-22T17:30:00.250+05:30", RECEIVED),
            ("2026-11-22T17:30:00.250+0530", RECEIVED),
            ("2026-11-22T04:00:00.250-08:00", RECEIVED),
            ("20261122T120000.250Z", RECEIVED),
            ("2026-11-22T12:00Z", RECEIVED.replace(microsecond=0)),
            ("1969-12-31T23:59:59.999Z", datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
        ],
    )
    def test_every_way_to_write_an_instant(self, text: str, expected: datetime) -> None:
        assert instant_of(text) == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert event({**TRACK, "timestamp": text}).time_us == instant_of(text)

    @pytest.mark.parametrize(
        "text",
        ["2026-11-22", "2026-11-22T12", "yesterday", "12:00:00", "2026-13-45T99:00:00Z", 1_795_348_800, 1.5,
         {"a": 1}, [1], True, "x" * 500, "2026-11-22T12:00:00.250 Europe/Berlin", "+010000-01-01T00:00:00Z"],
    )  # fmt: skip
    def test_what_is_no_full_date_and_time_is_replaced_and_noted(self, text: object) -> None:
        result = event({**TRACK, "timestamp": text})
        assert result.time_us == RECEIVED_US
        assert result.message["timestamp"] == iso(RECEIVED)
        assert result.message["originalTimestamp"] == text
        assert len(result.notes) == 1

    @pytest.mark.parametrize("absent", [{}, {"timestamp": None}, {"timestamp": ""}])
    def test_no_time_at_all_is_the_time_of_receipt(self, absent: dict[str, Any]) -> None:
        result = event({**TRACK, **absent})
        assert result.time_us == RECEIVED_US
        assert result.notes == ()
        assert "originalTimestamp" not in result.message

    def test_without_sent_at_the_senders_time_is_kept(self) -> None:
        result = event({**TRACK, "timestamp": "2020-01-01T00:00:00Z"})
        assert result.message["timestamp"] == "2020-01-01T00:00:00.000Z"
        assert "originalTimestamp" not in result.message

    @pytest.mark.parametrize("field", ["timestamp", "originalTimestamp"])
    @pytest.mark.parametrize("skew", [2 * HOUR, -2 * HOUR, timedelta(days=400)])
    def test_a_clock_that_is_wrong_is_put_right(self, field: str, skew: timedelta) -> None:
        happened, sent = RECEIVED - HOUR, RECEIVED
        message = {**TRACK, field: iso(happened + skew), "sentAt": iso(sent + skew)}
        result = event(message)
        assert result.message["timestamp"] == iso(happened)
        assert result.message["originalTimestamp"] == iso(happened + skew)
        assert result.notes == ()

    def test_the_messages_own_sent_at_wins_over_the_requests(self) -> None:
        around = Surroundings(sent_at=iso(RECEIVED + HOUR))
        late = {**TRACK, "timestamp": iso(RECEIVED + HOUR)}
        assert event(late, around).time_us == RECEIVED_US
        assert event(late, around).message["sentAt"] == iso(RECEIVED + HOUR)
        own = event({**late, "sentAt": iso(RECEIVED + 2 * HOUR)}, around)
        assert own.message["timestamp"] == iso(RECEIVED - HOUR)

    @pytest.mark.parametrize("absent", [None, ""])
    def test_a_sent_at_that_is_null_or_empty_is_none_of_its_own(self, absent: str | None) -> None:
        around = Surroundings(sent_at=iso(RECEIVED + HOUR))
        result = event({**TRACK, "timestamp": iso(RECEIVED + HOUR), "sentAt": absent}, around)
        assert result.time_us == RECEIVED_US
        assert result.message["sentAt"] == iso(RECEIVED + HOUR)

    def test_a_timestamp_that_cannot_be_read_leaves_the_original_one(self) -> None:
        message = {
            "timestamp": "noon",
            "originalTimestamp": iso(RECEIVED + HOUR),
            "sentAt": iso(RECEIVED + 2 * HOUR),
        }
        assert event({**TRACK, **message}).message["timestamp"] == iso(RECEIVED - HOUR)

    def test_a_sent_at_that_cannot_be_read_corrects_nothing(self) -> None:
        message = {**TRACK, "timestamp": iso(RECEIVED - HOUR), "sentAt": "noon"}
        assert event(message).message["timestamp"] == iso(RECEIVED - HOUR)

    def test_a_time_corrected_before_is_kept(self) -> None:
        message = {
            **TRACK,
            "timestamp": iso(RECEIVED - HOUR),
            "originalTimestamp": iso(RECEIVED + HOUR),
            "sentAt": iso(RECEIVED + 3 * HOUR),
        }
        assert event(message).message["timestamp"] == iso(RECEIVED - HOUR)

    def test_more_than_a_day_after_receipt_is_absurd(self) -> None:
        assert event({**TRACK, "timestamp": iso(RECEIVED + 23 * HOUR)}).notes == ()
        result = event({**TRACK, "timestamp": iso(RECEIVED + 25 * HOUR)})
        assert result.time_us == RECEIVED_US
        assert result.notes
        wild = event({**TRACK, "timestamp": iso(RECEIVED), "sentAt": "1970-01-01T00:00:00Z"})
        assert wild.time_us == RECEIVED_US

    def test_before_the_first_year_is_no_date(self) -> None:
        result = event({**TRACK, "timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"})
        assert result.time_us == RECEIVED_US
        assert result.notes

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_writing_and_reading_an_instant_agree(self, moment: datetime) -> None:
        instant_us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert instant_of(moment.isoformat()) == instant_us
        assert instant_of(iso_of(instant_us)) == instant_us // 1000 * 1000

    @given(st.integers(0, 86_400), st.timedeltas(timedelta(days=-1000), timedelta(days=1000)))
    def test_the_age_of_an_event_survives_any_skew(self, age_seconds: int, skew: timedelta) -> None:
        sent = RECEIVED + skew
        happened = sent - timedelta(seconds=age_seconds)
        result = event({**TRACK, "timestamp": happened.isoformat(), "sentAt": sent.isoformat()})
        assert result.time_us == RECEIVED_US - age_seconds * 1_000_000
