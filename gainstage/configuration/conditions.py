"""The forms of conditions in the file: events, sequences, traits, other audiences, and groups of them."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from gainstage.audiences.definition import (
    All,
    AnyOf,
    Clause,
    Condition,
    Filter,
    Member,
    Not,
    Performed,
    Sequence,
    Step,
    Test,
    Trait,
    Value,
    Window,
)
from gainstage.audiences.moments import instant
from gainstage.audiences.operators import FOR_PROPERTIES, OPERATORS
from gainstage.configuration.suggest import nearest
from gainstage.setting import Form

UNIT_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST_SECONDS = 3653 * 86_400
SPAN = re.compile(r"([0-9]{1,6})\s*(m|h|d|w)")
MOST = 1_000_000_000
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_span(given: Any) -> Any:
    """`30d` as seconds."""
    match = SPAN.fullmatch(given.strip().lower()) if isinstance(given, str) else None
    if match is None:
        raise ValueError("must be a time such as 30d, 12h, 45m or 2w")
    seconds = int(match[1]) * UNIT_SECONDS[match[2]]
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError("must be at least a minute and at most ten years")
    return seconds


def read_edge(given: Any) -> Any:
    """As a span, but may be nothing at all."""
    return 0 if given in ("0d", "0h", "0m", "0w") else read_span(given)


def usable_text(given: str) -> str:
    if "\x00" in given or any("\ud800" <= character <= "\udfff" for character in given):
        raise ValueError("must be ordinary text")
    return given


_SPAN_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^[0-9]+ *[mhdw]$", "examples": ["30d", "12h"]})
Span = Annotated[int, BeforeValidator(read_span), _SPAN_SCHEMA]
Edge = Annotated[int, BeforeValidator(read_edge), _SPAN_SCHEMA]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(usable_text)
]
Word = Annotated[StrictStr, StringConstraints(min_length=1, max_length=1000), AfterValidator(usable_text)]
Scalar = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, AfterValidator(usable_text)]
Often = Annotated[StrictInt, Field(ge=0, le=MOST)]


class WordForm(Form):
    """What all of them agree on: the words of the file are names in Python where those may be."""

    model_config = ConfigDict(populate_by_name=True)


class Tested(WordForm):
    """An operator and what stands beside it."""

    value: Scalar | list[Scalar] | None = Field(
        default=None, description="What the operator compares with; exists and not_exists take none."
    )

    @property
    def asked(self) -> str:
        """The operator's name."""
        return str(getattr(self, "operator"))  # noqa: B009 - each form has its own list of operators

    @model_validator(mode="after")
    def _fits(self) -> "Tested":
        told = wrong_value(self.asked, self.value)
        if told:
            raise ValueError(told)
        return self

    def test(self) -> Test:
        return Test(self.asked, read_value(self.asked, self.value))


def wrong_value(operator: str, value: Any) -> str | None:
    """Why an operator cannot take a value."""
    takes = OPERATORS[operator].takes
    if takes == "nothing":
        return None if value is None else f"{operator} takes no value: leave it out"
    if takes in ("values", "texts"):
        if not isinstance(value, list) or not value:
            return f"{operator} needs a list of values: value: [a, b]"
        return None
    if value is None or isinstance(value, list):
        return f"{operator} needs one value" + ("; for several there is " + several(operator))
    if takes == "number" and (isinstance(value, bool) or read_number(value) is None):
        return f"{operator} needs a number as its value"
    if isinstance(value, float | int) and not isinstance(value, bool) and not finite(value):
        return "value must be a number that can be counted with"
    if takes == "date" and (not isinstance(value, str) or instant(value) is None):
        return f"{operator} needs a date as its value: 2026-01-31, or 2026-01-31T10:00:00Z"
    if takes == "duration":
        try:
            read_span(value)
        except ValueError as error:
            return f"{operator} needs a time as its value; it {error}"
    return None


def several(operator: str) -> str:
    """The operator that takes several values, where one takes one."""
    return "contains_one_of" if "contain" in operator else "equals_one_of"


def finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def read_number(value: Any) -> float | None:
    """A number, also one that was written as a text."""
    if isinstance(value, str) and NUMBER.fullmatch(value) is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def read_value(operator: str, value: Any) -> Value:
    takes = OPERATORS[operator].takes
    if takes == "duration":
        return int(read_span(value))
    if takes == "number":
        return read_number(value)
    return tuple(value) if isinstance(value, list) else value


class FilterForm(Tested):
    """A test of a property of the event."""

    property: Word = Field(description="The property's name, as the event has it.")
    operator: Literal[FOR_PROPERTIES] = Field(description="What its value must be.")  # type: ignore[valid-type]

    def made(self) -> Filter:
        return Filter(self.property, self.test())


class Windowed(WordForm):
    """A window of time."""

    within: Span | None = Field(default=None, description="Only what happened in the last 30d.")
    between: Annotated[list[Edge], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="Only what happened between so long and so long ago: [30d, 60d]."
    )

    @model_validator(mode="after")
    def _one_window(self) -> "Windowed":
        if self.within is not None and self.between is not None:
            raise ValueError("within and between exclude each other: leave one out")
        if self.between is not None and self.between[0] == self.between[1]:
            raise ValueError("between needs two different times: [30d, 60d]")
        return self

    def window(self) -> Window:
        if self.between is not None:
            return Window(min(self.between), max(self.between))
        return Window(0, self.within)


class CountForm(WordForm):
    """How often."""

    at_least: Often | None = None
    at_most: Often | None = None
    exactly: Often | None = None

    @model_validator(mode="after")
    def _possible(self) -> "CountForm":
        given = [one for one in (self.at_least, self.at_most, self.exactly) if one is not None]
        if not given:
            raise ValueError("needs at_least, at_most or exactly")
        if self.exactly is not None and len(given) > 1:
            raise ValueError("exactly stands alone: leave at_least and at_most out")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most: nobody can be both")
        return self

    def bounds(self) -> tuple[int, int | None]:
        if self.exactly is not None:
            return self.exactly, self.exactly
        return self.at_least or 0, self.at_most


class EventForm(Windowed):
    """An event that was performed, so often."""

    event: Word = Field(description="The event's name; Page Viewed and Screen Viewed for pages and screens.")
    count: CountForm = Field(
        default_factory=lambda: CountForm(at_least=1), description="Default: at least once."
    )
    where: list[FilterForm] = Field(default_factory=list, description="Tests of properties: all must hold.")

    def made(self) -> Condition:
        return Performed(clause(self.event, self.where), self.window(), *self.count.bounds())


class StepForm(WordForm):
    """A step of a sequence."""

    event: Word = Field(description="The event's name.")
    where: list[FilterForm] = Field(default_factory=list, description="Tests of properties: all must hold.")
    within: Span | None = Field(default=None, description="At most so long after the step before.")
    did: StrictBool = Field(default=True, description="false, for the last step: this did not happen.")

    def made(self) -> Step:
        return Step(clause(self.event, self.where), self.within, self.did)


class SequenceForm(Windowed):
    """Events one after another."""

    sequence: Annotated[list[StepForm], Field(min_length=2, max_length=10)] = Field(
        description="The steps, in their order; within and between are about the first one."
    )

    @model_validator(mode="after")
    def _steps(self) -> "SequenceForm":
        if self.sequence[0].within is not None:
            raise ValueError("the first step has no step before it: write its within beside sequence")
        if any(not step.did for step in self.sequence[:-1]):
            raise ValueError("did: false is for the last step only")
        return self

    def made(self) -> Condition:
        return Sequence(tuple(step.made() for step in self.sequence), self.window())


class TraitForm(Tested):
    """A trait of a person, or the key of a computed trait."""

    trait: Word = Field(description="A trait's name, or the key of a computed trait.")
    operator: Literal[tuple(OPERATORS)] = Field(description="What its value must be.")  # type: ignore[valid-type]

    def made(self) -> Condition:
        return Trait(self.trait, self.test())


class AccountTraitForm(Tested):
    """A trait of an account, or the key of a computed trait of accounts."""

    account_trait: Word = Field(description="A trait's name, or the key of a computed trait of accounts.")
    operator: Literal[tuple(OPERATORS)] = Field(description="What its value must be.")  # type: ignore[valid-type]

    def made(self) -> Condition:
        return Trait(self.account_trait, self.test(), of="account")


class MemberForm(WordForm):
    """Who is a member of another audience."""

    audience: Word = Field(description="The key of another audience.")

    def made(self) -> Condition:
        return Member(self.audience)


class AllForm(WordForm):
    """Every condition holds."""

    all: Annotated[list["ConditionForm"], Field(min_length=1)] = Field(
        description="Every one of these holds."
    )

    def made(self) -> Condition:
        return All(tuple(one.made() for one in self.all))


class AnyForm(WordForm):
    """At least one condition holds."""

    any: Annotated[list["ConditionForm"], Field(min_length=1)] = Field(
        description="At least one of these holds."
    )

    def made(self) -> Condition:
        return AnyOf(tuple(one.made() for one in self.any))


class NotForm(WordForm):
    """The condition does not hold."""

    not_: "ConditionForm" = Field(alias="not", description="This does not hold.")

    def made(self) -> Condition:
        return Not(self.not_.made())


BRANCHES: dict[str, type[Form]] = {
    "all": AllForm,
    "any": AnyForm,
    "not": NotForm,
    "event": EventForm,
    "sequence": SequenceForm,
    "trait": TraitForm,
    "account_trait": AccountTraitForm,
    "audience": MemberForm,
}


def branch(given: Any) -> str | None:
    """The form that a condition is written in: by its own key, else by one that looks like it."""
    if isinstance(given, Form):
        return next(f"a condition by {key}" for key, form in BRANCHES.items() if type(given) is form)
    if not isinstance(given, Mapping):
        return None
    found = next((key for key in BRANCHES if key in given), None)
    guesses = (nearest(str(key), BRANCHES) for key in given)
    found = found or next((guess for guess in guesses if guess), None)
    return f"a condition by {found}" if found else None


ConditionForm = Annotated[
    Annotated[AllForm, Tag("a condition by all")]
    | Annotated[AnyForm, Tag("a condition by any")]
    | Annotated[NotForm, Tag("a condition by not")]
    | Annotated[EventForm, Tag("a condition by event")]
    | Annotated[SequenceForm, Tag("a condition by sequence")]
    | Annotated[TraitForm, Tag("a condition by trait")]
    | Annotated[AccountTraitForm, Tag("a condition by account_trait")]
    | Annotated[MemberForm, Tag("a condition by audience")],
    Discriminator(
        branch,
        custom_error_type="condition",
        custom_error_message=f"must be a condition, with one of the keys {', '.join(BRANCHES)}",
    ),
]

for _form in (AllForm, AnyForm, NotForm):
    _form.model_rebuild()


def clause(event: str, where: list[FilterForm], value: str | None = None) -> Clause:
    return Clause(event, tuple(one.made() for one in where), value)
