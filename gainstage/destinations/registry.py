"""Which destination types there are. They are loaded when asked for, by name."""

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from gainstage.destination import Destination

GROUP = "gainstage.destinations"

BUILT_IN = {
    "gainsight": "gainstage.destinations.gainsight:destination",
    "gainsight_cs": "gainstage.destinations.gainsight_cs:destination",
    "gainsight_px": "gainstage.destinations.gainsight_px:destination",
}


def names() -> tuple[str, ...]:
    """Every type that can be configured: the built-in ones, then those of installed packages."""
    return (*BUILT_IN, *sorted(name for name in _installed() if name not in BUILT_IN))


@cache
def load(name: str) -> Destination:
    """The declaration of a type; KeyError where there is none. A built-in one cannot be replaced."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = getattr(import_module(module), attribute)
    else:
        found = _installed()[name].load()
    if not isinstance(found, Destination):
        raise TypeError(f"The entry point {name} of group {GROUP} is no Destination.")
    return found


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
