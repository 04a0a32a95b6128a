"""A query as the text of one engine. What engines write differently is put in here, and nowhere else."""

from collections.abc import Callable, Mapping
from typing import Literal

from sqlglot import exp

from gainstage.audiences.compiler import duckdb, spark
from gainstage.audiences.compiler.primitives import Primitive

Dialect = Literal["duckdb", "spark"]
Form = Callable[[list[exp.Expr]], exp.Expr]

FORMS: Mapping[Dialect, Mapping[Primitive, Form]] = {"duckdb": duckdb.FORMS, "spark": spark.FORMS}
NAMES = frozenset(str(primitive) for primitive in Primitive)


def render(query: exp.Expr, dialect: Dialect) -> str:
    """The query for an engine. Spark must run with the time zone UTC (`spark.sql.session.timeZone`)."""
    return lowered(query, dialect).sql(dialect=dialect, comments=False)


def lowered(query: exp.Expr, dialect: Dialect) -> exp.Expr:
    """The query with an engine's own form of every primitive; the given one stays as it is."""
    tree = query.copy()
    forms = FORMS[dialect]
    for node in reversed(list(tree.dfs())):
        if isinstance(node, exp.Anonymous) and node.name in NAMES:
            form = forms[Primitive(node.name)](list(node.expressions))
            place = node.parent if isinstance(node.parent, exp.Table) else node
            if place is tree:
                tree = form
            else:
                place.replace(form)
        elif isinstance(node, exp.CTE) and dialect == "spark":
            node.set("materialized", None)
    return tree
