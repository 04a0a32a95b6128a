"""The operators of tests: what each asks of a value, what it takes, and what it says of a missing one. Pure.

The documents' table and the validation of forms follow from this list. The compiler has one case for each.
"""

from dataclasses import dataclass
from typing import Literal

#: What stands beside `value:`. `duration` is seconds, written as 30d.
Takes = Literal["value", "number", "text", "date", "values", "texts", "duration", "nothing"]


@dataclass(frozen=True)
class Operator:
    """One operator."""

    name: str
    takes: Takes
    meaning: str
    #: What the test says where there is no value.
    missing: bool = False
    #: Whether the passage of time alone can change what it says.
    relative: bool = False


_LISTED = (
    Operator("equals", "value", "it is this value"),
    Operator("not_equals", "value", "it is not this value", missing=True),
    Operator("less_than", "number", "it is a number below this one"),
    Operator("greater_than", "number", "it is a number above this one"),
    Operator("less_than_or_equal", "number", "it is this number or one below"),
    Operator("greater_than_or_equal", "number", "it is this number or one above"),
    Operator("contains", "text", "its text has this text in it"),
    Operator("does_not_contain", "text", "its text does not have this text in it", missing=True),
    Operator("starts_with", "text", "its text begins with this text"),
    Operator("ends_with", "text", "its text ends with this text"),
    Operator("exists", "nothing", "there is a value"),
    Operator("not_exists", "nothing", "there is no value", missing=True),
    Operator("before_date", "date", "it is a date before this one"),
    Operator("after_date", "date", "it is a date after this one"),
    Operator("equals_one_of", "values", "it is one of these values"),
    Operator("contains_one_of", "texts", "its text has at least one of these texts in it"),
    Operator("within_last", "duration", "it is a date in the last so many days", relative=True),
    Operator("within_next", "duration", "it is a date in the next so many days", relative=True),
    Operator("before_last", "duration", "it is a date before the last so many days", relative=True),
    Operator("after_next", "duration", "it is a date after the next so many days", relative=True),
)
OPERATORS = {operator.name: operator for operator in _LISTED}
#: Events are judged as they come, whatever the time is later: relative dates are for traits.
FOR_PROPERTIES = tuple(operator.name for operator in _LISTED if not operator.relative)
