"""Reading events: which of them fulfil which clause."""

from collections.abc import Iterable
from typing import Literal

from sqlglot import exp

from gainstage.audiences.compiler.primitives import (
    Primitive,
    call,
    column,
    every,
    text,
    when,
)
from gainstage.audiences.compiler.testing import holds
from gainstage.audiences.definition import Clause

Source = Literal["events", "matched"]


def condition(clause: Clause) -> exp.Expr:
    """Whether a row of `events` fulfils a clause."""
    named = exp.EQ(this=column("name"), expression=text(clause.event))
    if not clause.where:
        return named
    tests = (
        holds(call(Primitive.PROPERTY_TEXT, column("properties"), text(one.property)), one.test)
        for one in clause.where
    )
    # Properties are read only of events of that name.
    return when(named, every(tests), exp.false())


def value(clause: Clause) -> exp.Expr | None:
    """The clause's property of a row of `events`, as JSON; None if it looks at no property."""
    if clause.value is None:
        return None
    return call(Primitive.PROPERTY_JSON, column("properties"), text(clause.value))


def reading(objects: str, name: str) -> exp.Expr:
    """A name's value in a column of JSON objects, as JSON; NULL for null."""
    return call(Primitive.PROPERTY_JSON, column(objects), text(name))


def named(wanted: Iterable[Clause]) -> exp.Expr:
    """Whether an event has one of the clauses' names."""
    names = sorted({clause.event for clause in wanted})
    return exp.In(this=column("name"), expressions=[text(name) for name in names])


def extraction(wanted: Iterable[Clause]) -> exp.Select:
    """From `events` to the rows of `matched`: clause, person, time, tie, value; one scan."""
    listed = tuple(wanted)
    kept = [column(name) for name in ("person", "time", "tie")]
    if not listed:
        empty = [
            exp.alias_(exp.cast(exp.null(), "varchar"), name, quoted=True) for name in ("clause", "value")
        ]
        return exp.select(empty[0], *kept, empty[1], copy=False).from_("events").where(exp.false())
    rows = [
        exp.Tuple(expressions=[text(clause.id), condition(clause), value(clause) or exp.null()])
        for clause in listed
    ]
    seen = exp.select(*kept, column("name"), column("properties"), copy=False).from_("events")
    relation = exp.Table(
        this=call(
            Primitive.MATCHED,
            text("named"),
            exp.Tuple(expressions=[part.copy() for part in kept]),
            *rows,
        )
    )
    query = exp.select(column("clause"), *(part.copy() for part in kept), column("value"), copy=False)
    query = query.from_(relation, copy=False)
    return query.with_("named", as_=seen.where(named(listed), copy=False), copy=False)
