"""Replays as tests ask for them and look at them, and the events that most of them send again."""

from typing import Any

from gainstage.store.replay import STATES, Asked, Replay
from tests.unit.delivery.workshop import START_US, Settings, Workshop, status

ANN = {"type": "identify", "traits": {"email": "ann@x.example", "city": "Bern"}}
USED = {"type": "track", "event": "Used", "context": {"traits": {"email": "ann@x.example"}}}
FAR_US = START_US * 2


def begin(shop: Workshop, **asked: Any) -> int:
    """A replay of everything that was routed, but for what is asked."""
    wanted = Asked(**{"from_us": 0, "to_us": FAR_US, **asked})
    with shop.store.transaction() as transaction:
        return transaction.replays.begin(wanted, {0: transaction.intake.offset(0)}, shop.clock.now_us())


def change(shop: Workshop, number: int, state: int) -> bool:
    with shop.store.transaction() as transaction:
        return transaction.replays.change(number, state, shop.clock.now_us())


def told(shop: Workshop, number: int = 1) -> Replay:
    with shop.store.reading() as reading:
        replay = reading.replays.get(number)
    assert replay is not None
    return replay


def state(shop: Workshop, number: int = 1) -> str:
    return STATES[told(shop, number).state]


def people(count: int) -> list[dict[str, Any]]:
    return [{"type": "identify", "traits": {"email": f"p{n}@x.example", "n": n}} for n in range(count)]


async def waiting(shop: Workshop, count: int = 20) -> int:
    """A replay with destinations that are paused, so that everything waits; with one of each former word."""
    shop.vendor.script = [status(400)]
    await shop.take({"type": "identify", "traits": {"email": "bad@x.example"}})
    await shop.deliver()
    await shop.take(*people(count), {"type": "track", "event": "Parked", "userId": "u-9"})
    await shop.deliver()
    shop.store._connection.execute("UPDATE record SET state = NULL")
    shop.configure(new=Settings(tenant="other"))
    shop.paused |= {"new", "shop"}
    shop.configure()
    number = begin(shop)
    await shop.deliver(3)
    return number
