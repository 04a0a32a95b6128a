"""The part of the store's suite that is about history sent again; `StoreSuite` brings it along."""

from pathlib import Path

from gainstage.store.contract import Store, Transaction
from gainstage.store.replay import (
    CANCELLED,
    DONE,
    PAUSED,
    RUNNING,
    Asked,
    Carried,
    Entered,
    Part,
    Standing,
)
from gainstage.store.rows import DELIVERED, FAILED, PENDING, NewDelivery, event_key
from gainstage.testing.lanes_suite import OpensStore
from gainstage.testing.store_processes import NOW_US, enter, wait_in_lane

ASKED = Asked(1, 9, kinds=("track",), user="ann", ids=("u-1",), emails=("ann@x.example",), resend_events=True)
FIRST = (0, 0)


def begin(store: Store, asked: Asked = ASKED) -> int:
    """A replay of one partition of ten entries."""
    with store.transaction() as transaction:
        return transaction.replays.begin(asked, {0: 10}, NOW_US)


def carry(transaction: Transaction, number: int, event: int, word: int | None = DELIVERED) -> Carried:
    """A delivery that is on its way again."""
    destination = transaction.names.destination("d")
    carried = Carried(event, destination, number, word, "unchanged", "Was there.", 7, appends=False)
    transaction.replays.carry([carried])
    return carried


class ReplaysSuite(OpensStore):
    """The behaviours of `gainstage.store.contract.Replays`."""

    def test_a_replay_is_told_as_it_was_asked_for(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            number = begin(one)
            with two.reading() as reading:
                replay = reading.replays.get(number)
                assert reading.replays.all(10) == [replay]
                assert reading.replays.get(number + 1) is None
            assert replay is not None
            assert (replay.state, replay.created_us, replay.ended_us) == (RUNNING, NOW_US, 0)
            assert (replay.asked, replay.parts, replay.tally) == (ASKED, (Part(0, 0, 10),), {})
            assert begin(two) > number

    def test_of_two_that_read_one_slice_one_advances(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            number = begin(one)
            with one.transaction() as transaction:
                assert transaction.replays.advance(number, 0, 0, 4)
            with two.transaction() as transaction:
                assert not transaction.replays.advance(number, 0, 0, 4)
                assert not transaction.replays.advance(number, 1, 0, 4)
                assert transaction.replays.advance(number, 0, 4, 6)
            with one.reading() as reading:
                replay = reading.replays.get(number)
            assert replay is not None and replay.parts == (Part(0, 6, 10),)

    def test_only_a_running_replay_advances(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            number = begin(store)
            with store.transaction() as transaction:
                replays = transaction.replays
                assert replays.change(number, PAUSED, NOW_US) and not replays.change(number, PAUSED, NOW_US)
                assert not replays.advance(number, 0, 0, 4)
                assert replays.change(number, RUNNING, NOW_US) and replays.advance(number, 0, 0, 4)
                assert replays.change(number, DONE, NOW_US) and not replays.advance(number, 0, 4, 5)
                for state in (RUNNING, PAUSED, CANCELLED):
                    assert not replays.change(number, state, NOW_US)
                assert not replays.change(number + 1, PAUSED, NOW_US)

    def test_whose_events_were_asked_for_is_forgotten_when_it_ends(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            numbers = [begin(store), begin(store)]
            with store.transaction() as transaction:
                assert transaction.replays.change(numbers[0], DONE, NOW_US + 1)
                assert transaction.replays.change(numbers[1], PAUSED, NOW_US)
            with store.reading() as reading:
                ended, paused = (reading.replays.get(number) for number in numbers)
            assert ended is not None and paused is not None
            assert (ended.asked.user, ended.asked.ids, ended.asked.emails) == ("***", (), ())
            assert (ended.asked.kinds, ended.ended_us) == (("track",), NOW_US + 1)
            assert paused.asked == ASKED

    def test_counts_add_up_and_the_log_begins_where_it_began_last(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            number = begin(store)
            for tally, begins_us in (({"events": 2}, 5), ({"events": 1, "planned": 1}, 9), ({}, 7)):
                with store.transaction() as transaction:
                    transaction.replays.count(number, tally)
                    transaction.replays.begins(number, begins_us)
            with store.reading() as reading:
                replay = reading.replays.get(number)
            assert replay is not None
            assert (replay.tally, replay.begins_us) == ({"events": 3, "planned": 1}, 9)

    def test_what_is_carried_is_known_until_its_outcome_is_counted(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            number = begin(store)
            with store.transaction() as transaction:
                events = [enter(transaction, place, "d") for place in (1, 2, 3)]
                carried = [carry(transaction, number, event) for event in events]
                place = carried[0].event_id, carried[0].destination_id
                assert transaction.replays.carried(*place) == carried[0]
                assert transaction.replays.carried(place[0], place[1] + 1) is None
                found = transaction.replays.carried_by(number, place, 10, held=False)
                assert found == carried[1:]
                assert len(transaction.replays.carried_by(number, FIRST, 2, held=False)) == 2
                assert transaction.replays.settle(number) == 0, "all are pending"
                for carried_, word in zip(carried, (DELIVERED, FAILED), strict=False):
                    settled = NewDelivery(carried_.event_id, carried_.destination_id, 1, word)
                    transaction.ledger.change(settled, NOW_US)
            with store.transaction() as transaction:
                assert transaction.replays.settle(number) == 2
                assert transaction.replays.carried(*place) is None
                replay = transaction.replays.get(number)
                assert replay is not None
                assert (replay.open, replay.tally) == (1, {"delivered": 1, "failed": 1})
                transaction.replays.drop(carried[2])
                assert transaction.replays.carried_by(number, FIRST, 10, held=False) == []

    def test_something_is_to_be_done_for_what_runs_and_what_is_to_be_withdrawn(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            number = begin(store)
            with store.transaction() as transaction:
                replays = transaction.replays
                carried = carry(transaction, number, enter(transaction, 1, "d"))
                assert replays.active() == [(number, RUNNING)]
                replays.change(number, PAUSED, NOW_US)
                assert replays.active() == [(number, PAUSED)]
                replays.hold(carried)
                assert replays.active() == []
                replay = replays.get(number)
                assert replay is not None and (replay.open, replay.held) == (0, 1)
                assert [one.held for one in replays.carried_by(number, FIRST, 9, held=True)] == [True]
                assert replays.settle(number) == 0
                replays.change(number, RUNNING, NOW_US)
                replays.send(carried)
                replays.hold(carried)
                replays.change(number, CANCELLED, NOW_US)
                assert replays.active() == [(number, CANCELLED)]
                replays.drop(carried)
                assert replays.active() == []

    def test_a_delivery_can_be_withdrawn_until_a_call_is_made_for_it(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 1, "d")
            destination = transaction.names.destination("d")
            number = wait_in_lane(transaction, event)
            assert transaction.replays.untouched(event, destination)
            record = transaction.records.record(number)
            transaction.records.lease([(record, [])], destination, NOW_US + 1_000)
            assert not transaction.replays.untouched(event, destination), "a call is under way"
            transaction.records.release(number, record.next_fence, in_doubt=None)
            assert transaction.replays.untouched(event, destination)
            (operation,) = transaction.lanes.ready(destination, [number], 10)[number]
            transaction.lanes.doubt([operation.id])
            assert not transaction.replays.untouched(event, destination), "perhaps it arrived"
            transaction.lanes.doubt([operation.id], -1)
            assert transaction.replays.untouched(event, destination)
            transaction.lanes.fail([operation.id], 0)
            assert not transaction.replays.untouched(event, destination), "a call failed"

    def test_what_was_delivered_in_the_same_transaction_can_not_be_withdrawn(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            events = [enter(transaction, place, "d") for place in (1, 2)]
            destination = transaction.names.destination("d")
            number = wait_in_lane(transaction, events[0])
            wait_in_lane(transaction, events[1])
            operations = transaction.lanes.ready(destination, [number], 10)[number]
            transaction.lanes.remove(operation.id for operation in operations)
            transaction.ledger.deliver_alone(events[0], destination, 1, "", NOW_US)
            transaction.ledger.change(NewDelivery(events[1], destination, 1, DELIVERED), NOW_US)
            assert not any(transaction.replays.untouched(event, destination) for event in events)

    def test_events_are_found_by_the_keys_of_their_messages(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 3, "d")
            source, destination = transaction.names.source("app"), transaction.names.destination("d")
            key = event_key(source, "m-3")
            found = transaction.replays.routed([key, b"unknown"])
            assert list(found) == [key]
            assert isinstance(found[key], Entered)
            assert (found[key].id, found[key].refused, found[key].edited) == (event, False, None)
            transaction.intake.edit(event, b"corrected", NOW_US)
            assert transaction.replays.routed([key])[key].edited == b"corrected"
            standing = transaction.replays.standing([event, event + 1])
            assert standing == {(event, destination): Standing(PENDING, "", "", None)}

    def test_a_rehearsal_leaves_nothing(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.rehearsal() as transaction:
                wait_in_lane(transaction, enter(transaction, 1, "d"))
                number = transaction.replays.begin(ASKED, {0: 1}, NOW_US)
                assert transaction.replays.get(number) is not None
            for store in (one, two):
                with store.transaction() as transaction:
                    assert transaction.replays.all(10) == []
                    assert transaction.reading.counters() == {}
                    assert transaction.intake.kept(1) is None
