"""Calls of computations on their way: what they teach, whom they wait for, where they go."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gainstage.audiences.definition import Audience, Clause, Performed
from gainstage.computed import COMPUTED_SOURCE
from gainstage.destination import Exchange, Request, Settled
from gainstage.outcome import Delivered, Parked
from tests.unit.delivery.workshop import Workshop, opened, with_type

pytestmark = pytest.mark.anyio
MAIL = "ann@x.example"
KEEN = Audience(key="keen", name="Keen", condition=Performed(Clause("Used")), destinations=("shop",))
PERSONAS = {"personas": {"computation_class": "audience", "computation_key": "keen"}}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path) as workshop:
        workshop.computations = (KEEN,)
        workshop.configure()
        yield workshop


def ann(**traits: Any) -> dict[str, Any]:
    return {"type": "identify", "traits": {"email": MAIL, **traits}}


def keen(value: bool = True) -> dict[str, Any]:
    return {"type": "identify", "traits": {"keen": value, "email": "echo@x.example"}, "context": PERSONAS}


def without_the_absent(settings: Any, works: Any) -> Exchange:
    """The vendor has whoever was identified; what a computation says makes nobody."""
    for index, work in enumerate(works):
        yield Request("POST", "https://vendor.example/upsert/person", {}, b"[]", (index,))
        there = work.facts.get("exists") or "keen" not in work.known or len(work.known) > 2
        outcome = Delivered() if there else Parked("record_absent", "Not there.", for_record=True)
        yield Settled(index, outcome, {"exists": True} if there else {"exists": None})


async def test_what_a_computation_says_teaches_nothing_of_a_user(shop: Workshop) -> None:
    """It is an echo: the e-mail that it brings may be older than what is known."""
    await shop.take(keen(), source=COMPUTED_SOURCE)
    await shop.deliver(3)
    with shop.store.transaction() as transaction:
        assert transaction.intake.user("u:u-1") is None


async def test_a_value_waits_until_the_vendor_has_the_record_and_goes_by_itself(shop: Workshop) -> None:
    with_type(shop, exchange=without_the_absent)
    await shop.take(keen(), source=COMPUTED_SOURCE)
    await shop.deliver(5)
    assert shop.outcome("m-1") == ("parked", "record_absent")
    calls = len(shop.vendor.requests)
    await shop.deliver(5)
    assert len(shop.vendor.requests) == calls, "waiting costs no calls"
    await shop.take({"type": "identify", "traits": {"email": "echo@x.example", "title": "cto", "n": 1}})
    await shop.deliver(10)
    assert [shop.outcome(f"m-{number}") for number in (1, 2)] == [("delivered", "")] * 2
    assert shop.column("SELECT count(*) FROM parked") == [0]


async def test_a_value_that_waits_in_vain_fails_in_the_end(shop: Workshop) -> None:
    with_type(shop, exchange=without_the_absent)
    await shop.take(keen(), source=COMPUTED_SOURCE)
    await shop.deliver(5)
    shop.clock.forward(8 * 86_400)
    await shop.deliver(5)
    assert shop.outcome("m-1") == ("failed", "parked_too_long")
