"""The part of the store's suite that is about records known by several keys; `StoreSuite` brings it along."""

from collections.abc import Sequence
from pathlib import Path

from gainstage.operation import Record
from gainstage.store.contract import Transaction
from gainstage.testing.lanes_suite import SECOND_US, OpensStore
from gainstage.testing.store_processes import NOW_US, PERSON, enter, lease, wait_in_lane

KINDS = ("gsid", "crm", "name")


def identify(transaction: Transaction, *keys: str) -> int:
    """The number of the team that an event names by these keys."""
    return transaction.keys.identify(1, Record("team", keys[0]), keys, KINDS).number


def join_all(transaction: Transaction) -> None:
    """Join what can be joined."""
    while pairs := transaction.keys.joinable():
        transaction.keys.join(*pairs[0])


class KeysSuite(OpensStore):
    """The behaviours of `Keys` in `gainstage.store.contract`."""

    def test_a_record_met_under_two_keys_is_found_by_each(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                both = identify(transaction, "crm:1", "name:Acme")
            with store.transaction() as transaction:
                assert identify(transaction, "name:Acme") == identify(transaction, "crm:1") == both
                assert identify(transaction, "crm:1", "name:Acme Inc") == both, "renamed"
                assert identify(transaction, "name:Acme Inc") == both
                assert identify(transaction, "name:Other") != both
                assert sorted(transaction.keys.of(both)) == ["crm:1", "name:Acme", "name:Acme Inc"]

    def test_records_that_turn_out_to_be_one_are_joined_with_all_that_is_known(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            one, other = identify(transaction, "crm:1"), identify(transaction, "name:Acme")
            transaction.records.write_state(one, {"a": ["1", "old", 5], "b": ["2", "x", 5]})
            transaction.records.write_state(other, {"a": ["3", "new", 9], "c": ["1", "y", 9]})
            transaction.records.learn(other, {"id": "G1"})
            event = enter(transaction, 1, "d")
            wait_in_lane(transaction, event, record=Record("team", "crm:1"))
            assert identify(transaction, "crm:1", "name:Acme") == one
            assert transaction.records.record(one).joining and transaction.records.record(other).joining
            assert transaction.lanes.due(1, NOW_US, 9) == [], "nothing goes until they are one"
            ((first, second),) = transaction.keys.joinable()
            place, again = transaction.keys.join(first, second)
            assert again == {}
            kept = transaction.records.record(place.number)
            assert kept.state == {"a": ["3", "new", 9], "b": ["2", "x", 5], "c": ["1", "y", 9]}
            assert kept.facts == {"id": "G1"} and not kept.joining
            assert [lane.record_id for lane in transaction.lanes.due(1, NOW_US, 9)] == [place.number]
            assert [row.event_id for row in transaction.lanes.ready(1, [place.number], 9)[place.number]] == [
                event
            ]
            assert identify(transaction, "crm:1") == identify(transaction, "name:Acme") == place.number
            assert transaction.keys.joinable() == []

    def test_values_that_were_perhaps_overwritten_by_older_ones_are_told(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            one, other = identify(transaction, "crm:1"), identify(transaction, "name:Acme")
            transaction.records.write_state(
                one, {"a": ["9", "newer", 5], "b": ["9", "newer", 0], "c": ["9", "same", 5]}
            )
            transaction.records.write_state(
                other, {"a": ["1", "older", 7], "b": ["1", "older", 4], "c": ["1", "same", 7]}
            )
            identify(transaction, "crm:1", "name:Acme")
            place, again = transaction.keys.join(*transaction.keys.joinable()[0])
            assert again == {"a": ["9", "newer", 0], "b": ["9", "newer", 0]}
            state = transaction.records.record(place.number).state
            assert state == {**again, "c": ["9", "same", 7]}

    def test_records_are_not_joined_while_a_call_for_one_is_under_way(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            one, other = identify(transaction, "crm:1"), identify(transaction, "name:Acme")
            fence = lease(transaction, other, NOW_US + SECOND_US)
            identify(transaction, "crm:1", "name:Acme")
            assert transaction.keys.joinable() == []
            wait_in_lane(transaction, enter(transaction, 1, "d"), record=Record("team", "crm:1"))
            assert transaction.lanes.due(1, NOW_US, 9) == []
            assert transaction.records.release(other, fence, in_doubt=False)
            assert transaction.keys.joinable() == [(one, other)]

    def test_a_stronger_key_tells_two_records_of_one_name_apart(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            first, second = (
                identify(transaction, "crm:1", "name:Acme"),
                identify(transaction, "crm:2", "name:Acme"),
            )
            assert first != second
            assert transaction.keys.joinable() == []
            by_name = identify(transaction, "name:Acme")
            assert by_name not in (first, second), "the name alone finds neither"
            assert transaction.keys.of(by_name) == ("name:Acme",)
            third = identify(transaction, "crm:3", "name:Acme")
            assert third not in (first, second, by_name)
            assert identify(transaction, "crm:1", "name:Acme") == first
            assert identify(transaction, "name:Acme") == by_name

    def test_links_to_a_record_whose_own_key_was_contested_still_mean_it(self, tmp_path: Path) -> None:
        own = Record("team", "name:Acme")
        with self.store(tmp_path) as store, store.transaction() as transaction:
            first = identify(transaction, "name:Acme")
            assert identify(transaction, "crm:1", "name:Acme") == first
            transaction.records.learn(first, {"gsid": "G1"})
            identify(transaction, "crm:2", "name:Acme")
            assert identify(transaction, "name:Acme") != first, "events find neither"
            named = transaction.records.named(1, own)
            assert named is not None and (named.number, named.record) == (first, own)
            assert transaction.records.facts(1, own) == {"gsid": "G1"}

    def test_links_by_a_joined_records_key_that_was_contested_since_still_mean_it(
        self, tmp_path: Path
    ) -> None:
        old, new = self._linked(tmp_path, ["name:Acme"], ["crm:1"])
        with self.store(tmp_path) as store, store.transaction() as transaction:
            identify(transaction, "crm:2", "name:Acme")
            by_name = identify(transaction, "name:Acme")
            assert by_name != identify(transaction, "crm:1"), "events find neither"
            assert transaction.records.folded(1) == {old.key: new.key}
            assert transaction.records.facts(1, old) == {"gsid": "G1"}
            assert transaction.records.named(1, old) == transaction.records.named(1, new)

    def test_a_contested_name_that_the_vendor_knows_as_one_record_is_that_record(
        self, tmp_path: Path
    ) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            first = identify(transaction, "crm:1", "name:Acme")
            identify(transaction, "crm:2", "name:Acme")
            by_name = identify(transaction, "name:Acme")
            assert not transaction.keys.attach(first, ["gsid:G1"])
            assert transaction.keys.attach(by_name, ["gsid:G1"])
            join_all(transaction)
            assert identify(transaction, "name:Acme") == identify(transaction, "crm:1")
            identify(transaction, "crm:2", "name:Acme")
            again = identify(transaction, "name:Acme")
            assert again != identify(transaction, "crm:1"), "contested once more"
            assert transaction.keys.of(again) == ("name:Acme",)

    def test_a_contested_name_is_contested_again_once_the_vendor_has_the_other_record_too(
        self, tmp_path: Path
    ) -> None:
        for told_first in (True, False):
            with self.store(tmp_path / str(told_first)) as store, store.transaction() as transaction:
                first = identify(transaction, "crm:1", "name:Acme")
                second = identify(transaction, "crm:2", "name:Acme")
                there, late = (first, second) if told_first else (second, first)
                transaction.keys.attach(there, ["gsid:G1"])
                transaction.keys.attach(identify(transaction, "name:Acme"), ["gsid:G1"])
                join_all(transaction)
                there, late = (
                    identify(transaction, key) for key in (("crm:1", "crm:2")[:: 1 if told_first else -1])
                )
                assert identify(transaction, "name:Acme") == there
                assert not transaction.keys.attach(late, ["gsid:G2"])
                again = identify(transaction, "name:Acme")
                assert again not in (there, late)
                assert transaction.keys.of(again) == ("name:Acme",)

    def test_records_of_which_the_vendor_tells_different_things_are_not_joined(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            one, other = identify(transaction, "crm:1"), identify(transaction, "name:Acme")
            transaction.records.learn(one, {"gsid": "G1"})
            transaction.records.learn(other, {"gsid": "G2"})
            assert identify(transaction, "crm:1", "name:Acme") == one
            assert transaction.keys.joinable() == []
            assert identify(transaction, "name:Acme") not in (one, other), "two claim the name"

    def test_a_record_that_is_to_be_joined_with_another_counts_as_known_by_its_keys(
        self, tmp_path: Path
    ) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            first, second = identify(transaction, "crm:1"), identify(transaction, "crm:2")
            by_name = identify(transaction, "name:Acme")
            assert identify(transaction, "crm:1", "name:Acme") == first
            assert identify(transaction, "crm:2", "name:Acme") == second
            assert identify(transaction, "crm:3", "name:Acme") not in (first, second, by_name)
            join_all(transaction)
            assert identify(transaction, "crm:1") != identify(transaction, "crm:2")

    def test_a_record_is_told_apart_from_one_that_is_to_be_joined_with_another(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            first, second = identify(transaction, "crm:1", "name:A"), identify(transaction, "crm:2", "name:B")
            third, told = identify(transaction, "name:C"), ["gsid:G1"]
            transaction.keys.attach(third, told)
            assert not transaction.keys.tells_apart(first, told, ["crm"])
            transaction.keys.attach(first, told)
            assert transaction.keys.tells_apart(second, told, ["crm"])
            assert not transaction.keys.tells_apart(second, told, []), "nothing else says so"
            assert transaction.keys.tells_apart(second, ["crm:3"], ["crm"])

    def test_a_key_that_the_vendor_voided_finds_the_record_no_more(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            one = identify(transaction, "name:Acme")
            assert not transaction.keys.attach(one, ["gsid:G1"])
            assert identify(transaction, "gsid:G1") == one
            transaction.keys.void(one, ["gsid:G1"])
            assert identify(transaction, "gsid:G1") != one

    def test_links_and_what_follows_find_a_joined_record_by_its_old_name(self, tmp_path: Path) -> None:
        old, new = self._linked(tmp_path, ["crm:1"], ["name:Acme"])
        with self.store(tmp_path) as store, store.transaction() as transaction:
            folded = transaction.records.folded(1)
            assert folded == {old.key: new.key}
            person = transaction.records.record_number(1, PERSON)
            assert transaction.records.record(person).state == {
                f"team[{new.key}]": ["2", True, 2], f"team[{new.key}].Role": ["1", "boss", 1],
            }  # fmt: skip
            assert transaction.records.facts(1, old) == transaction.records.facts(1, new)
            assert transaction.records.find(1, old) == transaction.records.find(1, new)

    def _linked(self, folder: Path, one: Sequence[str], other: Sequence[str]) -> tuple[Record, Record]:
        """A person linked to a team by two names; the team's old and new name, once the two are one."""
        with self.store(folder) as store, store.transaction() as transaction:
            numbers = [identify(transaction, *one), identify(transaction, *other)]
            transaction.records.learn(numbers[1], {"gsid": "G1"})
            person = transaction.records.record_number(1, PERSON)
            transaction.records.write_state(
                person,
                {f"team[{one[0]}]": ["2", True, 2], f"team[{one[0]}].Role": ["1", "boss", 1],
                 f"team[{other[0]}]": ["1", True, 1]},
            )  # fmt: skip
            identify(transaction, *one, *other)
            join_all(transaction)
            return Record("team", one[0]), Record("team", other[0])
