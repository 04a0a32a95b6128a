"""Which names are one person: an anonymousId and the userId that it was seen with, a userId and its alias.

The order is that of the events, not of their arrival: late ones change what follows from it, and so it is
made anew from all pairs.
"""

from collections.abc import Iterable


def merged(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By name, whom it means in the end, for all names that mean somebody else. `pairs`: a name and whose it
    turned out to be, the earliest first.

    A name belongs to the first one that it was seen with: a device that others use later stays with its first
    user. What would lead in a circle is left out.
    """
    parents: dict[str, str] = {}
    for name, into in pairs:
        if name not in parents and root_of(into, parents) != name:
            parents[name] = into
    return {name: root_of(name, parents) for name in parents}


def root_of(name: str, parents: dict[str, str]) -> str:
    """Where a chain of names ends; the way there gets shorter."""
    end = name
    while (after := parents.get(end)) is not None:
        end = after
    while (after := parents.get(name)) is not None and after != end:
        parents[name], name = end, after
    return end
