"""What is known of a tenant's fields reaches the plan, and news of it plans what waits anew."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gainstage.destination import Doctor, Planned
from gainstage.event import Event, Identity
from gainstage.operation import Record, Upsert
from gainstage.outcome import Rejected
from gainstage.schema import Field, Object, Schema
from tests.unit.delivery.workshop import Settings, Workshop, opened, with_type

KNOWN = Schema((Object("person", (Field("plan", "NUMBER"),)),), at_us=1)


def plan(settings: Settings, event: Event, identity: Identity, schema: Schema | None) -> Planned:
    """A person whose plan is written in the form of the field's type."""
    value = event.traits.get("plan")
    field = schema.objects[0].field("plan") if schema is not None else None
    if field is not None and field.type == "NUMBER" and not isinstance(value, int):
        if not str(value).isdigit():
            return Planned(Rejected("value_invalid", f"{value} is no number."))
        value = int(str(value))
    return Planned((Upsert(Record("person", "email:a"), {"plan": value}),))


def nothing(*_: Any) -> Any:
    return ()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with opened(tmp_path, {"shop": Settings()}) as made:
        with_type(made, plan=plan, doctor=Doctor(nothing, nothing, nothing, nothing))
        yield made


def keep(shop: Workshop, schema: Schema | None, tenant: str = "acme") -> None:
    with shop.store.transaction() as transaction:
        if schema is not None:
            transaction.schemas.keep(tenant, schema)
        else:
            transaction.schemas.forget(tenant)


async def test_values_that_wait_are_planned_anew_when_the_fields_are_learnt(shop: Workshop) -> None:
    await shop.take({"type": "identify", "messageId": "good", "traits": {"plan": "7"}})
    await shop.turn()
    keep(shop, KNOWN)
    await shop.deliver()
    assert shop.vendor.persons == {"a": {"plan": 7}}
    assert shop.counts == {"delivered": 1}


async def test_an_event_that_failed_by_the_fields_is_delivered_when_it_is_retried_after_the_fix(
    shop: Workshop,
) -> None:
    keep(shop, KNOWN)
    await shop.take({"type": "identify", "messageId": "bad", "traits": {"plan": "gold"}})
    await shop.deliver()
    assert shop.outcome("bad") == ("failed", "value_invalid")
    assert shop.vendor.persons == {}, "no call was spent"
    keep(shop, Schema((Object("person", (Field("plan", "STRING"),)),)))
    with shop.store.transaction() as transaction:
        (number,) = shop.column("SELECT id FROM event")
        assert transaction.ledger.retry(number, transaction.names.destination("shop"), 0)
    await shop.deliver()
    assert shop.outcome("bad")[0] == "delivered"
    assert shop.vendor.persons == {"a": {"plan": "gold"}}


async def test_fields_that_are_forgotten_restrict_nothing_any_more(shop: Workshop) -> None:
    keep(shop, KNOWN)
    await shop.turn()
    keep(shop, None)
    await shop.take({"type": "identify", "traits": {"plan": "gold"}})
    await shop.deliver()
    assert shop.vendor.persons == {"a": {"plan": "gold"}}


async def test_the_same_fields_read_again_plan_nothing_anew(shop: Workshop) -> None:
    keep(shop, KNOWN)
    await shop.turn()
    plans = shop.column("SELECT plan FROM destination")
    keep(shop, replace(KNOWN, at_us=2, origin="uploaded"))
    keep(shop, KNOWN, tenant="another")
    await shop.turn()
    assert shop.column("SELECT plan FROM destination") == plans
    keep(shop, Schema((Object("person", ()),)))
    await shop.turn()
    assert shop.column("SELECT plan FROM destination") == [plans[0] + 1]
