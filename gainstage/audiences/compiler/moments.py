"""What counts as a number and as a date in a text, as patterns that RE2 and Java read alike.

A date is a day (`2026-01-31`, midnight in UTC) or a moment of ISO 8601 (`2026-01-31T10:00:00.250+02:00`); one
without a zone counts as UTC.
"""

from collections.abc import Callable

from sqlglot import exp

from gainstage.audiences.compiler.primitives import text, when, whole

NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z"
_HOUR, _MINUTE = "([01][0-9]|2[0-3])", "[0-5][0-9]"
MOMENT = (
    rf"^[1-9][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}"
    rf"([T ]{_HOUR}:{_MINUTE}(:{_MINUTE}([.][0-9]{{1,9}})?)?(Z|[+-]{_HOUR}:?{_MINUTE})?)?\z"
)
SECOND_US = 1_000_000


def offset_microseconds(given: exp.Expr, wall: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Microseconds since 1970 of a text that matches MOMENT; `wall` reads `YYYY-MM-DD hh:mm:ss` as UTC."""

    def cut(start: int, length: int) -> exp.Expr:
        return exp.Substring(this=given.copy(), start=whole(start), length=whole(length))

    def number(pattern: str, width: int = 0) -> exp.Expr:
        found = exp.Anonymous(this="REGEXP_EXTRACT", expressions=[given.copy(), text(pattern), whole(1)])
        digits = exp.Anonymous(this="RPAD", expressions=[found, whole(width), text("0")]) if width else found
        filled = when(exp.EQ(this=found.copy(), expression=text("")), text("0"), digits)
        return exp.cast(filled, "bigint")

    def times(value: exp.Expr, factor: int) -> exp.Expr:
        return exp.paren(exp.Mul(this=value, expression=whole(factor)))

    clock = when(exp.GT(this=exp.Length(this=given.copy()), expression=whole(10)), cut(12, 5), text("00:00"))
    parts = [cut(1, 10), text(" "), clock, text(":00")]
    at = wall(exp.Anonymous(this="CONCAT", expressions=parts))
    ahead = exp.Anonymous(
        this="REGEXP_EXTRACT", expressions=[given.copy(), text(r"^.{16,}([+-])[0-9:]+\z"), whole(1)]
    )
    sign = when(exp.EQ(this=ahead, expression=text("-")), whole(-1), whole(1))
    offset = exp.Add(
        this=times(number(r"^.{16,}[+-]([0-9]{2}):?[0-9]{2}\z"), 3600),
        expression=times(number(r"^.{16,}[+-][0-9]{2}:?([0-9]{2})\z"), 60),
    )
    ago = exp.Mul(this=exp.paren(sign), expression=times(exp.paren(offset), SECOND_US))
    total: exp.Expr = at
    total = exp.Add(this=total, expression=times(number(r"^.{16}:([0-9]{2})"), SECOND_US))
    total = exp.Add(this=total, expression=number(r"^.{19}[.]([0-9]{1,6})", width=6))
    return exp.paren(exp.Sub(this=total, expression=exp.paren(ago)))
