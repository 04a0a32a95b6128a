"""What computations refer to: names of others, their order, what they are made of. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gainstage.audiences.definition import (
    All,
    AnyOf,
    Audience,
    Clause,
    Computation,
    Condition,
    Member,
    Not,
    Performed,
    Sequence,
    Subject,
    Trait,
    leaves,
)


@dataclass(frozen=True)
class Reads:
    """What a computation is made of: while none of it changes, only time changes what somebody has."""

    #: Ids of clauses.
    clauses: frozenset[str]
    #: Names of traits of people, and of accounts.
    traits: frozenset[str]
    account_traits: frozenset[str]
    #: Keys of other computations.
    computations: frozenset[str]
    #: Whether it depends on who belongs to which account.
    links: bool


def reads(definition: Computation) -> Reads:
    """What a computation reads."""
    inside = tuple(leaves(definition.condition)) if isinstance(definition, Audience) else ()
    traits = [leaf for leaf in inside if isinstance(leaf, Trait)]
    return Reads(
        clauses=frozenset(clause.id for clause in clauses_of(definition)),
        traits=frozenset(leaf.name for leaf in traits if not leaf.computed and leaf.of == "user"),
        account_traits=frozenset(leaf.name for leaf in traits if not leaf.computed and leaf.of == "account"),
        computations=frozenset(references(definition)),
        links=definition.subject == "account",
    )


def clauses_of(definition: Computation) -> tuple[Clause, ...]:
    """The clauses of a definition, each once."""
    if not isinstance(definition, Audience):
        return (definition.clause,)
    found: dict[str, Clause] = {}
    for leaf in leaves(definition.condition):
        if isinstance(leaf, Performed):
            found.setdefault(leaf.clause.id, leaf.clause)
        elif isinstance(leaf, Sequence):
            for step in leaf.steps:
                found.setdefault(step.clause.id, step.clause)
    return tuple(found.values())


def clauses(definitions: Iterable[Computation]) -> tuple[Clause, ...]:
    """The distinct clauses of several definitions, in the order they are met."""
    found = {clause.id: clause for definition in definitions for clause in clauses_of(definition)}
    return tuple(found.values())


def horizons(definitions: Iterable[Computation]) -> dict[str, int | None]:
    """By the ids of clauses, how many seconds ago their events count at the most; None: always."""
    found: dict[str, int | None] = {}

    def note(clause: Clause, seconds: int | None) -> None:
        before = found.get(clause.id, 0)
        found[clause.id] = None if seconds is None or before is None else max(seconds, before)

    for definition in definitions:
        if not isinstance(definition, Audience):
            note(definition.clause, definition.window.farthest_seconds)
            continue
        for leaf in leaves(definition.condition):
            if isinstance(leaf, Performed):
                note(leaf.clause, leaf.window.farthest_seconds)
            elif isinstance(leaf, Sequence):  # what follows the first event is younger than that
                for step in leaf.steps:
                    note(step.clause, leaf.window.farthest_seconds)
    return found


def references(definition: Computation) -> tuple[str, ...]:
    """The keys of the computations that a definition names."""
    if not isinstance(definition, Audience):
        return ()
    found: list[str] = []
    for leaf in leaves(definition.condition):
        if isinstance(leaf, Member):
            found.append(leaf.audience)
        elif isinstance(leaf, Trait) and leaf.computed:
            found.append(leaf.name)
    return tuple(dict.fromkeys(found))


def linked(definitions: Iterable[Computation]) -> tuple[Computation, ...]:
    """The definitions with each reference knowing what it names: a computed trait, an audience of which kind.

    A trait is a computed one if a computed trait of the same kind of subject has that key.
    """
    listed = tuple(definitions)
    of: dict[str, Subject] = {one.key: one.subject for one in listed if isinstance(one, Audience)}
    computed = {(one.key, one.subject) for one in listed if not isinstance(one, Audience)}

    def link(condition: Condition) -> Condition:
        match condition:
            case All(inner):
                return All(tuple(link(one) for one in inner))
            case AnyOf(inner):
                return AnyOf(tuple(link(one) for one in inner))
            case Not(inner):
                return Not(link(inner))
            case Trait():
                return replace(condition, computed=(condition.name, condition.of) in computed)
            case Member():
                return replace(condition, of=of.get(condition.audience, condition.of))
            case _:
                return condition

    return tuple(
        replace(one, condition=link(one.condition)) if isinstance(one, Audience) else one for one in listed
    )


def layers(definitions: Iterable[Computation]) -> tuple[tuple[Computation, ...], ...]:
    """The definitions in order of dependence: each layer names only what stands in those before it.

    A name of something that is not among the definitions counts as computed already.

    Raises:
        ValueError: some name each other in a circle.
    """
    left = {definition.key: definition for definition in definitions}
    made: list[tuple[Computation, ...]] = []
    while left:
        ready = [one for one in left.values() if not any(key in left for key in references(one))]
        if not ready:
            raise ValueError(f"a circle: {' -> '.join(circle(left) or ())}")
        made.append(tuple(ready))
        for one in ready:
            del left[one.key]
    return tuple(made)


def circle(definitions: Mapping[str, Computation]) -> tuple[str, ...] | None:
    """Keys that name each other in a circle, the first one again at the end; None if there is no circle."""
    left = dict(definitions)
    while free := [one for one in left if not any(other in left for other in references(left[one]))]:
        for one in free:
            del left[one]
    path: list[str] = []
    # Each of those that are left names another one of them: following the names comes back to one.
    key: str | None = next(iter(left), None)
    while key is not None and key not in path:
        path.append(key)
        key = next((other for other in references(left[key]) if other in left), None)
    return (*path[path.index(key) :], key) if key is not None else None
