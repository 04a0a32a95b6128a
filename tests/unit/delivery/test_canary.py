"""The canary goes where it is sent, whatever a destination takes, and writes nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.connection import Configuration
from gainstage.destination import Request, Response, Settled, Work
from gainstage.log.contract import Entry
from gainstage.operating import CANARY_SOURCE, Canary
from gainstage.outcome import Blocked, Delivered
from gainstage.store.replay import STATES, Asked
from tests.unit.delivery.workshop import Settings, Workshop, opened, status, with_type

pytestmark = pytest.mark.anyio


def read(settings: Any, works: Sequence[Work]) -> Iterator[Request | Settled]:
    for index in range(len(works)):
        response: Response = yield Request("GET", "http://v/read", {}, b"[]", (index,))  # type: ignore[misc]
        refused = response.status == 401
        yield Settled(index, Blocked("credentials_refused", "No.") if refused else Delivered())


def with_canary(shop: Workshop) -> None:
    """A configuration with a canary for every destination; before the first turn."""
    original = shop._configuration

    def configured(*given: Any) -> Configuration:
        found = original(*given)
        canary = Canary(frozenset(shop.given))
        return Configuration(found.revision, found.sources, found.destinations, canary=canary)

    shop.engine._configure = configured


async def sing(shop: Workshop, number: int = 1) -> None:
    """Append a canary, as the server's tracking API would."""
    shop.clock.us += 1
    body = msgspec.json.encode(
        {"type": "track", "event": "Gainstage Canary", "userId": "c", "messageId": f"c-{number}"}
    )
    await shop.log.append([Entry(CANARY_SOURCE, "", shop.clock.now_us(), 0, b"", body)])


async def test_it_is_not_sent_again_with_history(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        with_canary(shop)
        with_type(shop, canary=read)
        await sing(shop)
        await shop.deliver(5)
        with shop.store.transaction() as transaction:
            asked = Asked(from_us=0, to_us=2 * shop.clock.now_us(), resend_events=True)
            transaction.replays.begin(asked, {0: transaction.intake.offset(0)}, shop.clock.now_us())
        await shop.deliver(5)
        assert len(shop.vendor.requests) == 1
        with shop.store.reading() as reading:
            replay = reading.replays.get(1)
        assert replay is not None and (STATES[replay.state], replay.tally) == ("done", {})


async def test_it_is_one_read_at_each_destination_and_stands_in_the_ledger(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(), "other": Settings(tenant="other")}) as shop:
        with_canary(shop)
        with_type(shop, canary=read, kinds=("identify",))  # of which tracks are none
        await sing(shop)
        await shop.deliver(5)
        assert [request.url for request in shop.vendor.requests] == ["http://v/read"] * 2
        assert shop.outcomes("c-1") == {"shop": ("delivered", ""), "other": ("delivered", "")}
        assert (shop.vendor.persons, shop.vendor.events) == ({}, [])
        with shop.store.reading() as reading:
            assert {source for source, _ in reading.connected()} == {"app", CANARY_SOURCE}
            assert reading.vocabulary.names(CANARY_SOURCE) == []


async def test_without_a_read_it_ends_before_the_vendor(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        with_canary(shop)
        await sing(shop)
        await shop.deliver(5)
        assert shop.vendor.requests == []
        assert shop.outcome("c-1") == ("delivered", "")


async def test_where_events_of_its_kind_wait_for_budget_it_waits_too(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=1, window_seconds=60)}) as shop:
        with_canary(shop)
        with_type(shop, canary=read)
        await sing(shop, 1)
        await shop.deliver(3)
        await sing(shop, 2)
        await shop.deliver(3)
        assert shop.outcome("c-1") == ("delivered", "")
        assert shop.outcome("c-2")[0] == "pending"


async def test_its_success_frees_no_destination_that_refuses_writes(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        with_canary(shop)
        with_type(shop, canary=read)
        shop.vendor.answer = lambda request: status(401) if "/read" not in request.url else None
        await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "name": "Ann"}})
        await shop.deliver(4)
        await sing(shop)
        await shop.deliver(60)
        assert shop.outcome("c-1") == ("delivered", "")
        with shop.store.reading() as reading:
            assert reading.destination_states()["shop"].blocked


async def test_its_failure_blocks_as_any_call_does_and_it_arrives_afterwards(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        with_canary(shop)
        with_type(shop, canary=read)
        shop.vendor.script = [status(401)]
        await sing(shop)
        await shop.deliver(2)
        assert shop.outcome("c-1")[0] == "pending"
        await shop.deliver(30)
        assert shop.outcome("c-1") == ("delivered", "")
