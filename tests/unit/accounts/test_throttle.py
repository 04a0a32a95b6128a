"""Guessing passwords gets slower with each failure, of one name and from one address."""

from gainstage.accounts import Throttle
from gainstage.accounts.throttle import (
    FORGOTTEN_AFTER_US,
    FREE_OF_ADDRESS,
    FREE_OF_NAME,
    LONGEST_WAIT_US,
    REMEMBERED,
)
from gainstage.clock import SECOND_US

NOW_US = 1_800_000_000_000_000


def test_the_first_failures_of_a_name_are_free_and_then_waits_double_up_to_five_minutes() -> None:
    throttle, now_us, waits = Throttle(), NOW_US, []
    for number in range(FREE_OF_NAME):
        assert throttle.begin("ann", f"10.0.0.{number}", now_us) == 0
    for number in range(10):
        waits.append(throttle.begin("ann", f"10.0.1.{number}", now_us))
        now_us += waits[-1] * SECOND_US
        assert throttle.begin("ann", f"10.0.1.{number}", now_us) == 0, "when the wait is over"
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert LONGEST_WAIT_US == 300 * SECOND_US


def test_who_asks_while_it_has_to_wait_does_not_make_it_longer() -> None:
    throttle = Throttle()
    for _ in range(FREE_OF_NAME):
        throttle.begin("ann", "a", NOW_US)
    assert [throttle.begin("ann", "a", NOW_US) for _ in range(50)] == [2] * 50
    assert throttle.begin("ann", "a", NOW_US + 2 * SECOND_US) == 0


def test_an_address_that_tries_many_names_has_to_wait_too_and_others_have_not() -> None:
    throttle = Throttle()
    for number in range(FREE_OF_ADDRESS):
        assert throttle.begin(f"user {number}", "a", NOW_US) == 0
    assert throttle.begin("somebody else", "a", NOW_US) == 2
    assert throttle.begin("somebody else", "b", NOW_US) == 0


def test_many_tries_at_once_are_no_way_around_it() -> None:
    throttle = Throttle()
    begun = [throttle.begin("ann", "a", NOW_US) for _ in range(100)]
    assert begun.count(0) == FREE_OF_NAME


def test_a_right_password_clears_the_name_and_forgives_the_address_nothing_else() -> None:
    throttle = Throttle()
    for number in range(FREE_OF_ADDRESS - 1):
        throttle.begin(f"victim {number}", "a", NOW_US)
    assert throttle.begin("own", "a", NOW_US) == 0
    throttle.succeeded("own", "a")
    assert throttle.begin("victim", "a", NOW_US) == 0
    assert throttle.begin("own", "a", NOW_US) == 2, "logging in oneself does not pay for guessing others"
    for _ in range(FREE_OF_NAME - 1):
        throttle.begin("ann", "b", NOW_US)
    throttle.succeeded("ann", "b")
    assert [throttle.begin("ann", "c", NOW_US) for _ in range(FREE_OF_NAME)] == [0] * FREE_OF_NAME


def test_what_failed_for_another_reason_does_not_count() -> None:
    throttle = Throttle()
    for _ in range(3 * FREE_OF_ADDRESS):
        assert throttle.begin("ann", "a", NOW_US) == 0
        throttle.excused("ann", "a")


def test_failures_are_forgotten_after_an_hour_without_one() -> None:
    throttle = Throttle()
    for _ in range(FREE_OF_NAME):
        throttle.begin("ann", "a", NOW_US)
    later_us = NOW_US + FORGOTTEN_AFTER_US
    assert [throttle.begin("ann", "a", later_us) for _ in range(FREE_OF_NAME)] == [0] * FREE_OF_NAME
    assert throttle.begin("ann", "a", later_us) == 2


def test_what_is_remembered_of_failures_is_bounded() -> None:
    throttle = Throttle()
    for number in range(REMEMBERED + 10):
        throttle.begin(f"n{number}", f"a{number}", NOW_US)
    assert len(throttle._names._known) == len(throttle._addresses._known) == REMEMBERED
