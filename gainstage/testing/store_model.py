"""Random traffic: a model of the ledger, compared with the store after each step, and calls on a budget."""

from collections import Counter
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gainstage.destination import Budget
from gainstage.reason import WORDS
from gainstage.store.contract import Store
from gainstage.store.rows import DELIVERED, FILTERED, PENDING, NewDelivery, NewEvent, event_key

NOW_US = 1_767_268_800_000_000
SECOND_US = 1_000_000
accounts = count()
SOURCES, DESTINATIONS = ("app", "site"), ("d", "e")
words = st.integers(0, len(WORDS) - 1)


class LedgerMachine(RuleBasedStateMachine):
    """Enters events and settles them, in transactions that commit or are rolled back."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        #: (event, destination) to [source, word, open operations].
        self.model: dict[tuple[int, int], list[Any]] = {}
        with store.transaction() as transaction:
            self.sources = [transaction.names.source(name) for name in SOURCES]
            self.destinations = [transaction.names.destination(name) for name in DESTINATIONS]

    def teardown(self) -> None:
        self.store.close()

    @rule(source=st.sampled_from([0, 1]), entered=st.lists(st.tuples(words, st.integers(1, 3)), max_size=2))
    def enter(self, source: int, entered: list[tuple[int, int]]) -> None:
        with self.store.transaction() as transaction:
            number = transaction.intake.next_event_id()
            source_id, name = self.sources[source], f"m-{number}"
            key = event_key(source_id, name)
            transaction.intake.add([NewEvent(number, key, source_id, name, NOW_US, 0, number, None, None)])
            transaction.intake.keep_bodies([(number, b"body")])
            deliveries = []
            for destination, (word, opened) in zip(self.destinations, entered, strict=False):
                opened = opened if word == PENDING else 0
                deliveries.append(NewDelivery(number, destination, source_id, word, "refused", open=opened))
                self.model[(number, destination)] = [source_id, word, opened]
            transaction.ledger.add(deliveries, NOW_US)

    @rule(data=st.data(), word=words, repeat=st.booleans())
    def change(self, data: st.DataObject, word: int, repeat: bool) -> None:
        unsettled = sorted(place for place, row in self.model.items() if row[1] > FILTERED)
        if not unsettled:
            return
        event, destination = data.draw(st.sampled_from(unsettled))
        row = self.model[(event, destination)]
        changed = NewDelivery(event, destination, row[0], word, "refused", open=1 if word == PENDING else 0)
        with self.store.transaction() as transaction:
            transaction.ledger.change(changed, NOW_US)
            if repeat:
                transaction.ledger.change(changed, NOW_US)
        row[1:] = [word, changed.open]

    @rule(data=st.data())
    def deliver_one(self, data: st.DataObject) -> None:
        if not self.model:
            return
        (event, destination), row = data.draw(st.sampled_from(sorted(self.model.items())))
        with self.store.transaction() as transaction:
            left = transaction.ledger.deliver_one(event, destination, "", NOW_US)
        if row[1] != PENDING or row[2] == 0:
            assert left is None
            return
        row[2] -= 1
        assert left == row[2]
        if left == 0:
            row[1] = DELIVERED

    @rule(data=st.data())
    def deliver_alone(self, data: st.DataObject) -> None:
        alone = sorted(place for place, row in self.model.items() if row[1:] == [PENDING, 1])
        if not alone:
            return
        event, destination = data.draw(st.sampled_from(alone))
        row = self.model[(event, destination)]
        with self.store.transaction() as transaction:
            transaction.ledger.deliver_alone(event, destination, row[0], "unchanged", NOW_US)
        row[1:] = [DELIVERED, 0]

    @rule(data=st.data(), word=words)
    def give_up(self, data: st.DataObject, word: int) -> None:
        """A transaction that changes things and is rolled back."""
        if not self.model:
            return
        (event, destination), row = data.draw(st.sampled_from(sorted(self.model.items())))
        try:
            with self.store.transaction() as transaction:
                changed = NewDelivery(event, destination, row[0], word, "refused")
                transaction.ledger.change(changed, NOW_US)
                transaction.ledger.deliver_one(event, destination, "", NOW_US)
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    @invariant()
    def counters_equal_the_deliveries(self) -> None:
        wanted = Counter((row[0], place[1], row[1]) for place, row in self.model.items())
        with self.store.reading() as reading:
            counted = {
                (source, destination, word): n
                for (source, destination), named in reading.counters().items()
                for word, n in named.items()
                if n
            }
            found = {
                (row.event_id, row.destination): row.word
                for event in {event for event, _ in self.model}
                for row in reading.deliveries(event, NOW_US)
            }
        names = (
            dict(zip(self.sources, SOURCES, strict=True)),
            dict(zip(self.destinations, DESTINATIONS, strict=True)),
        )
        assert counted == {(names[0][s], names[1][d], WORDS[w]): n for (s, d, w), n in wanted.items()}
        assert found == {(e, names[1][d]): WORDS[row[1]] for (e, d), row in self.model.items()}

    @invariant()
    def bodies_are_kept_while_they_may_be_needed(self) -> None:
        with self.store.transaction() as transaction:
            for event in {event for event, _ in self.model}:
                rows = [row for (number, _), row in self.model.items() if number == event]
                if any(row[1] > FILTERED for row in rows):
                    assert transaction.intake.kept(event) is not None


def assert_windows_hold(store: Store) -> None:
    """Whenever calls are asked for, no window of a budget's length sees more than its limit."""
    gaps = st.sampled_from([0.0, 0.2, 0.98, 0.99, 0.999, 1.0]) | st.floats(0, 0.6) | st.floats(0, 1.2)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        limit=st.integers(1, 4),
        window_seconds=st.sampled_from([1.0, 7.3, 60.0, 86_400.0]),
        gaps=st.lists(gaps, min_size=1, max_size=40),
    )
    def hold(limit: int, window_seconds: float, gaps: list[float]) -> None:
        budget = Budget(f"account {next(accounts)}", "all", "window", window_seconds, limit)
        window_us, now_us, made = int(window_seconds * SECOND_US), NOW_US, []
        with store.transaction() as transaction:
            for gap in gaps:
                now_us += int(gap * window_us)
                if transaction.calls.available([budget], now_us):
                    transaction.calls.spend([budget], now_us, 1)
                    made.append(now_us)
                    continue
                renews_us = transaction.calls.renews_us([budget], now_us)
                assert now_us < renews_us <= now_us + window_us + window_us // 50
                assert transaction.calls.available([budget], renews_us)
        for start in made:
            assert sum(start <= at < start + window_us for at in made) <= limit

    hold()


def assert_windows_hold_for_calls_that_take_time(store: Store) -> None:
    """The vendor counts a call at any moment until its end: no window sees more than the limit then either.

    The naive model keeps the moments at which the vendor counted each call.
    """
    lengths = st.sampled_from([0.1, 3.0, 15.0]) | st.floats(0, 15)
    steps = st.tuples(
        st.floats(0, 1.2), lengths, st.sampled_from([0.0, 1.0]) | st.floats(0, 1), st.booleans()
    )

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        limit=st.integers(1, 4),
        window_seconds=st.sampled_from([0.5, 1.0, 1.0, 7.3, 60.0, 86_400.0]),
        steps=st.lists(steps, min_size=8, max_size=40),
    )
    def hold(limit: int, window_seconds: float, steps: list[tuple[float, float, float, bool]]) -> None:
        budget = Budget(f"account {next(accounts)}", "all", "window", window_seconds, limit)
        window_us, now_us, counted = int(window_seconds * SECOND_US), NOW_US, []
        under_way: list[tuple[int, int]] = []  # when each ends, and until when it was reserved
        with store.transaction() as transaction:
            calls = transaction.calls
            for gap, seconds, part, answered in steps:
                now_us += int(gap * min(window_us, 20 * SECOND_US))
                for ended_us, reserved_us in [one for one in under_way if one[0] <= now_us]:
                    under_way.remove((ended_us, reserved_us))
                    calls.move([budget], reserved_us, now_us)  # read at the next turn
                if calls.available([budget], now_us):
                    latest_us = now_us + 15 * SECOND_US
                    calls.spend([budget], now_us, 1, ends_us=latest_us)
                    counted.append(now_us + int(seconds * part * SECOND_US))
                    if answered:  # else the process died, or its answer was lost
                        under_way.append((now_us + int(seconds * SECOND_US), latest_us))
        for start in counted:
            assert sum(start <= at < start + window_us for at in counted) <= limit

    hold()
