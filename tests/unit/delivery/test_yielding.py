"""How much of a budget events that are not live may use."""

from hypothesis import given
from hypothesis import strategies as st

from gainstage.delivery.yielding import kept_for_live, room, room_again_us
from gainstage.store.rows import SLICES, BudgetRow, Slice

MINUTE_US, SLICE_US = 60_000_000, 1_000_000
NOW_US = 1_767_268_800_000_000


def minute(*slices: tuple[int, int, int], usable: int = 100, since_us: int = 0) -> BudgetRow:
    """A minute's budget; slices as seconds ago, used, live."""
    found = sorted(Slice(NOW_US // SLICE_US - ago, used, live) for ago, used, live in slices)
    return BudgetRow("acme", "cs", "minute", MINUTE_US, usable, since_us, slices=tuple(found))


def test_the_last_part_of_a_window_is_for_live_events() -> None:
    assert room(minute(), NOW_US) == 85
    assert room(minute((1, 80, 0)), NOW_US) == 5


def test_what_live_events_used_in_the_busiest_of_the_last_windows_is_kept_for_them() -> None:
    assert kept_for_live(minute((300, 30, 30), (10, 5, 5)), NOW_US) == 15 + 33
    assert kept_for_live(minute((300, 15, 15), (270, 15, 15)), NOW_US) == 15 + 33, "however windows lie"
    assert kept_for_live(minute((430, 30, 30)), NOW_US) == 15, "too long ago"


def test_before_a_whole_window_was_seen_half_is_kept_or_what_the_rate_asks_for() -> None:
    since_us = NOW_US - MINUTE_US // 2
    assert kept_for_live(minute(since_us=since_us), NOW_US) == 50
    assert kept_for_live(minute((5, 30, 30), since_us=since_us), NOW_US) == 66


def test_where_live_events_need_everything_nothing_else_goes() -> None:
    assert room(minute((5, 95, 95)), NOW_US) == 0


@given(
    st.lists(st.tuples(st.integers(0, 420), st.integers(0, 30), st.integers(0, 30)), max_size=20),
    st.integers(1, 100),
)
def test_there_is_room_again_when_it_says_so(given_: list[tuple[int, int, int]], usable: int) -> None:
    slices = {ago: (ago, max(used, live), live) for ago, used, live in given_}
    row = minute(*slices.values(), usable=usable)
    assert 0 <= room(row, NOW_US) <= max(0, usable - row.used(NOW_US))
    again_us = room_again_us(row, NOW_US)
    assert NOW_US < again_us <= NOW_US + MINUTE_US + 2 * SLICE_US
    live_leaves = kept_for_live(row, NOW_US) >= usable
    if not room(row, NOW_US) and not live_leaves and usable > row.used(again_us):
        assert room(row, again_us) > 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=300), st.integers(10, 60))
def test_live_events_that_come_as_before_always_find_budget(
    calls: list[tuple[bool, int]], usable: int
) -> None:
    """Live events take up to a tenth of the window each second of it; the rest of the room goes to others."""
    made: dict[int, list[int]] = {}
    now_us = NOW_US
    for wanted, seconds in [*calls, *calls]:
        now_us += seconds * SLICE_US
        number = now_us // SLICE_US
        slices = tuple(Slice(one, *used) for one, used in sorted(made.items()))
        row = BudgetRow("acme", "cs", "minute", MINUTE_US, usable, 0, slices=slices)
        others = room(row, now_us)
        counts = made.setdefault(number, [0, 0])
        counts[0] += others
        live = sum(one.live for one in row.counted(now_us))
        if wanted and live < int(usable * 0.15):
            slices = tuple(Slice(one, *used) for one, used in sorted(made.items()))
            row = BudgetRow("acme", "cs", "minute", MINUTE_US, usable, 0, slices=slices)
            assert row.used(now_us) < usable
            counts[0] += 1
            counts[1] += 1
    assert len(made) <= SLICES * 30
