"""Every query of the SQLite store that may meet many rows finds them by an index.

The queries are the program's own: they are caught while a store is filled, delivered from and asked.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage.app.reports import Reports
from gainstage.destination import CallFailed, Request
from gainstage.store.replay import CANCELLED, PAUSED, RUNNING, Asked
from tests.unit.delivery.workshop import Answer, Settings, Workshop, opened, status

#: Tables that stay small whatever the traffic is; everything else may hold millions of rows.
SMALL = {
    "meta", "source", "tenant", "destination", "connection", "partition", "counter", "unmapped", "document",
    "budget_limit", "joining", "json_each", "vocabulary", "near_miss", "name_limit",
    "forgetting", "erasure", "suppressed", "alert", "replay", "replay_part",
}  # fmt: skip
RUN = 77
#: Scans that end with their first row, and the few rows of one event, sorted.
ALLOWED = re.compile(r"ORDER BY operation\.id LIMIT 1$|WHERE (event\.id|event_id) = \?")


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, set[str]]]:
    folder: Path = tmp_path_factory.mktemp("plans")
    with opened(folder, {"shop": Settings(calls=500)}) as shop:
        said: set[str] = set()

        def note(cursor: object, statement: str, bindings: object) -> bool:
            said.add(re.sub(r"\s+", " ", statement).strip())
            return True

        shop.store._connection.set_exec_trace(note)
        asyncio.run(live(shop))
        ask(shop)
        shop.store._connection.set_exec_trace(None)
        yield shop, said


async def live(shop: Workshop) -> None:
    """Something of everything: success, refusal, doubt, parking, news, links, new settings, a restart."""

    def answer(request: Request) -> Answer:
        return status(400) if b"bad" in request.body else None

    ann = {"traits": {"email": "ann@x.example"}}
    shop.vendor.answer = answer
    shop.vendor.script = [status(503), CallFailed("timeout", "", sent=True), status(429, retry_after="1")]
    await shop.take(
        {"type": "track", "event": "Parked", "userId": "u-2"}, {"type": "page", **ann}, {"type": "x"}
    )
    await shop.take({"type": "identify", **ann}, {"type": "track", "event": "Used", "context": ann}, run=RUN)
    await shop.take({"type": "identify", "traits": {"email": "ann@x.example", "_x": "bad"}})
    await shop.take({"type": "group", "groupId": "Acme", "context": ann}, {"type": "identify", **ann})
    await shop.deliver(20)
    shop.engine = shop.new_engine()
    shop.configure(shop=Settings(calls=500, repeatable=False))
    await shop.take(
        {"type": "identify", "userId": "u-2", **ann}, {"type": "track", "event": "Late", "userId": "u"}
    )
    await shop.deliver(10)
    await replay(shop)
    with shop.store.transaction() as transaction:
        transaction.intake.end_run(RUN)
        transaction.lanes.hurry([1], shop.clock.now_us())


async def replay(shop: Workshop) -> None:
    """History sent again, to a destination where it waits: paused, resumed, cancelled, and one that ends."""
    shop.configure(new=Settings(tenant="other"))
    shop.paused.add("new")
    shop.configure()
    for states in ((PAUSED, RUNNING, CANCELLED), ()):
        with shop.store.transaction() as transaction:
            ends = {0: transaction.intake.offset(0)}
            number = transaction.replays.begin(Asked(0, 2**51), ends, shop.clock.now_us())
        await shop.deliver(3)
        for state in states:
            with shop.store.transaction() as transaction:
                assert transaction.replays.change(number, state, shop.clock.now_us())
            await shop.deliver(3)
        shop.paused.clear()
        shop.configure()
    await shop.deliver(10)
    with shop.store.transaction() as transaction:
        transaction.replays.cancel_of(["u"], [])
        transaction.reading.waiting(1)
        transaction.reading.call_us(1)


def ask(shop: Workshop) -> None:
    """What people and pages ask."""
    reports = Reports(shop.store, shop.log)  # type: ignore[arg-type]
    reports.status(shop.clock.now_us())
    assert list(reports.dead.rows())
    list(reports.dead.rows(destination="shop", reason="refused"))
    assert reports.trace("m-1") is not None
    assert reports.dead.retry(destination="shop") >= 1
    with shop.store.reading() as reading:
        assert reading.run_counts(RUN)
        list(reading.run_undelivered(RUN, shop.clock.now_us(), (1, 2, 3, 4)))
        reading.run_refused(RUN)
        reading.calls_since(reading.last_call())
        assert reading.vocabulary.names("app")
    with shop.store.transaction() as transaction:
        assert transaction.vocabulary.admit(1, "Used", 1) and not transaction.vocabulary.admit(1, "Late", 1)
        transaction.vocabulary.forget(1)


def test_no_query_reads_a_large_table_from_end_to_end(statements: tuple[Workshop, set[str]]) -> None:
    shop, said = statements
    queries = sorted(one for one in said if re.match(r"(?i)(WITH|SELECT|UPDATE|DELETE|INSERT)\b", one))
    assert len(queries) > 60
    wrong = []
    for query in queries:
        marks = dict.fromkeys(re.findall(r":(\w+)", query)) or [None] * places(query)
        rows = shop.store._connection.execute(f"EXPLAIN QUERY PLAN {query}", marks).fetchall()
        wrong += [f"{step}: {query}" for *_, step in rows if is_wrong(step) and not ALLOWED.search(query)]
    assert not wrong, "\n".join(wrong)


def is_wrong(step: str) -> bool:
    """Whether a step of a plan reads or sorts a whole large table."""
    scanned = re.match(r"SCAN (\w+)", step)
    return bool(scanned and scanned[1] not in SMALL) or step == "USE TEMP B-TREE FOR ORDER BY"


def places(query: str) -> int:
    """How many values a query takes."""
    numbered = re.findall(r"\?(\d+)", query)
    return max(map(int, numbered)) if numbered else query.count("?")
