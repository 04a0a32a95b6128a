"""Cuts a case that breaks a promise down: without what does not matter, it still breaks the same one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tests.properties.case import Case, Sent, with_one
from tests.properties.living import Lived, live

MOST_TRIES = 300


def cut_down(lived: Lived) -> Lived:
    """The smallest case found that breaks in the same way."""
    wanted, tries = _kind(lived), 0
    smaller = True
    while smaller and tries < MOST_TRIES:
        smaller = False
        for case in _smaller(lived.case):
            if not case.is_sound(lived.case):
                continue
            tries += 1
            again = live(case)
            if _kind(again) == wanted:
                lived, smaller = again, True
                break
            if tries >= MOST_TRIES:
                break
    return lived


def _kind(lived: Lived) -> str:
    """What broke, without the values in it."""
    if lived.failure is None:
        return ""
    sentence = re.sub(r"nearest differs by: .*", "", str(lived.failure), flags=re.DOTALL)
    return type(lived.failure).__name__ + re.sub(r"\d+", "", sentence)[:60]


def _smaller(case: Case) -> Iterator[Case]:
    for some in _without(case.sent):
        if some:
            yield replace(case, sent=some)
    for name in case.lists:
        for some in _without(getattr(case, name)):
            yield replace(case, **{name: some})
    for place, sent in enumerate(case.sent):
        for fewer in _without(sent.messages) if len(sent.messages) > 1 else ():
            if fewer:
                yield replace(case, sent=with_one(case.sent, place, Sent(sent.at, tuple(fewer))))
    for name in case.switches:
        yield replace(case, switches={k: v for k, v in case.switches.items() if k != name})
    yield from case.plainer()


def _without(things: Sequence[Any]) -> Iterator[list[Any]]:
    """The list without halves, quarters, and so on to single ones."""
    size = len(things)
    while size > 0:
        for start in range(0, len(things), size):
            yield [*things[:start], *things[start + size :]]
        size //= 2
