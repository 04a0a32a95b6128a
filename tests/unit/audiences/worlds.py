"""Random worlds and random definitions about them: small words, so that much of it meets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

from gainstage.audiences.definition import (
    Aggregate,
    All,
    AnyOf,
    Audience,
    Clause,
    Computation,
    ComputedTrait,
    Filter,
    Member,
    Not,
    Performed,
    Step,
    Test,
    Trait,
    Window,
)
from gainstage.audiences.definition import Sequence as Steps
from gainstage.audiences.operators import OPERATORS
from tests.unit.audiences.naive import Event, World

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = 3600, 86_400
PEOPLE = ["u:1", "u:2", "u:é", "a:1", "a:2"]
ACCOUNTS = ["acme", "o'neil & sons"]
NAMES = ["Order Completed", "Page Viewed", 'Don\'t "quote" \\me']
PROPERTIES = ["revenue", "a.b", "q\"u'o", "s/l~t", "größe $[0]"]
TRAITS = ["plan", "renewal.date"]
KEYS = ["other", "more"]
NUMBERS = [
    0,
    1,
    12345678.5,
    0.00001,
    1e22,
    -1,
    5,
    2.5,
    5.0,
    -0.1,
    0.1,
    1e-7,
    9e12,
    1e15,
    12345678901234567890,
]
TEXTS = [
    "", "a", "A", "ab", "5", "5.0", " 5", "+5", "1e2", "1_0", "0x1", "5d", "inf", "NaN", "1e999", "true",
    "null",
    "\"", "\\", "a\nb", "5\n", "é", "\u007f\u0001", "😀", "'; DROP TABLE events; --", "%", "_", "enterprise",
    "2026-02-30", "2026-02-01", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000001Z",
    "2026-02-28T23:30:00+02:00",
    "2026-02-28 23:30", "2026-03-31T00:00:00.123456789-0130", "2026-03-02T24:00:00Z", "2026-03-01T12:00:60Z",
    "2026-03-01T12:00Z\n", "0001-01-01", "9999-12-31T23:59:59-10:00", "2026-03-01t12:00:00z", "20260301",
]  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What a world speaks of."""

    names: Sequence[str] = tuple(NAMES)
    properties: Sequence[str] = tuple(PROPERTIES)
    traits: Sequence[str] = tuple(TRAITS + KEYS)
    keys: Sequence[str] = tuple(KEYS)
    texts: Sequence[str] = tuple(TEXTS)


def scalar(random: Random, texts: Sequence[str] = TEXTS) -> Any:
    return random.choice([random.choice(NUMBERS), random.choice(texts), random.choice([True, False])])


def value(random: Random, texts: Sequence[str] = TEXTS) -> Any:
    """What a property or a trait may be."""
    kind = random.random()
    if kind < 0.75:
        return scalar(random, texts)
    nested = [None, [], {}, ["a", 1, None], ['ü"', [True]], {"b": "x", "a": 1}, {"a": {"é": None}}]
    return random.choice(nested)


def ago(random: Random) -> timedelta:
    """Moments at which windows begin and end, and their neighbours."""
    seconds = random.choice([0, HOUR, 2 * HOUR, DAY, DAY + HOUR, 2 * DAY, 30 * DAY, 31 * DAY, -HOUR])
    return timedelta(seconds=seconds, microseconds=random.choice([0, 0, 1, -1]))


def span(random: Random) -> int:
    return random.choice([HOUR, DAY, 2 * DAY, 30 * DAY])


def window(random: Random) -> Window:
    within = Window(0, span(random))
    between = Window(*random.choice([(HOUR, DAY), (0, DAY), (DAY, 30 * DAY), (30 * DAY, 31 * DAY)]))
    return random.choice([Window(), within, between])


def condition_of(random: Random, operators: Sequence[str] = tuple(OPERATORS)) -> Test:
    """A test of a value."""
    operator = OPERATORS[random.choice(operators)]
    held: Any = None
    match operator.takes:
        case "value":
            held = scalar(random)
        case "number":
            held = float(random.choice(NUMBERS))
        case "text":
            held = random.choice(TEXTS)
        case "date":
            held = random.choice(["2026-02-01", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000001+00:00"])
        case "values":
            held = tuple(scalar(random) for _ in range(random.randint(1, 3)))
        case "texts":
            held = tuple(random.choice(TEXTS) for _ in range(random.randint(1, 2)))
        case "duration":
            held = span(random)
    return Test(operator.name, held)


FIXED = tuple(name for name, operator in OPERATORS.items() if not operator.relative)


def clause(random: Random, held: str | None = None) -> Clause:
    filters = random.choice([0, 0, 1, 2])
    where = tuple(Filter(random.choice(PROPERTIES), condition_of(random, FIXED)) for _ in range(filters))
    return Clause(random.choice(NAMES), where, held)


def leaf(random: Random, account: bool) -> Any:
    kind = random.choice(["event", "event", "sequence", "trait", "member"])
    of = random.choice(["user", "account"]) if account else "user"
    match kind:
        case "event":
            low, high = random.choice([(1, None), (2, None), (0, 0), (0, 1), (1, 2), (3, 3)])
            return Performed(clause(random), window(random), low, high)
        case "sequence":
            steps = [Step(clause(random))]
            for _ in range(random.randint(1, 3)):
                steps.append(Step(clause(random), random.choice([None, span(random)])))
            if random.random() < 0.5:
                steps[-1] = Step(steps[-1].clause, steps[-1].within_seconds, False)
            return Steps(tuple(steps), window(random))
        case "trait":
            name = random.choice(TRAITS + KEYS)
            return Trait(name, condition_of(random), of, random.random() < 0.5)
    return Member(random.choice(KEYS), of)


def condition(random: Random, account: bool, depth: int = 2) -> Any:
    if depth == 0 or random.random() < 0.4:
        return leaf(random, account)
    inner = tuple(condition(random, account, depth - 1) for _ in range(random.randint(1, 3)))
    return random.choice([All(inner), AnyOf(inner), Not(inner[0])])


def definition(random: Random, number: int) -> Computation:
    subject = random.choice(["user", "user", "account"])
    shared = {"key": f"k{number}", "name": f"K{number}", "include_anonymous": random.random() < 0.5}
    if random.random() < 0.6:
        quantifier = random.choice(["any", "all", "none"]) if subject == "account" else "any"
        made = condition(random, subject == "account")
        return Audience(**shared, subject=subject, condition=made, quantifier=quantifier)
    aggregate = random.choice(get_args(Aggregate))
    held = None if aggregate == "count" else random.choice(PROPERTIES)
    made = clause(random, held)
    return ComputedTrait(**shared, subject=subject, clause=made, aggregate=aggregate, window=window(random))


def definitions(random: Random, count: int) -> tuple[Computation, ...]:
    return tuple(definition(random, number) for number in range(count))


def world(random: Random, events: int = 40, words: Words = Words()) -> World:
    found = []
    for number in range(events):
        names = random.sample(words.properties, random.randint(0, len(words.properties)))
        properties = {name: value(random, words.texts) for name in names}
        tie = f"{random.randint(0, 9)}:{number}"
        event = Event(random.choice(PEOPLE), NOW - ago(random), tie, random.choice(words.names), properties)
        found.append(event)

    def some(subjects: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Any]:
        pairs = [(subject, name) for subject in subjects for name in names if random.random() < 0.6]
        return {pair: held for pair in pairs if (held := value(random, words.texts)) is not None}

    computed = {at: random.choice([held, True]) for at, held in some(words.keys, PEOPLE + ACCOUNTS).items()}
    links = [(person, account) for person in PEOPLE for account in ACCOUNTS if random.random() < 0.4]
    return World(
        people=PEOPLE,
        accounts=ACCOUNTS,
        events=found,
        traits=some(PEOPLE, words.traits),
        account_traits=some(ACCOUNTS, words.traits),
        links=links,
        computed=computed,
    )


def text_of(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def rows_of(world: World) -> dict[str, list[tuple]]:
    """The relations that queries read."""
    return {
        "events": [
            (e.person, e.time.replace(tzinfo=None), e.tie, e.name, text_of(e.properties))
            for e in world.events
        ],
        "people": [(person,) for person in world.people],
        "accounts": [(account,) for account in world.accounts],
        "traits": [(*at, text_of(value)) for at, value in world.traits.items()],
        "account_traits": [(*at, text_of(value)) for at, value in world.account_traits.items()],
        "links": list(world.links),
        "computed": [(*at, text_of(value)) for at, value in world.computed.items()],
    }


COLUMNS = {
    "events": ("person", "time", "tie", "name", "properties"),
    "people": ("person",),
    "accounts": ("account",),
    "traits": ("person", "trait", "value"),
    "account_traits": ("account", "trait", "value"),
    "links": ("person", "account"),
    "computed": ("computation", "subject", "value"),
    "matched": ("clause", "person", "time", "tie", "value"),
}
