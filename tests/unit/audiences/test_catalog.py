import pytest

from gainstage.audiences.catalog import circle, clauses, layers, linked, reads
from gainstage.audiences.definition import (
    All,
    Audience,
    Clause,
    ComputedTrait,
    Filter,
    Member,
    Not,
    Performed,
    Test,
    Trait,
)

VISITED = Clause("Page Viewed")
SPENT = ComputedTrait(key="spent", name="Spent", clause=Clause("Order", value="revenue"), aggregate="sum")


def audience(key: str, *conditions: object, **more: object) -> Audience:
    return Audience(key=key, name=key, condition=All(tuple(conditions)), **more)  # type: ignore[arg-type]


def test_each_layer_names_only_what_stands_before_it() -> None:
    top = audience("top", Member("middle"), Trait("spent", Test("exists")))
    middle = audience("middle", Not(Member("bottom")))
    bottom = audience("bottom", Performed(VISITED))
    made = linked([top, middle, SPENT, bottom])
    assert [[one.key for one in layer] for layer in layers(made)] == [
        ["spent", "bottom"],
        ["middle"],
        ["top"],
    ]


def test_a_circle_is_named_and_what_leads_into_it_is_not() -> None:
    made = {
        one.key: one
        for one in (audience("a", Member("b")), audience("b", Member("c")), audience("c", Member("b")))
    }
    found = circle(made)
    assert found is not None and set(found) == {"b", "c"} and found[0] == found[-1]
    with pytest.raises(ValueError, match="a circle"):
        layers(made.values())


def test_a_trait_with_the_key_of_a_computed_one_is_that_for_the_same_kind_of_subject() -> None:
    asked = audience(
        "asked",
        Trait("spent", Test("exists")),
        Trait("spent", Test("exists"), of="account"),
        subject="account",
    )
    found = linked([asked, SPENT])[0]
    assert isinstance(found, Audience) and isinstance(found.condition, All)
    assert [leaf.computed for leaf in found.condition.conditions if isinstance(leaf, Trait)] == [True, False]
    assert reads(found).computations == {"spent"}
    assert reads(found).account_traits == {"spent"}
    assert reads(found).links


def test_equal_clauses_of_several_definitions_are_one_and_different_ones_never() -> None:
    numbers = [1, 1.5, "1", True]
    different = [Clause("X", (Filter("p", Test("equals", value)),)) for value in numbers]
    different += [Clause("X"), Clause("X", value="p"), Clause("X", (Filter("q", Test("equals", 1)),))]
    made = [audience(f"k{n}", Performed(clause)) for n, clause in enumerate([*different, *different])]
    assert clauses(made) == tuple(different)
    assert len({clause.id for clause in different}) == len(different)
