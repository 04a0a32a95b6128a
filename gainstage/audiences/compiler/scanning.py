"""Reading events: which of them fulfil which clause."""

from collections.abc import Iterable, Sequence
from typing import Literal

from sqlglot import exp

from gainstage.audiences.compiler.primitives import (
    Primitive,
    call,
    column,
    every,
    table,
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


def is_named(names: Iterable[str]) -> exp.Expr:
    """Whether an event has one of these names."""
    return exp.In(this=column("name"), expressions=[text(name) for name in sorted(set(names))])


def lifted(wanted: Sequence[Clause]) -> tuple[list[exp.Expr], list[exp.Expr | None], list[exp.Expr]]:
    """The clauses' conditions and values over columns that hold properties, and these columns, over `events`.

    So a property is read once, however many clauses ask for it, and only of events whose clauses do.
    """
    names: dict[str, str] = {}
    read: dict[str, tuple[exp.Expr, set[str]]] = {}

    def lift(clause: Clause, expression: exp.Expr) -> exp.Expr:
        tree = exp.Tuple(expressions=[expression])
        for node in list(tree.find_all(exp.Anonymous)):
            if node.name in (Primitive.PROPERTY_TEXT, Primitive.PROPERTY_JSON):
                name = names.setdefault(node.sql(), f"property_{len(names)}")
                read.setdefault(name, (node.copy(), set()))[1].add(clause.event)
                node.replace(column(name))
        lifted_one: exp.Expr = tree.expressions[0]
        return lifted_one

    tests = [lift(clause, condition(clause)) for clause in wanted]
    values = [lift(clause, held) if (held := value(clause)) is not None else None for clause in wanted]
    events = {clause.event for clause in wanted}
    columns: list[exp.Expr] = []
    for name, (held, asked) in read.items():
        kept = held if asked == events else when(is_named(asked), held)
        columns.append(exp.alias_(kept, name, quoted=True))
    return tests, values, columns


def extraction(wanted: Iterable[Clause]) -> exp.Select:
    """From `events` to the rows of `matched`: clause, person, time, tie, value; one scan."""
    listed = tuple(wanted)
    kept = [column(name) for name in ("person", "time", "tie")]
    if not listed:
        empty = [
            exp.alias_(exp.cast(exp.null(), "varchar"), name, quoted=True) for name in ("clause", "value")
        ]
        return (
            exp.select(empty[0], *kept, empty[1], copy=False)
            .from_(table("events"), copy=False)
            .where(exp.false())
        )
    tests, values, properties = lifted(listed)
    rows = [
        exp.Tuple(expressions=[text(clause.id), test, held or exp.null()])
        for clause, test, held in zip(listed, tests, values, strict=True)
    ]
    seen = exp.select(*kept, column("name"), *properties, copy=False).from_(table("events"), copy=False)
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
    return query.with_(
        "named", as_=seen.where(is_named(clause.event for clause in listed), copy=False), copy=False
    )
