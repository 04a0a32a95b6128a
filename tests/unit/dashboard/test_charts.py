"""Drawings stand in a page under its policy, and say in words what they show."""

import math
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from gainstage.dashboard.charts import Series, lines, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"
LABELS = ["Mon", "Tue", "Wed"]
DELIVERED = Series("delivered", "delivered", [3, 0, 5], ["/events?day=1", None, "/events?day=3"])
FAILED = Series("failed", "failed", [1, None, 2])


def test_a_drawing_brings_no_style_and_no_script() -> None:
    for drawing in (stacked_bars(LABELS, [DELIVERED, FAILED]), lines(LABELS, [DELIVERED, FAILED])):
        assert re.search(r"<style|<script|style=|javascript:| on\w+=|<!--", drawing) is None


def test_each_mark_says_what_it_shows_and_leads_to_what_is_behind_it() -> None:
    drawing = ElementTree.fromstring(stacked_bars(LABELS, [DELIVERED, FAILED]))
    titles = [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert "Mon: delivered 3" in titles and "Wed: failed 2" in titles
    links = [one.get("href") for one in drawing.iter("{http://www.w3.org/2000/svg}a")]
    assert links == ["/events?day=1", "/events?day=3"]


def test_a_mark_has_the_colour_that_its_series_names() -> None:
    drawing = stacked_bars(LABELS, [DELIVERED, FAILED])
    assert "chart-delivered" in drawing and "chart-failed" in drawing


def test_a_figure_without_neighbours_is_a_dot() -> None:
    alone = Series("delay", "orange", [None, 3, None])
    assert "<circle" in lines(LABELS, [alone]) and "Tue: delay 3" in lines(LABELS, [alone])
    assert "<circle" not in lines(LABELS, [DELIVERED])


def test_texts_of_users_stay_texts() -> None:
    drawing = stacked_bars(["<b>"], [Series("a & <script>", "blue", [1], ['/?q="><script>'])])
    assert "<script" not in drawing and "&lt;b&gt;" in drawing


@given(st.lists(st.lists(st.none() | st.integers(0, 10**9), min_size=0, max_size=40), max_size=4))
def test_whatever_the_figures_there_is_a_drawing(columns: list[list[int | None]]) -> None:
    length = min(map(len, columns), default=0)
    series = [Series(f"s{place}", "blue", column[:length]) for place, column in enumerate(columns)]
    labels = [str(place) for place in range(length)]
    assert stacked_bars(labels, series).startswith("<svg")
    assert lines(labels, series).startswith("<svg")


@given(st.lists(st.integers(0, 10**9) | st.floats(0.001, 1e6), min_size=1, max_size=10))
def test_the_scale_goes_in_equal_steps_from_zero_to_over_the_highest_mark(values: list[float]) -> None:
    drawing = ElementTree.fromstring(
        lines(LABELS * 4, [Series("delay", "orange", values + [None] * (12 - len(values)))])
    )
    (axis,) = [one for one in drawing.iter(f"{SVG}g") if one.get("class", "").startswith("axis y")]
    scale = [float(str(one.text).replace(",", "")) for one in axis.iter(f"{SVG}text")]
    assert scale[0] == 0 and 2 <= len(scale) <= 7 and scale[-1] >= max(values)
    assert all(math.isclose(one, scale[1] * place) for place, one in enumerate(scale))
