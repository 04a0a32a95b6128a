"""What a computed trait makes of its events, as JSON.

Numbers are summed in whole millionths, so that a sum is the same in whichever order its parts come and on
every engine; a number of more than nine trillion is left out. A value is NULL where there is none.
"""

from collections.abc import Callable

from sqlglot import exp

from gainstage.audiences.compiler.primitives import Primitive, call, column, every, only, text, when, whole
from gainstage.audiences.definition import Aggregate

LARGEST = 9e12
SCALE = 1_000_000
#: How often the most frequent value was there at least.
FREQUENT = 2


def aggregated(aggregate: Aggregate, fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    """The aggregate of the rows that fulfil something; `held` is their value as JSON."""
    return FORMS[aggregate](fulfils, held)


def count(fulfils: exp.Expr, _: exp.Expr) -> exp.Expr:
    return positive(only(exp.Count(this=exp.Star()), fulfils))


def unique_count(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return positive(distinct(fulfils, held))


def distinct(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return only(exp.Count(this=exp.Distinct(expressions=[held])), fulfils)


def positive(number: exp.Expr) -> exp.Expr:
    return exp.cast(exp.Nullif(this=number, expression=whole(0)), "varchar")


def total(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return call(Primitive.MILLIONTHS, summed(fulfils, held))


def summed(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return only(exp.Sum(this=call(Primitive.WHOLE, millionths(held))), fulfils)


def average(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    """Rounded to millionths, halves away from zero."""
    parts = summed(fulfils, held)
    counted = exp.Nullif(
        this=only(exp.Count(this=millionths(held.copy())), fulfils.copy()), expression=whole(0)
    )
    twice = exp.Mul(this=exp.Abs(this=parts), expression=whole(2))
    above = exp.Add(this=twice, expression=counted)
    below = exp.Mul(this=counted.copy(), expression=whole(2))
    size = call(Primitive.QUOTIENT, above, below)
    negative = exp.LT(this=parts.copy(), expression=whole(0))
    return call(Primitive.MILLIONTHS, when(negative, exp.Neg(this=exp.paren(size)), size.copy()))


def minimum(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return call(Primitive.MILLIONTHS, only(exp.Min(this=millionths(held)), fulfils))


def maximum(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return call(Primitive.MILLIONTHS, only(exp.Max(this=millionths(held)), fulfils))


def first(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return by_order(Primitive.FIRST_BY, fulfils, held)


def last(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    return by_order(Primitive.LAST_BY, fulfils, held)


def by_order(primitive: Primitive, fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    chosen = call(primitive, held, column("time"), column("tie"), held.copy())
    return only(chosen, every([fulfils, there(held.copy())]))


def unique_list(fulfils: exp.Expr, held: exp.Expr) -> exp.Expr:
    listed = only(call(Primitive.DISTINCT, held), every([fulfils, there(held.copy())]))
    some = exp.GT(this=distinct(fulfils.copy(), held.copy()), expression=whole(0))
    return when(some, call(Primitive.SORTED, listed))


def there(held: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=held, expression=exp.null()))


def millionths(held: exp.Expr) -> exp.Expr:
    """A value as whole millionths, rounded; NULL for what is no number, or too large a one."""
    number = call(Primitive.NUMBER, call(Primitive.JSON_TEXT, held.copy()))
    size = exp.LTE(this=exp.Abs(this=number), expression=exp.cast(text(repr(LARGEST)), "double"))
    scaled = exp.Mul(this=number.copy(), expression=exp.cast(text(repr(float(SCALE))), "double"))
    rounded = exp.Floor(this=exp.Add(this=scaled, expression=exp.cast(text("0.5"), "double")))
    return when(size, exp.cast(rounded, "bigint"))


FORMS: dict[str, Callable[[exp.Expr, exp.Expr], exp.Expr]] = {
    "count": count,
    "sum": total,
    "average": average,
    "minimum": minimum,
    "maximum": maximum,
    "first": first,
    "last": last,
    "unique_list": unique_list,
    "unique_count": unique_count,
}


def most_frequent(rows: exp.Select) -> exp.Select:
    """Of rows (subject, value): each subject's commonest value, of several the first alphabetically."""
    counted = (
        exp.select(
            column("subject"), column("value"), exp.alias_(exp.Count(this=exp.Star()), "times"), copy=False
        )
        .from_(rows.subquery("found", copy=False), copy=False)
        .group_by(column("subject"), column("value"), copy=False)
        .having(exp.GTE(this=exp.Count(this=exp.Star()), expression=whole(FREQUENT)), copy=False)
    )
    shown = call(Primitive.JSON_TEXT, column("value"))
    order = exp.Order(
        expressions=[
            exp.Ordered(this=column("times"), desc=True),
            exp.Ordered(this=shown),
            exp.Ordered(this=column("value")),
        ]
    )
    place = exp.Window(this=exp.RowNumber(), partition_by=[column("subject")], order=order)
    ranked = exp.select(
        column("subject"), column("value"), exp.alias_(place, "place", quoted=True), copy=False
    ).from_(counted.subquery("counted", copy=False), copy=False)
    best = exp.EQ(this=column("place"), expression=whole(1))
    return (
        exp.select(column("subject"), column("value"), copy=False)
        .from_(ranked.subquery("ranked", copy=False), copy=False)
        .where(best, copy=False)
    )
