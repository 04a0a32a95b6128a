"""When to try again: waits that grow, with jitter; and for how long at all."""

import random
from email.utils import parsedate_to_datetime

from gainstage.clock import DAY_US, SECOND_US

#: A delivery fails for this long before it is kept as failed.
RETRY_HORIZON_US = 7 * DAY_US
LONGEST_WAIT_SECONDS = 3_600.0
#: What counts of that at most between two calls that failed.
LONGEST_COUNTED_US = int(LONGEST_WAIT_SECONDS) * SECOND_US
#: So many waits are nearly the same for everybody, each twice the one before.
FIRST_WAITS = 4
#: What a vendor may ask for with Retry-After at most.
LONGEST_RETRY_AFTER_SECONDS = 3_600.0
#: The same with a 429: a day's limit may ask for the rest of the day.
LONGEST_THROTTLE_SECONDS = 86_400.0
#: After so many failures in a row a destination is only probed, one call at a time.
FAILURES_BEFORE_PROBING = 3
LONGEST_PROBE_SECONDS = 60.0
LONGEST_BLOCK_SECONDS = 900.0


def wait_seconds(attempts: int, chance: random.Random) -> float:
    """The wait after the n-th failed attempt: about 1, 2, 4 and 8 s, then with full jitter.

    That is any time between the last of these and a limit that doubles up to an hour: what failed together
    is not tried together again.
    """
    base = float(2 ** min(attempts - 1, 12))
    if attempts <= FIRST_WAITS:
        return base * chance.uniform(0.9, 1.1)
    return chance.uniform(float(2 ** (FIRST_WAITS - 1)), min(LONGEST_WAIT_SECONDS, base))


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
