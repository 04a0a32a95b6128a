"""What a dry run tells of a replay, beside what the replay then does."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage.delivery import rehearsing, replaying
from gainstage.delivery.rehearsing import Rehearsal, Rehearsed
from gainstage.destination import Budget
from gainstage.store.replay import Asked
from tests.unit.delivery.replays import ANN, FAR_US, USED, begin, people, state, told
from tests.unit.delivery.workshop import SECOND_US, Settings, Workshop, opened, status, with_type

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


async def rehearse(shop: Workshop, **asked: Any) -> Rehearsed:
    with shop.store.reading() as reading:
        documents, revision, end = reading.documents(), reading.revision(), reading.offset(0)
    configuration = shop._configuration(documents, revision)
    rehearsal = Rehearsal(shop.store, shop.log, configuration, shop.clock.now_us)
    return await rehearsal.run(Asked(**{"from_us": 0, "to_us": FAR_US, **asked}), {0: end})


def everything(shop: Workshop) -> dict[str, list[Any]]:
    """All rows of the store."""
    connection = shop.store._connection
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


GROUPS = [
    {"type": "group", "groupId": f"team {n % 3}", "context": {"traits": {"email": f"p{n % 5}@x.example"}}}
    for n in range(12)
]


async def test_it_tells_the_calls_and_counts_of_the_replay(shop: Workshop) -> None:
    """People merge, teams travel together, events go one by one; some of it failed, some is there already."""
    shop.vendor.script = [status(400)]
    await shop.take({"type": "identify", "traits": {"email": "bad@x.example"}})
    await shop.deliver()
    await shop.take(*people(7), *people(7), *GROUPS, USED, USED, {"type": "page"}, ANN)
    await shop.deliver(20)
    shop.configure(new=Settings(tenant="other"))
    await shop.deliver(2)
    for asked in ({}, {"outcomes": ("failed",)}, {"resend_events": True}):
        rows = everything(shop)
        found = await rehearse(shop, **asked)
        assert everything(shop) == rows, "nothing is left behind"
        shop.vendor.requests.clear()
        before = shop.column("SELECT max(id) FROM call")[0]
        number = begin(shop, **asked)
        await shop.deliver(30)
        assert state(shop, number) == "done"
        tally = told(shop, number).tally
        assert {name: n for name, n in tally.items() if name in found.tally} == {
            **found.tally,
            **{name: tally[name] for name in ("delivered", "filtered") if name in found.tally},
        }
        made = Counter(
            shop.column(
                f"SELECT name FROM call JOIN destination d ON d.id = destination_id WHERE call.id > {before}"
            )
        )
        assert {name: n for (name, _), n in found.calls.items()} == made
        assert sum(made.values()) == len(shop.vendor.requests)
        if not asked:
            assert made["new"] > 10


async def test_values_that_are_there_need_no_call(shop: Workshop) -> None:
    await shop.take(*people(5), USED)
    await shop.deliver()
    found = await rehearse(shop)
    assert not found.calls and not found.finishes_us
    assert found.tally == {"events": 6, "unchanged": 5, "skipped_delivered": 1}


async def test_what_is_sent_in_one_part_of_a_replay_is_there_in_the_next(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.take(*people(10), *people(10), *people(10))
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    await shop.deliver(2)
    for module in (rehearsing, replaying):
        monkeypatch.setattr(module, "OPEN_AT_MOST", 5)
    monkeypatch.setattr(replaying, "SLICE", 5)
    found = await rehearse(shop)
    assert dict(found.calls) == {("new", "writes"): 10}


@pytest.mark.parametrize("calls", [4, 10, 60])
async def test_the_finishing_time_is_when_the_replay_finishes(tmp_path: Path, calls: int) -> None:
    """Within what is left to events that are not live, also in the first window, when little is known."""
    with opened(tmp_path) as shop:
        await shop.take(*people(60))
        await shop.deliver()
        shop.configure(new=Settings(tenant="other", calls=calls, window_seconds=60))
        await shop.deliver(2)
        found = await rehearse(shop)
        assert dict(found.calls) == {("new", "writes"): 60}
        told_us, started_us = found.finishes_us["new"], shop.clock.now_us()
        assert told_us is not None
        begin(shop)
        for _ in range(3_000):
            shop.clock.forward(1)
            await shop.work(3)
            if shop.counts_of("new") == {"delivered": 60}:
                break
        took, said = (shop.clock.now_us() - started_us) / SECOND_US, (told_us - started_us) / SECOND_US
        windows = 60 / calls
        assert abs(took - said) <= 10 + 5 * windows, f"told {said} s, and it took {took} s"


async def test_the_finishing_time_keeps_within_every_window_of_the_budget(tmp_path: Path) -> None:
    """A minute's calls would be done with in four minutes; the quarter of an hour allows twenty."""

    def budgets(settings: Settings) -> tuple[Budget, ...]:
        return (
            Budget(settings.tenant, "writes", "minute", 60, 15),
            Budget(settings.tenant, "writes", "quarter", 900, 20),
        )

    with opened(tmp_path) as shop:
        await shop.take(*people(60))
        await shop.deliver()
        with_type(shop, budgets=budgets)
        shop.configure(new=Settings(tenant="other"))
        await shop.deliver(2)
        found = await rehearse(shop)
        told_us, started_us = found.finishes_us["new"], shop.clock.now_us()
        assert told_us is not None
        begin(shop)
        for _ in range(9_000):
            shop.clock.forward(1)
            await shop.work(3)
            if shop.counts_of("new") == {"delivered": 60}:
                break
        took, said = (shop.clock.now_us() - started_us) / SECOND_US, (told_us - started_us) / SECOND_US
        assert took > 1_800
        assert abs(took - said) <= 60, f"told {said} s, and it took {took} s"


async def test_live_events_that_go_on_are_reckoned_with(tmp_path: Path) -> None:
    """Half of the budget is used by live events, minute by minute: history has a third of it."""
    with opened(tmp_path, {"shop": Settings(calls=20, window_seconds=60)}) as shop:
        await shop.take(*people(40))
        for minute in range(12):
            live = [
                {"type": "identify", "traits": {"email": f"live{n}@x.example", "minute": minute}}
                for n in range(10)
            ]
            await shop.take(*live)
            await shop.deliver(60)
        with_live = await rehearse(shop, outcomes=("delivered",), resend_events=True, kinds=("identify",))
        assert not with_live.calls
        shop.store._connection.execute("UPDATE record SET state = NULL")
        found = await rehearse(shop, kinds=("identify",))
        assert dict(found.calls) == {("shop", "writes"): 50}
        ends_us = found.finishes_us["shop"]
        assert ends_us is not None
        minutes = (ends_us - shop.clock.now_us()) / SECOND_US / 60
        assert 7 <= minutes <= 14, "20 calls: 11 for live events, 3 left beside, 6 for history"


async def test_a_destination_that_may_not_be_called_has_no_finishing_time(shop: Workshop) -> None:
    await shop.take(ANN)
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    shop.paused.add("new")
    shop.configure()
    await shop.deliver(2)
    found = await rehearse(shop)
    assert found.finishes_us == {"new": None}
