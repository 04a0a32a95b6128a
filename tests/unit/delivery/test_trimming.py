"""Retention at work: what goes by itself, what stays however old it is, and what is said of it."""

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gainstage.app.reports import Reports
from gainstage.connection import Retention
from gainstage.delivery.archived import Looked
from gainstage.delivery.engine import Engine
from gainstage.log.contract import LogUnavailable
from gainstage.log.memory import MemoryLog
from gainstage.store import StorageUnavailable
from gainstage.store.account_rows import AuditFilter
from gainstage.store.forgetting_rows import Names, Someone
from gainstage.testing.accounts_suite import audit_row
from tests.unit.delivery.workshop import Workshop, status

DAY_SECONDS = 86_400
ANN = {"type": "identify", "userId": "u-ann", "traits": {"email": "ann@x.example"}}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.store.close()


def keep(shop: Workshop, *retention: float | None) -> None:
    """Put another retention in force."""
    shop.retention = Retention(*retention)  # type: ignore[arg-type]
    shop.configure()


async def entries(shop: Workshop) -> int:
    return len(await shop.log.read(0, 0, 10_000))


def events(shop: Workshop) -> int:
    return int(shop.column("SELECT count(*) FROM event")[0])


async def pass_days(shop: Workshop, days: float) -> None:
    shop.clock.forward(days * DAY_SECONDS)
    await shop.work(8)
    shop.clock.forward(61)  # the ledger looks again once the log has let go
    await shop.work(8)


async def test_messages_go_after_30_days_and_outcomes_after_90(shop: Workshop) -> None:
    await shop.take(*({**ANN, "traits": {"email": "ann@x.example", "n": n}} for n in range(20)))
    await shop.deliver()
    await pass_days(shop, 29)
    assert (await entries(shop), events(shop)) == (20, 20)
    await pass_days(shop, 2)
    assert (await entries(shop), events(shop)) == (1, 20)  # the newest of each stays, so that numbers rise
    await shop.take({"type": "page", "userId": "u-ann"})
    await pass_days(shop, 60)
    assert (await entries(shop), events(shop)) == (1, 1)
    assert shop.counts == {"delivered": 20, "filtered": 1}


async def test_what_waits_or_failed_stays_and_goes_once_it_can(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(400) if b"bad" in request.body else None
    await shop.take({"type": "track", "event": "Waits", "userId": "u-late"})
    await shop.take({**ANN, "traits": {"email": "ann@x.example", "x": "bad"}})
    keep(shop, 1, None, 1, None)
    shop.given["shop"].park_for = shop.given["shop"].park_for * 100
    await shop.deliver()
    assert shop.counts == {"parked": 1, "failed": 1}
    await shop.take({"type": "page", "userId": "u-ann"}, {"type": "page", "userId": "u-ann"})
    await pass_days(shop, 3)
    assert (await entries(shop), shop.counts["parked"], shop.counts["failed"]) == (1, 1, 1)
    assert shop.outcome("m-1")[0] == "parked" and shop.outcome("m-2")[0] == "failed"
    shop.vendor.answer = lambda request: None
    with shop.store.transaction() as transaction:
        assert transaction.ledger.retry(2, 1, shop.clock.now_us())
    await shop.take({"type": "identify", "userId": "u-late", "traits": {"email": "late@x.example"}})
    await shop.deliver()
    assert [one["name"] for one in shop.vendor.events] == ["Waits"]
    assert shop.counts == {"delivered": 3, "filtered": 2}


async def test_nothing_that_the_router_has_not_read_is_trimmed(shop: Workshop) -> None:
    keep(shop, 1, 1, 1, 1)
    await shop.take(*({**ANN, "messageId": f"late-{n}"} for n in range(1_200)))
    shop.clock.forward(5 * DAY_SECONDS)
    await shop.turn()
    assert await entries(shop) >= 700
    await shop.deliver()
    assert shop.counts["delivered"] == 1_200


async def test_more_than_may_be_kept_goes_the_oldest_first(shop: Workshop) -> None:
    keep(shop, None, 2_000, None, 5)
    await shop.take(*({**ANN, "traits": {"email": "ann@x.example", "pad": "x" * 400}} for _ in range(30)))
    await shop.deliver()
    await pass_days(shop, 0.1)
    left = await entries(shop)
    assert 0 < left < 10 and events(shop) == max(5, left)
    assert shop.counts == {"delivered": 30}


async def test_a_message_that_comes_again_is_a_duplicate_as_long_as_its_event_is_kept(shop: Workshop) -> None:
    keep(shop, 1, None, 2, None)
    again = {**ANN, "messageId": "again"}
    await shop.take(again, {"type": "page"})
    await shop.deliver()
    await shop.take(again, {"type": "page"})
    await shop.deliver()
    assert shop.counts == {"delivered": 1, "filtered": 2}
    await pass_days(shop, 3)
    await shop.take(again)
    await shop.deliver()
    assert shop.counts == {"delivered": 2, "filtered": 2}


async def test_a_shorter_retention_works_at_once(shop: Workshop) -> None:
    await shop.take(*({**ANN, "messageId": f"m{n}"} for n in range(10)))
    await shop.deliver()
    await pass_days(shop, 3)
    assert await entries(shop) == 10
    keep(shop, 1, None, 1, None)
    await shop.work(8)
    assert (await entries(shop), events(shop)) == (1, 1)


class Lost(MemoryLog):
    """A log whose keeping fails."""

    async def kept(self):  # type: ignore[no-untyped-def]
        raise LogUnavailable("The broker is away.")


async def test_while_the_log_cannot_tell_what_it_has_nothing_goes_and_delivery_goes_on(
    shop: Workshop,
) -> None:
    shop.log = Lost()
    shop.engine = shop.new_engine()
    keep(shop, 1, None, 1, None)
    await shop.take(ANN, {**ANN, "messageId": "second"})
    await pass_days(shop, 3)
    assert events(shop) == 2 and shop.counts == {"delivered": 2}


async def test_reports_say_since_when_things_are_kept(shop: Workshop) -> None:
    await shop.take(*({**ANN, "messageId": f"m{n}"} for n in range(3)))
    await shop.deliver()
    reports = Reports(shop.store, shop.log)  # type: ignore[arg-type]
    kept = (await reports.status_now(shop.clock.now_us()))["kept"]
    assert kept["log"]["since"] == kept["ledger"]["since"] == "2026-01-01T12:00:00.000Z"
    assert kept["log"]["bytes"] > 0 and kept["ledger"]["bytes"] > 10_000 and reports.let_go() == ""
    shop.clock.forward(2 * DAY_SECONDS)
    await shop.take({"type": "page"})
    keep(shop, 1, None, 1, None)
    await pass_days(shop, 0.1)
    kept = (await reports.status_now(shop.clock.now_us()))["kept"]
    assert kept["log"]["since"].startswith("2026-01-03")
    assert kept["ledger"]["since"] == "2026-01-01T12:00:00.000Z"
    assert "received up to 2026-01-01T12:00:00.000Z" in reports.let_go()


class Archive:
    """An archive that has come so far, or cannot be asked."""

    def __init__(self) -> None:
        self.reached: int | None = 0

    def offsets(self) -> Mapping[int, int]:
        if self.reached is None:
            raise StorageUnavailable("The disk that holds index.db is full; free some space.")
        return {0: self.reached}

    def look(self, person: Someone, until_us: int, ended: Callable[[], bool]) -> Looked:
        return Looked(0, Names())

    def erase(self, person: Someone, ended: Callable[[], bool]) -> str:
        return ""


async def test_nothing_that_waits_to_be_archived_is_trimmed(shop: Workshop) -> None:
    archive = Archive()
    shop.engine = Engine(
        shop.store, shop.log, shop.clock, shop.vendor, shop._configuration, random.Random(1), archived=archive
    )
    keep(shop, 1, None, 1, None)
    await shop.take(*({**ANN, "messageId": f"m{n}"} for n in range(20)))
    await shop.deliver()
    await pass_days(shop, 3)
    assert await entries(shop) == 20
    archive.reached = None
    await pass_days(shop, 3)
    assert await entries(shop) == 20
    archive.reached = 15
    await pass_days(shop, 0.1)
    assert await entries(shop) == 5
    shop.retention = Retention(1, None, 1, None, history=False)
    shop.configure()
    await pass_days(shop, 0.1)
    assert await entries(shop) == 1


async def test_what_was_done_goes_after_its_own_time(shop: Workshop) -> None:
    with shop.store.transaction() as transaction:
        transaction.audit.begin(audit_row("user.add", shop.clock.now_us()))
    shop.retention = Retention(audit_days=7)
    shop.configure()

    def noted() -> list[str]:
        with shop.store.reading() as reading:
            return [row.action for row in reading.audit.page(AuditFilter(), None, 10)]

    await pass_days(shop, 6)
    assert noted() == ["user.add"]
    await pass_days(shop, 2)
    assert noted() == []
