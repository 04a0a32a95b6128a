"""First and last name of a user, from `firstName`, `lastName` and `name`. Pure.

No word is lost and none is said twice: what one of the two does not hold of `name`, the other one does. A
name that is given and shares no word with `name` (`Bob` beside `Robert Smith`) stands for that part of it.
"""

from collections import Counter
from typing import Any

from gainstage.event import Event
from gainstage.mapping import Derived, text


def first_name(event: Event) -> Any:
    """`firstName`; else what `name` says beyond `lastName`; else the first word of `name`."""
    first, last = event.traits.get("firstName"), said(event.traits.get("lastName"))
    words = words_of(event.traits.get("name"))
    # Of a last name that stands there twice the later one is the last name.
    found = beyond(words[::-1], last)[::-1] if last else words[:1]
    if last and len(found) == len(words):
        found = words[:-1] or words
    return said(first) or " ".join(found) or first


def last_name(event: Event) -> Any:
    """`lastName`; else what `name` says beyond `firstName`; else the words of `name` after the first."""
    first, last = said(event.traits.get("firstName")), event.traits.get("lastName")
    words = words_of(event.traits.get("name"))
    found = beyond(words, first) if first else words[1:]
    if len(found) == len(words):
        found = words[1:]
    return said(last) or " ".join(found) or last


def said(given: Any) -> str:
    """A name without the blanks around it; empty where there is none."""
    return "" if given is None else text(given).strip()


def words_of(name: Any) -> list[str]:
    """A full name, split at white space."""
    return name.split() if isinstance(name, str) else []


def beyond(words: list[str], given: str) -> list[str]:
    """The words without those of a name that is given, each taken off once, in any letter case."""
    left = Counter(word.casefold() for word in given.split())
    found = []
    for word in words:
        if left[word.casefold()]:
            left[word.casefold()] -= 1
        else:
            found.append(word)
    return found


READS = ("traits.firstName", "traits.lastName", "traits.name")
FIRST_NAME = Derived(
    READS, first_name, "`firstName`, else what `name` says beyond `lastName`, else the first word of `name`"
)
LAST_NAME = Derived(
    READS, last_name, "`lastName`, else what `name` says beyond `firstName`, else the further words of `name`"
)
