"""Long backlogs by asynchronous calls: what waits for one, what goes on meanwhile, and how it ends."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gainstage.delivery.engine import Engine
from gainstage.destination import Backlog, Budget, CallFailed, Exchange, Gather, Request, Settled, Work
from gainstage.outcome import Delivered, Rejected, Retry, Throttled
from tests.unit.delivery import workshop
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status, with_type

pytestmark = pytest.mark.anyio
ANN = {"type": "identify", "traits": {"email": "ann@x.example"}}
BUSY = status(200, b'"busy"')
#: Seconds before each question.
WAITS = (10, 30, 200)
LONGEST = sum(WAITS)
MARGIN = 60


def gather(settings: Settings) -> Mapping[str, Gather]:
    """Five and more go together where the bulk budget has room."""

    def choose(backlog: Backlog) -> int:
        free = [one.free for one in backlog.allowances if one.budget.family == "bulk"]
        return min(backlog.waiting, 20) if backlog.waiting >= 5 and free and min(free) else 0

    return {"person": choose}


def budgets(settings: Settings) -> tuple[Budget, ...]:
    """Plenty of single calls, few in bulk."""
    return (
        Budget(settings.tenant, "writes", "minute", 60, settings.calls or 1_000),
        Budget(settings.tenant, "bulk", "hour", 3_600, 2),
    )


def exchange(settings: Settings, works: Sequence[Work]) -> Exchange:
    """One by a call with an answer; several by a call about which it must be asked."""
    if len(works) == 1:
        yield from workshop.exchange(settings, works)
        return
    indexes = tuple(range(len(works)))
    body = msgspec.json.encode([{"record": list(work.record), "fields": work.fields} for work in works])
    response = yield Request(
        "POST", "https://vendor.example/bulk/person", {}, body, indexes, family="bulk", also=("writes",),
        occupies_seconds=LONGEST,
    )  # fmt: skip
    assert response is not None
    if response.status != 200:
        for index in indexes:
            failed = Throttled() if response.status == 429 else Retry("vendor_error", "Oops.")
            yield Settled(index, failed, occupied=response.status != 429)
        return
    waited = 0
    for seconds in WAITS:
        waited += seconds
        response = yield Request(
            "GET", "https://vendor.example/question", {}, b"[]", indexes, after_seconds=seconds,
            occupies_seconds=LONGEST - waited,
        )  # fmt: skip
        assert response is not None
        if response.body == b"{}":
            for index in indexes:
                bad = works[index].fields.get("n") == "bad"
                yield Settled(index, Rejected("value_invalid", "No.", ("n",)) if bad else Delivered())
            return
    for index in indexes:
        yield Settled(index, Retry("timeout", "Not completed."))


def untold(settings: Settings, works: Sequence[Work]) -> Exchange:
    """The report names nobody: each goes by a call of its own."""
    gathered = exchange(settings, works)
    item = next(gathered)
    while isinstance(item, Request):
        item = gathered.send((yield item))
    if len(works) == 1:
        yield item
        return
    for index, work in enumerate(works):
        body = msgspec.json.encode([{"record": list(work.record), "fields": work.fields}])
        yield Request("POST", "https://vendor.example/upsert/person", {}, body, (index,), family="writes")
        yield Settled(index, Delivered())


def people(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"type": "identify", "traits": {"email": f"p{n}@x.example", "n": n}}
        for n in range(first, first + count)
    ]


def kinds(shop: Workshop) -> list[str]:
    """What was asked of the vendor, in order."""
    return [request.url.split("/")[3] for request in shop.vendor.requests]


def busy(request: Request) -> Answer:
    return BUSY if request.url.endswith("question") else None


@pytest.fixture
async def shop(tmp_path: Path) -> Iterator[Workshop]:  # type: ignore[misc]
    """A call succeeded before: until then calls go one at a time."""
    with opened(tmp_path) as shop:
        with_type(shop, gather=gather, exchange=exchange, budgets=budgets, concurrency=2)
        shop.configure()
        await shop.take(ANN)
        await shop.deliver(3)
        shop.vendor.requests.clear()
        shop.vendor.sent_at_us.clear()
        yield shop


async def test_a_long_backlog_goes_in_one_call_and_one_question(shop: Workshop) -> None:
    await shop.take(*people(12))
    await shop.deliver(15)
    assert kinds(shop) == ["bulk", "question"]
    assert len(shop.vendor.persons) == 13
    assert shop.counts == {"delivered": 13}


async def test_a_short_backlog_goes_by_single_calls(shop: Workshop) -> None:
    await shop.take(*people(4))
    await shop.deliver(15)
    assert kinds(shop) == ["upsert"] * 4


async def test_each_question_waits_for_its_time_and_the_leases_with_it(shop: Workshop) -> None:
    shop.vendor.answer = busy
    await shop.take(*people(6))
    await shop.deliver(300)
    assert kinds(shop)[:4] == ["bulk", "question", "question", "question"]
    times = [(at - shop.vendor.sent_at_us[0]) // 1_000_000 for at in shop.vendor.sent_at_us[:4]]
    assert times == [0, 10, 40, 240]
    assert kinds(shop)[4:] == ["upsert"] * 6, "the time is over: single calls, which tell"
    assert shop.counts == {"delivered": 7}


async def test_others_go_on_while_calls_wait_and_nothing_of_their_people_does(shop: Workshop) -> None:
    """The two that wait are as many as may be under way."""
    shop.vendor.answer = busy
    for first in (0, 10):
        await shop.take(*people(6, first))
        await shop.deliver(4)
    await shop.take({"type": "identify", "traits": {"email": "p3@x.example", "n": 33}}, *people(2, 50))
    await shop.deliver(100)
    assert (kinds(shop).count("bulk"), kinds(shop).count("upsert")) == (2, 2)
    assert {"p50@x.example", "p51@x.example"} <= shop.vendor.persons.keys()
    assert shop.vendor.persons["p3@x.example"]["n"] == 3
    shop.vendor.answer = lambda request: None
    await shop.deliver(200)
    assert shop.vendor.persons["p3@x.example"]["n"] == 33
    assert shop.counts == {"delivered": 16}


async def test_what_would_go_last_is_gathered(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        few = {"person": lambda backlog: 5 if backlog.waiting > 8 else 0}
        with_type(shop, gather=lambda settings: few, exchange=exchange, budgets=budgets, concurrency=2)
        await shop.take(ANN)
        await shop.deliver(3)
        for message in people(10):
            await shop.take(message)
            await shop.turn()
            shop.clock.forward(0.01)
        await shop.deliver(3)
        (bulk,) = [request for request in shop.vendor.requests if "bulk" in request.url]
        assert {one["fields"]["n"] for one in msgspec.json.decode(bulk.body)} == {5, 6, 7, 8, 9}


async def test_a_gathered_call_is_spent_from_every_budget_that_it_may_count_against(shop: Workshop) -> None:
    await shop.take(*people(6))
    await shop.deliver(4)
    with shop.store.reading() as reading:
        used = {row.family: row.used(shop.clock.now_us()) for row in reading.budgets()}
    assert used == {"writes": 2, "bulk": 1}


async def test_too_many_of_them_stop_their_own_budget_only(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(429, retry_after="1000") if "bulk" in request.url else None
    await shop.take(*people(6))
    await shop.deliver(4)
    assert kinds(shop) == ["bulk"] + ["upsert"] * 6, "people go by single calls at once"
    shop.vendor.answer = lambda request: None
    await shop.take(*people(6, 100))
    await shop.deliver(20)
    assert kinds(shop).count("bulk") == 1
    assert shop.counts == {"delivered": 13}


async def test_a_call_that_is_not_accepted_leaves_nobody_in_doubt(shop: Workshop) -> None:
    shop.vendor.answer = lambda request: status(429)
    await shop.take(*people(6))
    for _ in range(20):
        if not kinds(shop):
            shop.clock.forward(0.5)
            await shop.turn()
    assert kinds(shop) == ["bulk"]
    await shop.turn()
    assert shop.column("SELECT sum(in_doubt) FROM record UNION ALL SELECT sum(in_doubt) FROM operation") == [
        0,
        0,
    ]


async def test_their_budget_used_up_single_calls_go_on(shop: Workshop) -> None:
    for round_ in range(3):
        await shop.take(*people(6, 100 * round_))
        await shop.deliver(20)
    assert (kinds(shop).count("bulk"), kinds(shop).count("upsert")) == (2, 6)
    assert shop.counts == {"delivered": 19}


def sent_again(shop: Workshop) -> float:
    """Seconds from the gathered call to the first single one."""
    first = kinds(shop).index("upsert")
    return (shop.vendor.sent_at_us[first] - shop.vendor.sent_at_us[0]) / 1_000_000


async def ends_by_stop(shop: Workshop) -> None:
    await shop.engine._land()
    shop.engine = shop.new_engine()


async def ends_by_kill(shop: Workshop) -> None:
    shop.engine = shop.new_engine()
    over = asyncio.Event()
    over.set()
    await Engine.run(shop.engine, over)


async def ends_by_new_settings(shop: Workshop) -> None:
    shop.configure(shop=Settings(repeatable=False))


async def ends_by_removal_and_return_with_new_settings(shop: Workshop) -> None:
    shop.given.pop("shop")
    shop.configure()
    await shop.work()
    await ends_by_new_settings(shop)


ENDS = [ends_by_stop, ends_by_kill, ends_by_new_settings, ends_by_removal_and_return_with_new_settings]


@pytest.mark.parametrize("end", ENDS)
async def test_after_an_end_in_between_people_wait_until_the_call_must_be_over(
    shop: Workshop, end: Any
) -> None:
    """It would go over what is sent meanwhile. Then everything is said again, the newest included."""
    shop.vendor.answer = busy
    await shop.take(*people(6))
    await shop.deliver(5)
    await end(shop)
    await shop.take({"type": "identify", "traits": {"email": "p3@x.example", "n": 33}})
    await shop.deliver(LONGEST)
    assert kinds(shop) == ["bulk"]
    assert shop.outcome("m-4") == (
        "pending",
        "in_flight",
    )
    assert shop.column("SELECT count(*) FROM record WHERE in_doubt") == [6]
    await shop.deliver(2 * MARGIN)
    assert LONGEST < sent_again(shop) < LONGEST + 2 * MARGIN
    assert kinds(shop)[1:] == ["upsert"] * 6, "whom nobody knows about goes singly"
    assert shop.vendor.persons["p3@x.example"]["n"] == 33
    assert shop.counts == {"delivered": 8}


@pytest.mark.parametrize("answer", [status(503), CallFailed("timeout", "No answer.", sent=True)], ids=str)
async def test_a_call_without_an_answer_may_be_carried_out_all_the_same(
    shop: Workshop, answer: Answer
) -> None:
    shop.vendor.script = [answer]
    await shop.take(*people(6))
    await shop.deliver(LONGEST)
    assert kinds(shop) == ["bulk"]
    await shop.deliver(2 * MARGIN)
    assert kinds(shop)[1:] == ["upsert"] * 6
    assert shop.counts == {"delivered": 7}


async def test_a_call_that_was_never_sent_makes_nobody_wait(shop: Workshop) -> None:
    shop.vendor.script = [CallFailed("unreachable", "No route.", sent=False)]
    await shop.take(*people(6))
    await shop.deliver(100)
    assert kinds(shop) == ["bulk"] + ["upsert"] * 6


async def test_questions_without_budget_are_asked_later(tmp_path: Path) -> None:
    """Giving up would cost a single call for each person."""
    with opened(tmp_path) as shop:
        few = (Budget("acme", "writes", "window", 1_000, 2), Budget("acme", "bulk", "hour", 3_600, 2))
        with_type(shop, gather=gather, exchange=exchange, budgets=lambda settings: few)
        shop.configure()
        await shop.take(ANN)
        await shop.deliver(3)
        await shop.take(*people(6))
        await shop.deliver(1_100)
        assert kinds(shop) == ["upsert", "bulk", "question"]
        assert shop.counts == {"delivered": 7}


async def test_a_refused_row_is_taken_apart_by_event(shop: Workshop) -> None:
    await shop.take(*people(6), {"type": "identify", "traits": {"email": "p3@x.example", "city": "Bern"}})
    await shop.take({"type": "identify", "traits": {"email": "p3@x.example", "n": "bad"}})
    await shop.deliver(30)
    assert kinds(shop) == ["bulk", "question", "upsert"]
    assert shop.counts == {"delivered": 8, "failed": 1}
    assert shop.outcome("m-9") == ("failed", "value_invalid")
    assert shop.vendor.bodies()[-1] == {"email": "p3@x.example", "n": 3, "city": "Bern"}


async def test_a_clock_set_back_makes_no_question_wait_longer(shop: Workshop) -> None:
    await shop.take(*people(6))
    await shop.deliver(4)
    assert kinds(shop) == ["bulk"]
    shop.clock.forward(-3_600)
    await shop.deliver(12)
    assert kinds(shop) == ["bulk", "question"]


@pytest.mark.parametrize("end", ENDS)
async def test_taking_apart_after_an_end_in_between_sends_nothing_older_than_the_call_carried(
    shop: Workshop, end: Any
) -> None:
    shop.vendor.answer = lambda request: status(400) if b"poison" in request.body else busy(request)
    await shop.take(*people(6))
    await shop.deliver(5)
    await end(shop)
    late = {"email": "p3@x.example", "n": 1, "city": "Bern"}
    await shop.take({"type": "identify", "traits": {"email": "p3@x.example", "city": "poison"}})
    await shop.take({"type": "identify", "timestamp": "2020-01-01T00:00:00Z", "traits": late})
    await shop.deliver(LONGEST + 4 * MARGIN)
    ours = [body for body in shop.vendor.bodies() if body.get("email") == "p3@x.example"]
    assert 1 not in [body.get("n") for body in ours]
    assert shop.vendor.persons["p3@x.example"] == {"email": "p3@x.example", "n": 3, "city": "Bern"}
    assert shop.counts == {"delivered": 8, "failed": 1}


async def test_people_whom_the_report_leaves_out_stay_in_doubt_until_their_own_call(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        few = (Budget("acme", "writes", "window", 1_000, 6), Budget("acme", "bulk", "hour", 3_600, 2))
        with_type(shop, gather=gather, exchange=untold, budgets=lambda settings: few)
        shop.configure()
        await shop.take(ANN)
        await shop.deliver(3)
        await shop.take(*people(6))
        await shop.deliver(60)
        assert kinds(shop) == ["upsert", "bulk", "question", "upsert", "upsert", "upsert"]
        assert shop.column("SELECT in_doubt FROM operation") == [1, 1, 1]
        await shop.deliver(1_000)
        assert shop.counts == {"delivered": 7}
