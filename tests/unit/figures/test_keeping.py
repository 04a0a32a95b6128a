"""Readings are kept, thinned with age, and compared with what they can be compared with."""

from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.figures.ages import AGES, DAY_US, HOUR_US, MINUTE_US, step_us
from gainstage.figures.keeping import Kept
from gainstage.figures.periods import Step, Wanted, by_connection, point, steps, told
from gainstage.figures.sample import CALLS, UNMET, WORDS, Series, added

NOON_US = 1_767_225_600_000_000 + 12 * HOUR_US
SITE = Series(WORDS, "site", "cs")
ALL = Wanted()


def read(kept: Kept, edges: list[int]) -> list[Step]:
    oldest_us = kept.oldest_us()
    oldest = kept.at(oldest_us) if oldest_us is not None else None
    span = (edges[0], edges[-1])
    return steps(edges, [kept.at(edge) for edge in edges], kept.beginnings(*span), kept.gaps(*span), oldest)


def delivered(found: list[Step]) -> list[int | None]:
    return [point(step, ALL)["delivered"] for step in found]


def test_a_step_has_what_was_counted_between_its_readings_and_the_equation_holds(tmp_path: Path) -> None:
    with closing(Kept(tmp_path)) as kept:
        kept.add({SITE: (3, 1, 0, 0, 1), Series(UNMET, "site"): (0, 0)}, {}, 5, NOON_US)
        later = {SITE: (9, 1, 2, 1, 0), Series(UNMET, "site"): (1, 4)}
        kept.add(later, {Series(CALLS, destination="cs"): (4, 1)}, 9, NOON_US + MINUTE_US + 1_000)
        (step,) = read(kept, [NOON_US, NOON_US + MINUTE_US])
        shown = point(step, ALL)
        assert (shown["received"], shown["delivered"], shown["pending"]) == (8, 6, -1)
        assert shown["received"] == sum(
            shown[w] for w in ("delivered", "filtered", "failed", "parked", "pending")
        )
        assert (shown["refused"], shown["duplicates"], shown["calls"], shown["calls_saved"]) == (1, 4, 4, 2)
        assert shown["standing"] == {"failed": 2, "parked": 1, "pending": 0} and not shown["gap"]
        (row,) = by_connection(step.values or {}, step.standing, ALL)
        assert (row["received"], row["standing"]["failed"]) == (8, 2)
        assert told(step.values or {}, Wanted(source="site"))["calls"] is None, "calls are of no source"
        assert kept.last_call() == 9


def test_while_no_server_ran_steps_are_empty_and_what_came_meanwhile_stands_behind(
    tmp_path: Path,
) -> None:
    edges = [NOON_US + n * MINUTE_US for n in range(9)]
    with closing(Kept(tmp_path)) as kept:
        for minute, count in ((1, 10), (2, 12), (6, 20), (7, 21), (8, 21)):
            kept.add({SITE: (count, 0, 0, 0, 0)}, {}, 0, edges[minute])
        found = read(kept, edges)
        assert delivered(found) == [None, 2, None, None, None, 8, 1, 0]
        assert [step.has_gap for step in found] == [True, False, True, True, True, True, False, False]
        assert told(added(step.values or {} for step in found), ALL)["delivered"] == 11


def test_an_older_copy_of_the_data_makes_no_figure_negative(tmp_path: Path) -> None:
    edges = [NOON_US + n * MINUTE_US for n in range(5)]
    with closing(Kept(tmp_path)) as kept:
        for minute, count in enumerate((100, 130, 40, 45, 50)):
            kept.add({SITE: (count, 0, 0, 0, 0)}, {}, 0, edges[minute])
        found = read(kept, edges)
        assert delivered(found) == [30, 0, 5, 5]
        assert [gap.reason for gap in kept.gaps(edges[0], edges[-1])] == ["reset"]
        assert delivered(read(kept, [edges[0], edges[-1]])) == [40], "in one step, too"


def test_an_event_that_is_sent_again_is_no_other_beginning(tmp_path: Path) -> None:
    with closing(Kept(tmp_path)) as kept:
        kept.add({SITE: (10, 0, 0, 0, 0)}, {}, 0, NOON_US)
        kept.add({SITE: (4, 0, 0, 0, 6)}, {}, 0, NOON_US + MINUTE_US)
        (step,) = read(kept, [NOON_US, NOON_US + MINUTE_US])
        shown = point(step, ALL)
        assert (shown["received"], shown["delivered"], shown["pending"]) == (0, -6, 6)


def test_a_clock_set_back_makes_nobody_wait_for_the_time_to_come_again(tmp_path: Path) -> None:
    with closing(Kept(tmp_path)) as kept:
        kept.add({SITE: (1, 0, 0, 0, 0)}, {}, 0, NOON_US)
        kept.add({SITE: (2, 0, 0, 0, 0)}, {}, 0, NOON_US + HOUR_US)
        kept.add({SITE: (5, 0, 0, 0, 0)}, {}, 0, NOON_US + MINUTE_US)
        assert delivered(read(kept, [NOON_US, NOON_US + MINUTE_US, NOON_US + 2 * HOUR_US])) == [4, None]


def test_a_folder_without_figures_has_none_and_gets_no_file_by_reading(tmp_path: Path) -> None:
    with closing(Kept(tmp_path, create=False)) as kept, kept.reading():
        found = read(kept, [NOON_US, NOON_US + MINUTE_US])
        assert delivered(found) == [None] and found[0].has_gap and kept.last_call() is None
    assert not list(tmp_path.iterdir())


@settings(max_examples=15, deadline=None)
@given(
    waits=st.lists(st.sampled_from((1, 1, 1, 7, 15, 60, 1440)), min_size=20, max_size=120),
    resets=st.sets(st.integers(5, 119), max_size=2),
)
def test_thinning_changes_no_sum_of_days(
    tmp_path_factory: object, waits: list[int], resets: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("figures")  # type: ignore[attr-defined]
    with closing(Kept(folder)) as kept:
        at_us, count = NOON_US, 0
        for turn, wait in enumerate(waits):
            count = 1 if turn in resets and count else count + wait
            kept.add({SITE: (count, 0, 0, 0, 0)}, {}, 0, at_us)
            at_us += wait * MINUTE_US
        days = list(range(NOON_US // DAY_US * DAY_US, at_us + 2 * DAY_US, DAY_US))
        before = delivered(read(kept, days))
        for age in (0, 3, 20, 100):
            kept.thin(at_us + age * DAY_US)
        assert delivered(read(kept, days)) == before
        assert all(one is None or one >= 0 for one in before)
        kept.thin(at_us + 6 * 366 * DAY_US)
        assert kept.oldest_us() is None, "nothing is kept for ever"


def test_readings_of_every_age_are_so_far_apart_as_is_said(tmp_path: Path) -> None:
    with closing(Kept(tmp_path)) as kept:
        for minute in range(0, 20 * 24 * 60, 5):
            kept.add({SITE: (minute, 0, 0, 0, 0)}, {}, 0, NOON_US + minute * MINUTE_US)
        now_us = NOON_US + 20 * DAY_US
        kept.thin(now_us)
        for younger, age in zip((None, *AGES), AGES[:3], strict=False):
            from_us = now_us - min(age.until_us, 20 * DAY_US)
            edges = range(from_us, now_us - (younger.until_us if younger else 0), age.every_us)
            readings = {sample.at_us for edge in edges if (sample := kept.at(edge)) is not None}
            assert len(readings) <= len(edges) + 1


def test_steps_are_no_shorter_than_what_is_kept_and_not_too_many() -> None:
    now_us = NOON_US
    assert step_us(now_us - HOUR_US, now_us, now_us) == MINUTE_US
    assert step_us(now_us - DAY_US, now_us, now_us) == 15 * MINUTE_US
    assert step_us(now_us - 7 * DAY_US, now_us, now_us, MINUTE_US) == HOUR_US
    assert step_us(now_us - 30 * DAY_US, now_us, now_us) == 24 * HOUR_US
    assert step_us(now_us - 20 * DAY_US, now_us, now_us, MINUTE_US) == 6 * HOUR_US
    assert step_us(now_us - 1_800 * DAY_US, now_us, now_us) >= 18 * DAY_US
