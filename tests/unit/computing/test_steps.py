"""Random definitions over random histories: at every step everybody has what a naive evaluator says, and the
calls that were said are the changes, no more and no less.
"""

import asyncio
import json
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.audiences.definition import Audience, Computation
from gainstage.clock import SECOND_US
from tests.unit.audiences.worlds import NAMES, PROPERTIES, TRAITS, definitions, value
from tests.unit.computing.desk import Desk, expected

HOUR = 3_600
USERS, DEVICES, ACCOUNTS = ("1", "2", "é"), ("x", "y"), ("acme", "o'neil & sons")


def message(random: Random) -> dict[str, Any]:
    """Something that happens: now, late, or once more."""
    who: dict[str, Any] = {"userId": random.choice(USERS)}
    if random.random() < 0.35:
        who = {"anonymousId": random.choice(DEVICES)}
    ago = random.choice([0, 0, 0, 1, HOUR, 25 * HOUR, 40 * 24 * HOUR])
    about = {**who, "ago": ago}
    kind = random.choice(["track", "track", "track", "page", "identify", "group", "link", "alias", "again"])
    match kind:
        case "track" | "page":
            names = random.sample(PROPERTIES, random.randint(0, 2))
            properties = {name: value(random) for name in names}
            own = {"event": random.choice(NAMES)} if kind == "track" else {"name": "Pricing"}
            return {"type": kind, "properties": properties, **own, **about}
        case "identify":
            return {"type": "identify", "traits": {random.choice(TRAITS): value(random)}, **about}
        case "group":
            traits = {random.choice(TRAITS): value(random)}
            return {"type": "group", "groupId": random.choice(ACCOUNTS), "traits": traits, **about}
        case "link":
            ids = {"userId": random.choice(USERS), "anonymousId": random.choice(DEVICES)}
            return {"type": "identify", "ago": ago, **ids}
        case "alias":
            old, new = random.sample(USERS, 2)
            return {"type": "alias", "previousId": old, "userId": new, "ago": ago}
    return {"type": "track", "event": NAMES[0], "messageId": "again", **about}


def told(definitions: tuple[Computation, ...]) -> tuple[Computation, ...]:
    return tuple(replace(one, destinations=("cs",)) for one in definitions)


@pytest.mark.parametrize("part", range(5))  # so that several processes share them
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_everybody_has_what_the_events_say_and_hears_of_each_change_once(part: int, seed: int) -> None:
    asyncio.run(live(Random(f"{part} {seed}")))


async def live(random: Random) -> None:
    made = told(definitions(random, 6))
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        heard: dict[tuple[str, str], Any] = {}
        try:
            for _ in range(random.randint(2, 6)):
                desk.happen(*(message(random) for _ in range(random.randint(0, 12))))
                desk.clock.forward(hours=random.choice([0.001, 0.5, 1, 24, 24 * 29]))
                if random.random() < 0.4:
                    desk.fate.steps = random.randint(0, 25)
                if random.random() < 0.2:
                    made = edited(random, made)
                await step(desk, made, heard)
            desk.fate.steps = None
            if values := desk.values():
                gone = random.choice(sorted(values))[1]
                with desk.state.transaction():
                    desk.state.forget([gone])
                assert sized(desk) == Counter(key for key, who, _ in values if who != gone)
        finally:
            desk.close()


def sized(desk: Desk) -> dict[str, int]:
    return {key: size for key, size in desk.state.sizes().items() if size}


def edited(random: Random, made: tuple[Computation, ...]) -> tuple[Computation, ...]:
    """One of them is said to be something else, of the same kind."""
    old = random.choice(made)
    while True:
        new = replace(told(definitions(random, 1))[0], key=old.key, name=old.name)
        if (type(new), new.subject) == (type(old), old.subject):
            return tuple(new if one is old else one for one in made)


async def more(desk: Desk, made: tuple[Computation, ...]) -> bool:
    """Whether anything was left to be said, after the process had ended in between."""
    return bool((await desk.compute(made)).said)


async def step(desk: Desk, made: tuple[Computation, ...], heard: dict[tuple[str, str], Any]) -> None:
    """One turn; then what everybody has, and what was heard of it."""
    await desk.compute(made, at_once=True)
    while await more(desk, made):
        pass
    now = datetime.fromtimestamp(desk.clock.us // SECOND_US, UTC).replace(
        microsecond=desk.clock.us % SECOND_US
    )
    wanted = expected(desk.events, made, now)
    assert desk.values() == wanted
    assert sized(desk) == Counter(key for key, _, _ in wanted)
    audiences = {one.key for one in made if isinstance(one, Audience)}
    said = desk.said()
    assert len({(key, subject) for key, subject, _ in said}) == len(said), "nobody hears of a change twice"
    for key, subject, found in said:
        assert heard.get((key, subject), False if key in audiences else None) != found, "nothing new was said"
        heard[key, subject] = found
    keys = {one.key for one in made}
    for key, subject, text in wanted:
        assert heard[key, subject] == json.loads(text)
    there = {(key, subject) for key, subject, _ in wanted}
    for (key, subject), found in heard.items():
        if key in keys and (key, subject) not in there and not renamed(desk, subject):
            assert found in (False, None), "whoever left has heard of it"


def renamed(desk: Desk, subject: str) -> bool:
    """Whether somebody is called otherwise by now: then nothing is said of the old name."""
    return bool(desk.bench.rows("SELECT 1 FROM root WHERE name = ?", [subject]))
