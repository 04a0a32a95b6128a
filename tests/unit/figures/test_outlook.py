"""What a budget is expected to come to."""

import pytest

from gainstage.figures.ages import DAY_US, HOUR_US
from gainstage.figures.delays import delay
from gainstage.figures.outlook import Outlook, outlook
from gainstage.meter import DELIVERY_BOUNDS
from gainstage.store.rows import BudgetRow, Slice

SLICE_US = DAY_US // 60
MIDNIGHT_US = 1_767_225_600_000_000
NOON_US = MIDNIGHT_US + DAY_US // 2


def day(calls: dict[int, tuple[int, int]], usable: int = 10_000, days: float = 8) -> BudgetRow:
    """Calls (all, live) by how many slices before noon's they lie; known for so many days."""
    noon = NOON_US // SLICE_US
    slices = sorted(Slice(noon - ago, *used) for ago, used in calls.items())
    return BudgetRow("acme", "cs", "day", DAY_US, usable, int(NOON_US - days * DAY_US), slices=tuple(slices))


def seen(row: BudgetRow) -> Outlook:
    found = outlook(row, NOON_US)
    assert found is not None
    return found


def office_hours(days: int, calls: int, today: int) -> dict[int, tuple[int, int]]:
    """Live events from 9:36 to 19:12 each day, with so many calls a slice; today so many."""
    noon = NOON_US // SLICE_US
    found = {}
    for ago in range(1, (days + 1) * 60):
        if 24 <= (noon - ago) % 60 < 48:
            used = today if ago <= 30 else calls
            found[ago] = (used, used)
    return found


def test_live_events_are_expected_at_the_hours_at_which_they_came_before() -> None:
    found = seen(day(office_hours(7, 100, 100)))
    assert found.used_today == 600
    assert found.expected_today == 2_400, "24 slices of a working day, and none at night"
    assert (found.days, found.trend, found.ends_us) == (7, 1.0, None)


def test_a_day_with_twice_as_many_is_expected_to_go_on_so() -> None:
    found = seen(day(office_hours(7, 100, 200)))
    assert found.trend == 2.0 and found.expected_today == 1_200 + 18 * 200


def test_history_goes_on_as_in_the_last_hour_and_never_beyond_what_is_usable() -> None:
    calls = office_hours(7, 100, 100)
    for ago in (1, 2, 3):
        calls[ago] = (calls[ago][0] + 300, calls[ago][1])
    found = seen(day(calls, usable=5_000))
    assert found.ends_us is not None and NOON_US < found.ends_us < NOON_US + 8 * HOUR_US
    assert found.peak == 5_000


def test_on_its_first_day_a_budget_is_judged_by_the_last_hour() -> None:
    found = seen(day({1: (60, 60), 2: (60, 60)}, days=2 / 60))
    assert found.days == 0 and found.trend == 1.0
    assert found.used_today == 120 and found.expected_today > 120


def test_what_is_used_up_ends_now_and_short_windows_have_no_outlook() -> None:
    assert seen(day({3: (500, 500)}, usable=500)).ends_us == NOON_US
    assert outlook(BudgetRow("acme", "cs", "minute", 60_000_000, 100), NOON_US) is None


def test_a_budget_without_calls_is_expected_to_stay_so() -> None:
    found = seen(day({}))
    assert (found.used_today, found.expected_today, found.peak, found.ends_us) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("counts", "median", "p95"),
    [({1: 100}, 0.75, 0.975), ({0: 50, 3: 50}, 0.5, 4.7), ({len(DELIVERY_BOUNDS): 3}, 604_800.0, 604_800.0)],
)
def test_delays_are_read_off_between_bounds(counts: dict[int, int], median: float, p95: float) -> None:
    found = delay([counts.get(place, 0) for place in range(len(DELIVERY_BOUNDS) + 1)])
    assert found is not None
    assert (found["median_seconds"], found["p95_seconds"]) == (median, p95)
    assert delay([0] * (len(DELIVERY_BOUNDS) + 1)) is None
