"""What the engine tells of its work counts once, and only when the turn was kept."""

from pathlib import Path
from typing import Any

import pytest

from gainstage.delivery.observing import result_word
from gainstage.destination import CallFailed, Response
from gainstage.store import StorageUnavailable
from tests.unit.delivery.workshop import Settings, Workshop, opened, status

pytestmark = pytest.mark.anyio


def track(number: int = 0) -> dict[str, Any]:
    return {
        "type": "track", "event": "Used", "userId": f"u{number}",
        "context": {"traits": {"email": f"ann{number}@x.example"}},
    }  # fmt: skip


def identify(name: str) -> dict[str, Any]:
    return {"type": "identify", "userId": "u1", "traits": {"email": "ann@x.example", "name": name}}


def arrived(shop: Workshop) -> int:
    """How many events count as delivered in the figures."""
    return sum(one.observed for one in shop.engine.observer.meter.measured("delivery").values())


async def test_each_event_is_measured_once_when_it_is_delivered(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings()}) as shop:
        await shop.take(*(track(number) for number in range(5)), identify("Ann"), identify("Ann B"))
        await shop.deliver(20)
        assert shop.counts["delivered"] == 7
        assert arrived(shop) == 7
        (labels,) = shop.engine.observer.meter.measured("delivery")
        assert labels == ("shop", "live")
        await shop.take(identify("Ann B"))  # changes nothing, and has arrived all the same
        await shop.deliver(20)
        assert arrived(shop) == 8


async def test_the_time_since_receipt_is_measured(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings()}) as shop:
        await shop.take(track())
        shop.clock.forward(3_000)
        await shop.deliver(5)
        (histogram,) = shop.engine.observer.meter.measured("delivery").values()
        assert 3_000 <= histogram.total < 3_060


async def test_calls_and_retries_are_counted_by_what_they_came_to(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings()}) as shop:
        shop.vendor.script = [status(500)]
        await shop.take(track())
        await shop.deliver(20)
        assert shop.counts["delivered"] == 1
        meter = shop.engine.observer.meter
        assert meter.counted("calls") == {("shop", "5xx"): 1, ("shop", "2xx"): 1}
        assert meter.counted("retries") == {("shop", "vendor_error"): 1}
        assert sum(one.observed for one in meter.measured("call").values()) == 2


async def test_what_was_rolled_back_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, {"shop": Settings()}) as shop:
        await shop.take(track())
        await shop.deliver(5)
        turns = shop.engine.observer.turns
        await shop.take(identify("Ann"), identify("Ann"))

        def fail(*_: object) -> None:
            raise StorageUnavailable("The disk is full.")

        with monkeypatch.context() as full:
            full.setattr("gainstage.store.ledger.Ledger.flush", fail)
            with pytest.raises(StorageUnavailable):
                await shop.turn()
        assert shop.engine.observer.turns == turns
        await shop.engine._abandon()
        await shop.deliver(20)
        assert shop.engine.observer.turns > turns
        assert arrived(shop) == 3 == shop.counts["delivered"]


def test_every_end_of_a_call_is_a_word_of_a_closed_list() -> None:
    statuses = (200, 302, 404, 429, 503)
    assert [result_word(Response(status, {}, b"")) for status in statuses] == [
        "2xx", "3xx", "4xx", "429", "5xx",
    ]  # fmt: skip
    assert result_word(CallFailed("timeout", "", sent=True)) == "no_answer"
