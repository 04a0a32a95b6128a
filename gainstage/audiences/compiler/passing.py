"""For whom the passage of time alone may change something."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from gainstage.audiences.compiler.primitives import (
    Primitive,
    call,
    column,
    either,
    every,
    microseconds,
    moment,
    table,
    text,
    whole,
)
from gainstage.audiences.definition import (
    Audience,
    Clause,
    Computation,
    Performed,
    Sequence,
    Trait,
    Window,
    leaves,
)
from gainstage.audiences.operators import OPERATORS


@dataclass(frozen=True)
class Edge:
    """So many seconds before now something happens with what lies there: below zero it is after now."""

    seconds: int
    clause: Clause | None = None
    trait: Trait | None = None


def crossings(definitions: Iterable[Computation], since: datetime, until: datetime) -> exp.Query | None:
    """Rows (computation, subject): who may have something else at `until` than at `since`, without any news.

    None: time changes nothing here. Reads `matched`, `traits`, `account_traits`, `computed` and `links`.
    """
    selects = [select for definition in definitions for select in _of(definition, since, until)]
    if not selects:
        return None
    return exp.union(*selects, distinct=True, copy=False) if len(selects) > 1 else selects[0]


def edges(definition: Computation) -> frozenset[Edge]:
    """Where time changes something."""
    return frozenset(_edges(definition))


def _edges(definition: Computation) -> Iterator[Edge]:
    if not isinstance(definition, Audience):
        yield from _of_window(definition.window, definition.clause)
        return
    for leaf in leaves(definition.condition):
        if isinstance(leaf, Performed):
            yield from _of_window(leaf.window, leaf.clause)
        elif isinstance(leaf, Sequence):
            yield from _of_window(leaf.window, leaf.steps[0].clause)
            for before, step in zip(leaf.steps, leaf.steps[1:], strict=False):
                yield Edge(0, step.clause)
                if not step.did and step.within_seconds is not None:
                    yield Edge(step.within_seconds, before.clause)
        elif isinstance(leaf, Trait) and OPERATORS[leaf.test.operator].relative:
            yield from _of_trait(leaf)


def _of_window(window: Window, clause: Clause) -> Iterator[Edge]:
    for seconds in window.edges:
        yield Edge(seconds, clause)


def _of_trait(leaf: Trait) -> Iterator[Edge]:
    span = int(str(leaf.test.value))
    match leaf.test.operator:
        case "within_last":
            yield from (Edge(0, trait=leaf), Edge(span, trait=leaf))
        case "within_next":
            yield from (Edge(0, trait=leaf), Edge(-span, trait=leaf))
        case "before_last":
            yield Edge(span, trait=leaf)
        case _:
            yield Edge(-span, trait=leaf)


def _of(definition: Computation, since: datetime, until: datetime) -> Iterator[exp.Select]:
    found = sorted(edges(definition), key=repr)
    by_clause: dict[str, list[Edge]] = {}
    for edge in found:
        if edge.clause is not None:
            by_clause.setdefault(edge.clause.id, []).append(edge)
    for clause, listed in by_clause.items():
        passed = (every(_passed(edge, since, until)) for edge in listed)
        this = exp.EQ(this=column("clause"), expression=text(clause))
        yield _whose(definition, "user", table("matched"), "person", every([this, either(passed)]))
    for edge in found:
        if edge.trait is not None:
            yield _of_value(definition, edge, edge.trait, since, until)


def _passed(edge: Edge, since: datetime, until: datetime) -> list[exp.Expr]:
    """Whether a row's time was passed by an edge on its way from `since` to `until`."""
    ago = timedelta(seconds=edge.seconds)
    return [
        exp.GT(this=column("time"), expression=moment(since - ago)),
        exp.LTE(this=column("time"), expression=moment(until - ago)),
    ]


def _of_value(
    definition: Computation, edge: Edge, leaf: Trait, since: datetime, until: datetime
) -> exp.Select:
    ago = timedelta(seconds=edge.seconds)
    at = call(Primitive.MOMENT, call(Primitive.JSON_TEXT, column("value")))
    relation, subject, key = (
        ("traits", "person", "trait") if leaf.of == "user" else ("account_traits", "account", "trait")
    )
    if leaf.computed:
        relation, subject, key = "computed", "subject", "computation"
    passed = [
        exp.EQ(this=column(key), expression=text(leaf.name)),
        exp.GT(this=at, expression=whole(microseconds(since - ago))),
        exp.LTE(this=at.copy(), expression=whole(microseconds(until - ago))),
    ]
    return _whose(definition, leaf.of, table(relation), subject, every(passed))


def _whose(
    definition: Computation, found: str, relation: exp.Table, subject: str, passed: exp.Expr
) -> exp.Select:
    """The subjects of the rows that passed: the people themselves, or their accounts."""
    key = exp.alias_(text(definition.key), "computation", quoted=True)
    if definition.subject == found:
        query = exp.select(key, exp.alias_(column(subject), "subject", quoted=True), copy=False)
        return query.distinct(copy=False).from_(relation, copy=False).where(passed, copy=False)
    query = exp.select(key, exp.alias_(column("account", "links"), "subject", quoted=True), copy=False)
    on = exp.EQ(this=column("person", "links"), expression=column(subject, relation.name))
    query = query.distinct(copy=False).from_(relation, copy=False).join(table("links"), on=on, copy=False)
    return query.where(passed, copy=False)
