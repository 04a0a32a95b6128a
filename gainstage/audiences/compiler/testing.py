"""What each operator asks of a value. A test is true or false, never unknown."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlglot import exp

from gainstage.audiences.compiler.primitives import (
    Primitive,
    call,
    certain,
    double,
    either,
    every,
    microseconds,
    negated,
    text,
    whole,
)
from gainstage.audiences.definition import Scalar, Test, Value
from gainstage.audiences.moments import instant

COMPARED = {
    "less_than": exp.LT,
    "greater_than": exp.GT,
    "less_than_or_equal": exp.LTE,
    "greater_than_or_equal": exp.GTE,
}
FOUND = {"contains": exp.Contains, "starts_with": exp.StartsWith, "ends_with": exp.EndsWith}
#: What holds exactly where another operator does not, also where there is no value.
COMPLEMENTS = {"not_equals": "equals", "does_not_contain": "contains", "not_exists": "exists"}


def holds(shown: exp.Expr, test: Test, now: datetime | None = None) -> exp.Expr:
    """Whether a value, given as its text, fulfils a test; `now` is needed for relative dates."""
    operator, value = test.operator, test.value
    if operator in COMPLEMENTS:
        return negated(holds(shown, Test(COMPLEMENTS[operator], value), now))
    if operator == "exists":
        return exp.Not(this=exp.Is(this=shown.copy(), expression=exp.null()))
    if operator == "equals_one_of":
        return either(certain(equal(shown, one)) for one in listed(value))
    if operator == "contains_one_of":
        return either(certain(found("contains", shown, one)) for one in listed(value))
    if operator == "equals":
        return certain(equal(shown, scalar(value)))
    if operator in FOUND:
        return certain(found(operator, shown, scalar(value)))
    if operator in COMPARED:
        number = call(Primitive.NUMBER, shown.copy())
        return certain(COMPARED[operator](this=number, expression=double(float(scalar(value)))))
    return certain(dated(operator, call(Primitive.MOMENT, shown.copy()), value, now))


def equal(shown: exp.Expr, value: Scalar) -> exp.Expr:
    """A number is compared as a number, whichever way it is written; all else as text."""
    if isinstance(value, bool | str):
        return exp.EQ(this=shown.copy(), expression=text(written(value)))
    return exp.EQ(this=call(Primitive.NUMBER, shown.copy()), expression=double(value))


def found(operator: str, shown: exp.Expr, value: Scalar) -> exp.Expr:
    return FOUND[operator](this=shown.copy(), expression=text(written(value)))


def dated(operator: str, moment: exp.Expr, value: Value, now: datetime | None) -> exp.Expr:
    """Tests of a date, given in microseconds."""
    if operator in ("before_date", "after_date"):
        at = instant(str(value))
        if at is None:
            raise ValueError(f"{operator} is given {value!r}, which is no date")
        edge = whole(microseconds(at))
        kind = exp.LT if operator == "before_date" else exp.GT
        return kind(this=moment, expression=edge)
    if now is None:
        raise ValueError(f"{operator} depends on the time: it is for traits")
    span = timedelta(seconds=float(scalar(value)))
    at_now, past, future = (whole(microseconds(at)) for at in (now, now - span, now + span))
    match operator:
        case "within_last":
            return inside(moment, past, at_now)
        case "within_next":
            return inside(moment, at_now, future)
        case "before_last":
            return exp.LTE(this=moment, expression=past)
        case "after_next":
            return exp.GT(this=moment, expression=future)
    raise ValueError(f"there is no operator {operator}")


def inside(moment: exp.Expr, after: exp.Expr, until: exp.Expr) -> exp.Expr:
    return every((exp.GT(this=moment, expression=after), exp.LTE(this=moment.copy(), expression=until)))


def written(value: Scalar) -> str:
    """A value of a definition as the text that it is compared as."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(value: Value) -> Sequence[Scalar]:
    if not isinstance(value, tuple):
        raise ValueError(f"{value!r} is no list")
    return value


def scalar(value: Value) -> Scalar:
    if value is None or isinstance(value, tuple):
        raise ValueError(f"{value!r} is no single value")
    return value
