"""What fails for a while: how long it is tried, what the vendor asks for, and what it says of others."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gainstage.destination import Request
from gainstage.store import StorageUnavailable
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status

pytestmark = pytest.mark.anyio
MAIL = "ann@x.example"
HOUR, DAY = 3_600, 86_400


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


def ann(**traits: Any) -> dict[str, Any]:
    """An identify of the one person that most of these tests are about."""
    return {"type": "identify", "traits": {"email": MAIL, **traits}}


def person(name: str) -> dict[str, Any]:
    return {"type": "identify", "userId": name, "traits": {"email": f"{name}@x.example"}}


async def hours(shop: Workshop, count: float) -> None:
    """Let so many hours pass, in which everything goes that may."""
    for _ in range(int(count * 4)):
        shop.clock.forward(HOUR / 4)
        await shop.work(3)


def failing(shop: Workshop, *bad: str, code: int = 500, **headers: str) -> None:
    """Have the vendor fail every call in which one of these texts stands."""

    def answer(request: Request) -> Answer:
        return status(code, **headers) if any(one.encode() in request.body for one in bad) else None

    shop.vendor.answer = answer


# for how long


async def test_failing_deliveries_are_tried_for_seven_days_and_then_kept(shop: Workshop) -> None:
    failing(shop, MAIL)
    await shop.take(ann())
    await shop.deliver(30)
    await hours(shop, 6.9 * 24)
    assert shop.counts == {"pending": 1}
    await hours(shop, 12)
    assert shop.outcome("m-1") == ("failed", "retries_exhausted")
    assert len(shop.vendor.requests) > 7 * 24


async def test_an_event_that_came_late_to_a_failing_record_has_seven_days_too(shop: Workshop) -> None:
    failing(shop, MAIL)
    await shop.take(ann(first=1))
    await shop.deliver(30)
    await hours(shop, 6.9 * 24)
    await shop.take(ann(second=2))
    await hours(shop, 12)
    assert shop.outcome("m-1") == ("failed", "retries_exhausted")
    assert shop.outcome("m-2")[0] == "pending"
    failing(shop)
    await hours(shop, 2)
    assert shop.outcome("m-2")[0] == "delivered"
    assert shop.vendor.persons[MAIL] == {"email": MAIL, "second": 2}


@pytest.mark.parametrize("how", ["stopped", "paused", "clock"])
async def test_a_week_in_which_nothing_was_tried_is_no_week_of_trying(shop: Workshop, how: str) -> None:
    failing(shop, MAIL)
    await shop.take(ann())
    await shop.deliver(60)
    if how == "paused":
        shop.paused.add("shop")
        shop.configure()
        await shop.work()
    shop.clock.forward(8 * DAY)
    if how == "stopped":
        shop.engine = shop.new_engine()
    shop.paused.clear()
    shop.configure()
    await hours(shop, 4)
    assert shop.counts == {"pending": 1}
    failing(shop)
    await hours(shop, 2)
    assert shop.counts == {"delivered": 1}


async def test_a_week_of_waiting_for_the_vendors_limit_is_no_week_of_trying(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=100)}) as shop:
        failing(shop, MAIL)
        await shop.take(ann())
        await shop.deliver(60)
        failing(shop, MAIL, code=429, retry_after="86400")
        await hours(shop, 8 * 24)
        failing(shop, MAIL)
        await hours(shop, 30)
        assert shop.counts == {"pending": 1}


async def test_the_first_retries_come_after_about_1_2_4_and_8_seconds(shop: Workshop) -> None:
    failing(shop, MAIL)
    await shop.take(ann())
    for _ in range(400):
        shop.clock.forward(0.1)
        await shop.work(2)
    waits = [(after - before) / 1e6 for before, after in pairwise(shop.vendor.sent_at_us)]
    assert waits[:4] == pytest.approx([1, 2, 4, 8], rel=0.25)


# what the vendor asks for


async def test_retry_after_is_obeyed(shop: Workshop) -> None:
    shop.vendor.script = [status(503, retry_after="40")]
    await shop.take(ann())
    await shop.deliver(39)
    assert len(shop.vendor.requests) == 1
    await shop.deliver(6)
    assert shop.counts == {"delivered": 1}


async def test_a_vendor_that_is_unavailable_is_not_called_for_anybody_before_the_time_that_it_asked_for(
    shop: Workshop,
) -> None:
    shop.vendor.script = [status(503, retry_after="600")]
    await shop.take(person("first"))
    await shop.work()
    await shop.take(*(person(f"user-{number}") for number in range(20)))
    await shop.deliver(590)
    assert len(shop.vendor.requests) == 1
    shop.engine = shop.new_engine()
    await shop.deliver(5)
    assert len(shop.vendor.requests) == 1
    await shop.deliver(60)
    assert shop.counts == {"delivered": 21}


async def test_an_answer_to_a_call_that_was_under_way_does_not_lift_what_the_vendor_asked_for(
    shop: Workshop,
) -> None:
    await shop.take(person("warm"))
    await shop.deliver(3)
    failing(shop, "first", code=503, retry_after="600")
    await shop.take(person("first"), person("second"))
    await shop.deliver(4)
    assert shop.counts == {"delivered": 2, "pending": 1}
    await shop.take(person("third"))
    await shop.deliver(590)
    assert len(shop.vendor.requests) == 3
    assert shop.counts == {"delivered": 2, "pending": 2}


async def test_a_record_that_is_unavailable_alone_holds_the_others_once(shop: Workshop) -> None:
    failing(shop, "bad", code=503, retry_after="100")
    await shop.take(person("bad"))
    await shop.deliver(95)
    assert len(shop.vendor.requests) == 1
    await shop.deliver(10)
    await shop.take(person("good"))
    await shop.deliver(110)
    assert shop.counts == {"delivered": 1, "pending": 1}
    await shop.deliver(220)
    tried = len(shop.vendor.requests)
    await shop.take(person("better"))
    await shop.deliver(2)
    assert len(shop.vendor.requests) == tried + 1
    assert shop.counts == {"delivered": 2, "pending": 1}


async def test_a_new_process_holds_a_destination_that_was_being_probed_for_what_it_asks(
    shop: Workshop,
) -> None:
    """It does not know whose calls failed, but that many did."""
    failing(shop, "one", "two", "three", code=500)
    await shop.take(person("one"), person("two"), person("three"))
    await shop.deliver(10)
    shop.engine = shop.new_engine()
    failing(shop, "one", "two", "three", code=503, retry_after="100")
    tried = len(shop.vendor.requests)
    await shop.deliver(99)
    assert len(shop.vendor.requests) == tried + 1


async def test_a_throttled_budget_pauses_without_spending_attempts(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=100)}) as shop:
        shop.vendor.script = [status(429, retry_after="30")]
        await shop.take(ann())
        await shop.deliver(29)
        assert len(shop.vendor.requests) == 1
        assert shop.column("SELECT attempts FROM lane") == [0]
        await shop.deliver(8)
        assert shop.counts == {"delivered": 1}


# what it says of others


async def test_a_record_that_fails_alone_keeps_nobody_else_waiting(shop: Workshop) -> None:
    """However quiet it is otherwise: nothing succeeded since that would tell the vendor works."""
    failing(shop, "bad")
    await shop.take(person("bad"))
    await hours(shop, 1)
    for number in range(5):
        await shop.take(person(f"good-{number}"))
        await shop.deliver(2)
        assert shop.counts == {"delivered": number + 1, "pending": 1}
        await hours(shop, 1)


async def test_one_call_that_fails_for_many_records_counts_once(shop: Workshop) -> None:
    await shop.take(*({"type": "group", "groupId": f"team-{n}", **ann()} for n in range(30)))
    await shop.work(2)
    failing(shop, "team-7")
    await shop.take(*({"type": "group", "groupId": f"team-{n}", **ann(size=4)} for n in range(30)))
    await shop.work(1)
    assert max(shop.column("SELECT failures FROM destination")) <= 1


async def test_a_destination_that_fails_for_everybody_is_probed_by_one_call_at_a_time(shop: Workshop) -> None:
    failing(shop, "@")
    await shop.take(*(person(f"user-{number}") for number in range(40)))
    await shop.deliver(60)
    asked = len(shop.vendor.requests)
    await shop.deliver(600)
    assert 9 <= len(shop.vendor.requests) - asked <= 11


# the disk


async def test_after_a_disk_that_failed_for_a_while_what_was_under_way_goes_on_at_once(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.vendor.gate = asyncio.Event()
    await shop.take(ann())
    await shop.deliver(3)
    assert len(shop.vendor.requests) == 1

    def fails() -> Any:
        raise StorageUnavailable("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(shop.store, "transaction", fails)
        with pytest.raises(StorageUnavailable):
            await shop.turn()
        await shop.engine._abandon()
    shop.vendor.gate.set()
    await shop.deliver(5)
    assert shop.counts == {"delivered": 1}


# clocks


@pytest.mark.parametrize("how", ["running", "restarted"])
async def test_a_clock_that_was_set_back_makes_nothing_wait_until_the_old_time(
    shop: Workshop, how: str
) -> None:
    shop.clock.forward(3 * DAY)
    failing(shop, "@")
    await shop.take(*(person(f"user-{number}") for number in range(9)))
    await shop.deliver(60)
    shop.clock.forward(-3 * DAY)
    if how == "restarted":
        shop.engine = shop.new_engine()
    failing(shop)
    await hours(shop, 2 if how == "running" else 26)
    assert shop.counts == {"delivered": 9}
