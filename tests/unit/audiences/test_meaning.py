"""Queries give what the naive evaluator gives, for random definitions and random worlds."""

from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.audiences.compiler import evaluation, render
from gainstage.audiences.compiler.columns import needs_events
from gainstage.audiences.definition import Audience, Performed, leaves
from tests.unit.audiences.engine import Engine
from tests.unit.audiences.naive import evaluate
from tests.unit.audiences.worlds import DAY, HOUR, NOW, definitions, world

#: A world is made of a seed: what fails is found again by it, and half a world says no more than a whole one.
SEEDS = st.integers(0, 2**32)


@settings(max_examples=12, deadline=None)
@given(SEEDS)
def test_random_definitions_give_the_same_from_events_from_what_matched_and_by_hand(seed: int) -> None:
    random = Random(seed)
    made, known = definitions(random, 12), world(random)
    engine = Engine(known)
    engine.extract(made)
    expected = evaluate(made, known, NOW)
    assert engine.evaluate(made, NOW) == expected
    assert engine.evaluate(made, NOW, source="matched") == expected
    assert engine.evaluate(made, NOW, source="matched", partial=True) == expected


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_audiences_that_need_events_give_the_same_without_a_look_at_everybody(seed: int) -> None:
    random = Random(seed)
    known = world(random, events=8)
    found = [one for one in definitions(random, 30) if isinstance(one, Audience) and one.subject == "user"]
    made = tuple(one for one in found if needs_events(one.condition))[:2]
    counted = any(isinstance(leaf, Performed) for one in made for leaf in leaves(one.condition))
    query = render(evaluation(made, NOW, source="events"), "duckdb")
    assert not counted or "FROM people" not in query
    engine = Engine(known)
    engine.extract(made)
    expected = evaluate(made, known, NOW)
    assert engine.evaluate(made, NOW) == expected
    assert engine.evaluate(made, NOW, source="matched") == expected


@settings(max_examples=12, deadline=None)
@given(SEEDS)
def test_whoever_changes_by_time_alone_is_among_the_crossings(seed: int) -> None:
    random = Random(seed)
    made, known = definitions(random, 12), world(random)
    since = NOW - timedelta(seconds=random.choice([0, HOUR, DAY]))
    until = since + timedelta(seconds=random.choice([1, HOUR, DAY, 29 * DAY, 40 * DAY]))
    engine = Engine(known)
    engine.extract(made)
    changed = evaluate(made, known, since) ^ evaluate(made, known, until)
    assert {(key, subject) for key, subject, _ in changed} <= engine.crossing(made, since, until)
