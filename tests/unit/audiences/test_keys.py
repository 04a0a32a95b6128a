import pytest

from gainstage.audiences.definition import Audience, Clause, ComputedTrait, Performed
from gainstage.audiences.keys import Owner, key_of, refused, wrong_key

VISITED = Performed(Clause("Page Viewed"))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Order Completed Last 30days", "order_completed_last_30days"),
        ("  Größe > 5 (été) ", "grosse_5_ete"),
        ("30 Day Buyers!", "30_day_buyers"),
        ("Łódź & Ærø", "lodz_aero"),
        ("İstanbul ½", "istanbul_1_2"),
        ("План Pro", "pro"),
        ("План", ""),
        ("顧客", ""),
        ("!?", ""),
    ],
)
def test_a_key_is_made_of_latin_letters_and_digits_of_the_name(name: str, key: str) -> None:
    assert key_of(name) == key


@pytest.mark.parametrize("key", ["", "A", "a__b", "_a", "a-b", "é", "a" * 101])
def test_a_key_that_no_name_would_give_is_refused(key: str) -> None:
    assert wrong_key(key)


class Keys:
    """Who has a key, or had it."""

    def __init__(self, **owners: Owner) -> None:
        self.owners = owners

    def owner(self, key: str) -> Owner | None:
        return self.owners.get(key)


def test_a_key_of_something_removed_is_not_given_again() -> None:
    registry = Keys(big=Owner("audience", "Big ones", "user", removed=True))
    (told,) = refused([Audience(key="big", name="Big", condition=VISITED)], registry)
    assert "was that of the audience Big ones, which was removed, and is not given again" in told[1]


def test_a_definition_keeps_its_key_under_another_name_and_not_as_something_else() -> None:
    registry = Keys(big=Owner("audience", "Big ones", "user"))
    renamed = Audience(key="big", name="Large", condition=VISITED)
    of_accounts = Audience(key="big", name="Large", subject="account", condition=VISITED)
    trait = ComputedTrait(key="big", name="Large", clause=Clause("Page Viewed"), aggregate="count")
    assert list(refused([renamed], registry)) == []
    assert [definition for definition, _ in refused([of_accounts, trait], registry)] == [of_accounts, trait]
