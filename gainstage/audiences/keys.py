"""The key of a computation: made from its name once, then its own for ever. Pure.

A key is what the destinations know a computation by, so it neither changes nor is given again.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from gainstage.audiences.definition import Audience, Computation, Subject

CHARACTERS = 100
KEY = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
#: Latin letters that are no letter with a mark.
LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
)

Kind = Literal["audience", "computed_trait"]


@dataclass(frozen=True)
class Owner:
    """The computation that has a key, or had it before it was removed."""

    kind: Kind
    name: str
    subject: Subject
    removed: bool = False


class KeyRegistry(Protocol):
    """Who owns which key; it forgets nobody."""

    def owner(self, key: str) -> Owner | None:
        """Who has the key or had it; None: nobody ever."""
        ...


def key_of(name: str) -> str:
    """The key that a name gives: lower case, `_` for whatever is no Latin letter or digit; may be empty.

    Marks are taken off Latin letters (`é` gives `e`); letters of other scripts give nothing.
    """
    plain = unicodedata.normalize("NFKD", name.lower().translate(LETTERS))
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return "_".join(re.findall("[a-z0-9]+", bare.lower()))


def wrong_key(key: str) -> str | None:
    """What is wrong with a key, as the rest of a sentence."""
    if KEY.fullmatch(key) is None:
        return "must be lower-case Latin letters and digits, in words joined by one '_'"
    if len(key) > CHARACTERS:
        return f"must have at most {CHARACTERS} characters; this one has {len(key)}"
    return None


def kind_of(definition: Computation) -> Kind:
    return "audience" if isinstance(definition, Audience) else "computed_trait"


def refused(definitions: Iterable[Computation], registry: KeyRegistry) -> Iterator[tuple[Computation, str]]:
    """The definitions that may not have their key, and why.

    A definition under a key that is in use is the same computation, whatever its name is by now. Its
    condition may change, but not what it is: an audience or a trait, of people or of accounts.
    """
    for definition in definitions:
        owner = registry.owner(definition.key)
        if owner is None:
            continue
        what = f"the {owner.kind.replace('_', ' ')} {owner.name}"
        if owner.removed:
            yield (
                definition,
                f"the key {definition.key} was that of {what}, which was removed, and is not given again: "
                "choose another name, or another key",
            )
        elif (owner.kind, owner.subject) != (kind_of(definition), definition.subject):
            yield (
                definition,
                f"the key {definition.key} is that of {what}, for {owner.subject}s: "
                "choose another name, or another key",
            )
