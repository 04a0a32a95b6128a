"""A field table and how it is read."""

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from gainstage.event import Event
from gainstage.mapping.converters import UnfitError, plain
from gainstage.mapping.paths import find, find_in_event

SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Derived:
    """A source that is computed: from which traits, how, and in which words the documents say it."""

    reads: tuple[str, ...]
    value: Callable[[Event], Any]
    label: str


Source = str | Derived


@dataclass(frozen=True)
class Field:
    """One row: a vendor field, where in the event its value stands (the first found), in which form it goes.

    Without `at` the plan itself fills the field, as `label` says.
    """

    name: str
    at: Source | tuple[Source, ...] = ()
    convert: Callable[[Any], Any] = plain
    required: bool = False
    label: str = ""

    @property
    def sources(self) -> tuple[Source, ...]:
        """`at` as a tuple."""
        return self.at if isinstance(self.at, tuple) else (self.at,)

    @property
    def source_words(self) -> str:
        """Where in an event the value stands, in words; empty where the plan itself fills the field."""
        return ", else ".join(words_of(source) for source in self.sources) if self.at else ""


class Fault(NamedTuple):
    """A value that a field cannot hold, or a field that is not there to hold any."""

    field: str
    sentence: str
    code: str = "value_invalid"


class Reading(NamedTuple):
    """What a mapping made of an event."""

    values: dict[str, Any]
    #: Names of traits that had nowhere to go.
    unmapped: tuple[str, ...]
    faults: tuple[Fault, ...]


Step = tuple[str, Derived | None, bool]
#: By a field's name the form that its type takes, where that is known; it goes before the table's.
Forms = Callable[[str], Callable[[Any], Any] | None]


@dataclass(frozen=True)
class Mapping:
    """The field table of one kind of event into one object of the vendor.

    A null is not sent. A value that the field cannot hold (a word in a number field) is a fault: the event
    as a whole is to fail with it, as it would at the vendor, only without spending a call.
    """

    on: str
    into: str
    title: str
    fields: tuple[Field, ...]
    #: The settings key of the table of custom fields, and what stands before their names.
    custom: str = ""
    custom_prefix: str = ""
    #: Traits that are read elsewhere than by this table, so not unmapped.
    also_reads: frozenset[str] = frozenset()
    #: Rows with one plain trait as source, by that trait; the other rows with the traits that they look at.
    _simple: Dictionary[str, tuple[Field, ...]] = field(init=False, repr=False, compare=False)
    _others: tuple[tuple[Field, tuple[Step, ...], frozenset[str] | None], ...] = field(
        init=False, repr=False, compare=False
    )
    _known: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the table for reading: events have few traits, tables have many rows."""
        simple: dict[str, tuple[Field, ...]] = {}
        others = []
        for row in self.fields:
            steps = tuple(step(source) for source in row.sources) if row.at else ()
            if len(steps) == 1 and steps[0][2]:
                simple[steps[0][0]] = (*simple.get(steps[0][0], ()), row)
            elif steps:
                others.append((row, steps, roots_of(row)))
        object.__setattr__(self, "_simple", simple)
        object.__setattr__(self, "_others", tuple(others))
        object.__setattr__(self, "_known", self.also_reads.union(*(traits_of(row) for row in self.fields)))

    def read(
        self, event: Event, custom: Dictionary[str, str] | None = None, forms: Forms | None = None
    ) -> Reading:
        """The vendor fields of an event; `custom` maps further traits to fields and wins over the table."""
        traits = event.traits
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        simple = self._simple
        for name, value in traits.items():
            if name in simple and value is not None:
                for row in simple[name]:
                    take(row, name, value, values, faults, forms)
        for row, steps, roots in self._others:
            if roots is not None and roots.isdisjoint(traits):
                continue
            for path, derived, is_trait in steps:
                if is_trait:
                    found = traits.get(path)
                else:
                    found = derived.value(event) if derived else find_in_event(event, path)
                if found is not None and take(row, path, found, values, faults, forms):
                    break
        if custom:
            self._read_custom(traits, custom, values, faults, forms)
        return Reading(values, self._unmapped(traits, custom or {}), tuple(faults))

    def without(self, names: frozenset[str]) -> "Mapping":
        """The table without the rows of these fields: what only they read is unmapped."""
        return reduced(self, names) if any(row.name in names for row in self.fields) else self

    def _read_custom(
        self,
        traits: dict[str, Any],
        custom: Dictionary[str, str],
        values: dict[str, Any],
        faults: list[Fault],
        forms: Forms | None,
    ) -> None:
        found: dict[str, list[Fault]] = {}
        # From the last to the first, so that of two traits for one field the one named first wins.
        for trait in reversed(list(custom)):
            value = find(traits, trait)
            if value is not None:
                row = Field(self.custom_prefix + custom[trait])
                mine: list[Fault] = []
                if take(row, trait, value, values, mine, forms):
                    found[row.name] = mine
        faults.extend(fault for mine in found.values() for fault in mine)

    def _unmapped(self, traits: dict[str, Any], custom: Dictionary[str, str]) -> tuple[str, ...]:
        known = self._known
        left = [
            name
            for name, value in traits.items()
            if name not in known and name not in custom and value is not None
        ]
        if left and any("." in trait for trait in custom):
            roots = {trait.partition(".")[0] for trait in custom}
            left = [name for name in left if name not in roots]
        return tuple(left)


@lru_cache(maxsize=64)
def reduced(table: Mapping, names: frozenset[str]) -> Mapping:
    """A table without the rows of some fields."""
    return replace(table, fields=tuple(row for row in table.fields if row.name not in names))


def take(
    row: Field, path: str, value: Any, values: dict[str, Any], faults: list[Fault], forms: Forms | None
) -> bool:
    """Put a converted value, or its fault, where it belongs; False if there is nothing to send after all."""
    convert = (forms(row.name) if forms is not None else None) or row.convert
    try:
        converted = convert(value)
    except UnfitError as unfit:
        faults.append(fault(path, value, row.name, str(unfit)))
        return True
    if converted is None:
        return False
    values[row.name] = converted
    return True


def roots_of(row: Field) -> frozenset[str] | None:
    """The traits that a row looks at; None if it looks at other parts of the event."""
    for source in row.sources:
        paths = paths_of(source)
        if not paths or not all(path.startswith("traits.") for path in paths):
            return None
    return traits_of(row)


def traits_of(row: Field) -> frozenset[str]:
    """The names of the traits among a row's sources, with those of the objects that hold them."""
    paths = (path for source in row.sources for path in paths_of(source) if path.startswith("traits."))
    names = {path.removeprefix("traits.") for path in paths}
    return frozenset(names | {name.partition(".")[0] for name in names})


def words_of(source: Source) -> str:
    """A source as it is written in messages."""
    return source.label if isinstance(source, Derived) else f"`{source.removeprefix('traits.')}`"


def paths_of(source: Source) -> tuple[str, ...]:
    """Where a source looks."""
    return source.reads if isinstance(source, Derived) else (source,)


def step(source: Source) -> Step:
    """A source in the form that reading needs: path or words, computation, whether it is a plain trait."""
    if isinstance(source, Derived):
        return source.label, source, False
    root, _, name = source.partition(".")
    if root == "traits" and "." not in name:
        return name, None, True
    return source, None, False


def fault(path: str, value: Any, name: str, needs: str) -> Fault:
    """The sentence for a value that does not fit."""
    shown = repr(value)
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[:SHOWN_CHARACTERS] + "…"
    return Fault(
        name, f"The trait `{path.removeprefix('traits.')}` is {shown}; the field {name} needs {needs}."
    )
