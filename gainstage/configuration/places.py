"""How a message names a place inside a document: `settings.events["Signed Up"].version`, `sources[0]`."""

import re
from collections.abc import Iterable

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")

Step = str | int


def extend(place: str, step: Step) -> str:
    """The place one step further in."""
    if isinstance(step, int):
        return f"{place}[{step}]"
    if not PLAIN.match(step):
        return f'{place}["{step}"]'
    return f"{place}.{step}" if place else step


def join(steps: Iterable[Step], start: str = "") -> str:
    place = start
    for step in steps:
        place = extend(place, step)
    return place
