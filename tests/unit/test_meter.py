"""Counters and histograms, and what one process hands to another."""

import msgspec
import pytest

from gainstage.meter import Figures, Histogram, Meter

BOUNDS = (1.0, 10.0)


def test_a_measurement_counts_at_the_first_bound_that_it_does_not_exceed() -> None:
    histogram = Histogram.of(BOUNDS)
    for seconds in (0.5, 1.0, 1.1, 10.0, 11.0):
        histogram.observe(seconds)
    assert histogram.counts == [2, 2, 1]
    assert (histogram.observed, histogram.total) == (5, 23.6)


def test_a_clock_that_was_set_back_measures_nothing_below_zero() -> None:
    histogram = Histogram.of(BOUNDS)
    histogram.observe(-5.0)
    assert (histogram.counts, histogram.total) == ([1, 0, 0], 0.0)


def test_histograms_of_different_bounds_are_never_added() -> None:
    with pytest.raises(ValueError, match="different bounds"):
        Histogram.of(BOUNDS).add(Histogram.of((1.0,)))


def test_what_is_taken_from_one_meter_and_added_to_another_is_counted_once() -> None:
    here, there = Meter(), Meter()
    for _ in range(2):  # two reports
        here.count("calls", "cs", "2xx", n=3)
        here.observe("call", BOUNDS, 0.5, "cs")
        sent = msgspec.json.encode(here.take())
        there.add(msgspec.json.decode(sent, type=Figures))
    assert there.counted("calls") == {("cs", "2xx"): 6}
    assert there.measured("call")["cs",].counts == [2, 0, 0]
    assert here.take().is_empty
