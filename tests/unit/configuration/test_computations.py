"""Audiences and computed traits in a configuration: what is taken, and in which words it is refused."""

import pytest

from gainstage.audiences.definition import All, Audience, Clause, Filter, Performed, Test, Trait, Window
from gainstage.configuration import export
from gainstage.configuration.reader import outline_of
from gainstage.configuration.resolve import Loaded, resolve, settle
from gainstage.errors import ConfigurationError
from tests.unit.audiences.documented import definitions_shown


def load(text: str) -> Loaded:
    return settle(outline_of(text.encode(), "file"), {})


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def condition(text: str) -> list[str]:
    """What is wrong with a condition."""
    return problems(f"audiences: [{{name: A, where: {text}}}]")


def test_the_form_of_the_documents_is_read() -> None:
    loaded = load("""
audiences:
  - name: Order Completed Last 30days
    for: user
    where:
      all:
        - event: Order Completed
          count: {at_least: 1}
          where: [{property: revenue, operator: greater_than, value: 0}]
          within: 30d
        - trait: plan
          operator: equals
          value: enterprise
""")
    bought = Clause("Order Completed", (Filter("revenue", Test("greater_than", 0.0)),))
    (found,) = loaded.configuration.computations
    assert found == Audience(
        key="order_completed_last_30days",
        name="Order Completed Last 30days",
        condition=All(
            (Performed(bought, Window(0, 30 * 86_400)), Trait("plan", Test("equals", "enterprise")))
        ),
    )


def test_two_audiences_of_one_name_are_refused_also_with_keys_of_their_own() -> None:
    """Names are what a configuration knows them by: the second one would take the place of the first."""
    assert problems("""
audiences:
  - {name: One, key: a, where: {event: X}}
  - {name: One, key: b, where: {event: Y}}
computed_traits:
  - {name: One, key: c, event: X, aggregate: count}
""") == ["audiences.One.name: another audience is named One; names must be unique (line 4)"]


def test_every_example_of_the_documents_is_taken() -> None:
    assert {"gone_quiet", "renewal_at_risk", "features_used"} <= {one.key for one in definitions_shown()}


def test_all_problems_are_told_at_once_each_with_the_audience_and_the_place() -> None:
    assert problems("""
audiences:
  - name: Two
    for: acount
    where:
      all:
        - evnt: Order
        - {event: X, within: 30, cont: {at_least: 1}}
        - {trait: a, operator: grater_than, value: 1}
        - not: {trait: a, operator: greater_than, value: x}
        - any: []
""") == [
        "audiences.Two.for: must be user or account; did you mean account? (line 4)",
        "audiences.Two.where.all[0].event: is missing: The event's name; Page Viewed and Screen Viewed for"
        " pages and screens. (line 7)",
        "audiences.Two.where.all[0].evnt: unknown key; did you mean event? (line 7)",
        "audiences.Two.where.all[1].within: must be a time such as 30d, 12h, 45m or 2w (line 8)",
        "audiences.Two.where.all[1].cont: unknown key; did you mean count? (line 8)",
        "audiences.Two.where.all[2].operator: is none of the known words; did you mean greater_than?"
        " (line 9)",
        "audiences.Two.where.all[3].not: greater_than needs a number as its value (line 10)",
        "audiences.Two.where.all[4].any: needs at least 1 entry (line 11)",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("5", "where: must be a condition, with one of the keys all, any, not, event"),
        ("{foo: 1}", "where: must be a condition, with one of the keys all, any, not, event"),
        ("{event: X, count: {at_least: 3, at_most: 1}}", "at_least is more than at_most"),
        ("{event: X, count: {exactly: 1, at_most: 1}}", "exactly stands alone"),
        ("{event: X, count: {}}", "needs at_least, at_most or exactly"),
        ("{event: X, within: 30d, between: [1d, 2d]}", "within and between exclude each other"),
        ("{event: X, within: 0d}", "at least a minute"),
        (
            "{event: X, where: [{property: p, operator: within_last, value: 3d}]}",
            "must be equals, not_equals",
        ),
        ("{sequence: [{event: X}]}", "sequence: needs at least 2 entries"),
        ("{sequence: [{event: X, did: false}, {event: Y}]}", "did: false is for the last step only"),
        ("{sequence: [{event: X, within: 3d}, {event: Y}]}", "write its within beside sequence"),
        ("{trait: t, operator: exists, value: 1}", "exists takes no value"),
        ("{trait: t, operator: equals}", "equals needs one value"),
        ("{trait: t, operator: equals, value: [a, b]}", "for several there is equals_one_of"),
        ("{trait: t, operator: equals_one_of, value: a}", "needs a list of values"),
        ("{trait: t, operator: before_date, value: tomorrow}", "before_date needs a date"),
        ("{trait: t, operator: within_last, value: 30}", "must be a time such as 30d"),
        ("{account_trait: t, operator: exists}", "account_trait is for audiences of accounts"),
        ("{audience: b}", "where.audience: there is no audience b"),
        ("{not: {audience: a}}", "names itself in a circle (a -> a)"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused_in_a_sentence(text: str, told: str) -> None:
    (only,) = condition(text)
    assert only.startswith("audiences.A.where") and told in only


def test_references_to_nothing_and_to_the_wrong_kind_are_refused() -> None:
    found = problems("""
audiences:
  - {name: Buyers, where: {event: Order}}
  - {name: Firms, for: account, where: {audience: buyers}}
  - name: B
    where:
      any: [{audience: byers}, {audience: firms}, {audience: spent}, {trait: seats, operator: exists}]
  - {name: C, where: {event: X}, quantifier: all, destinations: [cs]}
  - {name: Spent, where: {event: X}}
computed_traits:
  - {name: spent, event: Order, aggregate: sum, property: revenue}
  - {name: Seats, for: account, event: Order, aggregate: count}
  - {name: План, event: Order, aggregate: sum}
""")
    assert [line.split(" (line")[0] for line in found] == [
        "audiences.B.where.any[0].audience: there is no audience byers; did you mean buyers?",
        "audiences.B.where.any[1].audience: firms has accounts as its members, and this audience is of"
        " people",
        "audiences.B.where.any[3].trait: seats is a trait of accounts: write account_trait",
        "audiences.C: quantifier is for accounts: leave it out, or write for: account",
        "computed_traits.spent.name: the audience Spent has the key spent too: write another key",
        'computed_traits["План"]: its name has no Latin letter or digit to make a key of: write a key'
        " beside it",
    ]


def test_a_circle_is_named_at_each_place_that_makes_it() -> None:
    told = "names itself in a circle (four -> five -> four): take one of these out"
    assert problems("""
audiences:
  - {name: Four, where: {audience: five}}
  - {name: Five, where: {not: {audience: four}}}
""") == [
        f"audiences.Four.where.audience: {told} (line 3)",
        f"audiences.Five.where.not.audience: {told} (line 4)",
    ]


def test_a_running_server_goes_on_without_the_definitions_that_cannot_be_used() -> None:
    documents = outline_of(
        b"audiences: [{name: Good, where: {event: X}}, {name: Bad, where: {event: X, count: 1}}]", "file"
    ).documents
    resolved = resolve(documents, {}, lenient=True)
    assert [one.key for one in resolved.configuration.computations] == ["good"]
    assert len(resolved.warnings) == 1


def test_definitions_survive_export() -> None:
    text = "audiences:\n- name: Good\n  where:\n    event: X\n    within: 30d\n"
    loaded = load(text)
    assert load(export(loaded.documents)).configuration.computations == loaded.configuration.computations
