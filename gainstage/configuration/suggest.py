"""The nearest known word for a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    matches = get_close_matches(word.lower(), tuple(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def unknown_key(key: str, known: Iterable[str]) -> str:
    names = tuple(known)
    guess = nearest(key, names)
    if guess:
        return f"unknown key; did you mean {guess}?"
    return f"unknown key; the known ones are {', '.join(sorted(names))}" if names else "unknown key"


def unknown_word(what: str, word: str, known: Iterable[str]) -> str:
    """The same for a value: `there is no source x; did you mean y?`"""
    names = tuple(known)
    guess = nearest(word, names)
    if guess:
        return f"there is no {what} {word}; did you mean {guess}?"
    return f"there is no {what} {word}" + (f"; there are {', '.join(names)}" if names else "")
