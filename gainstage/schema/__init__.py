"""A tenant's schema: the fields of its objects, as the vendor describes them or as somebody lists them. Pure.

Types are the vendor's own words; what a destination's conversions do not know, they leave as it is.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

Origin = Literal["read", "uploaded"]


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item of a picklist."""

    label: str
    id: str = ""
    system_name: str = ""
    active: bool = True


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """A field of an object. What is not known does not restrict: no length, no items, may be written."""

    name: str
    type: str = ""
    label: str = ""
    length: int | None = None
    decimal_places: int | None = None
    #: The items of a picklist; empty where they are not known.
    items: tuple[Item, ...] = ()
    required: bool = False
    read_only: bool = False
    createable: bool = True
    updateable: bool = True

    @property
    def writable(self) -> bool:
        """Whether any write may carry it."""
        return not self.read_only and (self.createable or self.updateable)


@dataclass(frozen=True)
class Object:
    """An object with its fields."""

    name: str
    fields: tuple[Field, ...]
    label: str = ""

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _by_lower(self) -> dict[str, Field]:
        return {field.name.lower(): field for field in reversed(self.fields)}

    def field(self, name: str) -> Field | None:
        """The field of exactly this name."""
        return self._by_name.get(name)

    def in_any_case(self, name: str) -> Field | None:
        """The field of this name in whatever letter case."""
        return self.field(name) or self._by_lower.get(name.lower())

    def nearest(self, name: str) -> Field | None:
        """The field that was probably meant: the same but for case or a suffix such as __gc, else one
        spelled alike.
        """
        bare = bare_name(name)
        for field in self.fields:
            if bare_name(field.name) == bare:
                return field
        alike = get_close_matches(name.lower(), self._by_lower, n=1, cutoff=0.75)
        return self._by_lower[alike[0]] if alike else None


@dataclass(frozen=True)
class Schema:
    """The objects of a tenant, and where that is known from."""

    objects: tuple[Object, ...]
    origin: Origin = "read"
    #: When it was read or uploaded, microseconds since the epoch.
    at_us: int = 0

    @cached_property
    def _by_key(self) -> dict[str, Object]:
        return {key_of(one.name): one for one in self.objects}

    def object(self, name: str) -> Object | None:
        """An object, in whatever letter case its name is written; None where nothing is known of it."""
        return self._by_key.get(key_of(name))

    @cached_property
    def digest(self) -> bytes:
        """Changes with what the objects are, not with when or how that was learnt."""
        content = msgspec.json.encode(self.objects, order="deterministic")
        return hashlib.blake2b(content, digest_size=16).digest()


class Use(NamedTuple):
    """A field that a destination may write."""

    object: str
    field: str
    #: What of an event goes there, in words.
    source: str
    #: The setting that says so; empty for the built-in table.
    setting: str = ""


def key_of(name: str) -> str:
    """Objects are the same in any letter case, with a space or with an underscore (`Company Person`)."""
    return name.strip().lower().replace(" ", "_")


def bare_name(name: str) -> str:
    """A name without case, underscores and the suffix of custom fields."""
    return name.lower().removesuffix("__gc").replace("_", "")


def names(words: Iterable[str], most: int = 12) -> str:
    """A list for a sentence, cut where it is long."""
    listed = list(words)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
