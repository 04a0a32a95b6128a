"""A definition in words: sentences, those of groups with further ones inside."""

from collections.abc import Mapping
from typing import Any, NamedTuple

OPERATORS = {
    "equals": "is {}",
    "not_equals": "is not {}",
    "less_than": "is below {}",
    "greater_than": "is above {}",
    "less_than_or_equal": "is {} or below",
    "greater_than_or_equal": "is {} or above",
    "contains": "contains {}",
    "does_not_contain": "does not contain {}",
    "starts_with": "begins with {}",
    "ends_with": "ends with {}",
    "exists": "has a value",
    "not_exists": "has no value",
    "before_date": "is a date before {}",
    "after_date": "is a date after {}",
    "equals_one_of": "is one of {}",
    "contains_one_of": "contains one of {}",
    "within_last": "is a date in the last {}",
    "within_next": "is a date in the next {}",
    "before_last": "is a date before the last {}",
    "after_next": "is a date after the next {}",
}
#: As the builder offers them: without the value.
CHOICES = [(name, text.replace("{}", "…")) for name, text in OPERATORS.items()]
MADE = {
    "count": "How often",
    "sum": "The sum of {} over",
    "average": "The average of {} over",
    "minimum": "The lowest {} of",
    "maximum": "The highest {} of",
    "most_frequent": "The most frequent {} of",
    "first": "The first {} of",
    "last": "The last {} of",
    "unique_list": "The list of different values of {} over",
    "unique_count": "The number of different values of {} over",
}
UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
OF_USERS = {"any": "At least one", "all": "Every one", "none": "None"}


class Words(NamedTuple):
    """A sentence, and the sentences inside."""

    text: str
    inner: "tuple[Words, ...]" = ()


def described(kind: str, definition: Mapping[str, Any]) -> Words:
    """What a definition says."""
    accounts = definition.get("for") == "account"
    if kind == "computed_trait":
        held = MADE[definition["aggregate"]].format(f"“{definition.get('property')}”")
        whose = "the users of the account" if accounts else "the person"
        event = _event(definition)
        made = f"{whose} performed {event}"
        if definition["aggregate"] != "count":
            made = f"the events {event} of {whose}"
        return Words(f"{held} {made}{_window(definition)}")
    if not accounts:
        return Words("People of whom this holds:", (condition(definition["where"]),))
    users = OF_USERS[definition.get("quantifier") or "any"]
    return Words(f"Accounts; {users.lower()} of the users fulfils:", (condition(definition["where"]),))


def condition(given: Mapping[str, Any], *, negated: bool = False) -> Words:
    """What a condition says."""
    if "not" in given:
        return condition(given["not"], negated=not negated)
    for key, said, unsaid in (
        ("all", "All of these hold:", "Not all of these hold:"),
        ("any", "At least one of these holds:", "None of these holds:"),
    ):
        if key in given:
            return Words(unsaid if negated else said, tuple(condition(one) for one in given[key]))
    if "sequence" in given:
        start = "Did not do one after another" if negated else "Did one after another"
        window = _window(given)
        begun = f", beginning{window}" if window else ""
        return Words(
            f"{start}{begun}:", tuple(_step(one, place) for place, one in enumerate(given["sequence"]))
        )
    if "event" in given:
        often = _often(given.get("count"))
        text = f"performed {_event(given)} {often}{_window(given)}"
        return Words(f"It is not so that somebody {text}" if negated else text[:1].upper() + text[1:])
    if "audience" in given:
        return Words(f"{'Not a' if negated else 'A'} member of the audience {given['audience']}")
    whose, name = (
        ("account", given["account_trait"]) if "account_trait" in given else ("person", given["trait"])
    )
    text = f"“{name}” of the {whose} {_test(given)}"
    return Words(f"It is not so that {text}" if negated else text)


def _step(given: Mapping[str, Any], place: int) -> Words:
    did = given.get("did", True)
    text = _event(given) if did else f"no {_event(given)}"
    later = f" within {span(given['within'])}" if given.get("within") else ""
    return Words(f"{'then ' if place else ''}{text}{later}" + (" after that" if later else ""))


def _event(given: Mapping[str, Any]) -> str:
    tests = [f"“{one['property']}” {_test(one)}" for one in given.get("where") or ()]
    return f"“{given['event']}”" + (f" where {' and '.join(tests)}" if tests else "")


def _test(given: Mapping[str, Any]) -> str:
    return OPERATORS[given["operator"]].format(_value(given["operator"], given.get("value")))


def _value(operator: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(operator, one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if operator in ("within_last", "within_next", "before_last", "after_next"):
        return span(str(value))
    return f"“{value}”" if isinstance(value, str) else str(value)


def _often(count: Mapping[str, Any] | None) -> str:
    if count is None:
        return "at least once"
    low, high = count.get("at_least"), count.get("at_most")
    low, high = (count["exactly"],) * 2 if count.get("exactly") is not None else (low, high)
    if high == 0:
        return "never"
    if low == high:
        return f"exactly {times(low)}"
    said = [f"at least {times(low)}"] if low is not None else []
    return " and ".join([*said, *([f"at most {times(high)}"] if high is not None else [])])


def times(count: int | None) -> str:
    """So many times."""
    return "once" if count == 1 else f"{count:,} times"


def _window(given: Mapping[str, Any]) -> str:
    if given.get("within"):
        return f" in the last {span(given['within'])}"
    if given.get("between"):
        near, far = given["between"]
        return f" between {span(str(far))} and {span(str(near))} ago"
    return ""


def span(text: str) -> str:
    """`30d` as 30 days."""
    count, unit = text[:-1].strip(), UNITS.get(text[-1:].lower())
    if unit is None or not count.isdigit():
        return text
    return f"{int(count):,} {unit}{'' if int(count) == 1 else 's'}"
