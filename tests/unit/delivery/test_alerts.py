"""Alerts of budgets: announced once, after they are durable, also across restarts."""

from pathlib import Path
from typing import Any

import pytest

from gainstage.delivery.alerts import BudgetAlert, log_alert
from gainstage.delivery.engine import Engine
from gainstage.store import StorageUnavailable
from tests.unit.delivery.workshop import SECOND_US, Settings, Workshop, opened

pytestmark = pytest.mark.anyio
DAY = 86_400


def tracks(count: int) -> list[dict[str, Any]]:
    """Each a call of its own."""
    one = {"type": "track", "event": "Used", "context": {"traits": {"email": "ann@x.example"}}}
    return [one] * count


def listening(shop: Workshop) -> list[BudgetAlert]:
    """A new engine, and what it announces."""
    heard: list[BudgetAlert] = []
    shop.engine = Engine(
        shop.store, shop.log, shop.clock, shop.vendor, shop._configuration, announce=heard.append
    )
    return heard


async def test_each_mark_is_announced_once_also_across_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20, window_seconds=DAY)}) as shop:
        heard = listening(shop)
        for count in (9, 1, 3, 1, 3, 1):
            await shop.take(*tracks(count))
            await shop.deliver(10)
        assert [(one.percent, one.used, one.usable) for one in heard] == [
            (50, 10, 20), (70, 14, 20), (90, 18, 20),
        ]  # fmt: skip
        assert heard[0].ends_us is not None and heard[0].ends_us > heard[0].at_us
        again = listening(shop)
        await shop.deliver(20)
        assert again == []
        with shop.store.reading() as reading:
            (row,) = reading.budgets()
        assert (row.alert, row.alert_us) == (90, heard[2].at_us)


async def test_when_the_calls_have_left_the_window_marks_are_armed_again(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20, window_seconds=DAY)}) as shop:
        heard = listening(shop)
        await shop.take(*tracks(12))
        await shop.deliver(10)
        shop.clock.forward(DAY + DAY / 50)
        await shop.deliver(10)
        await shop.take(*tracks(10))
        await shop.deliver(10)
        assert [one.percent for one in heard] == [50, 50]


async def test_an_alert_that_was_not_kept_is_not_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, {"shop": Settings(calls=20, window_seconds=DAY)}) as shop:
        heard = listening(shop)
        await shop.take(*tracks(10))
        await shop.deliver(3)
        shop.clock.forward(10)

        def fail(*_: object) -> None:
            raise StorageUnavailable("The disk is full.")

        with monkeypatch.context() as full, pytest.raises(StorageUnavailable):
            full.setattr("gainstage.store.ledger.Ledger.flush", fail)
            await shop.turn()
        assert heard == []
        shop.clock.forward(10)
        await shop.turn()
        assert [one.percent for one in heard] == [50]


def test_an_alert_is_a_warning_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log_alert(BudgetAlert("acme.example", "cs", "day", 70, 28_000, 40_000, 0, 90 * SECOND_US))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "budget_alert"
    told = {
        "account": "acme.example", "family": "cs", "window": "day", "percent": 70, "used": 28_000,
        "usable": 40_000, "seconds_left": 90,
    }  # fmt: skip
    assert {name: getattr(record, name) for name in told} == told
