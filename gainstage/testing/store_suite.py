"""What every store must do, as tests: subclass `StoreSuite`, name what opens it, and run it with pytest.

Some tests start processes of their own, so the opener is named as `module:callable`; it takes a folder.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from gainstage.operation import Record
from gainstage.schema import Field, Item, Object, Schema
from gainstage.store.contract import PartitionLost
from gainstage.store.rows import (
    DELIVERED,
    FAILED,
    FILTERED,
    PARKED,
    PENDING,
    AlertRow,
    Document,
    KnownUser,
    NewDelivery,
    event_key,
)
from gainstage.testing.accounts_suite import AccountsSuite
from gainstage.testing.budgets_suite import BudgetsSuite
from gainstage.testing.forgetting_suite import ForgettingSuite
from gainstage.testing.keys_suite import KeysSuite
from gainstage.testing.lanes_suite import LanesSuite
from gainstage.testing.replays_suite import ReplaysSuite
from gainstage.testing.retention_suite import RetentionSuite
from gainstage.testing.store_model import (
    LedgerMachine,
)
from gainstage.testing.store_processes import (
    NOW_US,
    PERSON,
    child,
    enter,
    opened_by,
    wait_in_lane,
)
from gainstage.testing.vocabulary_suite import VocabularySuite

SECOND_US = 1_000_000


class StoreSuite(
    LanesSuite,
    KeysSuite,
    BudgetsSuite,
    VocabularySuite,
    ForgettingSuite,
    RetentionSuite,
    ReplaysSuite,
    AccountsSuite,
):
    """The behaviours of `gainstage.store.contract.Store`."""

    # alerts

    def test_alerts_are_kept_until_they_are_removed(self, tmp_path: Path) -> None:
        first = AlertRow("blocked cs", 5, None, False, b"{}")
        second = AlertRow("disk", 4, None, True, b"{}")
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                transaction.alerts.save(first)
                transaction.alerts.save(second)
                transaction.alerts.remove("nothing")
            with store.transaction() as transaction:
                assert transaction.alerts.all() == [second, first]
                ended = AlertRow("blocked cs", 5, 9, True, b"{}")
                transaction.alerts.save(ended)
                transaction.alerts.remove("disk")
            with store.reading() as reading:
                assert reading.alerts() == [ended]

    # everything or nothing

    def test_a_transaction_that_raises_leaves_nothing(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
                wait_in_lane(transaction, enter(transaction, 1, "d"))
                transaction.intake.advance(0, 0, 1)
                transaction.intake.remember("u:a", KnownUser(email="a@x.example"))
                raise ZeroDivisionError
            with store.transaction() as transaction:
                assert transaction.intake.offset(0) == 0
                assert transaction.intake.user("u:a") is None
                assert transaction.reading.counters() == {}
                assert transaction.lanes.due(transaction.names.destination("d"), NOW_US, 10) == []

    def test_numbers_given_in_a_transaction_that_raised_are_given_anew(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with pytest.raises(ZeroDivisionError), one.transaction() as transaction:
                transaction.names.source("lost")
                transaction.records.record_number(1, PERSON)
                raise ZeroDivisionError
            with two.transaction() as transaction:
                found = (
                    transaction.names.source("kept"),
                    transaction.records.record_number(1, Record("o", "k")),
                )
            with one.transaction() as transaction:
                assert transaction.names.source("lost") != found[0]
                assert transaction.records.record_number(1, PERSON) != found[1]
                assert transaction.names.source("kept") == found[0]

    def test_a_process_killed_within_a_transaction_leaves_nothing(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, child("stop_half_way", self.opener, tmp_path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "committed 1\n"
            assert process.stdout.readline() == "half way\n"
            process.send_signal(signal.SIGKILL)
            process.wait()
            with store.transaction() as transaction:
                assert transaction.intake.offset(0) == 1
                assert transaction.reading.counters()[("app", "d")]["pending"] == 1
                assert transaction.intake.kept(1) is not None
                assert transaction.intake.kept(2) is None
                assert enter(transaction, 2, "d") == 2

    def test_transactions_of_several_processes_have_one_order(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with (
                child("count_to_forty", self.opener, tmp_path) as one,
                child("count_to_forty", self.opener, tmp_path) as two,
            ):
                assert (one.wait(60), two.wait(60)) == (0, 0)
            with store.reading() as reading:
                assert reading.run(1) == (80, 0)

    def test_a_reader_sees_the_equation_balanced_at_any_moment(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, child("route_and_settle", self.opener, tmp_path) as process:
            seen = set()
            while process.poll() is None:
                with store.reading() as reading:
                    offset = reading.offset(0)
                    words = reading.counters().get(("app", "d"), {})
                assert sum(words.values()) == offset
                seen.add(offset)
            assert process.returncode == 0
            assert len(seen) > 3

    # intake

    def test_of_two_routers_that_read_one_slice_one_commits(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                enter(transaction, 1, "d")
                transaction.intake.advance(0, 0, 1)
            with pytest.raises(PartitionLost), two.transaction() as transaction:
                enter(transaction, 2, "d")
                transaction.intake.advance(0, 0, 2)
            with two.reading() as reading:
                assert (reading.offset(0), reading.offset(1)) == (1, 0)
                assert reading.counters()[("app", "d")]["pending"] == 1

    def test_two_racing_routers_enter_each_event_once(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with child("route", self.opener, tmp_path) as one, child("route", self.opener, tmp_path) as two:
                assert (one.wait(60), two.wait(60)) == (0, 0)
            with store.transaction() as transaction:
                assert transaction.intake.offset(0) == 60
                places = [kept.offset for n in range(1, 62) if (kept := transaction.intake.kept(n))]
            assert places == list(range(1, 61))

    def test_an_event_seen_before_is_known(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                enter(transaction, 1, "d")
            with store.transaction() as transaction:
                keys = [event_key(transaction.names.source("app"), f"m-{n}") for n in (1, 2)]
                assert transaction.intake.seen(keys) == {keys[0]}
                assert transaction.intake.seen([]) == set()

    def test_a_body_is_kept_until_every_delivery_is_settled(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                number = enter(transaction, 1, "d", "e")
                one, two = transaction.names.destination("d"), transaction.names.destination("e")
            with store.transaction() as transaction:
                transaction.ledger.deliver_alone(number, one, 1, "", NOW_US)
            with store.transaction() as transaction:
                kept = transaction.intake.kept(number)
                assert kept is not None and kept.entry == b"body 1"
                transaction.ledger.change(NewDelivery(number, two, 1, FILTERED, "integrations"), NOW_US)
            with store.transaction() as transaction:
                assert transaction.intake.kept(number) is None

    def test_identity_memory_is_as_the_transaction_before_left_it(self, tmp_path: Path) -> None:
        known, other = KnownUser("u", "a@x.example", b"1", "acme", b"2"), KnownUser("e")
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                assert transaction.intake.user("a:d") is None
                transaction.intake.remember("a:d", known)
                assert transaction.intake.user("a:d") == known
                transaction.intake.remember("a:d\0", other)
            with two.transaction() as transaction:
                transaction.intake.remember("u:e", other)
                transaction.intake.look_up(["a:d", "a:d\0", "u:e", "u:f"])
                found = [transaction.intake.user(key) for key in ("a:d", "a:d\0", "u:e", "u:f")]
                assert found == [known, other, other, None]

    # the ledger

    def test_counters_equal_the_deliveries_whatever_becomes_of_them(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        opener = self.opener

        class Machine(LedgerMachine):
            def __init__(self) -> None:
                super().__init__(opened_by(opener, tmp_path_factory.mktemp("store")))

        limits = settings(max_examples=25, stateful_step_count=25, deadline=None)
        run_state_machine_as_test(Machine, settings=limits)

    def test_parking_and_the_news_that_it_waits_for_meet(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                for offset in range(1, 6):
                    number = enter(transaction, offset, "d", word=PARKED, opened=0)
                    transaction.ledger.park(number, 1, ("u:a", "a:d") if offset != 3 else ("u:b",))
            with store.transaction() as transaction:
                assert transaction.ledger.parked_for("a:d", (0, 0), 2) == [(1, 1), (2, 1)]
                assert transaction.ledger.parked_for("u:a", (2, 1), 9) == [(4, 1), (5, 1)]
                transaction.ledger.unpark(4, 1)
                for key in ("u:a", "a:d"):
                    assert transaction.ledger.parked_for(key, (2, 1), 9) == [(5, 1)]

    def test_a_retry_touches_only_what_is_failed_or_parked(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                for offset, word in enumerate((DELIVERED, FILTERED, FAILED, PARKED, PENDING), 1):
                    enter(transaction, offset, "d", word=word)
            with store.transaction() as transaction:
                retried = [transaction.ledger.retry(number, 1, NOW_US) for number in range(1, 7)]
                assert retried == [False, False, True, True, False, False]
            with store.transaction() as transaction:
                assert transaction.ledger.kept_with(1, ("queued",), 0, 10) == [3, 4]
                assert transaction.ledger.kept_with(1, ("queued",), 3, 10) == [4]
                assert transaction.reading.counters()[("app", "d")]["pending"] == 3

    # configuration

    def test_the_revision_rises_with_every_change_and_with_nothing_else(self, tmp_path: Path) -> None:
        one, two = Document("source", "a", "file", {"n": 1}), Document("source", "b", "dashboard", {})
        with self.store(tmp_path) as store, store.transaction() as transaction:
            documents = transaction.documents
            assert [documents.replace([one], "file"), documents.replace([one], "file")] == [1, 1]
            assert documents.replace([two], "dashboard") == 2
            assert documents.all() == [one, two]
            assert documents.replace([], "file") == 3
            assert documents.all() == [two]

    def test_a_tenants_schema_is_the_one_kept_last(self, tmp_path: Path) -> None:
        gold = Item("Gold", "1I00", "gold", active=False)
        fields = (Field("Tier__gc", "PICKLIST", "Tier", items=(gold,)), Field("Name", "STRING", length=9))
        read = Schema((Object("Company", fields, "Company"),), "read", 7)
        uploaded = Schema((Object("Person", (Field("Email", read_only=True),)),), "uploaded", 8)
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                assert transaction.schemas.get("acme") is None
                transaction.schemas.keep("acme", read)
                transaction.schemas.keep("other", uploaded)
            with two.transaction() as transaction:
                assert transaction.schemas.get("acme") == read
                transaction.schemas.keep("acme", uploaded)
            with one.transaction() as transaction:
                assert transaction.schemas.get("acme") == uploaded
                assert transaction.schemas.forget("acme") and not transaction.schemas.forget("acme")
                assert transaction.schemas.get("acme") is None
                assert transaction.schemas.get("other") == uploaded

    def test_the_revision_of_schemas_rises_when_one_is_kept_or_forgotten(self, tmp_path: Path) -> None:
        known = Schema((Object("Company", (Field("Name"),)),))
        with self.store(tmp_path) as store, store.transaction() as transaction:
            schemas, seen = transaction.schemas, [transaction.schemas.revision()]
            for change in (
                lambda: schemas.keep("acme", known),
                lambda: schemas.keep("acme", known),
                lambda: schemas.forget("acme"),
            ):
                change()
                seen.append(schemas.revision())
            schemas.forget("acme")
            assert schemas.revision() == seen[-1]
        assert seen == sorted(set(seen)) and seen[0] == 0
        with self.store(tmp_path) as store, store.transaction() as transaction:
            assert transaction.documents.revision() == 0, "the configuration is another matter"

    def test_a_destination_s_state_is_kept(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                row = transaction.destinations.get("d")
                assert (row.blocked, row.failures, row.plan) == (False, 0, 1)
                row.blocked, row.code, row.failures, row.fingerprint = True, "credentials_refused", 3, b"\0f"
                transaction.destinations.save(row)
            with two.transaction() as transaction:
                assert transaction.destinations.get("d") == row
