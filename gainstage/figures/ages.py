"""For how long readings are kept, and how close together. Pure."""

from typing import NamedTuple

from gainstage.clock import SECOND_US

MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


class Age(NamedTuple):
    """Up to this age one reading in each `every_us` is kept."""

    until_us: int
    every_us: int


AGES = (
    Age(2 * DAY_US, MINUTE_US),
    Age(14 * DAY_US, 15 * MINUTE_US),
    Age(92 * DAY_US, HOUR_US),
    Age(5 * 366 * DAY_US, DAY_US),
)
#: A reading that is later than this after the one before has a gap before it.
GAP_US = 5 * MINUTE_US // 2
#: The steps in which figures are told, and how many of them at most.
STEPS_US = (MINUTE_US, 5 * MINUTE_US, 15 * MINUTE_US, HOUR_US, 6 * HOUR_US, DAY_US, 7 * DAY_US)
MOST_STEPS = 400
USUAL_STEPS = 100


def kept_every_us(age_us: int) -> int:
    """How close together readings of this age are."""
    return next((one.every_us for one in AGES if age_us <= one.until_us), AGES[-1].every_us)


def step_us(from_us: int, to_us: int, now_us: int, wished_us: int | None = None) -> int:
    """The step for a period: as wished where readings that old are kept so close together, and there are not
    too many; else the next larger one.
    """
    least = max(kept_every_us(now_us - from_us), wished_us or 0)
    most = MOST_STEPS if wished_us is not None else USUAL_STEPS
    least = max(least, (to_us - from_us) // most)
    return next((one for one in STEPS_US if one >= least), -(-least // DAY_US) * DAY_US)
