"""What every store must do with budgets, as tests: part of `StoreSuite`."""

from pathlib import Path

import pytest

from gainstage.destination import Budget
from gainstage.testing.lanes_suite import OpensStore
from gainstage.testing.store_model import assert_windows_hold, assert_windows_hold_for_calls_that_take_time
from gainstage.testing.store_processes import NOW_US

SECOND_US = 1_000_000


class BudgetsSuite(OpensStore):
    """Calls counted in windows, by several processes."""

    def test_no_window_however_aligned_sees_more_calls_than_allowed(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        with self.store(tmp_path_factory.mktemp("store")) as store:
            assert_windows_hold(store)

    def test_a_call_counts_from_its_reservation_until_a_window_after_its_end(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        with self.store(tmp_path_factory.mktemp("store")) as store:
            assert_windows_hold_for_calls_that_take_time(store)

    def test_a_budget_is_shared_by_processes_and_destinations(self, tmp_path: Path) -> None:
        budget = Budget("acme", "all", "minute", 60, 3)
        other = Budget("other", "all", "minute", 60, 3)
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                transaction.calls.spend([budget], NOW_US, 2)
            with two.transaction() as transaction:
                assert transaction.calls.available([budget, other], NOW_US) == 1
                assert transaction.calls.available([other], NOW_US) == 3
                assert transaction.calls.available([], NOW_US) is None

    def test_a_stopped_budget_gives_nothing_before_its_time(self, tmp_path: Path) -> None:
        budget = Budget("acme", "all", "minute", 60, 3)
        with self.store(tmp_path) as store, store.transaction() as transaction:
            row = transaction.budgets.get(budget, NOW_US)
            row.stop_until_us = NOW_US + 9
            transaction.budgets.save(row)
            assert transaction.calls.available([budget], NOW_US + 8) == 0
            assert transaction.calls.renews_us([budget], NOW_US) == NOW_US + 9
            assert transaction.calls.available([budget], NOW_US + 9) == 3

    def test_after_a_refusal_calls_go_one_at_a_time_until_one_is_granted(self, tmp_path: Path) -> None:
        budget = Budget("acme", "all", "minute", 60, 3)
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                row = transaction.budgets.get(budget, NOW_US)
                row.refusals, row.stop_until_us, row.refused_call = 1, NOW_US + 5, 7
                transaction.budgets.save(row)
            with two.transaction() as transaction:
                assert transaction.calls.available([budget], NOW_US + 4) == 0
                assert transaction.calls.available([budget], NOW_US + 5) == 1
                transaction.budgets.grant([budget], 7)
                assert transaction.calls.available([budget], NOW_US + 5) == 1, "it was under way"
                transaction.budgets.grant([budget], 8)
                assert transaction.calls.available([budget], NOW_US) == 3
                assert transaction.budgets.get(budget, NOW_US).refusals == 0

    def test_a_lowered_budget_grows_back_and_not_beyond_its_limit(self, tmp_path: Path) -> None:
        budget = Budget("acme", "all", "minute", 60, 10)
        with self.store(tmp_path) as store:
            with store.transaction() as transaction:
                row = transaction.budgets.get(budget, NOW_US)
                row.lowered, row.lowered_us, row.step, row.step_us = 2, NOW_US, 3, SECOND_US
                transaction.budgets.save(row)
            with store.transaction() as transaction:
                calls, free = transaction.calls, [2, 2, 5, 5, 8, 10, 10]
                moments = [NOW_US + n * SECOND_US // 2 for n in (0, 1, 2, 3, 4, 6, 2_000)]
                assert [calls.available([budget], at_us) for at_us in moments] == free
                rows = transaction.budgets.all()
                assert [rows[0].usable_at(at_us) for at_us in moments] == free

    def test_what_is_known_of_budgets_is_kept(self, tmp_path: Path) -> None:
        minute, day = Budget("acme", "all", "minute", 60, 3), Budget("acme", "all", "day", 86_400, 9)
        with self.store(tmp_path) as one, self.store(tmp_path) as two:
            with one.transaction() as transaction:
                transaction.budgets.declare([day, minute], NOW_US)
                transaction.calls.spend([day, minute], NOW_US, 2)
                transaction.calls.spend([day, minute], NOW_US, 1, live=False)
                row = transaction.budgets.get(day, NOW_US)
                row.alert, row.alert_us = 50, NOW_US + 1
                transaction.budgets.save(row)
                transaction.budgets.declare([day], NOW_US + 5)
            with two.transaction() as transaction:
                rows = transaction.budgets.all()
                assert [one.window for one in rows] == ["minute", "day"]
                assert [(one.slices[0].used, one.slices[0].live) for one in rows] == [(3, 2), (3, 2)]
                assert (rows[1].since_us, rows[1].alert, rows[1].alert_us) == (NOW_US, 50, NOW_US + 1)

    def test_a_call_under_way_counts_until_a_window_after_its_end(self, tmp_path: Path) -> None:
        """Longer than the window, if need be: the vendor may count it at its very end."""
        budget = Budget("acme", "all", "second", 1, 1)
        with self.store(tmp_path) as store, store.transaction() as transaction:
            calls, ends_us = transaction.calls, NOW_US + 15 * SECOND_US
            calls.spend([budget], NOW_US, 1, ends_us=ends_us)
            assert [calls.available([budget], NOW_US + n * SECOND_US) for n in (0, 2, 15)] == [0, 0, 0]
            ended_us = NOW_US + 4 * SECOND_US
            calls.move([budget], ends_us, ended_us)
            assert calls.available([budget], ended_us + SECOND_US - 1) == 0
            assert calls.available([budget], ended_us + SECOND_US + SECOND_US // 50) == 1

    def test_a_clock_set_back_costs_a_budget_no_more_than_a_window(self, tmp_path: Path) -> None:
        budget = Budget("acme", "all", "minute", 60, 2)
        ahead_us = NOW_US + 365 * 86_400 * SECOND_US
        with self.store(tmp_path) as store, store.transaction() as transaction:
            row = transaction.budgets.get(budget, ahead_us)
            row.stop_until_us, row.lowered, row.lowered_us, row.step, row.step_us = (
                ahead_us, 1, ahead_us, 1, SECOND_US,
            )  # fmt: skip
            transaction.budgets.save(row)
            transaction.calls.spend([budget], ahead_us, 2)
            assert transaction.calls.available([budget], NOW_US) == 0, "they may have been made just now"
            assert transaction.calls.available([budget], NOW_US + 62 * SECOND_US) == 2
