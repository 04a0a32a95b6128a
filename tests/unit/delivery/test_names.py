"""What events are called: counted once each as they are routed, and held to what the vendor has room for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage.destination import NameLimit, Planned
from gainstage.event import Event, Identity
from gainstage.operation import Append
from gainstage.store.contract import PartitionLost
from gainstage.store.rows import NamesUsed
from tests.unit.delivery import workshop
from tests.unit.delivery.workshop import Settings, Workshop, opened, with_type

pytestmark = pytest.mark.anyio

ANN = {"context": {"traits": {"email": "ann@x.example"}}}


def track(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, **ANN, **more}


def plan_by_name(settings: Settings, event: Event, identity: Identity, schema: Any = None) -> Planned:
    """The workshop's plan, whose events tell their names."""
    planned = workshop.plan(settings, event, identity, schema)
    if isinstance(planned.plan, tuple) and isinstance(planned.plan[0], Append):
        one = planned.plan[0]
        return Planned((Append(one.record, one.content, event.name),))
    return planned


def room(shop: Workshop, most: int) -> None:
    """The workshop's vendor keeps so many names; new settings put that in force."""
    with_type(shop, plan=plan_by_name, names=lambda settings: NameLimit(most, "names"))
    shop.configure(shop=Settings(calls=100 * most))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as found:
        yield found


def counted(shop: Workshop) -> dict[tuple[str, str], tuple[int, dict[str, int]]]:
    with shop.store.reading() as reading:
        found = reading.vocabulary.names("app")
    return {(one.kind, one.name): (one.n, {key.key: key.n for key in one.keys}) for one in found}


def used(shop: Workshop) -> list[NamesUsed]:
    with shop.store.reading() as reading:
        return reading.vocabulary.used()


async def test_track_page_and_screen_calls_are_counted_by_name_with_their_keys(shop: Workshop) -> None:
    await shop.take(
        track("Signed Up", properties={"plan": "a", "Plan": None}),
        track("Signed Up", properties={"plan": {"x": 1}}),
        track("signed up "),
        {"type": "page", "name": "Pricing", "properties": {"url": "u"}},
        {"type": "page"},
        {"type": "screen", "name": "Home"},
        {"type": "identify", "traits": {"email": "ann@x.example", "name": "Ann"}},
        {"type": "group", "groupId": "g", "traits": {"name": "G"}},
        {"type": "alias", "previousId": "u-0"},
        {"type": "track"},
    )
    await shop.deliver()
    assert counted(shop) == {
        ("track", "Signed Up"): (2, {"plan": 2, "Plan": 1}),
        ("track", "signed up "): (1, {}),
        ("page", "Pricing"): (1, {"url": 1}),
        ("page", ""): (1, {}),
        ("screen", "Home"): (1, {}),
    }


async def test_neither_duplicates_nor_what_is_planned_anew_count_twice(shop: Workshop) -> None:
    await shop.take(
        {"type": "track", "event": "Parked", "userId": "u-2"},
        track("Unmapped"),
        track("Unmapped", messageId="m-2"),
    )
    await shop.deliver()
    assert shop.outcome("m-1") == ("parked", "email_missing")
    await shop.take({"type": "identify", "userId": "u-2", "traits": {"email": "bob@x.example"}})
    with shop.store.transaction() as transaction:
        assert transaction.ledger.retry(2, 1, shop.clock.now_us())
    shop.configure(shop=Settings(calls=9))
    await shop.deliver()
    assert shop.outcome("m-1") == ("delivered", "")
    assert counted(shop) == {("track", "Parked"): (1, {}), ("track", "Unmapped"): (1, {})}


async def test_a_router_that_lost_its_place_has_counted_nothing(shop: Workshop) -> None:
    await shop.take(track("One"))
    slices = await shop.engine._read([0])
    await shop.work()
    with pytest.raises(PartitionLost), shop.store.transaction() as transaction:
        shop.engine._router(transaction, shop.clock.now_us()).route(*slices[0])
    assert counted(shop) == {("track", "One"): (1, {})}


async def test_keys_that_are_nearly_a_destinations_name_are_counted(shop: Workshop) -> None:
    await shop.take(
        track("A", integrations={"workshop": False, "Workshop ": True, "All": True}),
        track("B", integrations={"workshop": False}),
        {"type": "identify", "integrations": {"Workshop": True, "Salesforce": False, "all": True}},
    )
    await shop.deliver()
    with shop.store.reading() as reading:
        found = [one[:4] for one in reading.vocabulary.near_misses()]
    assert found == [("app", "workshop", "Workshop", 2), ("app", "Workshop ", "Workshop", 1)]
    assert {shop.outcome(f"m-{n}")[0] for n in (1, 2)} == {"delivered"}, "a near miss turns nothing off"


async def test_one_name_more_than_the_vendor_keeps_fails_without_a_call_and_can_be_retried(
    shop: Workshop,
) -> None:
    room(shop, 2)
    await shop.take(*(track(name) for name in ("A", "B", "A", "C", "B", "C")))
    await shop.deliver()
    assert [shop.outcome(f"m-{n}") for n in range(1, 7)] == [
        ("delivered", ""), ("delivered", ""), ("delivered", ""), ("failed", "event_limit"),
        ("delivered", ""), ("failed", "event_limit"),
    ]  # fmt: skip
    assert [event["name"] for event in shop.vendor.events] == ["A", "B", "A", "B"]
    assert used(shop) == [NamesUsed("acme", 2, 2)]
    with shop.store.reading() as reading:
        (row, _) = [row for _, row in reading.dead((0, 0), 9)]
    assert row.detail == (
        "Workshop keeps 2 distinct event names, all are in use, and 'C' would be one more. Send fewer names, "
        "or raise `names` where Gainsight keeps more; then retry."
    )
    with shop.store.transaction() as transaction:
        assert transaction.ledger.retry(4, 1, shop.clock.now_us())
    await shop.deliver()
    assert shop.outcome("m-4") == ("failed", "event_limit"), "a retry goes through the same"
    room(shop, 3)
    with shop.store.transaction() as transaction:
        assert all(transaction.ledger.retry(event, 1, shop.clock.now_us()) for event in (4, 6))
    await shop.deliver()
    assert [event["name"] for event in shop.vendor.events] == ["A", "B", "A", "B", "C", "C"]
    assert used(shop) == [NamesUsed("acme", 3, 3)]


async def test_names_in_use_outlive_the_process_and_are_shared_by_the_tenants_destinations(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, {"one": Settings(), "two": Settings(), "far": Settings(tenant="far")}) as shop:
        with_type(shop, plan=plan_by_name, names=lambda settings: NameLimit(2, "names"))
        shop.configure()
        await shop.take(track("A"), track("B"))
        await shop.deliver()
        shop.engine = shop.new_engine()
        await shop.take(track("A"), track("C"))
        await shop.deliver()
        assert shop.outcomes("m-3") == dict.fromkeys(("one", "two", "far"), ("delivered", ""))
        assert shop.outcomes("m-4") == dict.fromkeys(("one", "two", "far"), ("failed", "event_limit"))
        assert used(shop) == [NamesUsed("acme", 2, 2), NamesUsed("far", 2, 2)]


async def test_a_vendor_that_takes_any_number_of_names_is_asked_for_no_room(shop: Workshop) -> None:
    with_type(shop, plan=plan_by_name)
    await shop.take(*(track(f"Name {number}") for number in range(20)))
    await shop.deliver()
    assert shop.counts == {"delivered": 20} and used(shop) == []
    assert shop.column("SELECT count(*) FROM tenant_name") == [0]
