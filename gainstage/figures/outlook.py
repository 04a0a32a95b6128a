"""What a budget will come to: how many calls today and within a window, by what was used before. Pure.

Live events come and go by the hour, so what they will use is what they used at the same time of the last
days, times how today compares with those days. Everything else (audiences, history) is work that somebody
began: it is taken to go on as in the last hour.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from gainstage.figures.ages import DAY_US, HOUR_US
from gainstage.store.rows import BudgetRow, Slice

#: Shorter windows renew before anybody could act on an outlook.
SHORTEST_WINDOW_US = 6 * HOUR_US
#: Today is compared with the days before over so long, and by no more than this either way.
TREND_US = 6 * HOUR_US
LEAST_TREND, MOST_TREND = 0.25, 4.0
#: Fewer calls than this tell nothing of a trend.
TELLING_CALLS = 20
RECENT_US = HOUR_US
#: So many days that went before are looked at; the store keeps a week of slices.
DAYS = 7


class Outlook(NamedTuple):
    """What is expected. `ends_us`: when the window has no calls left; None where it always has some."""

    used_today: int
    expected_today: int
    peak: int
    peak_us: int
    ends_us: int | None
    #: How many days that went before it is made of; 0: the last hour alone.
    days: int
    #: How today compares with them: 1.2 is a fifth more.
    trend: float


class Expected(NamedTuple):
    """Calls that are expected in the part of a slice that is still to come."""

    at_us: int
    calls: float


def outlook(row: BudgetRow, now_us: int) -> Outlook | None:
    """What is expected within the next window; None for a short one."""
    if row.window_us < SHORTEST_WINDOW_US:
        return None
    by_number = {one.number: one for one in row.slices}
    profile, days = _profile(row, by_number, now_us)
    trend = _trend(row, by_number, now_us) if days else 1.0
    coming = list(_coming(row, by_number, profile, trend, now_us))
    midnight_us = now_us // DAY_US * DAY_US
    used_today = sum(one.used for one in row.slices if midnight_us <= one.number * row.slice_us <= now_us)
    rest = sum(one.calls for one in coming if one.at_us < midnight_us + DAY_US)
    peak, peak_us, ends_us = _course(row, coming, now_us)
    expected = used_today + round(rest)
    return Outlook(used_today, expected, round(peak), peak_us, ends_us, days, round(trend, 2))


def slices(row: BudgetRow, now_us: int) -> list[Slice]:
    """The slices that count, those without a call too, each with when it began as its number."""
    known = {one.number: one for one in row.counted(now_us)}
    first, last = (now_us - row.window_us) // row.slice_us, now_us // row.slice_us
    return [
        Slice(number * row.slice_us, known[number].used, known[number].live)
        if number in known
        else Slice(number * row.slice_us, 0, 0)
        for number in range(first, last + 1)
    ]


def _profile(row: BudgetRow, slices: Mapping[int, Slice], now_us: int) -> tuple[dict[int, float], int]:
    """By slice of the day what live events used of it last, on average; and how many days are known."""
    a_day, now = DAY_US // row.slice_us, now_us // row.slice_us
    days = min(DAYS, max(0, (now - row.since_us // row.slice_us) // a_day))
    found = {place: _usual(row, slices, now - (now - place) % a_day, now) for place in range(a_day)}
    return {place: usual for place, usual in found.items() if usual is not None}, days


def _usual(row: BudgetRow, slices: Mapping[int, Slice], last: int, now: int) -> float | None:
    """What live events used in a slice and at the same time of the days before; None where none is known."""
    a_day, oldest = DAY_US // row.slice_us, row.since_us // row.slice_us
    past = [last - back * a_day for back in range(DAYS + 1)]
    known = [number for number in past if oldest < number < now][:DAYS]
    return sum(slices[one].live for one in known if one in slices) / len(known) if known else None


def _trend(row: BudgetRow, slices: Mapping[int, Slice], now_us: int) -> float:
    """What live events used in the last hours, by what they used at that time of the days before."""
    a_day, now = DAY_US // row.slice_us, now_us // row.slice_us
    numbers = range(now - TREND_US // row.slice_us, now)
    usual = sum(_usual(row, slices, number - a_day, now) or 0.0 for number in numbers)
    lately = sum(slices[number].live for number in numbers if number in slices)
    if usual < TELLING_CALLS and lately < TELLING_CALLS:
        return 1.0
    return min(MOST_TREND, max(LEAST_TREND, lately / max(usual, 1.0)))


def _coming(
    row: BudgetRow, slices: Mapping[int, Slice], profile: Mapping[int, float], trend: float, now_us: int
) -> Iterator[Expected]:
    """What is expected in each slice from now on, over a window."""
    a_day, now = DAY_US // row.slice_us, now_us // row.slice_us
    began_us = max(now_us - RECENT_US, row.since_us)
    recent = [slices[number] for number in range(began_us // row.slice_us, now + 1) if number in slices]
    stretch = max(RECENT_US, now_us - began_us // row.slice_us * row.slice_us) / row.slice_us
    other, live = (
        sum(one.used - one.live for one in recent) / stretch,
        sum(one.live for one in recent) / stretch,
    )
    for number in range(now, now + row.window_us // row.slice_us + 1):
        usual = profile.get(number % a_day)
        calls = (usual * trend if usual is not None else live) + other
        begins_us = max(now_us, number * row.slice_us)
        part = ((number + 1) * row.slice_us - begins_us) / row.slice_us
        yield Expected(begins_us, calls * part)


def _course(row: BudgetRow, coming: list[Expected], now_us: int) -> tuple[float, int, int | None]:
    """The most that a window will hold and when, and when it is full; it never holds more than is usable."""
    usable, used = row.usable_at(now_us), float(row.used(now_us))
    leaving = sorted((row.leaves_us(one.number), one.used) for one in row.counted(now_us))
    peak, peak_us, ends_us = used, now_us, now_us if used >= usable else None
    for expected, following in pairwise(coming):
        used += expected.calls
        while leaving and leaving[0][0] <= following.at_us:
            used -= leaving.pop(0)[1]
        if used >= usable and ends_us is None:
            ends_us = following.at_us
        used = min(used, float(usable)) if ends_us is not None else used
        if used > peak:
            peak, peak_us = used, following.at_us
    return min(peak, float(max(usable, row.used(now_us)))), peak_us, ends_us
