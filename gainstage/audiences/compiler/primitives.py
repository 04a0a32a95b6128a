"""Small parts that queries are put together from. Nothing here knows an engine.

What engines write differently stands in a query as a call of one of `Primitive`'s names; `rendering` puts
each engine's own form in its place.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlglot import exp


class Primitive(StrEnum):
    """What the engines write differently, named with what it is given."""

    #: A property's text (a string's characters, anything else as JSON): properties, name.
    PROPERTY_TEXT = "GAINSTAGE_PROPERTY_TEXT"
    #: A property as JSON; NULL for null: properties, name.
    PROPERTY_JSON = "GAINSTAGE_PROPERTY_JSON"
    #: The text of a JSON value: json.
    JSON_TEXT = "GAINSTAGE_JSON_TEXT"
    #: A finite number, or NULL: text.
    NUMBER = "GAINSTAGE_NUMBER"
    #: Microseconds since 1970 of an ISO 8601 text, or NULL: text.
    MOMENT = "GAINSTAGE_MOMENT"
    #: Millionths as the JSON of a number: whole number.
    MILLIONTHS = "GAINSTAGE_MILLIONTHS"
    #: A whole number that may be summed up without running over: number.
    WHOLE = "GAINSTAGE_WHOLE"
    #: A list of JSON values as JSON, in alphabetical order: list.
    SORTED = "GAINSTAGE_SORTED"
    #: A list of the distinct values: value.
    DISTINCT = "GAINSTAGE_DISTINCT"
    #: The first, or last, value by the order after it: value, order...
    FIRST_BY = "GAINSTAGE_FIRST_BY"
    LAST_BY = "GAINSTAGE_LAST_BY"
    #: The quotient of two whole numbers that are not negative, cut off: numerator, denominator.
    QUOTIENT = "GAINSTAGE_QUOTIENT"
    #: A row (computation, subject, value) for each value that is there: relation, subject, (key, value)...
    TAGGED = "GAINSTAGE_TAGGED"
    #: A row (clause, columns, value) for each condition that holds: relation, columns, (key, condition,
    #: value)...
    MATCHED = "GAINSTAGE_MATCHED"


def call(primitive: Primitive, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=str(primitive), expressions=list(arguments))


def column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(name, table=table, quoted=True)


def text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def whole(value: int) -> exp.Expr:
    return exp.convert(value)


def table(name: str) -> exp.Table:
    """A relation by its name: quicker than having the name parsed."""
    return exp.Table(this=exp.to_identifier(name))


def double(value: float) -> exp.Expr:
    """A number as the engines' 64-bit floating point; the text of a float names exactly one."""
    return exp.cast(text(repr(float(value))), "double")


def moment(at: datetime) -> exp.Expr:
    """A moment as UTC without a zone, in microseconds."""
    shown = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return exp.Cast(this=text(shown), to=exp.DataType(this=exp.DataType.Type.TIMESTAMP))


def microseconds(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def seconds(count: int) -> exp.Interval:
    return exp.Interval(this=text(str(count)), unit=exp.Var(this="SECOND"))


def either(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """At least one holds; balanced, since a chain of hundreds is deeper than a parser goes."""
    return _balanced(exp.Or, list(conditions)) or exp.false()


def every(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Each holds."""
    return _balanced(exp.And, list(conditions)) or exp.true()


def _balanced(kind: type[exp.Connector], conditions: Sequence[exp.Expr]) -> exp.Expr | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    middle = len(conditions) // 2
    left, right = _balanced(kind, conditions[:middle]), _balanced(kind, conditions[middle:])
    return exp.paren(kind(this=left, expression=right), copy=False)


def negated(condition: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.paren(condition, copy=False))


def certain(condition: exp.Expr) -> exp.Expr:
    """False where a condition is neither true nor false."""
    return exp.Coalesce(this=condition, expressions=[exp.false()])


def when(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Case:
    """`then` where the condition holds, and computed nowhere else."""
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


def only(aggregate: exp.Expr, condition: exp.Expr) -> exp.Filter:
    """An aggregate of the rows for which a condition holds."""
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition))


def known(person: exp.Expr) -> exp.Expr:
    """Whether somebody's userId is known."""
    return exp.StartsWith(this=person, expression=text("u:"))


def between(time: exp.Expr, after: datetime | None, until: datetime) -> list[exp.Expr]:
    """Conditions for `after < time <= until`."""
    found: list[exp.Expr] = [exp.LTE(this=time.copy(), expression=moment(until))]
    if after is not None:
        found.insert(0, exp.GT(this=time.copy(), expression=moment(after)))
    return found
