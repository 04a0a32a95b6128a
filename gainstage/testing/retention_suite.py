"""The part of the store's suite that is about letting go; `StoreSuite` brings it along."""

from pathlib import Path

from gainstage.store.contract import Transaction
from gainstage.store.rows import DELIVERED, FAILED, FILTERED, PARKED, PENDING, NewEvent, event_key
from gainstage.testing.lanes_suite import OpensStore
from gainstage.testing.store_processes import NOW_US, enter, wait_in_lane

#: Events of these tests are received at NOW_US, and the log has let go of what stands below this.
LATER_US, LOG_BEGINS = NOW_US + 1, (100,)


def kept(transaction: Transaction, offsets: range) -> list[int]:
    """Those of the events that are still there."""
    return [offset for offset in offsets if transaction.reading.events(f"m-{offset}")]


class RetentionSuite(OpensStore):
    """The behaviours of `gainstage.store.contract.Retention`."""

    def test_only_what_is_finished_old_and_gone_from_the_log_is_let_go(self, tmp_path: Path) -> None:
        words = [DELIVERED, FILTERED, FAILED, PARKED, PENDING, DELIVERED, FAILED, DELIVERED, DELIVERED]
        with self.store(tmp_path) as store, store.transaction() as transaction:
            for offset, word in enumerate(words, 1):
                enter(transaction, offset, "d", "e", word=word, opened=int(word == PENDING))
            transaction.ledger.give_up(7, 1, "no more", NOW_US)
            transaction.ledger.give_up(7, 2, "no more", NOW_US)
            enter(transaction, 200, "d", word=DELIVERED, opened=0)
            before = transaction.reading.counters()
            assert transaction.retention.trim(NOW_US, None, LOG_BEGINS, 0, 50).events == 0  # none is older
            assert transaction.retention.trim(LATER_US, None, (0,), 0, 50).events == 0  # the log has them all
            ended = transaction.retention.trim(LATER_US, None, (6,), 0, 50)
            assert (ended.events, kept(transaction, range(1, 10))) == (2, [3, 4, 5, 6, 7, 8, 9])
            ended = transaction.retention.trim(LATER_US, None, LOG_BEGINS, 0, 50)
            assert (ended.events, ended.after) == (4, None)
            assert kept(transaction, range(1, 10)) == [3, 4, 5] and kept(transaction, range(200, 201))
            assert transaction.reading.counters() == before
            assert transaction.reading.complete_since_us() == NOW_US
            assert transaction.intake.kept(5) is not None

    def test_what_finishes_later_goes_later(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            event = enter(transaction, 1, "d")
            enter(transaction, 2, "d", word=DELIVERED, opened=0)
            enter(transaction, 3, "d", word=DELIVERED, opened=0)
            assert transaction.retention.trim(LATER_US, None, LOG_BEGINS, 0, 50).events == 1
            transaction.ledger.deliver_one(event, 1, "", NOW_US)
            transaction.ledger.flush()  # type: ignore[attr-defined]
            assert transaction.retention.trim(LATER_US, None, LOG_BEGINS, 0, 50).events == 1
            assert kept(transaction, range(1, 4)) == [3]

    def test_refused_messages_stay_until_they_are_given_up(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            source = transaction.names.source("app")
            for n in (1, 2):
                key = event_key(source, f"m-{n}")
                place = (n, key, source, f"m-{n}", NOW_US, 0, n, None, None)
                transaction.intake.add([NewEvent(*place, "type_missing", "No type.")])
            enter(transaction, 3, "d", word=DELIVERED, opened=0)
            assert transaction.ledger.give_up_refused(2, "no more")
            transaction.retention.trim(LATER_US, None, LOG_BEGINS, 0, 50)
            assert kept(transaction, range(1, 4)) == [1, 3]

    def test_of_more_than_so_many_events_the_oldest_go(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            for offset in range(1, 31):
                enter(transaction, offset, "d", word=DELIVERED, opened=0)
            ended = transaction.retention.trim(0, 10, LOG_BEGINS, 0, 12)
            assert (ended.events, ended.after) == (12, 12)
            ended = transaction.retention.trim(0, 10, LOG_BEGINS, 12, 12)
            assert (ended.events, ended.after) == (8, None)
            assert kept(transaction, range(1, 31)) == list(range(21, 31))

    def test_a_call_stays_as_long_as_any_event_that_it_carried(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            done = enter(transaction, 1, "d", word=DELIVERED, opened=0)
            waits = enter(transaction, 2, "d")
            wait_in_lane(transaction, waits)
            enter(transaction, 3, "d", word=DELIVERED, opened=0)
            for events in ([done], [done, waits]):
                call = transaction.calls.begin(1, NOW_US, "PUT", "https://x.example", "said", events)
                transaction.calls.end(call, 200, "", NOW_US)
            transaction.calls.flush()  # type: ignore[attr-defined]
            assert transaction.retention.trim(LATER_US, None, LOG_BEGINS, 0, 50).events == 1
            assert len(transaction.reading.attempts(waits, "d")) == 1
            assert transaction.reading.calls_since(0) == {"d": 1}

    def test_duplicates_are_known_as_long_as_the_event_is_kept(self, tmp_path: Path) -> None:
        with self.store(tmp_path) as store, store.transaction() as transaction:
            for offset in (1, 2):
                enter(transaction, offset, "d", word=DELIVERED, opened=0)
            keys = [event_key(transaction.names.source("app"), f"m-{n}") for n in (1, 2)]
            assert transaction.intake.seen(keys) == set(keys)
            transaction.retention.trim(LATER_US, None, LOG_BEGINS, 0, 50)
            assert transaction.intake.seen(keys) == {keys[1]}
            assert enter(transaction, 3, "d") == 3
