"""How long upserts wait for others of their record, and which ride along in a call that is made anyway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.clock import SECOND_US
from gainstage.delivery.planning import linger_us
from tests.unit.delivery.workshop import Settings, Workshop, opened, status, with_type

pytestmark = pytest.mark.anyio


def told(name: str, value: str) -> dict[str, Any]:
    """An identify of Ann."""
    return {"type": "identify", "traits": {"email": "ann@x.example", name: value}}


def group(name: str, **traits: Any) -> dict[str, Any]:
    """A group call, with its member's e-mail."""
    return {
        "type": "group", "groupId": name, "traits": traits,
        "context": {"traits": {"email": f"member@{name}.example"}},
    }  # fmt: skip


def tracks(count: int) -> list[dict[str, Any]]:
    """Events of another person, which are not merged."""
    one = {
        "type": "track",
        "event": "Used",
        "userId": "u-2",
        "context": {"traits": {"email": "bob@x.example"}},
    }
    return [one] * count


def teams(shop: Workshop) -> list[list[str]]:
    """The teams that each call carried."""
    return [
        [one["record"][1] for one in msgspec.json.decode(request.body)]
        for request in shop.vendor.requests
        if request.url.endswith("/team")
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


async def seconds_until_sent(shop: Workshop) -> int:
    """After how many seconds a change of Ann goes."""
    calls = len(shop.vendor.requests)
    await shop.take(told("city", f"City {calls}"))
    await shop.work()
    for seconds in range(1, 61):
        shop.clock.forward(1)
        await shop.work(4)
        if len(shop.vendor.requests) > calls:
            return seconds
    raise AssertionError("It was not sent.")


async def test_with_ample_budget_an_upsert_waits_two_seconds(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=1000)}) as shop:
        assert await seconds_until_sent(shop) == 2


async def test_the_more_of_the_budget_is_used_the_longer_an_upsert_waits(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20, window_seconds=600)}) as shop:
        waits = []
        for _ in range(3):
            await shop.take(*tracks(5))
            await shop.deliver(1)
            waits.append(await seconds_until_sent(shop))
        assert waits == [4, 8, 23]


@given(st.floats(0, 1))
def test_nothing_waits_longer_than_five_seconds_while_half_of_the_budget_is_left(used: float) -> None:
    assert 2 * SECOND_US <= linger_us(used) <= (5 if used <= 0.5 else 30) * SECOND_US


async def test_values_that_come_while_budget_is_short_travel_in_one_call(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20)}) as shop:
        await shop.take(*tracks(16))
        await shop.deliver(1)
        shop.vendor.requests.clear()
        for name in ("city", "role", "plan"):
            await shop.take(told(name, "new"))
            await shop.deliver(4)
        await shop.deliver(10)
        assert [sorted(body) for body in shop.vendor.bodies()] == [["city", "email", "plan", "role"]]


async def test_nobody_waits_longer_for_calls_that_come_back_at_once(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=10, window_seconds=1)}) as shop:
        await shop.take(*tracks(9))
        await shop.work(40)
        assert await seconds_until_sent(shop) == 2


async def test_records_that_linger_ride_along_in_a_call_that_is_made_anyway(shop: Workshop) -> None:
    await shop.take(group("Acme"))
    await shop.deliver(1)
    await shop.take(group("Zoo"), group("Bay"))
    await shop.deliver(1)
    assert teams(shop) == [["name:Acme", "name:Zoo", "name:Bay"]]
    await shop.deliver(3)
    assert shop.counts == {"delivered": 3}


async def test_records_behind_others_ride_along_when_budget_is_short(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=1)}) as shop:
        await shop.take(*tracks(1))
        await shop.deliver(1)
        for message in (group("Acme"), told("city", "Bern"), group("Zoo"), group("Bay")):
            await shop.take(message)
            await shop.deliver(1)
        await shop.deliver(70)
        assert teams(shop) == [["name:Acme", "name:Zoo", "name:Bay"]]
        assert len(shop.vendor.requests) == 2


async def test_a_call_takes_no_more_along_than_it_has_room_for(shop: Workshop) -> None:
    with_type(shop, batch={"team": 2})
    shop.configure()
    await shop.take(group("Acme"))
    await shop.deliver(1)
    await shop.take(group("Zoo"), group("Bay"))
    await shop.deliver(3)
    assert teams(shop) == [["name:Acme", "name:Zoo"], ["name:Bay"]]


async def test_what_waits_after_a_failure_does_not_ride_along(shop: Workshop) -> None:
    await shop.take(group("Fine"))
    await shop.deliver(3)
    shop.vendor.script = [status(500, retry_after="30")]
    await shop.take(group("Acme", n=1))
    await shop.deliver(3)
    await shop.take(group("Zoo"))
    await shop.deliver(5)
    assert teams(shop) == [["name:Fine"], ["name:Acme"], ["name:Zoo"]]
