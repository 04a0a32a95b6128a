"""Definitions through the builder's form and back, its problems beside its fields, and in words."""

from collections.abc import Iterator
from typing import Any

import pytest

from gainstage.audiences.definition import All, Audience
from gainstage.configuration.computing import AudienceForm, ComputedTraitForm
from gainstage.dashboard.audiences import draft as drafts
from gainstage.dashboard.audiences.draft import Draft, Node, Part
from gainstage.dashboard.audiences.shown import drafted
from gainstage.dashboard.audiences.words import CHOICES, Words, described
from gainstage.dashboard.audiences.written import Written, lasting
from gainstage.dashboard.forms import Form
from tests.unit.audiences.documented import documents_shown

FORMS = {"audience": AudienceForm, "computed_trait": ComputedTraitForm}
SHOWN = documents_shown()
ODD = [5, 0.5, "5", True, "true", '"b"', "", " x ", "y\nz"]
EVERYTHING: dict[str, Any] = {
    "name": "Everything",
    "for": "account",
    "quantifier": "none",
    "description": "All that there is",
    "destinations": ["cs", "px"],
    "include_anonymous": True,
    "where": {
        "any": [
            {"not": {"any": [{"event": "A", "count": {"exactly": 3}, "between": ["0d", "2w"]}]}},
            {"event": "A", "count": {"at_most": 2}, "where": [{"property": "p", "operator": "exists"}]},
            {"trait": "t", "operator": "equals", "value": "5"},
            {"trait": "t", "operator": "equals_one_of", "value": ODD},
            {"account_trait": "t", "operator": "within_next", "value": "30d"},
            {"not": {"audience": "other"}},
            {
                "sequence": [
                    {"event": "A"},
                    {"event": "B", "within": "3d", "where": [{"property": "p", "operator": "not_exists"}]},
                    {"event": "C", "did": False},
                ],
                "within": "60d",
            },
        ]
    },
}  # fmt: skip


def fields(draft: Draft) -> Form:
    """The form as a browser sends it back."""
    pairs = [("kind", draft.kind), *draft.values.items()]
    pairs += [("destinations", name) for name in draft.destinations]
    pairs += [("include_anonymous", "yes")] if draft.anonymous else []
    pairs += list(of_parts(draft.filters))
    return Form([*pairs, *(of_node(draft.root) if draft.root else ())])


def of_node(node: Node) -> Iterator[tuple[str, str]]:
    yield f"{node.path}.kind", node.kind
    yield f"{node.path}.holds", "no" if node.negated else "yes"
    yield from ((f"{node.path}.{name}", value) for name, value in node.values.items())
    yield from of_parts([*node.filters, *node.steps])
    for inner in node.inner:
        yield from of_node(inner)


def of_parts(parts: list[Part]) -> Iterator[tuple[str, str]]:
    for part in parts:
        yield from ((f"{part.path}.{name}", value) for name, value in part.values.items())
        yield from of_parts(part.filters)


def meant(kind: str, body: dict[str, Any]) -> Any:
    made = FORMS[kind].model_validate(body).made()
    if isinstance(made, Audience) and isinstance(made.condition, All) and len(made.condition.conditions) == 1:
        return made.key, made.subject, made.destinations, made.condition.conditions[0]
    return (made.key, made.subject, made.destinations, made.condition) if isinstance(made, Audience) else made


@pytest.mark.parametrize(("kind", "body"), [*SHOWN, ("audience", EVERYTHING)], ids=lambda one: str(one)[:40])
def test_a_definition_means_the_same_after_it_was_in_the_builder(kind: str, body: dict[str, Any]) -> None:
    sent = drafts.read(fields(drafted(kind, body)))
    assert meant(kind, Written(sent).body) == meant(kind, body)


def test_what_is_denied_twice_holds() -> None:
    where = {"all": [{"not": {"not": {"audience": "other"}}}]}
    assert Written(drafted("audience", {"name": "A", "where": where})).body["where"] == {
        "all": [{"audience": "other"}]
    }


def test_conditions_filters_and_steps_are_added_and_taken_away() -> None:
    draft = drafts.empty("audience")

    def press(what: str, new: str = "") -> None:
        nonlocal draft
        form = fields(draft)
        at = what.partition(":")[2]
        draft = drafts.read(form)
        drafts.change(draft, what, Form([(f"{at}.new", new)]))

    assert draft.root is not None
    press("add:where", "any")
    press("add:where-1", "sequence")
    press("add:where-1", "trait")
    press("step:where-1-0")
    press("filter:where-1-0-s2")
    press("filter:where-0")
    press("remove:where-1-0-s0")
    assert draft.root is not None
    group = draft.root.inner[1]
    assert [one.kind for one in group.inner] == ["sequence", "trait"]
    assert [len(step.filters) for step in group.inner[0].steps] == [0, 1]
    assert group.inner[0].steps[1].filters[0].path == "where-1-0-s1-f0"
    press("remove:where-0")
    assert draft.root is not None
    assert [(one.path, one.kind) for one in draft.root.inner] == [("where-0", "any")]
    press("remove:where-0-0")
    assert draft.root is not None
    assert [(one.path, one.kind) for one in draft.root.inner[0].inner] == [("where-0-0", "trait")]


def test_filters_of_a_computed_trait_are_added_and_taken_away() -> None:
    draft = drafts.empty("computed_trait")
    for _ in range(2):
        drafts.change(draft, "filter:trait", Form([]))
    draft.filters[1].values["property"] = "kept"
    drafts.change(draft, "remove:trait-f0", Form([]))
    assert [(one.path, one.values["property"]) for one in draft.filters] == [("trait-f0", "kept")]


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("name", "name"),
        ("destinations[0]", "destinations"),
        ("where.any[0].not.any[0].between[1]", "where-0-0.to"),
        ("where.any[1].count.at_most", "where-1.at_most"),
        ("where.any[1].where[0].property", "where-1-f0.property"),
        ("where.any[2]", "where-2.value"),
        ("where.any[2].trait", "where-2.name"),
        ("where.any[5].not.audience", "where-5.audience"),
        ("where.any[6].sequence[1].within", "where-6-s1.within"),
        ("where.any[6].sequence[1].where[0]", "where-6-s1-f0.value"),
        ("where.any", "where"),
    ],
)
def test_a_problem_stands_beside_the_field_it_is_about(place: str, field: str) -> None:
    written = Written(drafted("audience", EVERYTHING))
    placed, rest = written.problems([f"audience.{place}: is wrong"], "audience")
    assert (placed, rest) == ({field: ["Is wrong"]}, [])


def test_a_problem_without_a_field_is_told_all_the_same() -> None:
    written = Written(drafted("audience", EVERYTHING))
    told = ["audience: the key of this name is taken", "No event was archived yet"]
    assert written.problems(told, "audience") == ({}, ["the key of this name is taken", told[1]])


def lines(words: Words, depth: int = 0) -> list[str]:
    return [" " * depth + words.text, *(line for one in words.inner for line in lines(one, depth + 1))]


def test_a_definition_is_said_in_words() -> None:
    by_name = {body["name"]: lines(described(kind, body)) for kind, body in SHOWN}
    assert by_name["Gone quiet"] == [
        "People of whom this holds:",
        " All of these hold:",
        "  Performed “Logged In” at least 5 times between 60 days and 14 days ago",
        "  It is not so that somebody performed “Logged In” at least once in the last 14 days",
    ]
    assert by_name["Invitation without answer"][1:] == [
        " Did one after another, beginning in the last 60 days:",
        "  “Signed Up”",
        "  then “Colleague Invited” within 3 days after that",
        "  then no “Invitation Accepted” within 7 days after that",
    ]
    assert by_name["Revenue 90 days"] == [
        "The sum of “revenue” over the events “Order Completed” of the person in the last 90 days"
    ]


def test_every_operator_has_words() -> None:
    from gainstage.audiences.operators import OPERATORS

    assert [name for name, _ in CHOICES] == list(OPERATORS)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("30d", "30d"),
        ("30 days", "30d"),
        ("1 Week", "1w"),
        ("15 min", "15m"),
        ("2 months", "2 months"),
        ("", ""),
    ],
)
def test_lengths_of_time_are_taken_as_people_write_them(written: str, told: str) -> None:
    assert lasting(written) == told
