"""Forgetting a person reaches into the archive of events, beside the turns and wherever it was cut short."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gainstage.delivery.archived import Looked
from gainstage.delivery.engine import Engine
from gainstage.store import StorageUnavailable
from gainstage.store.forgetting_rows import ForgettingRow, Phase, Someone
from tests.unit.delivery.test_forgetting import ADA, ANN, EMAIL, ask, receipt
from tests.unit.delivery.workshop import Workshop

OLD_EMAIL = "ada@home.example"
WAITS = "Waits until somebody has done something."


class Archive:
    """Answers one call to erase after the other as it was told to."""

    def __init__(self, *answers: str | Exception, events: int = 0) -> None:
        self.answers = list(answers)
        #: How many events it has, and what they tell of the person's e-mails.
        self.events, self.emails = events, set[str]()
        self.looked: list[set[str]] = []
        self.asked: list[tuple[set[str], set[str]]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def offsets(self) -> None:
        return None

    def look(self, person: Someone, until_us: int, ended: Callable[[], bool]) -> Looked | None:
        self.looked.append(set(person.emails))
        return Looked(self.events, person.further("u:user-ada", self.emails))

    def erase(self, person: Someone, ended: Callable[[], bool]) -> str:
        self.asked.append((set(person.keys), set(person.emails)))
        for _ in range(500):
            if self.may_answer.wait(0.01):
                break
            if ended():
                return WAITS
        self.events = 0
        answer = self.answers.pop(0) if self.answers else ""
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.store.close()


def with_archive(shop: Workshop, *answers: str | Exception, events: int = 0) -> Archive:
    archive = Archive(*answers, events=events)
    shop.engine = Engine(
        shop.store, shop.log, shop.clock, shop.vendor, shop._configuration, random.Random(1), archived=archive
    )
    return archive


async def until(shop: Workshop, number: int, reached: Callable[[ForgettingRow], bool]) -> ForgettingRow:
    """Turns until a request has come so far."""
    for _ in range(300):
        await shop.turn()
        await asyncio.sleep(0.002)
        shop.clock.forward(0.2)
        if reached(row := receipt(shop, number)):
            return row
    raise AssertionError(row)


def is_done(row: ForgettingRow) -> bool:
    return row.done_us is not None


async def test_what_the_archive_tells_is_looked_for_before_anything_leaves_it(shop: Workshop) -> None:
    await shop.take({"type": "identify", **ADA})
    used = {"type": "track", "userId": "user-x", "event": "Used", "context": {"traits": {"email": OLD_EMAIL}}}
    await shop.take(used)
    await shop.deliver()
    archive = with_archive(shop, events=9)
    archive.emails = {OLD_EMAIL}
    ended = await until(shop, ask(shop, EMAIL), is_done)
    assert ended.counts["archived_events"] == 9 and ended.counts["log_entries"] == 2
    assert archive.looked == [{EMAIL}, {EMAIL, OLD_EMAIL}]
    ((keys, emails),) = archive.asked
    assert {"u:user-ada", "u:user-x"} <= keys and emails == {EMAIL, OLD_EMAIL}


async def test_delivery_goes_on_while_the_archive_is_rewritten(shop: Workshop) -> None:
    archive = with_archive(shop, WAITS, events=1)
    archive.may_answer.clear()
    number = ask(shop, "user-ada")
    await until(shop, number, lambda row: bool(archive.asked))
    await shop.take({"type": "identify", **ANN})
    await shop.deliver()
    assert shop.counts == {"delivered": 1} and receipt(shop, number).phase == Phase.LOG
    archive.may_answer.set()
    assert (await until(shop, number, lambda row: bool(row.detail))).detail == WAITS
    ended = await until(shop, number, is_done)
    assert ended.detail == ""
    assert len(archive.asked) == 2 and ended.counts["archived_events"] == 1


async def test_an_archive_that_cannot_be_used_is_named_and_asked_again(shop: Workshop) -> None:
    archive = with_archive(shop, StorageUnavailable("The disk that holds index.db is full."))
    number = ask(shop, "user-ada")
    row = await until(shop, number, lambda row: bool(row.detail))
    assert row.detail == "The disk that holds index.db is full." and row.phase == Phase.LOG
    await until(shop, number, is_done)
    assert len(archive.asked) == 2


async def test_an_end_of_the_process_while_the_archive_is_rewritten_costs_nothing(shop: Workshop) -> None:
    archive = with_archive(shop, events=3)
    archive.may_answer.clear()
    number = ask(shop, "user-ada")
    await until(shop, number, lambda row: bool(archive.asked))
    await asyncio.wait_for(shop.engine._forgetter.close(), 5)
    again = with_archive(shop)
    ended = await until(shop, number, is_done)
    assert again.asked and ended.counts["archived_events"] == 3
