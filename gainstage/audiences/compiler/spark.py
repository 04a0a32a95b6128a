"""How Apache Spark (4 and later) writes the primitives."""

from collections.abc import Callable, Mapping

from sqlglot import exp

from gainstage.audiences.compiler.duckdb import by_order, decimal_text, function, present
from gainstage.audiences.compiler.moments import MOMENT, NUMBER, offset_microseconds
from gainstage.audiences.compiler.primitives import Primitive, every, text, when, whole


def attempt(given: exp.Expr, kind: str) -> exp.Expr:
    """A cast that is NULL where it cannot be made."""
    return exp.TryCast(this=given, to=exp.DataType.build(kind, dialect="spark"), safe=True)


def property_text(arguments: list[exp.Expr]) -> exp.Expr:
    """Java writes fractions from ten million on, and small ones, with an exponent; DuckDB does so later."""
    properties, name = arguments
    shown = function("TRY_ELEMENT_AT", function("FROM_JSON", properties, text("MAP<STRING, STRING>")), name)
    exponent = exp.RegexpLike(this=shown.copy(), expression=text(r"^-?[0-9][.][0-9]+E-?[0-9]+\z"))
    number = exp.Not(this=is_string(properties.copy(), name.copy()))
    return exp.Case(
        ifs=[exp.If(this=every([exponent, number]), true=written_out(shown))], default=shown.copy()
    )


def written_out(shown: exp.Expr) -> exp.Expr:
    """A number with an exponent as DuckDB writes it."""
    size = exp.Abs(this=attempt(shown, "double"))

    def from_(edge: str) -> exp.Expr:
        return exp.GTE(this=size.copy(), expression=exp.cast(text(edge), "double"))

    def plain(kind: str) -> exp.Expr:
        digits = exp.cast(attempt(shown.copy(), kind), "string")
        cut = exp.Trim(this=digits, expression=text("0"), position="TRAILING")
        whole_number = exp.EndsWith(this=cut.copy(), expression=text("."))
        return when(whole_number, function("CONCAT", cut.copy(), text("0")), cut)

    short = function(
        "REPLACE", function("REPLACE", shown.copy(), text(".0E"), text("E")), text("E"), text("e")
    )
    ifs = [
        exp.If(this=from_("1e21"), true=short),
        exp.If(this=from_("1"), true=plain("decimal(38, 16)")),
        exp.If(this=from_("1e-6"), true=plain("decimal(38, 30)")),
    ]
    return exp.Case(ifs=ifs, default=short.copy())


def is_string(properties: exp.Expr, name: exp.Expr) -> exp.Expr:
    """Whether a property is a text."""
    kinds = exp.DataType.build("MAP<STRING, VARIANT>", dialect="spark")
    variants = exp.Cast(this=function("TRY_PARSE_JSON", properties), to=kinds)
    kind = function("SCHEMA_OF_VARIANT", function("TRY_ELEMENT_AT", variants, name))
    return exp.EQ(this=kind, expression=text("STRING"))


def property_json(arguments: list[exp.Expr]) -> exp.Expr:
    shown = property_text(arguments)
    properties, name = arguments
    return when(is_string(properties.copy(), name.copy()), quoted(shown), shown.copy())


def quoted(given: exp.Expr) -> exp.Expr:
    """A text as JSON: an object around it is written, and cut off again."""
    held = function("TO_JSON", function("NAMED_STRUCT", text("v"), given))
    length = exp.Sub(this=exp.Length(this=held.copy()), expression=whole(6))
    return exp.Substring(this=held, start=whole(6), length=length)


def json_text(arguments: list[exp.Expr]) -> exp.Expr:
    json = arguments[0]
    held = function("CONCAT", text('{"v":'), json, text("}"))
    string = exp.StartsWith(this=json.copy(), expression=text('"'))
    return when(string, function("GET_JSON_OBJECT", held, text("$.v")), json.copy())


def number(arguments: list[exp.Expr]) -> exp.Expr:
    given = arguments[0]
    read = attempt(given, "double")
    looks = exp.RegexpLike(this=given.copy(), expression=text(NUMBER))
    size = exp.Abs(this=read.copy())
    finite = exp.LT(this=size, expression=exp.cast(text("Infinity"), "double"))
    return when(looks, when(finite, read))


def moment(arguments: list[exp.Expr]) -> exp.Expr:
    given = arguments[0]

    def wall(at: exp.Expr) -> exp.Expr:
        return function("UNIX_MICROS", attempt(function("CONCAT", at, text("Z")), "timestamp"))

    micros = offset_microseconds(given, wall)
    return when(exp.RegexpLike(this=given.copy(), expression=text(MOMENT)), micros)


def millionths(arguments: list[exp.Expr]) -> exp.Expr:
    return decimal_text(arguments[0], "string")


def alphabetical(arguments: list[exp.Expr]) -> exp.Expr:
    pair = function("STRUCT", json_text([exp.column("value")]), exp.column("value"))
    pairs = function(
        "TRANSFORM", arguments[0], exp.Lambda(this=pair, expressions=[exp.to_identifier("value")])
    )
    back = exp.Lambda(this=exp.column("value", table="pair"), expressions=[exp.to_identifier("pair")])
    listed = function("TRANSFORM", function("ARRAY_SORT", pairs), back)
    return function("CONCAT", text("["), function("ARRAY_JOIN", listed, text(",")), text("]"))


def quotient(arguments: list[exp.Expr]) -> exp.Expr:
    above, below = (exp.cast(part, "decimal(38, 0)") for part in arguments)
    return exp.IntDiv(this=above, expression=below)


def tagged(arguments: list[exp.Expr]) -> exp.Expr:
    relation, subject, *rows = arguments
    structs = [named(computation=row.expressions[0], value=row.expressions[1]) for row in rows]
    found = exp.column("value", table="found", quoted=True)
    shown = [
        exp.column("computation", table="found", quoted=True),
        exp.alias_(subject.copy(), "subject", quoted=True),
        found,
    ]
    return exploded(relation.name, shown, structs, ("computation", "value"), present(found)).subquery(
        "tagged"
    )


def matched(arguments: list[exp.Expr]) -> exp.Expr:
    relation, columns, *rows = arguments
    structs = []
    for row in rows:
        key, condition, value = row.expressions
        structs.append(named(clause=when(condition, key), value=exp.cast(value, "string")))
    found = exp.column("clause", table="found", quoted=True)
    shown = [found, *columns.expressions, exp.column("value", table="found", quoted=True)]
    return exploded(relation.name, shown, structs, ("clause", "value"), present(found)).subquery("matching")


def named(**fields: exp.Expr) -> exp.Expr:
    return function("NAMED_STRUCT", *(part for name, held in fields.items() for part in (text(name), held)))


def exploded(
    relation: str, shown: list[exp.Expr], structs: list[exp.Expr], names: tuple[str, ...], kept: exp.Expr
) -> exp.Select:
    """A row for each struct of each row of a relation, as far as it is to be kept."""
    alias = exp.TableAlias(
        this=exp.to_identifier("found", quoted=True),
        columns=[exp.to_identifier(name, quoted=True) for name in names],
    )
    lateral = exp.Lateral(this=function("INLINE", function("ARRAY", *structs)), view=True, alias=alias)
    query = exp.select(*shown, copy=False).from_(exp.to_table(relation)).where(kept)
    query.set("laterals", [lateral])
    return query


FORMS: Mapping[Primitive, Callable[[list[exp.Expr]], exp.Expr]] = {
    Primitive.PROPERTY_TEXT: property_text,
    Primitive.PROPERTY_JSON: property_json,
    Primitive.JSON_TEXT: json_text,
    Primitive.NUMBER: number,
    Primitive.MOMENT: moment,
    Primitive.MILLIONTHS: millionths,
    Primitive.WHOLE: lambda arguments: exp.cast(arguments[0], "decimal(28, 0)"),
    Primitive.SORTED: alphabetical,
    Primitive.DISTINCT: lambda arguments: function("COLLECT_SET", *arguments),
    Primitive.FIRST_BY: by_order("MIN_BY", "STRUCT"),
    Primitive.LAST_BY: by_order("MAX_BY", "STRUCT"),
    Primitive.QUOTIENT: quotient,
    Primitive.TAGGED: tagged,
    Primitive.MATCHED: matched,
}
