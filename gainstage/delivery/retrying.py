"""When to try again: waits that grow, with jitter; and for how long at all."""

import random
from email.utils import parsedate_to_datetime

from gainstage.clock import DAY_US, SECOND_US

#: A delivery is tried for this long, then kept as failed.
RETRY_HORIZON_US = 7 * DAY_US
LONGEST_WAIT_SECONDS = 3_600.0
#: What a vendor may ask for with Retry-After at most.
LONGEST_RETRY_AFTER_SECONDS = 3_600.0
#: The same with a 429: a day's limit may ask for the rest of the day.
LONGEST_THROTTLE_SECONDS = 86_400.0
#: After so many failures in a row a destination is only probed, one call at a time.
FAILURES_BEFORE_PROBING = 3
LONGEST_PROBE_SECONDS = 60.0
LONGEST_BLOCK_SECONDS = 900.0


def wait_seconds(attempts: int, chance: random.Random) -> float:
    """The wait after the n-th failed attempt: about 1, 2, 4 and 8 s, then doubling up to an hour with
    jitter.
    """
    base = float(2 ** min(attempts - 1, 12))
    if attempts <= 4:
        return base * chance.uniform(0.9, 1.1)
    return min(LONGEST_WAIT_SECONDS, base) * chance.uniform(0.5, 1.0)


def probe_seconds(failures: int, longest: float) -> float:
    """The wait before a destination that keeps failing is probed again."""
    return min(longest, float(2 ** min(max(failures - FAILURES_BEFORE_PROBING, 0), 12)))


def retry_after_seconds(
    value: str, now_us: int, longest: float = LONGEST_RETRY_AFTER_SECONDS
) -> float | None:
    """Retry-After in either form (seconds or an HTTP date), within a ceiling; None where it says nothing."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), longest)
    try:
        at_seconds = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, at_seconds - now_us / SECOND_US), longest)
