"""Replays where something is gone: entries of the log, rows of the ledger, a destination, a person."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gainstage.log.contract import Stored
from gainstage.log.memory import MemoryLog
from gainstage.store.forgetting_rows import Someone
from gainstage.store.replay import PAUSED
from tests.unit.delivery.replays import ANN, FAR_US, USED, begin, change, people, state, told
from tests.unit.delivery.workshop import Settings, Workshop, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        yield workshop


class Trimmed(MemoryLog):
    """A log whose older entries are gone."""

    begins = 0

    async def read(self, partition: int, after: int, limit: int) -> Sequence[Stored]:
        return await super().read(partition, max(after, self.begins), limit)


async def test_it_tells_from_when_on_the_log_has_history(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.log = Trimmed()
        shop.engine = shop.new_engine()
        await shop.take(*people(5))
        await shop.deliver()
        shop.configure(new=Settings(tenant="other"))
        shop.log.begins = 3
        begin(shop, destinations=("new",))
        await shop.deliver()
        assert shop.counts_of("new") == {"delivered": 2}
        (fourth,) = await shop.log.read(0, 3, 1)
        assert told(shop).begins_us == fourth.entry.received_us
        shop.log.begins = 5
        number = begin(shop, destinations=("new",))
        await shop.deliver()
        assert told(shop, number).begins_us == FAR_US, "nothing is left"
        assert state(shop, number) == "done"


async def test_a_replay_that_asks_for_everything_tells_of_no_gap(shop: Workshop) -> None:
    await shop.take(*people(5))
    await shop.deliver()
    begin(shop)
    await shop.deliver()
    assert told(shop).begins_us == 0


async def test_events_of_which_the_ledger_knows_nothing_any_more_are_not_sent(shop: Workshop) -> None:
    await shop.take(*people(2))
    await shop.deliver()
    connection = shop.store._connection
    connection.execute("DELETE FROM delivery WHERE event_id = 1")
    connection.execute("DELETE FROM event WHERE id = 1")
    connection.execute("UPDATE counter SET n = 1 WHERE word = 0")
    shop.configure(new=Settings(tenant="other"))
    begin(shop)
    await shop.deliver()
    assert told(shop).tally["skipped_unknown"] == 1
    assert shop.counts_of("new") == {"delivered": 1}


async def test_a_replay_of_a_destination_that_cannot_be_used_waits_for_it(shop: Workshop) -> None:
    await shop.take(ANN, USED)
    await shop.deliver()
    shop.given["new"] = Settings(tenant="other")
    shop.unusable.add("new")
    shop.configure()
    begin(shop)
    await shop.deliver(3)
    assert shop.counts_of("new") == {"pending": 2}
    shop.unusable.clear()
    shop.configure()
    await shop.deliver(20)
    assert shop.counts_of("new") == {"delivered": 2}
    assert state(shop) == "done"


async def test_nothing_is_kept_of_a_person_who_is_forgotten_while_a_replay_is_paused(shop: Workshop) -> None:
    """Neither what it carries of theirs, nor whose events were asked for; it ends."""
    await shop.take(ANN)
    await shop.deliver()
    shop.configure(new=Settings(tenant="other"))
    shop.paused.add("new")
    shop.configure()
    number = begin(shop, destinations=("new",), user="u-1", ids=("u-1",), emails=("ann@x.example",))
    await shop.deliver(3)
    change(shop, number, PAUSED)
    await shop.deliver(3)
    assert (told(shop).held, told(shop).asked.user) == (1, "u-1")
    with shop.store.transaction() as transaction:
        transaction.forgetting.note(1, [1])
        assert transaction.forgetting.purge(1, 0, 10).events == 1
        assert transaction.forgetting.purge_person(1, Someone(("u:u-1",), ("ann@x.example",)))
    await shop.deliver(3)
    assert (state(shop), told(shop).asked.user) == ("cancelled", "***")
    assert shop.column("SELECT count(*) FROM replayed") == [0]
    assert shop.column("SELECT count(*) FROM replay WHERE instr(asked, 'ann')") == [0]
    assert shop.counts_of("new") == {"filtered": 1}
    connection = shop.store._connection
    connection.execute("DELETE FROM counter WHERE destination_id != 0")  # counters outlive the rows
