"""What computations mean, once more in the plainest Python. Shares no code with the compiler."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gainstage.audiences.definition import (
    All,
    AnyOf,
    Audience,
    Clause,
    ComputedTrait,
    Member,
    Not,
    Performed,
    Sequence,
    Trait,
    Window,
)

NOTHING = object()


@dataclass
class Event:
    person: str
    time: datetime
    tie: str
    name: str
    properties: dict[str, Any]


@dataclass
class World:
    """All that is known at some moment."""

    people: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    #: By person, or account, and name; values as parsed JSON.
    traits: dict[tuple[str, str], Any] = field(default_factory=dict)
    account_traits: dict[tuple[str, str], Any] = field(default_factory=dict)
    links: list[tuple[str, str]] = field(default_factory=list)
    #: By computation and subject.
    computed: dict[tuple[str, str], Any] = field(default_factory=dict)


def evaluate(definitions, world: World, now: datetime) -> set[tuple[str, str, str]]:
    """Rows (computation, subject, value as JSON text)."""
    rows = set()
    for definition in definitions:
        everybody = world.people if definition.subject == "user" else world.accounts
        for subject in everybody:
            value = _value(definition, subject, world, now)
            if value is not None:
                rows.add((definition.key, subject, value))
    return rows


def _value(definition, subject, world, now):
    if definition.subject == "user" and not definition.include_anonymous and subject[:2] != "u:":
        return None
    if isinstance(definition, Audience):
        if definition.subject == "user":
            inside = _user(definition.condition, subject, world, now)
        else:
            inside = _account(definition, definition.condition, subject, world, now)
        return "true" if inside else None
    if definition.subject == "user":
        pool = [subject]
    else:
        pool = [p for p, a in world.links if a == subject and (definition.include_anonymous or p[:2] == "u:")]
    events = [e for e in world.events if e.person in pool]
    return _aggregate(definition, events, now)


def _user(condition, person, world, now) -> bool:
    if isinstance(condition, All):
        return all(_user(c, person, world, now) for c in condition.conditions)
    if isinstance(condition, AnyOf):
        return any(_user(c, person, world, now) for c in condition.conditions)
    if isinstance(condition, Not):
        return not _user(condition.condition, person, world, now)
    if isinstance(condition, Performed):
        n = sum(
            e.person == person and _fulfils(e, condition.clause) and _inside(e.time, condition.window, now)
            for e in world.events
        )
        return n >= condition.at_least and (condition.at_most is None or n <= condition.at_most)
    if isinstance(condition, Sequence):
        mine = sorted((e for e in world.events if e.person == person and e.time <= now), key=_order)
        return _walks(condition, mine, now)
    if isinstance(condition, Trait):
        held = world.computed if condition.computed else world.traits
        at = (condition.name, person) if condition.computed else (person, condition.name)
        return _test(held.get(at, NOTHING), condition.test, now)
    assert isinstance(condition, Member)
    return world.computed.get((condition.audience, person)) is True


def _account(definition, condition, account, world, now) -> bool:
    if _only_users(condition):
        people = [p for p, a in world.links if a == account]
        people = [p for p in people if definition.include_anonymous or p[:2] == "u:"]
        said = [_user(condition, p, world, now) for p in people]
        if definition.quantifier == "any":
            return any(said)
        if definition.quantifier == "none":
            return not any(said)
        return bool(said) and all(said)
    if isinstance(condition, Not):
        return not _account(definition, condition.condition, account, world, now)
    if isinstance(condition, All | AnyOf):
        about_users = tuple(c for c in condition.conditions if _only_users(c))
        rest = [c for c in condition.conditions if not _only_users(c)]
        if about_users:
            rest.append(type(condition)(about_users))
        said = [_account(definition, c, account, world, now) for c in rest]
        return all(said) if isinstance(condition, All) else any(said)
    if isinstance(condition, Trait):
        held = world.computed if condition.computed else world.account_traits
        at = (condition.name, account) if condition.computed else (account, condition.name)
        return _test(held.get(at, NOTHING), condition.test, now)
    return world.computed.get((condition.audience, account)) is True


def _only_users(condition) -> bool:
    if isinstance(condition, All | AnyOf):
        return all(_only_users(c) for c in condition.conditions)
    if isinstance(condition, Not):
        return _only_users(condition.condition)
    return not (isinstance(condition, Trait | Member) and condition.of == "account")


def _order(event: Event):
    return event.time, event.tie.encode()


def _inside(time: datetime, window: Window, now: datetime) -> bool:
    ago = now - time
    if window.farthest_seconds is not None and ago >= timedelta(seconds=window.farthest_seconds):
        return False
    return ago >= timedelta(seconds=window.nearest_seconds)


def _fulfils(event: Event, clause: Clause) -> bool:
    if event.name != clause.event:
        return False
    return all(_test(event.properties.get(f.property, NOTHING), f.test, None) for f in clause.where)


def _walks(condition: Sequence, events: list[Event], now: datetime) -> bool:
    """Tries every way through the steps."""

    def go(step: int, before: int) -> bool:
        if step == len(condition.steps):
            return True
        wanted = condition.steps[step]
        limit = None if wanted.within_seconds is None else timedelta(seconds=wanted.within_seconds)
        since = events[before].time if before >= 0 else None
        later = [
            index
            for index in range(before + 1, len(events))
            if _fulfils(events[index], wanted.clause)
            and (limit is None or since is None or events[index].time - since <= limit)
        ]
        if not wanted.did:
            return not later and (limit is None or since + limit <= now)
        if step == 0:
            later = [index for index in later if _inside(events[index].time, condition.window, now)]
        return any(go(step + 1, index) for index in later)

    return go(0, -1)


def shown(value) -> str | None:
    """A value as the text that it is compared as; None if there is none."""
    if value is NOTHING or value is None:
        return None
    return value if isinstance(value, str) else _json(value)


def number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def date(text: str | None) -> datetime | None:
    if text is None or not re.fullmatch(
        r"[1-9]\d{3}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", text, re.ASCII
    ):
        return None
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    if int(text[11:13] or 0) > 23:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except OverflowError:  # a last day of the year 9999 that is later elsewhere: Python has no such moment
        return datetime.max.replace(tzinfo=UTC)
    except ValueError:
        return None


def _equal(text: str | None, value) -> bool:
    if text is None:
        return False
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, str):
        return text == value
    return number(text) is not None and number(text) == float(value)


def _plain(value) -> str:
    return (
        value
        if isinstance(value, str)
        else ("true" if value else "false")
        if isinstance(value, bool)
        else str(value)
    )


def _test(found, test, now) -> bool:
    text, value = shown(found), test.value
    match test.operator:
        case "exists":
            return text is not None
        case "not_exists":
            return text is None
        case "equals":
            return _equal(text, value)
        case "not_equals":
            return not _equal(text, value)
        case "equals_one_of":
            return any(_equal(text, one) for one in value)
        case "contains":
            return text is not None and _plain(value) in text
        case "does_not_contain":
            return text is None or _plain(value) not in text
        case "contains_one_of":
            return text is not None and any(_plain(one) in text for one in value)
        case "starts_with":
            return text is not None and text.startswith(_plain(value))
        case "ends_with":
            return text is not None and text.endswith(_plain(value))
        case "less_than":
            return number(text) is not None and number(text) < value
        case "greater_than":
            return number(text) is not None and number(text) > value
        case "less_than_or_equal":
            return number(text) is not None and number(text) <= value
        case "greater_than_or_equal":
            return number(text) is not None and number(text) >= value
    at = date(text)
    if at is None:
        return False
    match test.operator:
        case "before_date":
            return at < date(value)
        case "after_date":
            return at > date(value)
    span = timedelta(seconds=value)
    match test.operator:
        case "within_last":
            return now - span < at <= now
        case "within_next":
            return now < at <= now + span
        case "before_last":
            return at <= now - span
        case "after_next":
            return at > now + span
    raise AssertionError(test.operator)


def _aggregate(definition: ComputedTrait, events: list[Event], now: datetime) -> str | None:
    events = [e for e in events if _fulfils(e, definition.clause) and _inside(e.time, definition.window, now)]
    if definition.aggregate == "count":
        return str(len(events)) if events else None
    events.sort(key=lambda e: (*_order(e), _json(e.properties.get(definition.clause.value)).encode()))
    values = [e.properties.get(definition.clause.value) for e in events]
    values = [_json(value) for value in values if value is not None]
    numbers = [n for n in (number(shown(json.loads(value))) for value in values) if n is not None]
    units = [math.floor(n * 1e6 + 0.5) for n in numbers if abs(n) <= 9e12]
    match definition.aggregate:
        case "sum":
            return _units(sum(units)) if units else None
        case "average":
            if not units:
                return None
            total, n = sum(units), len(units)
            size = (2 * abs(total) + n) // (2 * n)
            return _units(-size if total < 0 else size)
        case "minimum":
            return _units(min(units)) if units else None
        case "maximum":
            return _units(max(units)) if units else None
        case "first":
            return values[0] if values else None
        case "last":
            return values[-1] if values else None
        case "unique_count":
            return str(len(set(values))) if values else None
        case "unique_list":
            return f"[{','.join(sorted(set(values), key=_alphabetical))}]" if values else None
    often = [(-n, *_alphabetical(value), value) for value, n in Counter(values).items() if n >= 2]
    return min(often)[-1] if often else None


def _alphabetical(value: str):
    return shown(json.loads(value)).encode(), value.encode()


def _json(value) -> str:
    if isinstance(value, float):  # with an exponent only from 1e21 on, and below a millionth
        plain = 1e-6 <= abs(value) < 1e21
        text = f"{Decimal(repr(value)):f}" if plain else repr(value)
        return re.sub(r"e([+-]?)0*", lambda match: "e" + match[1].replace("+", ""), text)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _units(units: int) -> str:
    whole, part = divmod(abs(units), 1_000_000)
    fraction = f"{part:06d}".rstrip("0")
    return ("-" if units < 0 else "") + str(whole) + (f".{fraction}" if fraction else "")
