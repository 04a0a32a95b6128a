"""Cuts a case that breaks a promise down: without what does not matter, it still breaks the same one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tests.properties.case import Case, Said, Sent
from tests.properties.living import Lived, live

MOST_TRIES = 300


def cut_down(lived: Lived) -> Lived:
    """The smallest case found that breaks in the same way."""
    wanted, tries = _kind(lived), 0
    smaller = True
    while smaller and tries < MOST_TRIES:
        smaller = False
        for case in _smaller(lived.case):
            if not is_sound(case, lived.case):
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


def is_sound(case: Case, before: Case) -> bool:
    """Whether it is still known which messages mean one company."""
    named = {said.naming.firm for said in _messages(case) if said.naming is not None}
    if named & {row["_firm"] for row in before.companies} - {row["_firm"] for row in case.companies}:
        return False
    kept = {said.message_id for said in _messages(case)}
    bridges = [said for said in _messages(before) if said.naming is not None and said.naming.bridge]
    return all(said.message_id in kept or said.naming.firm not in named for said in bridges)


def _messages(case: Case) -> list[Said]:
    return [said for sent in case.sent for said in sent.messages]


def _smaller(case: Case) -> Iterator[Case]:
    for some in _without(case.sent):
        if some:
            yield replace(case, sent=some)
    for name in ("stops", "faults", "locked", "people", "companies"):
        for some in _without(getattr(case, name)):
            yield replace(case, **{name: some})
    for place, sent in enumerate(case.sent):
        for fewer in _without(sent.messages) if len(sent.messages) > 1 else ():
            if fewer:
                yield replace(case, sent=_with(case.sent, place, Sent(sent.at, tuple(fewer))))
    for name in case.switches:
        yield replace(case, switches={k: v for k, v in case.switches.items() if k != name})
    for rule in case.first["field_rules"]:
        rules = {k: v for k, v in case.first["field_rules"].items() if k != rule}
        yield replace(case, settings={n: {**s, "field_rules": rules} for n, s in case.settings.items()})
    for place, sent in enumerate(case.sent):
        for at, said in enumerate(sent.messages):
            for value in said.values:
                traits = {k: v for k, v in said.body["traits"].items() if k != value.trait}
                body = {**said.body, "traits": traits}
                plainer = replace(said, values=tuple(v for v in said.values if v != value), body=body)
                messages = (*sent.messages[:at], plainer, *sent.messages[at + 1 :])
                yield replace(case, sent=_with(case.sent, place, Sent(sent.at, messages)))


def _without(things: Sequence[Any]) -> Iterator[list[Any]]:
    """The list without halves, quarters, and so on to single ones."""
    size = len(things)
    while size > 0:
        for start in range(0, len(things), size):
            yield [*things[:start], *things[start + size :]]
        size //= 2


def _with(sent: Sequence[Sent], place: int, one: Sent) -> list[Sent]:
    return [*sent[:place], one, *sent[place + 1 :]]
