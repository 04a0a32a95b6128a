"""The part of the store's suite that is about what events are called; `StoreSuite` brings it along."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from gainstage.store.contract import Store
from gainstage.store.rows import ROOM, NamesUsed
from gainstage.testing.lanes_suite import OpensStore
from gainstage.testing.store_processes import NOW_US, child


def counted(store: Store, source: str = "app") -> dict[tuple[str, str], tuple[int, dict[str, int]]]:
    """By kind and name: how many events, and how many of them had each key."""
    with store.reading() as reading:
        found = reading.vocabulary.names(source)
    return {(one.kind, one.name): (one.n, {key.key: key.n for key in one.keys}) for one in found}


def count(store: Store, names: Iterable[str], keys: Iterable[str] = (), source: str = "app") -> None:
    """Count a track call of each name."""
    with store.transaction() as transaction:
        for name in names:
            transaction.vocabulary.count(transaction.names.source(source), "track", name, tuple(keys), NOW_US)


class VocabularySuite(OpensStore):
    """The behaviours of `gainstage.store.contract.Vocabulary`."""

    def test_names_and_keys_are_counted_by_source_and_kind(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            for store, at_us in ((one, NOW_US + 5), (two, NOW_US + 7), (one, NOW_US + 6)):
                with store.transaction() as transaction:
                    source = transaction.names.source("app")
                    transaction.vocabulary.count(source, "track", "Signed Up", ("plan", "Plan"), at_us)
                    transaction.vocabulary.count(source, "track", "Signed Up", ("plan",), at_us)
                    transaction.vocabulary.count(source, "page", "Signed Up", (), at_us)
            count(two, ["Signed Up"], source="web")
            assert counted(one) == {
                ("track", "Signed Up"): (6, {"plan": 6, "Plan": 3}),
                ("page", "Signed Up"): (3, {}),
            }
            assert counted(one, "web") == {("track", "Signed Up"): (1, {})}
            with one.reading() as reading:
                name, _ = reading.vocabulary.names("app")
                assert (name.first_us, name.last_us) == (NOW_US + 5, NOW_US + 7)
                assert {key.last_us for key in name.keys} == {NOW_US + 7}

    def test_nothing_is_counted_in_a_transaction_that_raises(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            count(store, ["Before"])
            with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
                source = transaction.names.source("app")
                transaction.vocabulary.count(source, "track", "Lost", ("a",), NOW_US)
                transaction.vocabulary.count_miss(source, "gainsight", "Gainsight", NOW_US)
                raise ZeroDivisionError
            assert counted(store) == {("track", "Before"): (1, {})}
            with store.reading() as reading:
                assert reading.vocabulary.near_misses() == []

    def test_names_without_room_are_counted_together(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            count(store, (f"Name {number}" for number in range(ROOM.names - 1)))
            count(store, ["x" * ROOM.name_characters, "Late", "Late", "Name 0"])
            count(store, ["Other", "y" * (ROOM.name_characters + 1)], source="web")
            found = counted(store)
            assert len(found) == ROOM.names and ("track", "Late") not in found
            assert found["track", "Name 0"] == (2, {})
            with store.reading() as reading:
                app, web = reading.vocabulary.sources()
            assert (app.source, app.names, app.other_names) == ("app", ROOM.names, 2)
            assert (web.source, web.names, web.other_names) == ("web", 1, 1)

    def test_keys_without_room_are_counted_together(self, tmp_path: Path) -> None:
        many = [f"key {number}" for number in range(ROOM.keys_a_name)]
        full = ROOM.keys // ROOM.keys_a_name
        with self.store(tmp_path) as store:
            count(store, ["Name 0"], [*many, "one more", "k" * (ROOM.key_characters + 1)])
            count(store, (f"Name {number}" for number in range(1, full)), many)
            count(store, ["Last"], ["a", "b"])
            count(store, ["Name 0"], ["key 0", "one more"])
            found = counted(store)
            assert len(found["track", "Name 0"][1]) == ROOM.keys_a_name
            assert found["track", "Name 0"][1]["key 0"] == 2
            assert found["track", "Last"] == (1, {})
            with store.reading() as reading:
                others = {one.name: one.other_keys for one in reading.vocabulary.names("app")}
                (source,) = reading.vocabulary.sources()
            assert (others["Name 0"], others["Name 1"], others["Last"]) == (3, 0, 2)
            assert source.keys == ROOM.keys

    def test_near_misses_are_counted_and_have_room(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            for at_us in (NOW_US, NOW_US + 1):
                with store.transaction() as transaction:
                    source = transaction.names.source("app")
                    for number in range(ROOM.misses + 3):
                        transaction.vocabulary.count_miss(source, f"gainsight{' ' * number}", "G", at_us)
                    transaction.vocabulary.count_miss(source, "gainsight", "Gainsight", at_us)
            with store.reading() as reading:
                found, (source_counts,) = reading.vocabulary.near_misses(), reading.vocabulary.sources()
            assert tuple(found[0]) == ("app", "gainsight", "Gainsight", 4, NOW_US + 1)
            assert (len(found), source_counts.other_misses) == (ROOM.misses, 6)

    def test_what_is_forgotten_is_counted_anew(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            count(store, ["A", "B"], ["k"])
            count(store, ["A"], ["k"], source="web")
            with store.transaction() as transaction:
                transaction.vocabulary.count_miss(transaction.names.source("app"), "g", "G", NOW_US)
            with store.transaction() as transaction:
                transaction.vocabulary.forget(transaction.names.source("app"))
            assert counted(store) == {}
            count(store, ["B"], ["k"])
            assert counted(store) == {("track", "B"): (1, {"k": 1})}
            assert counted(store, "web") == {("track", "A"): (1, {"k": 1})}
            with store.reading() as reading:
                assert reading.vocabulary.near_misses() == []

    # names that a tenant has room for

    def test_a_tenant_gets_as_many_names_as_it_has_room_for(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                vocabulary, acme = transaction.vocabulary, transaction.names.tenant("acme")
                vocabulary.limit([(acme, 2)])
                assert [vocabulary.admit(acme, name, 2) for name in "ABAC"] == [True, True, True, False]
            with two.transaction() as transaction:
                vocabulary, other = transaction.vocabulary, transaction.names.tenant("other")
                assert [vocabulary.admit(acme, name, 2) for name in "BC"] == [True, False]
                assert [vocabulary.admit(acme, name, 1) for name in "AC"] == [True, False]
                assert vocabulary.admit(other, "C", 2)
                assert [vocabulary.admit(acme, name, 3) for name in "CD"] == [True, False]
            with one.reading() as reading:
                assert reading.vocabulary.used() == [NamesUsed("acme", 3, 2)]
            with one.transaction() as transaction:
                transaction.vocabulary.limit([])
            with two.reading() as reading:
                assert reading.vocabulary.used() == []

    def test_a_name_takes_no_room_in_a_transaction_that_raises(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
                assert transaction.vocabulary.admit(1, "Lost", 1)
                raise ZeroDivisionError
            with store.transaction() as transaction:
                assert transaction.vocabulary.admit(1, "Kept", 1)
                assert not transaction.vocabulary.admit(1, "Lost", 1)

    def test_racing_processes_take_no_more_names_than_there_is_room_for(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with (
                child("take_names", self.opener, tmp_path) as one,
                child("take_names", self.opener, tmp_path) as two,
            ):
                taken = [int(process.communicate(timeout=60)[0]) for process in (one, two)]
            with store.transaction() as transaction:
                transaction.vocabulary.limit([(1, 50)])
                transaction.names.tenant("acme")
                (used,) = transaction.reading.vocabulary.used()
            assert sum(taken) == used.used == 50
