"""Guessing passwords is slowed down: after some failures each further try has to wait, and ever longer."""

from collections.abc import Hashable

from gainstage.clock import MINUTE_US, SECOND_US

#: So many failures cost nothing: of one name, and from one address, behind which there may be many people.
FREE_OF_NAME = 5
FREE_OF_ADDRESS = 20
#: The wait after the next one; it doubles with each, up to the longest.
FIRST_WAIT_US = 2 * SECOND_US
LONGEST_WAIT_US = 5 * MINUTE_US
#: Failures are forgotten when there was none for so long.
FORGOTTEN_AFTER_US = 60 * MINUTE_US
#: Names and addresses that are remembered; beyond, the one that failed longest ago is forgotten.
REMEMBERED = 4096


class _Failures:
    """Of many keys how often each failed in a row, and when it may try again."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._known: dict[Hashable, tuple[int, int]] = {}

    def wait_us(self, key: Hashable, now_us: int) -> int:
        """How long it has to wait; 0: it may try."""
        count, last_us = self._known.get(key, (0, 0))
        if now_us - last_us >= FORGOTTEN_AFTER_US:
            return 0
        return max(0, last_us + self._pause_us(count) - now_us)

    def add(self, key: Hashable, now_us: int) -> None:
        """It tries: that counts as a failure until it is known to be none."""
        count, last_us = self._known.pop(key, (0, 0))
        self._known[key] = (1 if now_us - last_us >= FORGOTTEN_AFTER_US else count + 1, now_us)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def take_back(self, key: Hashable) -> None:
        """It was no failure."""
        count, last_us = self._known.get(key, (0, 0))
        if count > 1:
            self._known[key] = (count - 1, last_us)
        else:
            self._known.pop(key, None)

    def clear(self, key: Hashable) -> None:
        """It failed no more."""
        self._known.pop(key, None)

    def _pause_us(self, count: int) -> int:
        beyond = count - self._free
        return 0 if beyond < 0 else min(LONGEST_WAIT_US, FIRST_WAIT_US << min(beyond, 20))


class Throttle:
    """Says who has to wait before a password is looked at. A try counts when it begins, so that many at once
    are no way around it.
    """

    def __init__(self) -> None:
        self._names, self._addresses = _Failures(FREE_OF_NAME), _Failures(FREE_OF_ADDRESS)

    def begin(self, name: str, address: str, now_us: int) -> int:
        """Seconds to wait; 0: the try may be made, and counts."""
        wait_us = max(self._names.wait_us(name, now_us), self._addresses.wait_us(address, now_us))
        if wait_us:
            return -(-wait_us // SECOND_US)
        self._names.add(name, now_us)
        self._addresses.add(address, now_us)
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: nothing is held against the name any more, and this try not against the
        address. Other failures from there stay, or one's own password would pay for guessing others'.
        """
        self._names.clear(name)
        self._addresses.take_back(address)

    def excused(self, name: str, address: str) -> None:
        """The try came to nothing for a reason that is not theirs."""
        self._names.take_back(name)
        self._addresses.take_back(address)
