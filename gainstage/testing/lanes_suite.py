"""The part of the store's suite that is about records, lanes and leases; `StoreSuite` brings it along."""

from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gainstage.operation import Record
from gainstage.store.contract import Store
from gainstage.testing.store_processes import (
    APPEND,
    NOW_US,
    PERSON,
    UPSERT,
    enter,
    lease,
    opened_by,
    wait_in_lane,
)

SECOND_US = 1_000_000


class OpensStore(ABC):
    """What each part of the suite opens."""

    #: `module:callable`; called with a folder it opens the store there, making it if there is none.
    opener: str

    @contextmanager
    def store(self, place: Path) -> Iterator[Store]:
        opened = opened_by(self.opener, place)
        try:
            yield opened
        finally:
            opened.close()


class LanesSuite(OpensStore):
    """The behaviours of `Records` and `Lanes` in `gainstage.store.contract`."""

    def test_upserts_go_before_appends_and_each_in_order(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            events = [enter(transaction, n, "d") for n in range(1, 7)]
            for event in events:
                number = wait_in_lane(transaction, event, APPEND if event % 2 else UPSERT)
            ready = transaction.lanes.ready(1, [number], 10)[number]
            assert [operation.event_id for operation in ready] == [2, 4, 6, 1, 3, 5]
            assert [operation.message_id for operation in ready][3:] == ["m-1", "m-3", "m-5"]
            assert len(transaction.lanes.ready(1, [number], 2)[number]) == 2

    def test_what_follows_a_record_waits_until_it_is_settled(self, tmp_path: Path) -> None:
        team = Record("team", "name:Acme")
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 1, "d", opened=2)
            first = wait_in_lane(transaction, event, record=team)
            second = wait_in_lane(transaction, event, waits=1, after=(team,))
            assert [lane.record_id for lane in transaction.lanes.due(1, NOW_US, 9)] == [first]
            assert transaction.lanes.ready(1, [second], 9)[second] == []
            (operation,) = transaction.lanes.ready(1, [first], 9)[first]
            assert transaction.lanes.remove([operation.id]) == {operation.id}
            assert transaction.lanes.unblock(event, 1, {PERSON}) == []
            assert transaction.lanes.unblock(event, 1, {team}) == [(second, "person")]
            assert len(transaction.lanes.ready(1, [second], 9)[second]) == 1

    def test_an_append_waits_for_a_new_record_that_follows_another(self, tmp_path: Path) -> None:
        team = Record("team", "name:Acme")
        with self.store(tmp_path) as store, store.transaction() as transaction:
            lanes, records = transaction.lanes, transaction.records
            early, event = enter(transaction, 1, "d"), enter(transaction, 2, "d")
            late = enter(transaction, 3, "d")
            for one in (early, late):
                number = wait_in_lane(transaction, one, APPEND)
            wait_in_lane(transaction, event, record=team)
            wait_in_lane(transaction, event, waits=1, after=(team,))
            (operation,) = lanes.ready(1, [number], 9)[number]
            assert operation.event_id == early
            lanes.remove([operation.id])
            lanes.settle_lane(1, number, NOW_US)
            assert number not in [lane.record_id for lane in lanes.due(1, NOW_US, 9)]
            records.write_state(number, {"email": ["stamp", "ann@x.example", NOW_US]})
            assert [row.event_id for row in lanes.ready(1, [number], 9)[number]] == [late]
            lanes.settle_lane(1, number, NOW_US)
            assert number in [lane.record_id for lane in lanes.due(1, NOW_US, 9)]

    def test_several_lanes_are_read_at_once_each_up_to_the_limit(self, tmp_path: Path) -> None:
        others = [Record("person", f"email:{name}@x.example") for name in ("bob", "eve")]
        with self.store(tmp_path) as store, store.transaction() as transaction:
            for n in range(1, 5):
                many = wait_in_lane(transaction, enter(transaction, n, "d"))
            one = wait_in_lane(transaction, enter(transaction, 5, "d"), record=others[0])
            none = transaction.records.record_number(1, others[1])
            ready = transaction.lanes.ready(1, [none, one, many], 3)
            events = [[operation.event_id for operation in ready[number]] for number in (none, one, many)]
            assert events == [[], [5], [1, 2, 3]]
            assert [transaction.lanes.waiting(number) for number in (none, one, many)] == [False, True, True]

    def test_an_operation_s_number_is_never_given_again(self, tmp_path: Path) -> None:
        numbers: list[int] = []
        for offset in range(1, 4):
            with self.store(tmp_path) as store, store.transaction() as transaction:
                number = wait_in_lane(transaction, enter(transaction, offset, "d"))
                (operation,) = transaction.lanes.ready(1, [number], 9)[number]
                assert transaction.lanes.remove([*numbers, operation.id]) == {operation.id}
                numbers.append(operation.id)
        assert numbers == sorted(set(numbers))

    def test_a_leased_record_is_nobody_elses_turn(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                number = wait_in_lane(transaction, enter(transaction, 1, "d"))
                fence = lease(transaction, number, NOW_US + SECOND_US)
            with two.transaction() as transaction:
                assert transaction.lanes.due(1, NOW_US, 9) == []
                assert transaction.records.record(number).leased
                assert transaction.records.extend(number, fence, NOW_US + 2 * SECOND_US)
                assert transaction.records.release(number, fence, in_doubt=False)
                assert not transaction.records.release(number, fence, in_doubt=False)
                assert len(transaction.lanes.due(1, NOW_US, 9)) == 1

    def test_a_record_left_unsure_waits_for_the_destination_that_wrote_it(self, tmp_path: Path) -> None:
        """What that one sent may be newer than what the other would write."""
        with self.store(tmp_path) as store, store.transaction() as transaction:
            records, lanes = transaction.records, transaction.lanes
            event = enter(transaction, 1, "d")
            number = wait_in_lane(transaction, event)
            wait_in_lane(transaction, event, at="e")
            transaction.destinations.connect([(1, 1), (1, 2)])
            fence = lease(transaction, number, NOW_US + SECOND_US)
            assert records.release(number, fence, in_doubt=False, unsure=True)
            (operation,) = lanes.ready(1, [number], 9)[number]
            lanes.doubt([operation.id])
            assert [len(lanes.due(one, NOW_US, 9)) for one in (1, 2)] == [1, 0]
            assert records.record(number).unsure_of == 1
            transaction.destinations.connect([(1, 2)])
            assert len(lanes.due(2, NOW_US, 9)) == 1, "nobody waits for a destination that is switched off"
            transaction.destinations.connect([(1, 1), (1, 2)])
            fence = lease(transaction, number, NOW_US + SECOND_US)
            assert records.release(number, fence, in_doubt=False)
            assert lanes.due(2, NOW_US, 9) == [], "the call carried none of what the doubtful one did"
            fence = lease(transaction, number, NOW_US + SECOND_US)
            assert records.release(number, fence, in_doubt=False, confirmed=[operation.id])
            assert [len(lanes.due(one, NOW_US, 9)) for one in (1, 2)] == [1, 1]

    def test_what_may_have_been_written_is_known_until_it_is_said_anew_or_the_record_is_gone(
        self, tmp_path: Path
    ) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            records = transaction.records
            number = wait_in_lane(transaction, enter(transaction, 1, "d"))
            records.abandon(number, {"x": ["b", 1], "y": ["b", 1]})
            records.abandon(number, {"x": ["a", 2], "y": ["c", 2], "z": ["a", 2]})
            assert records.record(number).abandoned == {"x": ["b", 1], "y": ["c", 2], "z": ["a", 2]}
            assert records.record(number).state == {}
            records.recall(number, ["x", "other"])
            assert records.record(number).abandoned == {"y": ["c", 2], "z": ["a", 2]}
            records.silence(number, ["y", "other"], 7)
            assert records.record(number).abandoned == {"y": ["c", 2, 7], "z": ["a", 2]}
            records.silence(number, ["y"], 0)
            assert records.record(number).abandoned == {"y": ["c", 2], "z": ["a", 2]}
            records.silence(number, ["y"], 7)
            records.abandon(number, {"y": ["d", 3]})
            assert records.record(number).abandoned == {"y": ["d", 3], "z": ["a", 2]}, "another value"
            records.forget(number)
            assert records.record(number).abandoned == {}

    def test_the_upserts_of_an_event_are_told_with_their_records(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            lanes = transaction.lanes
            event, other = enter(transaction, 1, "d"), enter(transaction, 2, "d")
            number = wait_in_lane(transaction, event)
            wait_in_lane(transaction, other)
            ((found, operation),) = lanes.upserts(event, 1)
            assert (found, operation.event_id, operation.in_doubt) == (number, event, 0)
            lanes.doubt([operation.id])
            ((_, operation),) = lanes.upserts(event, 1)
            assert operation.in_doubt and lanes.upserts(event, 2) == []
            assert [one.event_id for one in lanes.doubtful(number, 1)] == [event]
            assert lanes.doubtful(number, 2) == [] == lanes.doubtful(number + 1, 1)

    def test_how_many_calls_may_have_brought_an_operation_is_counted(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            lanes = transaction.lanes
            event = enter(transaction, 1, "d")
            wait_in_lane(transaction, event)
            ((_, operation),) = lanes.upserts(event, 1)
            for calls, counted in ((1, 1), (1, 2), (-1, 1), (-5, 0), (1, 1)):
                lanes.doubt([operation.id], calls)
                ((_, found),) = lanes.upserts(event, 1)
                assert found.in_doubt == counted
            assert lanes.outdated(1, 2, 0, 9) == {event: {0: 1}}
            lanes.doubt_event(event, 1, 0, 3)
            ((_, found),) = lanes.upserts(event, 1)
            assert found.in_doubt == 3

    def test_an_old_fence_records_nothing(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            records = transaction.records
            number = wait_in_lane(transaction, enter(transaction, 1, "d"))
            old = lease(transaction, number, NOW_US + SECOND_US)
            assert records.expire(NOW_US + SECOND_US) == [number]
            new = lease(transaction, number, NOW_US + 5 * SECOND_US)
            assert new > old
            assert not records.extend(number, old, NOW_US + 9 * SECOND_US)
            assert not records.release(number, old, in_doubt=False, state={"x": ["s", 1, NOW_US]})
            assert records.record(number).state == {}
            assert records.record(number).leased
            assert records.release(number, new, in_doubt=None, state={"x": ["s", 2, NOW_US]})
            assert records.record(number).state == {"x": ["s", 2, NOW_US]}

    def test_an_expired_lease_leaves_its_call_unknown(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                sent, later = enter(transaction, 1, "d"), enter(transaction, 2, "d")
                number = wait_in_lane(transaction, sent, APPEND)
                wait_in_lane(transaction, later, APPEND)
                transaction.records.write_state(number, {"city": ["s", "Bern", NOW_US]})
                carried = [one.id for one in transaction.lanes.ready(1, [number], 1)[number]]
                lease(transaction, number, NOW_US + SECOND_US, carried)
                transaction.calls.begin(1, NOW_US, "POST", "https://x.example", "{}", [sent])
            with store.transaction() as transaction:
                assert transaction.records.expire(NOW_US) == []
                assert transaction.records.expire(NOW_US + SECOND_US) == [number]
                record = transaction.records.record(number)
                assert (record.in_doubt, record.leased) == (True, False)
                assert record.state == {"city": ["s", "Bern", 0]}
                ready = transaction.lanes.ready(1, [number], 9)[number]
                assert [(operation.event_id, operation.in_doubt) for operation in ready] == [(1, 1), (2, 0)]

    def test_only_what_the_call_under_way_carried_is_unknown(self, tmp_path: Path) -> None:
        """Not what an earlier one carried whose answer was lost as well: that was noted then."""
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                events = [enter(transaction, place, "d") for place in (1, 2, 3)]
                for event in events:
                    number = wait_in_lane(transaction, event)
                one, two, three = (row.id for row in transaction.lanes.ready(1, [number], 9)[number])
            for carried, doubts in (([one], [1, 0, 0]), ([two, three], [1, 1, 1]), ([three], [1, 1, 2])):
                with store.transaction() as transaction:
                    lease(transaction, number, NOW_US + SECOND_US, carried)
                    transaction.calls.begin(1, NOW_US, "POST", "https://x.example", "{}", events[:1])
                with store.transaction() as transaction:
                    transaction.records.expire(NOW_US + SECOND_US)
                    found = transaction.lanes.ready(1, [number], 9)[number]
                    assert [operation.in_doubt for operation in found] == doubts

    def test_an_append_is_unknown_only_where_a_call_was_made(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            number = wait_in_lane(transaction, enter(transaction, 1, "d"), APPEND)
            (waiting,) = transaction.lanes.ready(1, [number], 9)[number]
            lease(transaction, number, NOW_US + SECOND_US, [waiting.id])
            transaction.records.expire(NOW_US + SECOND_US)
            (waiting,) = transaction.lanes.ready(1, [number], 9)[number]
            assert waiting.in_doubt == 0

    def test_a_record_that_the_vendor_may_be_at_work_on_is_nobodys_turn(self, tmp_path: Path) -> None:
        """Not even when the lease ran out: an asynchronous call would go over what is sent meanwhile."""
        with self.store(tmp_path) as store, store.transaction() as transaction:
            records, lanes = transaction.records, transaction.lanes
            number = wait_in_lane(transaction, enter(transaction, 1, "d"))
            lease(transaction, number, NOW_US + SECOND_US)
            records.occupy([number], NOW_US + 60 * SECOND_US)
            assert records.expire(NOW_US + SECOND_US) == [number]
            assert lanes.due(1, NOW_US, 9) == lanes.last_due(1, "person", NOW_US, 9) == []
            records.vacate(NOW_US + 59 * SECOND_US)
            assert lanes.due(1, NOW_US, 9) == []
            records.vacate(NOW_US + 60 * SECOND_US)
            assert [lane.record_id for lane in lanes.due(1, NOW_US, 9)] == [number]

    def test_an_answer_ends_the_vendors_work_unless_it_says_that_it_goes_on(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            records, lanes = transaction.records, transaction.lanes
            number = wait_in_lane(transaction, enter(transaction, 1, "d"))
            for occupied in (True, False):
                fence = lease(transaction, number, NOW_US + SECOND_US)
                records.occupy([number], NOW_US + 60 * SECOND_US)
                assert records.release(number, fence, in_doubt=False, occupied=occupied)
                assert bool(lanes.due(1, NOW_US, 9)) is not occupied

    def test_a_backlog_is_counted_and_its_last_lanes_found(self, tmp_path: Path) -> None:
        others = [Record("person", f"email:{name}@x.example") for name in "abcd"]
        with self.store(tmp_path) as store, store.transaction() as transaction:
            lanes, numbers = transaction.lanes, []
            for place, record in enumerate(others):
                event = enter(transaction, place + 1, "d")
                numbers.append(wait_in_lane(transaction, event, record=record, due_us=NOW_US + place))
            wait_in_lane(transaction, enter(transaction, 9, "d"), record=Record("team", "name:Acme"))
            counted = [lanes.backlog(1, "person", NOW_US + 9, most) for most in (2, 100)]
            assert (counted, lanes.backlog(1, "person", NOW_US, 100)) == ([2, 4], 1)
            lease(transaction, numbers[1], NOW_US + 99 * SECOND_US)
            lanes.postpone(1, numbers[2], NOW_US, "timeout", "No answer.", attempt=True)
            last = lanes.last_due(1, "person", NOW_US + 9, 9)
            assert [lane.record_id for lane in last] == [numbers[3], numbers[0]], "no failed, no leased one"
            assert len(lanes.last_due(1, "person", NOW_US + 9, 1)) == 1

    def test_facts_are_merged_and_forgotten(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            number = transaction.records.record_number(1, PERSON)
            transaction.records.learn(number, {"id": 1, "name": "x"})
            transaction.records.learn(number, {"id": None, "more": [2]})
            assert transaction.records.facts(1, PERSON) == {"name": "x", "more": [2]}
            transaction.records.write_state(number, {"city": ["s", "Bern", NOW_US]})
            assert transaction.records.forget(number) == {"city": ["s", "Bern", 0]}
            assert transaction.records.facts(1, PERSON) == {}

    def test_a_lane_waits_after_failures_unless_settings_change(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            lanes = transaction.lanes
            number = wait_in_lane(transaction, enter(transaction, 1, "d"))
            lanes.postpone(1, number, NOW_US + 9, "timeout", "No answer.", attempt=True)
            wait_in_lane(transaction, enter(transaction, 2, "d"))
            lanes.hurry([1], NOW_US)
            assert lanes.due(1, NOW_US, 9) == []
            (lane,) = lanes.due(1, NOW_US + 9, 9)
            assert lane.attempts == 1
            lanes.restart(1, NOW_US)
            (lane,) = lanes.due(1, NOW_US, 9)
            assert lane.attempts == 0

    def test_lingering_ends_when_it_is_hurried(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            number = wait_in_lane(transaction, enter(transaction, 1, "d"), due_us=NOW_US + 9)
            assert transaction.lanes.due(1, NOW_US, 9) == []
            transaction.lanes.hurry([1], NOW_US)
            assert [lane.record_id for lane in transaction.lanes.due(1, NOW_US, 9)] == [number]

    def test_the_most_urgent_of_what_waits_decides_and_what_is_asked_for_comes(self, tmp_path: Path) -> None:
        bob = Record("person", "email:bob@x.example")
        with self.store(tmp_path) as store, store.transaction() as transaction:
            lanes = transaction.lanes
            ann = wait_in_lane(transaction, enter(transaction, 1, "d"), priority=2)
            one = wait_in_lane(transaction, enter(transaction, 2, "d"), record=bob, priority=1)
            assert [(lane.record_id, lane.priority) for lane in lanes.due(1, NOW_US, 9)] == [
                (one, 1),
                (ann, 2),
            ]
            assert lanes.due(1, NOW_US, 9, (0,)) == []
            live = enter(transaction, 3, "d")
            wait_in_lane(transaction, live)
            assert [lane.record_id for lane in lanes.due(1, NOW_US, 9, (0,))] == [ann]
            operations = lanes.ready(1, [ann], 9)[ann]
            assert [operation.priority for operation in operations] == [2, 0]
            lanes.remove([operations[1].id])
            lanes.settle_lane(1, ann, NOW_US)
            assert [(lane.record_id, lane.priority) for lane in lanes.due(1, NOW_US, 9)] == [
                (one, 1),
                (ann, 2),
            ]
