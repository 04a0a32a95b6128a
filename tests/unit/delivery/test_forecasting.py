"""When a budget ends at the rate of late, and which alert stands."""

import math
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.delivery.forecasting import ALERT_SLACK, ALERTS, alert, ends_us
from gainstage.store.rows import BudgetRow, Slice

DAY_US, HOUR_US, SLICE_US, MINUTE_US = 86_400_000_000, 3_600_000_000, 1_440_000_000, 60_000_000
#: A midnight, UTC, at which a slice begins.
MIDNIGHT_US = 1_767_225_600_000_000
NOON_US = MIDNIGHT_US + 12 * HOUR_US


def day(calls: dict[int, int], usable: int = 1_000, **known: int) -> BudgetRow:
    """A day's budget; calls by how many slices before noon's they lie."""
    noon = NOON_US // SLICE_US
    slices = sorted(Slice(noon - ago, used, used) for ago, used in calls.items())
    return BudgetRow("acme", "cs", "day", DAY_US, usable, slices=tuple(slices), **known)


def test_at_this_rate_the_budget_ends_at_15_40() -> None:
    """284 calls in the three slices, 72 minutes, that touch the last hour; 868 are left at noon."""
    end_us = ends_us(day({1: 100, 2: 100, 3: 84}, usable=1_152), NOON_US)
    assert end_us is not None
    assert datetime.fromtimestamp(end_us / 1e6, UTC).strftime("%H:%M") == "15:40"


def test_a_budget_does_not_end_where_its_calls_leave_the_window_soon_enough() -> None:
    assert ends_us(day({}), NOON_US) is None
    assert ends_us(day(dict.fromkeys(range(1, 60), 16)), NOON_US) is None, "as many leave as come"
    assert ends_us(day(dict.fromkeys(range(4, 60), 16)), NOON_US) is None, "none of late"


def test_a_budget_that_is_used_up_ends_now() -> None:
    assert ends_us(day({5: 1_000}), NOON_US) == NOON_US


def test_the_forecast_is_that_of_what_is_usable_now() -> None:
    full, lowered = day({1: 100}), day({1: 100}, lowered=500, lowered_us=NOON_US, step=100, step_us=HOUR_US)
    assert (ends_us(lowered, NOON_US) or 0) < (ends_us(full, NOON_US) or 0)


def test_windows_that_renew_before_anybody_could_act_have_no_forecast_and_no_alert() -> None:
    for name, window_us in (("minute", 60_000_000), ("hour", HOUR_US)):
        row = BudgetRow("acme", "cs", name, window_us, 10)
        row.slices = (Slice(NOON_US // row.slice_us, 10, 10),)
        assert (ends_us(row, NOON_US), alert(row, NOON_US)) == (None, 0)


def walk(row: BudgetRow, rate: float, usable: float) -> float:
    """The first minute of the day, or instant before calls leave, at which so much is used."""
    leaving = [(row.leaves_us(one.number), one.used) for one in row.slices]
    instants = {*range(NOON_US, NOON_US + DAY_US + 1, MINUTE_US), *(at_us - 1 for at_us, _ in leaving)}
    for at_us in sorted(instants):
        still = sum(used for leaves_us, used in leaving if leaves_us > at_us)
        if at_us >= NOON_US and still + rate * (at_us - NOON_US) >= usable:
            return at_us
    return math.inf


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=60, max_size=60), st.integers(1, 3_000))
def test_the_forecast_is_what_a_walk_from_minute_to_minute_finds(calls: list[int], usable: int) -> None:
    row = day({ago + 1: used for ago, used in enumerate(calls)}, usable)
    first = (NOON_US - HOUR_US) // SLICE_US
    since_us = max(HOUR_US, NOON_US - first * SLICE_US)
    rate = sum(one.used for one in row.slices if one.number >= first) / since_us
    found = ends_us(row, NOON_US) or math.inf
    # A hair more or less than usable, for what is reached at the very instant at which calls leave.
    assert walk(row, rate, usable - 0.01) - MINUTE_US <= found <= walk(row, rate, usable + 0.01)


@given(st.lists(st.integers(0, 110), max_size=40))
def test_an_alert_stands_from_its_mark_until_well_below_it(percents: list[int]) -> None:
    standing, announced = 0, []
    for percent in percents:
        row = day({1: percent}, usable=100, alert=standing)
        mark = alert(row, NOON_US)
        if mark > standing:
            announced.append(mark)
            assert percent >= mark
        assert mark >= max((one for one in ALERTS if percent >= one), default=0)
        assert mark == 0 or percent >= mark - ALERT_SLACK
        standing = mark


def test_a_figure_that_wavers_around_a_mark_alerts_once() -> None:
    standing, announced = 0, []
    for percent in (49, 50, 49, 51, 48, 71, 69, 66, 70, 92, 88, 90, 84, 90, 40, 50):
        mark = alert(day({1: percent}, usable=100, alert=standing), NOON_US)
        announced += [mark] if mark > standing else []
        standing = mark
    assert announced == [50, 70, 90, 90, 50]
