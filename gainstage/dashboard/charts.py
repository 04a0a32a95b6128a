"""Charts as SVG that stands in the page: drawn by pygal on the server, coloured by the page's own style.

pygal puts a style, and a script for balloons, into each drawing; both are taken out, since pages forbid
them, and its texts become the `title` of each mark, which browsers show. Every chart needs a table of the
same figures beside it: see the macro `chart` in `templates/parts.html`.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree import ElementTree

from markupsafe import Markup

#: The size of the drawing's own space; the page stretches it to the room there is.
WIDTH = 760
HEIGHT = 220
#: The most labels below a chart.
MOST_LABELS = 8
#: The most steps of a scale.
MOST_STEPS = 5
SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"


class Series(NamedTuple):
    """One row of figures: a name, the class that colours it (`chart-NAME` in the style), a figure for each
    label.

    None stands for a gap. `links` is where each figure leads.
    """

    name: str
    colour: str
    values: Sequence[float | None]
    links: Sequence[str | None] = ()


def stacked_bars(labels: Sequence[str], series: Sequence[Series], *, height: int = HEIGHT) -> Markup:
    """A bar for each label, of what the series have there."""
    return _drawn(_pygal().StackedBar, labels, series, height)


def lines(
    labels: Sequence[str], series: Sequence[Series], *, height: int = HEIGHT, filled: bool = False
) -> Markup:
    """A line for each series."""
    return _drawn(
        _pygal().Line, labels, series, height, fill=filled, show_dots=_is_sparse(series), interpolate=None
    )


def _is_sparse(series: Sequence[Series]) -> bool:
    """Whether some figure has no neighbour, so that a line would not show it."""
    return any(
        value is not None and before is None and after is None
        for one in series
        for before, value, after in zip(
            [None, *one.values], one.values, [*one.values[1:], None], strict=False
        )
    )


def _pygal() -> Any:
    """The module, without the helper for plug-ins that it leaves among Python's importers."""
    import pygal

    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__module__ != "pygal"]
    return pygal


def _drawn(kind: Any, labels: Sequence[str], series: Sequence[Series], height: int, **options: Any) -> Markup:
    every = max(1, -(-len(labels) // MOST_LABELS))
    is_empty = all(value is None for one in series for value in one.values)
    ticks = [] if is_empty else _ticks(_top(series, kind))  # pygal fails on a scale beside nothing
    chart = kind(
        width=WIDTH, height=height, js=(), show_legend=False, margin=4, margin_top=12, no_prefix=True,
        margin_left=_left(labels), x_labels=[str(label) for label in labels], x_labels_major_every=every,
        show_minor_x_labels=False, truncate_label=-1, y_labels=ticks, show_y_labels=not is_empty,
        range=(0, ticks[-1]) if ticks else (0, 1), value_formatter=_figure, no_data_text="nothing yet",
        **options,
    )  # fmt: skip
    for one in series:
        chart.add(one.name, [_point(one, place, label) for place, label in enumerate(labels)])
    return Markup(_cleaned(chart.render_tree(), [one.colour for one in series]))


def _left(labels: Sequence[str]) -> int:
    """Room for the half of the first label that stands left of its mark, in the drawing's own units."""
    return max(4, 3 * len(str(labels[0])) - 20) if labels else 4


def _top(series: Sequence[Series], kind: Any) -> float:
    """The highest place that is drawn."""
    columns = zip(*(one.values for one in series), strict=False)
    heights = [
        sum(v or 0 for v in column)
        if kind.__name__ == "StackedBar"
        else max((v or 0 for v in column), default=0)
        for column in columns
    ]
    return max(heights, default=0)


def _ticks(top: float) -> list[float]:
    """The figures beside a scale from zero: round ones at equal distances, the last not below `top`. One of
    nothing has a scale too.
    """
    if top <= 0:
        return [0, 1]
    highest = Decimal(str(top))
    decade = Decimal(10) ** (highest / MOST_STEPS).logb()
    whole = highest == highest.to_integral_value()
    step = next(
        one
        for one in (decade * factor for factor in (1, 2, 5, 10))
        if one * MOST_STEPS >= highest and (one >= 1 or not whole)
    )
    return [float(step * place) for place in range(math.ceil(highest / step) + 1)]


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.2g}"


def _point(series: Series, place: int, label: str) -> Mapping[str, Any] | None:
    value = series.values[place]
    if value is None:
        return None
    point: dict[str, Any] = {"value": value, "label": f"{label}: {series.name} {_figure(value)}"}
    if place < len(series.links) and (link := series.links[place]):
        point["xlink"] = {"href": link, "target": "_self"}
    return point


def _cleaned(tree: ElementTree.Element, colours: Sequence[str]) -> str:
    for parent in list(tree.iter()):
        for child in list(parent):
            tag = child.tag if isinstance(child.tag, str) else "comment"
            if tag in ("defs", "script", "style", "comment") or (tag == "title" and parent is tree):
                parent.remove(child)
        parent.attrib.pop("style", None)
        _titled(parent)
    for place, colour in enumerate(colours):
        for group in tree.iter():
            if f"color-{place}" in group.get("class", "").split():
                group.set("class", f"{group.get('class', '')} chart-{colour}")
    tree.attrib.pop("id", None)
    tree.set("class", "chart")
    tree.set("aria-hidden", "true")
    tree.set("focusable", "false")
    for link in tree.iter("a"):
        link.set("href", link.attrib.pop(XLINK, "") or link.attrib.pop("xlink:href", ""))
        link.set("tabindex", "-1")
    return ElementTree.tostring(tree, encoding="unicode")


def _titled(mark: ElementTree.Element) -> None:
    """Texts for balloons become one title."""
    texts = {child.get("class", "").split(" ")[0]: child for child in mark if child.tag == "desc"}
    for child in texts.values():
        mark.remove(child)
    if (label := texts.get("label")) is not None:
        title = ElementTree.Element("title")
        title.text = label.text
        mark.insert(0, title)
