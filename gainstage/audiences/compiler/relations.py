"""The common table expressions that an evaluation is made of, each from what it needs to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlglot import exp

from gainstage.audiences.compiler.primitives import (
    between,
    column,
    every,
    moment,
    seconds,
    table,
    text,
    when,
)
from gainstage.audiences.compiler.scanning import Source, is_named, lifted
from gainstage.audiences.definition import Clause, Window
from gainstage.audiences.definition import Sequence as Steps

ROW = ("person", "time", "tie")


@dataclass
class Marks:
    """The events that are looked at: one scan, with a column for each clause that a row may fulfil."""

    now: datetime
    source: Source
    clauses: dict[str, Clause] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)

    def mark(self, clause: Clause, window: Window) -> int:
        """The number of a clause's columns; the scan goes back as far as the window does."""
        self.windows.append(window)
        self.clauses.setdefault(clause.id, clause)
        return tuple(self.clauses).index(clause.id)

    @property
    def since(self) -> datetime | None:
        """What happened until then is not looked at."""
        farthest = [window.farthest_seconds for window in self.windows]
        if None in farthest:
            return None
        return self.now - timedelta(seconds=max(one for one in farthest if one is not None))

    def within(self, window: Window) -> list[exp.Expr]:
        """Conditions for a row of the scan to be in a window, as far as the scan leaves that open."""
        edges = span(window, self.now)
        found = between(column("time"), edges[0], edges[1])
        until = [] if edges[1] == self.now else found[-1:]
        after = found[:-1] if edges[0] != self.since else []
        return [*after, *until]

    def fulfils(self, number: int, window: Window) -> exp.Expr:
        return every([column(f"is_{number}"), *self.within(window)])

    def query(self, among: exp.Expr | None) -> exp.Select:
        """`among` narrows the scan to some people."""
        listed = tuple(self.clauses.values())
        conditions = between(column("time"), self.since, self.now)
        if among is not None:
            conditions.append(among)
        if self.source == "events":
            conditions.append(is_named(clause.event for clause in listed))
            flags, values, properties = lifted(listed)
            read = [*(column(name) for name in ROW), column("name"), *properties]
            rows = (
                exp.select(*read, copy=False)
                .from_(table("events"), copy=False)
                .where(*conditions, copy=False)
            )
            return self.marked(flags, values).from_(rows.subquery("seen", copy=False), copy=False)
        flags = [exp.EQ(this=column("clause"), expression=text(clause.id)) for clause in listed]
        values = [column("value") if clause.value is not None else None for clause in listed]
        ids = [text(clause.id) for clause in listed]
        conditions.append(exp.In(this=column("clause"), expressions=ids))
        return self.marked(flags, values).from_(table("matched"), copy=False).where(*conditions, copy=False)

    def marked(self, flags: list[exp.Expr], values: list[exp.Expr | None]) -> exp.Select:
        """Of each row whether it fulfils each clause, and then its value."""
        columns: list[exp.Expr] = [column(name) for name in ROW]
        for number, (flag, held) in enumerate(zip(flags, values, strict=True)):
            columns.append(exp.alias_(flag, f"is_{number}", quoted=True))
            if held is not None:
                columns.append(exp.alias_(when(flag.copy(), held), f"value_{number}", quoted=True))
        return exp.select(*columns, copy=False)


def span(window: Window, now: datetime) -> tuple[datetime | None, datetime]:
    """A window as (after, until)."""
    farthest = window.farthest_seconds
    after = None if farthest is None else now - timedelta(seconds=farthest)
    return after, now - timedelta(seconds=window.nearest_seconds)


def pivot(
    relation: str, subject: str, key: str, names: Mapping[str, str], among: exp.Expr | None
) -> exp.Select:
    """A row for each subject, a column for each name that is wanted (name to column)."""
    chosen = exp.In(this=column(key), expressions=[text(name) for name in names])
    columns = [
        exp.alias_(
            exp.Max(this=when(exp.EQ(this=column(key), expression=text(name)), column("value"))),
            alias,
            quoted=True,
        )
        for name, alias in names.items()
    ]
    query = exp.select(exp.alias_(column(subject), "subject", quoted=True), *columns, copy=False)
    query = query.from_(relation).where(chosen, *([among] if among is not None else []), copy=False)
    return query.group_by(column(subject), copy=False)


def sequence(steps: Steps, marks: Marks, numbers: Sequence[int]) -> exp.Select:
    """The people who went through the steps: `reached` says so of the event that was a step's."""
    flags = [column(f"is_{number}") for number in numbers]
    rows = exp.select(
        *(column(name) for name in ROW),
        *(
            exp.alias_(exp.LogicalOr(this=flag), f"step_{place}", quoted=True)
            for place, flag in enumerate(flags)
        ),
        copy=False,
    )
    # An event that fulfils several clauses is several rows where it comes from `matched`.
    level = rows.from_(table("marked"), copy=False).group_by(*(column(name) for name in ROW), copy=False)
    first = every([column("step_0"), *marks.within(steps.window)])
    level = level_of(level, first, "reached_0")
    for place, step in enumerate(steps.steps[1:], 1):
        other = "before" if step.did else "after"
        reached = column(f"reached_{place - 1}") if step.did else column(f"step_{place}")
        level = level_of(level, nearest(reached, past=step.did), f"{other}_{place}")
        at = column(f"{other}_{place}")
        held = following(place, at, step.within_seconds)
        if not step.did:
            held = never_after(place, at, step.within_seconds, marks.now)
        level = level_of(level, held, f"reached_{place}")
    done = column(f"reached_{len(steps.steps) - 1}")
    query = exp.select(column("person"), copy=False).distinct(copy=False)
    return query.from_(level.subquery("walked", copy=False), copy=False).where(done, copy=False)


def level_of(inner: exp.Select, added: exp.Expr, name: str) -> exp.Select:
    shown = exp.select(exp.Star(), exp.alias_(added, name, quoted=True), copy=False)
    return shown.from_(inner.subquery("walked", copy=False), copy=False)


def nearest(flag: exp.Expr, *, past: bool) -> exp.Expr:
    """The time of the last flagged event before this one, or of the first after it."""
    time = when(flag, column("time"))
    frame = exp.WindowSpec(
        kind="ROWS",
        start="UNBOUNDED" if past else whole_one(),
        start_side="PRECEDING" if past else "FOLLOWING",
        end=whole_one() if past else "UNBOUNDED",
        end_side="PRECEDING" if past else "FOLLOWING",
    )
    return exp.Window(
        this=exp.Max(this=time) if past else exp.Min(this=time),
        partition_by=[column("person")],
        order=exp.Order(expressions=[exp.Ordered(this=column(name)) for name in ("time", "tie")]),
        spec=frame,
    )


def whole_one() -> exp.Expr:
    return exp.Literal.number(1)


def following(place: int, before: exp.Expr, within: int | None) -> exp.Expr:
    """Whether this event is a step after the one before it, in time."""
    held: list[exp.Expr] = [column(f"step_{place}"), exp.Not(this=exp.Is(this=before, expression=exp.null()))]
    if within is not None:
        latest = exp.Add(this=before.copy(), expression=seconds(within))
        held.append(exp.LTE(this=column("time"), expression=latest))
    return exp.Coalesce(this=every(held), expressions=[exp.false()])


def never_after(place: int, after: exp.Expr, within: int | None, now: datetime) -> exp.Expr:
    """Whether what was not to happen did not; with a limit only once that is over."""
    reached = column(f"reached_{place - 1}")
    none = exp.Is(this=after, expression=exp.null())
    if within is None:
        return every([reached, none])
    latest = exp.Add(this=column("time"), expression=seconds(within))
    later = exp.Coalesce(this=exp.GT(this=after.copy(), expression=latest), expressions=[exp.false()])
    over = exp.LTE(this=latest.copy(), expression=moment(now))
    return every([reached, exp.paren(exp.Or(this=none, expression=later)), over])
