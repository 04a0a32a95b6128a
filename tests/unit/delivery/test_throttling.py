"""What a 429 leads to: a pause, single calls, and a lower budget that grows back."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gainstage.delivery.throttling import full_again_us, probing, refused
from gainstage.destination import Budget, Request
from gainstage.store import Store
from gainstage.store.contract import Transaction
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status

NOW_US, SECOND_US = 1_767_268_800_000_000, 1_000_000
MINUTE = Budget("acme", "cs", "minute", 60, 100)
DAY = Budget("acme", "cs", "day", 86_400, 50_000)
BOTH = (DAY, MINUTE)


@pytest.fixture
def transaction() -> Iterator[Transaction]:
    with Store.passing() as passing:
        yield passing


def begin(transaction: Transaction, budgets: Sequence[Budget] = BOTH, at_us: int = NOW_US) -> int:
    """A call is reserved and begun."""
    transaction.calls.spend(budgets, at_us, 1)
    return transaction.calls.begin(1, at_us, "PUT", "https://vendor.example/", "{}", ())


def refuse(transaction: Transaction, at_us: int, asked: float | None = None) -> None:
    """The vendor refuses a call that was reserved just before."""
    refused(transaction, BOTH, begin(transaction, BOTH, at_us - 1), at_us, asked)


def grant(transaction: Transaction, budgets: Sequence[Budget] = BOTH) -> None:
    """The vendor takes a call that is begun now."""
    transaction.budgets.grant(budgets, begin(transaction, budgets=()))


def next_us(transaction: Transaction, now_us: int) -> int:
    """When the next call may go."""
    return transaction.calls.renews_us(BOTH, now_us)


def test_the_first_refusal_pauses_until_the_minute_can_have_renewed(transaction: Transaction) -> None:
    refuse(transaction, NOW_US)
    assert next_us(transaction, NOW_US) == NOW_US + 60 * SECOND_US
    assert transaction.calls.available(BOTH, NOW_US + 60 * SECOND_US) == 1, "then one call tries it"


def test_what_the_vendor_asks_for_is_obeyed(transaction: Transaction) -> None:
    refuse(transaction, NOW_US, 7)
    assert next_us(transaction, NOW_US) == NOW_US + 7 * SECOND_US
    refuse(transaction, NOW_US + 9 * SECOND_US, 40_000)
    assert next_us(transaction, NOW_US + 9 * SECOND_US) == NOW_US + 40_009 * SECOND_US
    day = transaction.budgets.get(DAY, NOW_US)
    assert day.refusals == 1, "no minute asks for so long"


def test_refusals_in_a_row_are_taken_for_the_day_s_limit_and_probed_by_growing_waits(
    transaction: Transaction,
) -> None:
    at_us, waits = NOW_US, []
    for _ in range(9):
        refuse(transaction, at_us)
        waits.append((next_us(transaction, at_us) - at_us) // SECOND_US)
        at_us = next_us(transaction, at_us) + SECOND_US
    assert waits[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert transaction.budgets.get(DAY, at_us).refusals == 8


def test_a_day_s_limit_is_tried_when_a_new_day_has_begun(transaction: Transaction) -> None:
    midnight_us = NOW_US + 12 * 3_600 * SECOND_US
    at_us = midnight_us - 1_800 * SECOND_US
    refuse(transaction, at_us)
    while at_us < midnight_us:
        at_us = next_us(transaction, at_us)
        if at_us < midnight_us:
            refuse(transaction, at_us + 1)
    assert at_us == midnight_us + 10 * SECOND_US


def test_calls_under_way_when_the_pause_began_teach_nothing_new(transaction: Transaction) -> None:
    calls = [begin(transaction) for _ in range(20)]
    for after in (1, 2, 3):
        refused(transaction, BOTH, calls[after], NOW_US + after * SECOND_US, None)
    minute = transaction.budgets.get(MINUTE, NOW_US)
    assert (minute.refusals, minute.lowered, minute.stop_until_us) == (1, 19, NOW_US + 61 * SECOND_US)


def test_a_call_that_was_under_way_when_one_was_refused_does_not_end_the_pause(
    transaction: Transaction,
) -> None:
    one, other = begin(transaction), begin(transaction)
    refused(transaction, BOTH, one, NOW_US + SECOND_US, 30.0)
    transaction.budgets.grant(BOTH, other)
    assert next_us(transaction, NOW_US + 2 * SECOND_US) == NOW_US + 31 * SECOND_US
    transaction.budgets.grant(BOTH, begin(transaction))
    assert transaction.calls.available(BOTH, NOW_US + 2 * SECOND_US)


@pytest.mark.parametrize("set_by_seconds", [0, -90, -86_400, 120])
def test_nor_does_it_where_the_clock_was_set_meanwhile(transaction: Transaction, set_by_seconds: int) -> None:
    one, other = begin(transaction), begin(transaction)
    at_us = NOW_US + (1 + set_by_seconds) * SECOND_US
    refused(transaction, BOTH, one, at_us, 30.0)
    transaction.budgets.grant(BOTH, other)
    assert transaction.calls.available(BOTH, at_us + 29 * SECOND_US) == 0


def test_what_a_call_that_was_under_way_is_told_holds_though_a_later_call_is_taken(
    transaction: Transaction,
) -> None:
    second = (Budget("acme", "clicks", "second", 1, 100),)
    one, other = begin(transaction, second), begin(transaction, second)
    refused(transaction, second, one, NOW_US + 3 * SECOND_US, None)
    tried_us = NOW_US + 4 * SECOND_US
    tried = begin(transaction, second, tried_us)
    refused(transaction, second, other, tried_us + 1, 30.0)
    transaction.budgets.grant(second, tried)
    asked_us = tried_us + 1 + 30 * SECOND_US
    assert transaction.calls.renews_us(second, tried_us + 2) == asked_us
    grant(transaction, second)
    assert (transaction.calls.available(second, asked_us + 1) or 0) > 1


def test_what_the_vendor_asks_for_is_obeyed_also_where_limits_are_of_seconds(
    transaction: Transaction,
) -> None:
    second = (Budget("acme", "clicks", "second", 1, 100),)
    refused(transaction, second, begin(transaction, second), NOW_US + 1, 40.0)
    assert transaction.calls.renews_us(second, NOW_US + 1) == NOW_US + 1 + 40 * SECOND_US


def test_after_a_pause_one_call_goes_at_a_time_until_one_is_taken(transaction: Transaction) -> None:
    refuse(transaction, NOW_US)
    at_us = NOW_US + 61 * SECOND_US
    assert transaction.calls.available(BOTH, at_us) == 1
    tried = begin(transaction, BOTH, at_us)
    probing(transaction.budgets, BOTH, at_us)
    assert transaction.calls.available(BOTH, at_us + SECOND_US) == 0
    assert transaction.calls.available(BOTH, at_us + 15 * SECOND_US) == 1, "its answer was lost"
    transaction.budgets.grant(BOTH, tried)
    assert (transaction.calls.available(BOTH, at_us + SECOND_US) or 0) > 1


def test_less_is_used_for_a_while_and_then_all_again(transaction: Transaction) -> None:
    transaction.calls.spend(BOTH, NOW_US, 62)
    refuse(transaction, NOW_US + 1)
    grant(transaction)
    minute = transaction.budgets.get(MINUTE, NOW_US)
    moments = [NOW_US + 1 + n * 60 * SECOND_US for n in range(6)]
    assert [minute.usable_at(at_us) for at_us in moments] == [62, 72, 82, 92, 100, 100]
    assert full_again_us(minute, NOW_US + 1) == moments[4]
    assert full_again_us(minute, moments[4]) is None
    assert transaction.budgets.get(DAY, NOW_US).lowered is None


def test_a_package_that_stays_small_is_tried_ever_less_often(transaction: Transaction) -> None:
    at_us, steps = NOW_US, []
    for _ in range(9):
        transaction.calls.spend(BOTH, at_us, 30)
        refuse(transaction, at_us + 1)
        grant(transaction)
        steps.append(transaction.budgets.get(MINUTE, at_us).step_us // SECOND_US)
        at_us += steps[-1] * SECOND_US + SECOND_US
    assert steps == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    limit=st.integers(1, 200),
    told=st.lists(
        st.tuples(
            st.sampled_from(["call", "refuse", "refuse", "asked", "grant", "back"]), st.integers(0, 4_000)
        ),
        max_size=40,
    ),
)
def test_whatever_is_refused_a_budget_stays_within_its_limit_never_starves_and_recovers_fully(
    limit: int, told: list[tuple[str, int]]
) -> None:
    budgets = (Budget("acme", "cs", "minute", 60, limit), Budget("acme", "cs", "day", 86_400, limit * 500))
    at_us = NOW_US
    with Store.passing() as transaction:
        for what, seconds in told:
            at_us += seconds * SECOND_US * (-1 if what == "back" else 1)
            if what == "grant":
                grant(transaction, budgets)
            elif what != "back" and transaction.calls.available(budgets, at_us):
                call = begin(transaction, budgets, at_us)
                probing(transaction.budgets, budgets, at_us)
                if what != "call":
                    refused(transaction, budgets, call, at_us, 90.0 if what == "asked" else None)
            for row in transaction.budgets.all():
                assert 1 <= row.usable_at(at_us) <= row.usable
                assert row.stop_until_us <= at_us + 86_400 * SECOND_US or what == "back"
        grant(transaction, budgets)
        later_us = at_us + 7 * 86_400 * SECOND_US
        assert transaction.calls.available(budgets, later_us) == limit


@pytest.mark.anyio
async def test_a_storm_of_refusals_costs_few_calls_and_no_attempts(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=100)}) as shop:
        refusing = True

        def answer(request: Request) -> Answer:
            return status(429) if refusing else None

        shop.vendor.answer = answer
        track = {"type": "track", "event": "Used", "context": {"traits": {"email": "ann@x.example"}}}
        await shop.take(*[{**track, "userId": f"u-{n}", "context": {"traits": {"email": f"{n}@x.example"}}}
                          for n in range(30)])  # fmt: skip
        await shop.deliver(60)
        for _ in range(60):
            shop.clock.forward(60)
            await shop.work(3)
        assert len(shop.vendor.requests) <= 10
        assert shop.outcome("m-5") == ("pending", "throttled")
        assert shop.column("SELECT max(attempts) FROM lane") == [0]
        refusing = False
        shop.clock.forward(3_600)
        await shop.deliver(5)
        assert shop.counts == {"delivered": 30}


@pytest.mark.anyio
async def test_what_a_refusal_taught_outlives_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=100)}) as shop:
        shop.vendor.script = [status(429)]
        await shop.take({"type": "identify", "traits": {"email": "ann@x.example"}})
        await shop.deliver(5)
        (row,) = rows(shop)
        shop.engine = shop.new_engine()
        await shop.deliver(5)
        assert len(shop.vendor.requests) == 1
        assert rows(shop)[0].lowered == row.lowered == 5
        await shop.deliver(70)
        assert shop.counts == {"delivered": 1}
        assert rows(shop)[0].refusals == 0


def rows(shop: Workshop) -> list:  # type: ignore[type-arg]
    with shop.store.reading() as reading:
        return reading.budgets()
