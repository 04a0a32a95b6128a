"""What an audience and a computed trait are, once they were read and checked. Plain data: no forms, no SQL.

A *subject* is a person or an account, whichever the definition is for.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Subject = Literal["user", "account"]
Quantifier = Literal["any", "all", "none"]
Aggregate = Literal[
    "count",
    "sum",
    "average",
    "minimum",
    "maximum",
    "most_frequent",
    "first",
    "last",
    "unique_list",
    "unique_count",
]
Scalar = str | bool | int | float
#: A relative date operator's value is a number of seconds.
Value = Scalar | tuple[Scalar, ...] | None


@dataclass(frozen=True)
class Test:
    """What a property or a trait must be: an operator of `gainstage.audiences.operators` and its value."""

    __test__ = False

    operator: str
    value: Value = None


@dataclass(frozen=True)
class Filter:
    """A test of a property of an event; the name is a key of its properties as it stands."""

    property: str
    test: Test


@dataclass(frozen=True)
class Clause:
    """Which events count: a name and tests of properties; and the property whose value is looked at."""

    event: str
    where: tuple[Filter, ...] = ()
    value: str | None = None

    @property
    def id(self) -> str:
        """A digest of the content: equal clauses of several definitions are one."""
        content = [self.event, [[f.property, f.test.operator, f.test.value] for f in self.where], self.value]
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Window:
    """From `farthest_seconds` ago, exclusive, to `nearest_seconds` ago, inclusive; None is all time."""

    nearest_seconds: int = 0
    farthest_seconds: int | None = None

    @property
    def edges(self) -> tuple[int, ...]:
        """How long ago an event starts or ceases to be inside, as time passes."""
        return tuple(edge for edge in (self.nearest_seconds, self.farthest_seconds) if edge is not None)


@dataclass(frozen=True)
class Performed:
    """How often events of a clause happened in a window."""

    clause: Clause
    window: Window = Window()
    at_least: int = 1
    at_most: int | None = None


@dataclass(frozen=True)
class Step:
    """An event after that of the step before; or, if not `did`, that there was none."""

    clause: Clause
    #: Since the event of the step before; None: at any time after it.
    within_seconds: int | None = None
    did: bool = True


@dataclass(frozen=True)
class Sequence:
    """Events one after another; the first one happened in the window."""

    steps: tuple[Step, ...]
    window: Window = Window()


@dataclass(frozen=True)
class Trait:
    """A test of the newest value of a trait, or of a computed trait's current value."""

    name: str
    test: Test
    of: Subject = "user"
    #: Whether the name is the key of a computed trait.
    computed: bool = False


@dataclass(frozen=True)
class Member:
    """Being a member of another audience."""

    audience: str
    of: Subject = "user"


@dataclass(frozen=True)
class All:
    """Every condition holds."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True)
class AnyOf:
    """At least one condition holds."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


Leaf = Performed | Sequence | Trait | Member
Condition = All | AnyOf | Not | Leaf


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What audiences and computed traits have in common."""

    key: str
    name: str
    subject: Subject = "user"
    description: str = ""
    #: Whether people of whom no userId is known are looked at.
    include_anonymous: bool = False
    #: Names of destinations; None: none of them is told.
    destinations: tuple[str, ...] = ()
    enabled: bool = True
    paused: bool = False


@dataclass(frozen=True, kw_only=True)
class Audience(Definition):
    """Who fulfils a condition."""

    condition: Condition
    #: Of how many of an account's users the conditions about users must hold.
    quantifier: Quantifier = "any"


@dataclass(frozen=True, kw_only=True)
class ComputedTrait(Definition):
    """A value made of the events of each person, or of all the users of each account."""

    clause: Clause
    aggregate: Aggregate
    window: Window = field(default=Window())


Computation = Audience | ComputedTrait


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every condition inside that is none of all, any, not."""
    match condition:
        case All(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from leaves(inner)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield condition
