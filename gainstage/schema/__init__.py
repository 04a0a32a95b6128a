"""A tenant's schema: the fields of its objects, as the vendor describes them or as somebody lists them. Pure.

Types are the vendor's own words; what a destination's conversions do not know, they leave as it is.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

Origin = Literal["read", "uploaded"]
State = Literal["ENABLED", "DISABLED", "DELETED"]


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
    #: Whether the tenant has it in use.
    state: State = "ENABLED"
    #: Whether the tenant made it, rather than the vendor; None where that is not known.
    custom: bool | None = None
    #: One more name that the vendor shows for it, and takes no values by.
    alias: str = ""

    @property
    def enabled(self) -> bool:
        """Whether the tenant has it in use."""
        return self.state == "ENABLED"

    @property
    def writable(self) -> bool:
        """Whether any write may carry it."""
        return self.enabled and not self.read_only and (self.createable or self.updateable)

    def shown_as(self, name: str) -> bool:
        """Whether people see it under this name, which is not the one that values go by."""
        shown = {self.label.strip().lower(), self.alias.strip().lower()} - {""}
        return name.strip().lower() in shown


@dataclass(frozen=True)
class Object:
    """An object with its fields."""

    name: str
    fields: tuple[Field, ...]
    label: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name

    @cached_property
    def switched_off(self) -> frozenset[str]:
        """Names of the fields that the tenant has not in use."""
        return frozenset(field.name for field in self.fields if not field.enabled)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _by_lower(self) -> dict[str, tuple[Field, ...]]:
        found: dict[str, tuple[Field, ...]] = {}
        for field in self.fields:
            lower = field.name.lower()
            found[lower] = (*found.get(lower, ()), field)
        return found

    def field(self, name: str) -> Field | None:
        """The field of exactly this name."""
        return self._by_name.get(name)

    def spelt(self, name: str) -> tuple[Field, ...]:
        """The fields of this name in whatever letter case."""
        return self._by_lower.get(name.lower(), ())

    def in_any_case(self, name: str) -> Field | None:
        """The field of this name in whatever letter case."""
        return self.field(name) or next(iter(self.spelt(name)), None)

    def nearest(self, name: str) -> Field | None:
        """The field that was probably meant: the same but for case or a suffix such as __gc, else the one
        that people see under this name, else one spelled alike. None that is switched off.
        """
        bare = bare_name(name)
        used = [field for field in self.fields if field.enabled]
        for field in used:
            if bare_name(field.name) == bare:
                return field
        for field in used:
            if field.shown_as(name):
                return field
        by_lower = {field.name.lower(): field for field in reversed(used)}
        alike = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
        return by_lower[alike[0]] if alike else None

    def unwritable(self, name: str) -> str:
        """Why a field cannot be written, in a sentence; empty where it can."""
        field = self.in_any_case(name)
        if field is None:
            return f"{self.title} has no field {name} at this tenant{self._guess(name)}"
        if not field.enabled:
            return f"The field {field.name} of {self.title} is {field.state.lower()} at this tenant."
        return (
            "" if field.writable else f"The field {field.name} of {self.title} is read-only at this tenant."
        )

    def _guess(self, name: str) -> str:
        meant = self.nearest(name)
        if meant is None:
            return "."
        if bare_name(meant.name) != bare_name(name) and meant.shown_as(name):
            return f": that is how the vendor shows {meant.name}, so write {meant.name}."
        return f"; did you mean {meant.name}?"


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

    @property
    def learnt(self) -> str:
        """How old this is and how to renew it, in a sentence."""
        at = datetime.fromtimestamp(self.at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"Its fields were {self.origin} {at}; `gainstage fields --read` reads them anew."


class Use(NamedTuple):
    """A field that a destination may write."""

    object: str
    field: str
    #: What of an event goes there, in words.
    source: str
    #: The setting that says so; empty for the built-in table.
    setting: str = ""


def not_known(title: str) -> str:
    """The sentence for an object of which a schema says nothing."""
    return f"The fields of {title} are not known here: nothing of them could be checked."


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
