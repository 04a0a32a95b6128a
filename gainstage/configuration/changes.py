"""What differs between two configurations: by the names of settings, and with values where these tell nothing
that is secret or somebody's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gainstage.configuration.document import Document
from gainstage.configuration.places import Step, join
from gainstage.configuration.reader import LISTS
from gainstage.configuration.secrets import secrets_of, texts

#: Settings that say where a destination's credentials are sent.
ADDRESSES = frozenset({"api_url", "domain"})
PLURALS = {kind: plural for plural, kind in LISTS.items()}
#: What holds nothing secret, and is an editor's to add, too.
DEFINITIONS = ("audience", "computed_trait")
EDITED = ("destination", *DEFINITIONS)


#: Names of fields, traits and events, codes, words of a choice. No e-mail address, no reference, no text.
NAME = re.compile(r"[\w.:/-]+(?: [\w.:/-]+){0,7}")
NAME_CHARACTERS = 100
#: The most names in one value that is told.
NAMES = 30


class Change(NamedTuple):
    """A setting that differs. `guarded`: who may change it may learn, or send elsewhere, what is secret, or
    changes the server as a whole. `values`: as it was and as it is then, where both may be told (None: not
    set); only of a destination, whose settings say what becomes of everybody's events alike.
    """

    place: str
    guarded: bool
    values: tuple[Any, Any] | None = None


def changes_between(before: Iterable[Document], after: Iterable[Document]) -> list[Change]:
    """Everything that differs, by place."""
    old, new = ({(one.kind, one.name): one for one in given} for given in (before, after))
    found: list[Change] = []
    for key in sorted({*old, *new}, key=str):
        found += _changes(key, old.get(key), new.get(key))
    return found


def _changes(key: tuple[str, str], old: Document | None, new: Document | None) -> Iterator[Change]:
    kind, name = key
    place = join([PLURALS[kind], name]) if kind in PLURALS else kind
    if new is None:
        yield Change(place, kind not in EDITED)
    elif old is None:
        yield Change(place, kind not in DEFINITIONS or _refers(new.body))
    else:
        secret = {steps for one in (old, new) for steps, _ in secrets_of(one)}
        for steps in _different(old.body, new.body, ()):
            guarded = kind not in EDITED or _is_guarded(steps, secret, old.body, new.body)
            values = _at(old.body, steps), _at(new.body, steps)
            told = kind == "destination" and not guarded and _plain(values)
            yield Change(join(steps, place), guarded, values if told else None)


def _is_guarded(steps: tuple[Step, ...], secret: set[tuple[Step, ...]], *bodies: Mapping[str, Any]) -> bool:
    """Whether a setting is secret, refers to the environment, or says where secrets go."""
    if steps[0] == "type" or ADDRESSES & set(steps):
        return True
    if any(one[: len(steps)] == steps for one in secret):
        return True
    return any(_refers(_at(body, steps)) for body in bodies)


def _refers(value: Any) -> bool:
    """Whether something in it may be a reference to the environment."""
    return any("$" in text for _, text in texts(value))


def _at(value: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _plain(value: Any) -> bool:
    """Whether it is made of nothing but numbers, switches and a few names."""
    if isinstance(value, str):
        return len(value) <= NAME_CHARACTERS and NAME.fullmatch(value) is not None
    if isinstance(value, Mapping):
        return len(value) <= NAMES and all(_plain(key) and _plain(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return len(value) <= NAMES and all(map(_plain, value))
    return value is None or isinstance(value, bool | int | float)


def _different(old: Any, new: Any, steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Where two bodies differ, as far in as both have mappings."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}, key=str):
            if key not in old or key not in new:
                yield (*steps, key if isinstance(key, str | int) else str(key))
            else:
                yield from _different(old[key], new[key], (*steps, key))
    elif old != new:
        yield steps
