"""Who is a member, and who has which value: all definitions in one query, over one scan of the events."""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlglot import exp

from gainstage.audiences.compiler.aggregates import aggregated, most_frequent, there
from gainstage.audiences.compiler.columns import Columns, needs_events
from gainstage.audiences.compiler.primitives import (
    Primitive,
    call,
    column,
    every,
    known,
    only,
    table,
    text,
    when,
)
from gainstage.audiences.compiler.relations import Marks, pivot, sequence
from gainstage.audiences.compiler.scanning import Source
from gainstage.audiences.definition import Audience, Computation, ComputedTrait, Subject

Join = Callable[[str, str, Iterable[str]], None]
#: The relation of everybody, and what its column is called.
EVERYBODY = {"user": ("people", "person"), "account": ("accounts", "account")}


def evaluation(
    definitions: Iterable[Computation], now: datetime, *, source: Source, partial: bool = False
) -> exp.Select:
    """Rows (computation, subject, value): members with `true`, and values of computed traits as JSON.

    References to other computations are read from `computed`: evaluate in the order of `layers`. `partial` is
    for few people or accounts: events and traits of all others are then not aggregated.
    """
    return _Query(tuple(definitions), now, source, partial).made()


class _Query:
    def __init__(
        self, definitions: tuple[Computation, ...], now: datetime, source: Source, partial: bool
    ) -> None:
        self.partial = partial
        self.columns = Columns(now, Marks(now, source))
        self.ctes: list[tuple[str, exp.Query]] = []
        self.results: dict[Subject, list[exp.Tuple]] = {"user": [], "account": []}
        for definition in definitions:
            self.results[definition.subject].append(self.result(definition))
        #: Whether nobody without an event has anything: then those with one need not be looked up among all.
        self.active = not partial and all(
            isinstance(one, Audience) and needs_events(one.condition)
            for one in definitions
            if one.subject == "user"
        )
        self.asked = [(*one, self.columns.of_user(one[1])) for one in self.columns.asked]

    def result(self, definition: Computation) -> exp.Tuple:
        if isinstance(definition, Audience):
            held: exp.Expr = when(self.columns.audience(definition), text("true"))
        else:
            held = column(self.columns.trait(definition))
            if definition.subject == "user" and not definition.include_anonymous:
                held = when(known(column("person")), held)
        return exp.Tuple(expressions=[text(definition.key), held])

    def made(self) -> exp.Select:
        selects = []
        self.scan()
        if self.results["user"]:
            active = self.active and bool(self.columns.counts)
            self.add("persons", self.wide("user", "user_events" if active else "people"))
            selects.append(self.shown("user", "persons"))
        if self.results["account"]:
            self.members()
            self.add("businesses", self.wide("account", "accounts"))
            selects.append(self.shown("account", "businesses"))
        if not selects:
            empty = [
                exp.alias_(exp.cast(exp.null(), "varchar"), n, quoted=True)
                for n in ("computation", "subject", "value")
            ]
            return exp.select(*empty).where(exp.false())
        query = selects[0]
        if len(selects) == 2:
            both = exp.Union(this=selects[0], expression=selects[1], distinct=False)
            query = exp.select(exp.Star()).from_(both.subquery("results", copy=False), copy=False)
        for name, made in self.ctes:
            query.with_(
                name, as_=made, materialized=True if name in ("persons", "businesses") else None, copy=False
            )
        return query

    def add(self, name: str, query: exp.Query) -> str:
        self.ctes.append((name, query))
        return name

    def shown(self, subject: Subject, relation: str) -> exp.Select:
        rows = call(Primitive.TAGGED, text(relation), column(EVERYBODY[subject][1]), *self.results[subject])
        names = [column(name) for name in ("computation", "subject", "value")]
        return exp.select(*names, copy=False).from_(exp.Table(this=rows), copy=False)

    def scan(self) -> None:
        """The events, and what is made of them for each person and account."""
        columns = self.columns
        among = None
        if self.partial:
            self.add("among", self.universe())
            among = is_among("person")
        if not columns.marks.clauses:
            return
        self.add("marked", columns.marks.query(among))
        users = self.user_aggregates()
        if users:
            counted = exp.select(exp.alias_(column("person"), "subject", quoted=True), *users, copy=False)
            self.add(
                "user_events",
                counted.from_(table("marked"), copy=False).group_by(column("person"), copy=False),
            )
        accounts = [
            exp.alias_(self.aggregate(definition), name, quoted=True)
            for (subject, name), definition in columns.aggregates.items()
            if subject == "account"
        ]
        if accounts:
            counted = exp.select(exp.alias_(column("account"), "subject", quoted=True), *accounts, copy=False)
            self.add("account_events", self.pooled(counted).group_by(column("account"), copy=False))
        for (subject, name), definition in columns.frequent.items():
            self.add(name, self.frequent(subject, definition))
        for steps, name in columns.sequences.items():
            numbers = [columns.marks.mark(step.clause, steps.window) for step in steps.steps]
            self.add(name, sequence(steps, columns.marks, numbers))

    def universe(self) -> exp.Query:
        """The people whose events are looked at."""
        queries: list[exp.Query] = []
        if self.results["user"]:
            queries.append(exp.select(column("person")).from_(table("people"), copy=False))
        if self.results["account"]:
            queries.append(self.linked())
        return (
            queries[0]
            if len(queries) == 1
            else exp.Union(this=queries[0], expression=queries[1], distinct=True)
        )

    def linked(self) -> exp.Select:
        """The users of the accounts."""
        accounts = exp.select(column("account")).from_(table("accounts"), copy=False)
        of_them = exp.In(this=column("account"), query=accounts.subquery(copy=False))
        return (
            exp.select(column("person"))
            .distinct(copy=False)
            .from_(table("links"), copy=False)
            .where(of_them, copy=False)
        )

    def user_aggregates(self) -> list[exp.Expr]:
        columns = self.columns
        counts = [
            exp.alias_(
                only(
                    exp.Count(this=exp.Star()),
                    columns.marks.fulfils(columns.marks.mark(leaf.clause, leaf.window), leaf.window),
                ),
                name,
                quoted=True,
            )
            for leaf, name in columns.counts.items()
        ]
        values = [
            exp.alias_(self.aggregate(definition), name, quoted=True)
            for (subject, name), definition in columns.aggregates.items()
            if subject == "user"
        ]
        return [*counts, *values]

    def aggregate(self, definition: ComputedTrait) -> exp.Expr:
        return aggregated(definition.aggregate, self.fulfils(definition), self.held(definition))

    def fulfils(self, definition: ComputedTrait) -> exp.Expr:
        marks = self.columns.marks
        found = marks.fulfils(marks.mark(definition.clause, definition.window), definition.window)
        if definition.subject == "account" and not definition.include_anonymous:
            return every([found, known(column("person"))])
        return found

    def held(self, definition: ComputedTrait) -> exp.Expr:
        if definition.clause.value is None:
            return exp.null()
        return column(f"value_{self.columns.marks.mark(definition.clause, definition.window)}")

    def pooled(self, query: exp.Select) -> exp.Select:
        """The events of all users of each account; somebody's who has several count for each."""
        return query.from_(table("marked"), copy=False).join(
            table("links"), using=["person"], join_type="inner", copy=False
        )

    def frequent(self, subject: Subject, definition: ComputedTrait) -> exp.Select:
        whose = column(EVERYBODY[subject][1])
        held = self.held(definition)
        rows = exp.select(
            exp.alias_(whose, "subject", quoted=True), exp.alias_(held, "value", quoted=True), copy=False
        )
        rows = rows.from_(table("marked"), copy=False) if subject == "user" else self.pooled(rows)
        return most_frequent(rows.where(self.fulfils(definition), there(held.copy()), copy=False))

    def wide(self, subject: Subject, everybody: str) -> exp.Select:
        """A row for each subject with all that definitions ask about it."""
        columns = self.columns
        person = EVERYBODY[subject][1]
        own = column("subject" if everybody == "user_events" else person, everybody)
        query = exp.select(exp.alias_(own, person, quoted=True), copy=False)
        query.from_(table(everybody), copy=False)

        def join(relation: str, key: str, names: Iterable[str]) -> None:
            for name in names:
                query.select(column(name, relation), copy=False)
            if relation != everybody:
                on = exp.EQ(this=own.copy(), expression=column(key, relation))
                query.join(table(relation), on=on, join_type="left", copy=False)

        counted = [name for (whose, name) in columns.aggregates if whose == subject]
        counted += columns.counts.values() if subject == "user" else []
        if counted:
            join(f"{subject}_events", "subject", counted)
        for whose, name in columns.frequent:
            if whose == subject:
                query.select(exp.alias_(column("value", name), name, quoted=True), copy=False)
                join(name, "subject", ())
        if subject == "user":
            for name in columns.sequences.values():
                query.select(exp.alias_(there(column("person", name)), name, quoted=True), copy=False)
                join(name, "person", ())
        self.properties(subject, join)
        if subject == "account" and self.asked:
            join("asked", "account", [name for _, _, name, _ in self.asked])
        return query

    def properties(self, subject: Subject, join: Join) -> None:
        """Traits and values of computations."""
        among = is_among(EVERYBODY[subject][1], subject) if self.partial else None
        names = self.columns.traits[subject]
        kept = f"{subject}_traits"
        if names:
            relation = "traits" if subject == "user" else "account_traits"
            self.once(kept, pivot(relation, EVERYBODY[subject][1], "trait", names, among))
            join(kept, "subject", names.values())
        names = self.columns.computed[subject]
        kept = f"{subject}_computed"
        if names:
            among = is_among("subject", subject) if self.partial else None
            self.once(kept, pivot("computed", "subject", "computation", names, among))
            join(kept, "subject", names.values())

    def once(self, name: str, query: exp.Select) -> None:
        if all(name != other for other, _ in self.ctes):
            self.add(name, query)

    def members(self) -> None:
        """What is asked of the users of each account, and the accounts' answers."""
        if not self.asked:
            return
        self.add("users", self.linked())
        self.add("members", self.wide("user", "users"))
        answers = [
            exp.alias_(answer(definition, fulfilled), name, quoted=True)
            for definition, _, name, fulfilled in self.asked
        ]
        query = exp.select(column("account"), *answers, copy=False).from_(table("members"), copy=False)
        query.join(table("links"), using=["person"], join_type="inner", copy=False)
        self.add("asked", query.group_by(column("account"), copy=False))


def answer(definition: Audience, fulfilled: exp.Expr) -> exp.Expr:
    """Whether any, or all, of an account's users fulfil a condition."""
    kind = exp.LogicalAnd if definition.quantifier == "all" else exp.LogicalOr
    asked: exp.Expr = kind(this=fulfilled)
    if not definition.include_anonymous:
        asked = only(asked, known(column("person")))
    return asked


def is_among(name: str, subject: Subject = "user") -> exp.Expr:
    """Whether a column names somebody who is to be looked at."""
    relation = "among" if subject == "user" else "accounts"
    wanted = exp.select(column(EVERYBODY[subject][1])).from_(relation)
    return exp.In(this=column(name), query=wanted.subquery(copy=False))
