"""Waits: about 1, 2, 4 and 8 s, then growing with jitter up to an hour; Retry-After in both forms."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.delivery.retrying import (
    FAILURES_BEFORE_PROBING,
    LONGEST_PROBE_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    LONGEST_WAIT_SECONDS,
    probe_seconds,
    retry_after_seconds,
    wait_seconds,
)

NOON_US = 1_767_268_800_000_000
chances = st.integers(0, 1_000).map(random.Random)


@given(chances)
def test_the_first_waits_are_about_1_2_4_and_8_seconds(chance: random.Random) -> None:
    assert [wait_seconds(n, chance) for n in range(1, 5)] == pytest.approx([1, 2, 4, 8], rel=0.11)


@given(st.integers(5, 10_000), chances)
def test_later_waits_grow_with_jitter_up_to_an_hour(attempts: int, chance: random.Random) -> None:
    longest = min(LONGEST_WAIT_SECONDS, 2.0 ** (attempts - 1) if attempts < 100 else LONGEST_WAIT_SECONDS)
    assert 8 <= wait_seconds(attempts, chance) <= longest


@pytest.mark.parametrize("attempts", [6, 9, 13, 200])
def test_later_waits_have_full_jitter(attempts: int) -> None:
    longest = min(LONGEST_WAIT_SECONDS, 2.0 ** (attempts - 1))
    waits = sorted(wait_seconds(attempts, random.Random(seed)) for seed in range(400))
    quarters = [waits[100], waits[200], waits[300]]
    assert quarters == pytest.approx([8 + (longest - 8) * n / 4 for n in (1, 2, 3)], rel=0.2)
    assert waits[0] < 8 + longest * 0.05 and waits[-1] > longest * 0.95


def test_jitter_tells_destinations_apart() -> None:
    assert len({wait_seconds(8, random.Random(seed)) for seed in range(20)}) == 20


@given(st.integers(0, 10_000))
def test_probes_grow_up_to_a_limit(failures: int) -> None:
    wait = probe_seconds(failures, LONGEST_PROBE_SECONDS)
    assert 1 <= wait <= LONGEST_PROBE_SECONDS
    assert wait <= probe_seconds(failures + 1, LONGEST_PROBE_SECONDS)
    assert probe_seconds(FAILURES_BEFORE_PROBING, LONGEST_PROBE_SECONDS) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("99999999", LONGEST_RETRY_AFTER_SECONDS),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 12:00:00 GMT", LONGEST_RETRY_AFTER_SECONDS),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("²", None),
    ],
)
def test_retry_after_is_read_in_either_form(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOON_US) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_the_engine(value: str) -> None:
    found = retry_after_seconds(value, NOON_US)
    assert found is None or 0 <= found <= LONGEST_RETRY_AFTER_SECONDS
