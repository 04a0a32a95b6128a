"""The oracle knows when a world is at rest."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gainstage.store.replay import CANCELLED, Asked, Carried
from gainstage.store.rows import DELIVERED, FAILED, PENDING, NewDelivery
from gainstage.store.store import Store
from gainstage.testing.clock import VirtualClock
from tests.simulation.fate import KEYS, Fate
from tests.simulation.faults import Weather
from tests.simulation.oracle import Oracle
from tests.simulation.vendor import Vendors

EVENT, DESTINATION, SOURCE = 1, 1, 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def oracle(store: Store, tmp_path: Path) -> Iterator[Oracle]:
    chance = random.Random(1)
    vendors = Vendors(VirtualClock(), chance, Weather(0.0, (), 0.0), KEYS, replaces=False, trace=[])
    oracle = Oracle(tmp_path, vendors, Fate.of(chance))
    yield oracle
    oracle.close()


def test_a_world_rests_once_what_ended_of_a_cancelled_replay_is_counted(store: Store, oracle: Oracle) -> None:
    """The engine counts outcomes once a second, and an idle one may be skipped over that second."""
    with store.transaction() as transaction:
        number = transaction.replays.begin(Asked(0, 1), {}, 0)
        transaction.ledger.add([NewDelivery(EVENT, DESTINATION, SOURCE, PENDING)], 0)
        transaction.replays.carry([Carried(EVENT, DESTINATION, number, FAILED)])
        transaction.replays.change(number, CANCELLED, 0)
    assert not oracle.settled(0)
    with store.transaction() as transaction:
        transaction.ledger.change(NewDelivery(EVENT, DESTINATION, SOURCE, DELIVERED), 0)
    assert not oracle.settled(0)
    with store.transaction() as transaction:
        assert transaction.replays.settle(number) == 1
    assert oracle.settled(0)
