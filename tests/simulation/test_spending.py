"""Calls are held against the limit that was known when they were made."""

import pytest

from gainstage.testing.clock import VirtualClock
from tests.simulation.spending import Limits, Spending

TWENTY, TWO, UNKNOWN = {"cs": {60: 20}}, {"cs": {60: 2}}, {}


class World:
    """A clock, and what was complained of."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.complaints: list[str] = []
        self.spending = Spending(self.clock, self.complaints.append)

    def spend(self, calls: int, *, after_seconds: float = 1.0) -> int:
        """Make calls; returns how many of them were too many."""
        before = len(self.complaints)
        for _ in range(calls):
            self.clock.advance(after_seconds)
            self.spending.count("cs", "acme")
        return len(self.complaints) - before


@pytest.fixture
def world() -> World:
    return World()


def test_no_window_holds_more_than_the_limit(world: World) -> None:
    world.spending.know(TWENTY)
    assert world.spend(20) == 0
    assert world.spend(1) == 1
    assert world.spend(1, after_seconds=60.0) == 0


def test_a_lower_limit_holds_from_when_it_is_known_and_what_was_spent_before_is_no_fault(
    world: World,
) -> None:
    world.spending.know(TWENTY)
    assert world.spend(10) == 0
    world.spending.know(TWO)
    assert world.spend(1, after_seconds=0.0) == 0, "it was reserved at the moment before"
    assert world.spend(1) == 1, "eleven calls stand in its window"
    assert world.spend(2, after_seconds=60.0) == 0


@pytest.mark.parametrize("other", [TWENTY, UNKNOWN])
def test_a_higher_limit_or_none_may_be_used_at_once(world: World, other: Limits) -> None:
    world.spending.know(TWO)
    assert world.spend(3) == 1
    world.spending.know(other)
    assert world.spend(10) == 0


def test_each_account_has_a_limit_of_its_own(world: World) -> None:
    world.spending.know(TWO)
    for account in ("one", "other") * 2:
        world.spending.count("cs", account)
    assert not world.complaints


def test_windows_in_which_the_clock_was_set_forward_are_not_judged(world: World) -> None:
    world.spending.know(TWO)
    world.spend(2)
    world.spending.jumped(-30.0)
    assert world.spend(1) == 1
    world.spending.jumped(30.0)
    assert world.spend(2) == 0
    world.clock.advance(60.0)
    assert world.spend(3) == 1
