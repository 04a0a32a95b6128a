"""What definitions need to know of each subject: every distinct thing once, as a column with a name."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from gainstage.audiences.compiler.primitives import (
    Primitive,
    call,
    certain,
    column,
    every,
    known,
    negated,
    text,
    whole,
)
from gainstage.audiences.compiler.primitives import either as at_least_one
from gainstage.audiences.compiler.relations import Marks
from gainstage.audiences.compiler.testing import holds
from gainstage.audiences.definition import (
    All,
    AnyOf,
    Audience,
    ComputedTrait,
    Condition,
    Leaf,
    Member,
    Not,
    Performed,
    Sequence,
    Subject,
    Trait,
    leaves,
)


@dataclass
class Columns:
    """Names of columns by what they hold; the relation that has them is made of this."""

    now: datetime
    marks: Marks
    #: Counts of events of a person.
    counts: dict[Performed, str] = field(default_factory=dict)
    #: Aggregates that need no relation of their own, of a person's or an account's events.
    aggregates: dict[tuple[Subject, str], ComputedTrait] = field(default_factory=dict)
    frequent: dict[tuple[Subject, str], ComputedTrait] = field(default_factory=dict)
    sequences: dict[Sequence, str] = field(default_factory=dict)
    traits: dict[Subject, dict[str, str]] = field(default_factory=lambda: {"user": {}, "account": {}})
    computed: dict[Subject, dict[str, str]] = field(default_factory=lambda: {"user": {}, "account": {}})
    #: Conditions about users that an account's users are asked.
    asked: list[tuple[Audience, Condition, str]] = field(default_factory=list)

    def trait(self, definition: ComputedTrait) -> str:
        """The column with a computed trait's value."""
        self.marks.mark(definition.clause, definition.window)
        held = self.frequent if definition.aggregate == "most_frequent" else self.aggregates
        name = f"trait_{len(self.aggregates) + len(self.frequent)}"
        held[definition.subject, name] = definition
        return name

    def audience(self, definition: Audience) -> exp.Expr:
        """Whether a subject is a member."""
        if definition.subject == "user":
            fulfilled = self.of_user(definition.condition)
            return fulfilled if definition.include_anonymous else every([known(column("person")), fulfilled])
        return self.of_account(definition, definition.condition)

    def of_account(self, definition: Audience, condition: Condition) -> exp.Expr:
        """Conditions about users that stand side by side are asked of the same user."""
        if about_users(condition):
            return self.ask(definition, condition)
        match condition:
            case Not(inner):
                return negated(self.of_account(definition, inner))
            case All(inner) | AnyOf(inner):
                together = [one for one in inner if about_users(one)]
                parts = [self.of_account(definition, one) for one in inner if not about_users(one)]
                if together:
                    parts.append(self.ask(definition, type(condition)(tuple(together))))
                return every(parts) if isinstance(condition, All) else at_least_one(parts)
            case _:
                return self.leaf(condition)

    def ask(self, definition: Audience, condition: Condition) -> exp.Expr:
        name = f"asked_{len(self.asked)}"
        self.asked.append((definition, condition, name))
        # An account without users has no answer: nobody of it does.
        said = certain(column(name))
        return negated(said) if definition.quantifier == "none" else said

    def of_user(self, condition: Condition) -> exp.Expr:
        match condition:
            case All(inner):
                return every([self.of_user(one) for one in inner])
            case AnyOf(inner):
                return at_least_one([self.of_user(one) for one in inner])
            case Not(inner):
                return negated(self.of_user(inner))
            case _:
                return self.leaf(condition)

    def leaf(self, leaf: Leaf) -> exp.Expr:
        match leaf:
            case Performed():
                return self.performed(leaf)
            case Sequence():
                for step in leaf.steps:
                    self.marks.mark(step.clause, leaf.window)
                name = self.sequences.setdefault(leaf, f"sequence_{len(self.sequences)}")
                return certain(column(name))
            case Trait():
                held = self.computed if leaf.computed else self.traits
                return holds(call(Primitive.JSON_TEXT, self.named(held[leaf.of], leaf)), leaf.test, self.now)
            case Member():
                value = self.named(self.computed[leaf.of], leaf)
                return certain(exp.EQ(this=value, expression=text("true")))

    def named(self, names: dict[str, str], leaf: Trait | Member) -> exp.Column:
        key = leaf.name if isinstance(leaf, Trait) else leaf.audience
        kind = "computed" if names is self.computed[leaf.of] else "trait"
        return column(names.setdefault(key, f"{leaf.of}_{kind}_{len(names)}"))

    def performed(self, leaf: Performed) -> exp.Expr:
        self.marks.mark(leaf.clause, leaf.window)
        one = Performed(leaf.clause, leaf.window)
        name = self.counts.setdefault(one, f"count_{len(self.counts)}")
        counted = exp.Coalesce(this=column(name), expressions=[whole(0)])
        bounds: list[exp.Expr] = []
        if leaf.at_least > 0:
            bounds.append(exp.GTE(this=counted, expression=whole(leaf.at_least)))
        if leaf.at_most is not None:
            bounds.append(exp.LTE(this=counted.copy(), expression=whole(leaf.at_most)))
        return every(bounds)


def about_users(condition: Condition) -> bool:
    """Whether nothing inside is about the account itself."""
    return all(not (isinstance(leaf, Trait | Member) and leaf.of == "account") for leaf in leaves(condition))


def needs_events(condition: Condition) -> bool:
    """Whether only somebody with an event that a clause of it counts can fulfil it."""
    match condition:
        case All(inner):
            return any(needs_events(one) for one in inner)
        case AnyOf(inner):
            return all(needs_events(one) for one in inner)
        case Performed():
            return condition.at_least > 0
        case Sequence():
            return condition.steps[0].did
    return False
