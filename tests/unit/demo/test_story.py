"""The demo's judgement: the story is the same at every run, and whatever is not as it says is named."""

from typing import Any

from gainstage.demo.story import AUDIENCE_FIELD, DESTINATIONS, PEOPLE, REPORTERS, TRAIT_FIELD, chapters
from gainstage.demo.watching import (
    Fate,
    arrived_counts,
    by_reason,
    expected_counts,
    one_at_a_time,
    surprises,
    unbalanced,
)

CALLS = [call for chapter in chapters() for call in chapter.calls]
FATES = [
    Fate(call, destination, *call.expected(destination), "")
    for call in CALLS
    for destination in ([""] if "" in call.otherwise else DESTINATIONS)
]


def state() -> dict[str, Any]:
    """A sandbox that holds exactly what the story expects."""
    found: dict[str, Any] = {}
    for (destination, kind), number in expected_counts(CALLS).items():
        found.setdefault(destination, {})[kind] = [{}] * number
    computed = {AUDIENCE_FIELD: True, TRAIT_FIELD: 12}
    found["cs"]["people"] = [
        {"Email": person.email, **(computed if person.id in REPORTERS else {})} for person in PEOPLE
    ]
    return found


def test_the_story_is_the_same_at_every_run() -> None:
    assert chapters() == chapters()
    assert len({call.message_id for call in CALLS}) == len(CALLS)


def test_a_run_that_went_as_told_holds_no_surprise() -> None:
    assert surprises(CALLS, FATES, state()) == []
    assert arrived_counts(state()) == expected_counts(CALLS)


def test_another_outcome_a_lost_event_and_a_missing_record_are_named() -> None:
    first, *rest = FATES
    wrong = Fate(first.call, first.destination, "failed", "value_invalid", "No.")
    assert surprises(CALLS, [wrong, *rest], state()) == ["demo-ada-identify at cs failed value_invalid No."]
    assert surprises(CALLS, rest, state()) == ["demo-ada-identify is unknown at cs"]
    poorer = state()
    poorer["cs"]["people"].pop()
    assert surprises(CALLS, FATES, poorer) == ["cs holds 11 people, expected 12"]
    wrong_value = state()
    wrong_value["cs"]["people"][0][TRAIT_FIELD] = 4
    (told,) = surprises(CALLS, FATES, wrong_value)
    assert told.startswith("Pages_Exported__gc holds {'ada@northwind.example': 4,")


def test_a_ledger_that_does_not_add_up_is_named() -> None:
    good = {"received": 3, "delivered": 1, "filtered": 1, "failed": 1, "parked": 0, "pending": 0}
    bad = {**good, "received": 4}
    assert unbalanced([good, bad]) == [bad]


def test_what_did_not_arrive_is_grouped_by_reason() -> None:
    groups = by_reason(FATES)
    assert {fate.destination for fate in groups["filtered", "integrations"]} == set(DESTINATIONS)
    assert not any(word == "delivered" for word, _ in groups)


def test_only_what_was_delivered_counts_for_the_other_sender() -> None:
    identify = next(fate for fate in FATES if fate.destination == "px" and fate.call.kind == "identify")
    refused = Fate(identify.call, "px", "failed", "value_invalid", "")
    assert one_at_a_time([identify, refused], []) == {"px": 2}
    computed = {"source": "gainstage:audiences", "destination": "cs", "delivered": 8}
    assert one_at_a_time([], [computed, {**computed, "source": "website"}]) == {"cs": 8}
