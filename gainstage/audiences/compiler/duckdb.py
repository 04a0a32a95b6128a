"""How DuckDB writes the primitives."""

from collections.abc import Callable, Mapping

from sqlglot import exp

from gainstage.audiences.compiler.moments import MOMENT, offset_microseconds
from gainstage.audiences.compiler.primitives import Primitive, every, text, when


def function(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def pointer(name: exp.Expr) -> exp.Expr:
    """A JSON pointer to a key at the top; a path would read dots and quotes in it."""
    return text("/" + name.name.replace("~", "~0").replace("/", "~1"))


def property_text(arguments: list[exp.Expr]) -> exp.Expr:
    properties, name = arguments
    return function("JSON_EXTRACT_STRING", properties, pointer(name))


def property_json(arguments: list[exp.Expr]) -> exp.Expr:
    properties, name = arguments
    json = exp.cast(function("JSON_EXTRACT", properties, pointer(name)), "varchar")
    return exp.Nullif(this=json, expression=text("null"))


def json_text(arguments: list[exp.Expr]) -> exp.Expr:
    return function("JSON_EXTRACT_STRING", arguments[0], text("$"))


def number(arguments: list[exp.Expr]) -> exp.Expr:
    """What the pattern says, without matching it: DuckDB's cast also takes spaces, `_`, inf and nan."""
    given = arguments[0]
    read = exp.TryCast(this=given, to=exp.DataType.build("double"))
    ends = function("RIGHT", given.copy(), exp.Literal.number(1))
    plain = [
        function("ISFINITE", read.copy()),
        exp.GTE(this=given.copy(), expression=text("+")),
        exp.LT(this=given.copy(), expression=text(":")),
        exp.GTE(this=ends, expression=text(".")),
        exp.Not(this=exp.Contains(this=given.copy(), expression=text("_"))),
    ]
    return when(every(plain), read)


def moment(arguments: list[exp.Expr]) -> exp.Expr:
    given = arguments[0]

    def wall(at: exp.Expr) -> exp.Expr:
        return function("EPOCH_US", exp.TryCast(this=at, to=exp.DataType.build("timestamp")))

    micros = offset_microseconds(given, wall)
    return when(function("REGEXP_MATCHES", given.copy(), text(MOMENT)), micros)


def millionths(arguments: list[exp.Expr]) -> exp.Expr:
    return decimal_text(arguments[0], "varchar")


def decimal_text(millions: exp.Expr, kind: str) -> exp.Expr:
    """A number of millionths as a plain decimal, without zeros at its end."""
    unit = exp.cast(text("0.000001"), "decimal(7, 6)")
    shown = exp.cast(exp.Mul(this=exp.cast(millions, "decimal(30, 0)"), expression=unit), kind)
    cut = exp.Trim(this=shown, expression=text("0"), position="TRAILING")
    return exp.Trim(this=cut, expression=text("."), position="TRAILING")


def alphabetical(arguments: list[exp.Expr]) -> exp.Expr:
    json = exp.to_identifier("value")
    pair = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier("shown"), expression=json_text([exp.column("value")])),
            exp.PropertyEQ(this=exp.to_identifier("json"), expression=exp.column("value")),
        ]
    )
    pairs = function("LIST_TRANSFORM", arguments[0], exp.Lambda(this=pair, expressions=[json]))
    back = exp.Lambda(this=exp.column("json", table="pair"), expressions=[exp.to_identifier("pair")])
    listed = function("LIST_TRANSFORM", function("LIST_SORT", pairs), back)
    return function("CONCAT", text("["), function("ARRAY_TO_STRING", listed, text(",")), text("]"))


def by_order(aggregate: str, row: str) -> Callable[[list[exp.Expr]], exp.Expr]:
    """The form of an aggregate that takes one row's value by the order of several columns."""

    def form(arguments: list[exp.Expr]) -> exp.Expr:
        value, *order = arguments
        return function(aggregate, value, function(row, *order))

    return form


def quotient(arguments: list[exp.Expr]) -> exp.Expr:
    above, below = arguments
    return exp.IntDiv(this=exp.paren(above), expression=exp.paren(below))


def tagged(arguments: list[exp.Expr]) -> exp.Expr:
    """A scan for each computation: what is scanned is small, and kept in memory."""
    relation, subject, *rows = arguments
    selects = []
    for row in rows:
        key, value = row.expressions
        select = exp.select(
            exp.alias_(key, "computation", quoted=True),
            exp.alias_(subject.copy(), "subject", quoted=True),
            exp.alias_(value, "value", quoted=True),
            copy=False,
        ).from_(exp.to_table(relation.name), copy=False)
        found = exp.column("value", table="found", quoted=True)
        selects.append(
            exp.select("*").from_(select.subquery("found", copy=False), copy=False).where(present(found))
        )
    return one_of(selects).subquery("tagged", copy=False)


def one_of(selects: list[exp.Select]) -> exp.Query:
    """All rows of all; balanced, since a parser goes only so deep."""
    if len(selects) == 1:
        return selects[0]
    middle = len(selects) // 2
    left, right = one_of(selects[:middle]), one_of(selects[middle:])
    sides = [side.subquery(copy=False) if isinstance(side, exp.Union) else side for side in (left, right)]
    return exp.Union(this=sides[0], expression=sides[1], distinct=False)


def present(value: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=value, expression=exp.null()))


def matched(arguments: list[exp.Expr]) -> exp.Expr:
    """One scan, and of each row a row for each clause that it fulfils."""
    relation, columns, *rows = arguments
    items = []
    for row in rows:
        key, condition, value = row.expressions
        fields = {"clause": key, "value": exp.cast(value, "varchar")}
        parts = [
            exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=held)
            for name, held in fields.items()
        ]
        items.append(when(condition, exp.Struct(expressions=parts)))
    each = exp.alias_(function("UNNEST", exp.Array(expressions=items)), "found", quoted=True)
    scan = exp.select(*columns.expressions, each, copy=False).from_(exp.to_table(relation.name))
    found = exp.column("found", quoted=True)
    shown = [column.copy() for column in columns.expressions]
    return (
        exp.select(
            exp.alias_(part("clause"), "clause", quoted=True),
            *shown,
            exp.alias_(part("value"), "value", quoted=True),
        )
        .from_(scan.subquery("scanned", copy=False), copy=False)
        .where(present(found))
        .subquery("matching", copy=False)
    )


def part(name: str) -> exp.Expr:
    return exp.Dot(this=exp.column("found", quoted=True), expression=exp.to_identifier(name, quoted=True))


FORMS: Mapping[Primitive, Callable[[list[exp.Expr]], exp.Expr]] = {
    Primitive.PROPERTY_TEXT: property_text,
    Primitive.PROPERTY_JSON: property_json,
    Primitive.JSON_TEXT: json_text,
    Primitive.NUMBER: number,
    Primitive.MOMENT: moment,
    Primitive.MILLIONTHS: millionths,
    Primitive.WHOLE: lambda arguments: arguments[0],
    Primitive.SORTED: alphabetical,
    Primitive.DISTINCT: lambda arguments: function("LIST", exp.Distinct(expressions=arguments)),
    Primitive.FIRST_BY: by_order("ARG_MIN", "ROW"),
    Primitive.LAST_BY: by_order("ARG_MAX", "ROW"),
    Primitive.QUOTIENT: quotient,
    Primitive.TAGGED: tagged,
    Primitive.MATCHED: matched,
}
