"""What anybody may read of the status names nobody; whoever may see everything still does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gainstage.app.reports import Reports
from gainstage.dashboard.application import pages
from gainstage.dashboard.description import document
from gainstage.dashboard.open_status import open_status
from gainstage.destination import Exchange, Settled, Work
from gainstage.ingest import Counts
from gainstage.outcome import Blocked
from tests.unit.delivery.replays import begin
from tests.unit.delivery.workshop import Settings, exchange, opened, with_type

pytestmark = pytest.mark.anyio

ANN = "ann@x.example"
CAL = "cal@x.example"


def quoting(settings: Settings, works: Sequence[Work]) -> Exchange:
    """A vendor that refuses, with the person's data in its reason."""
    yield next(exchange(settings, works))
    for index in range(len(works)):
        yield Settled(index, Blocked("credentials_refused", f"HTTP 401: refused for {ANN}"))


async def test_neither_a_replays_user_nor_vendors_and_senders_words_are_open_to_all(tmp_path: Path) -> None:
    with opened(tmp_path, {"shop": Settings(), "held": Settings(tenant="other")}) as shop:
        with_type(shop, exchange=quoting)
        shop.paused.add("held")
        shop.configure()
        await shop.take({"type": "identify", "traits": {"email": ANN, "city": "Bern", f"_{CAL}": 1}})
        await shop.deliver()
        begin(shop, user=ANN, ids=("u-1",), emails=(ANN,), names=(f"Invited {CAL}",))
        reports = Reports(shop.store, shop.log)  # type: ignore[arg-type]
        everything = await reports.status_now(shop.clock.now_us())
        transport = httpx2.ASGITransport(pages(reports, Counts()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
            told = [await client.get(path) for path in ("/status", "/metrics")]

    assert everything["replays"][0]["user"] == ANN and CAL in everything["replays"][0]["events"][0]
    assert [ANN in row["detail"] for row in everything["blocked"]].count(True) == 1
    assert everything["unmapped"]["shop"] == {f"_{CAL}": 1}
    assert [answer.status_code for answer in told] == [200, 200]
    for answer in told:
        assert ANN not in answer.text and CAL not in answer.text
    seen = told[0].json()
    assert {row["destination"]: row["reason"] for row in seen["blocked"]} == {
        row["destination"]: row["reason"] for row in everything["blocked"]
    }
    assert (seen["replays"][0]["state"], seen["connections"]) == ("running", everything["connections"])


def test_what_nobody_listed_as_open_is_not_told() -> None:
    status = {
        "connections": [],
        "invented": "ann",
        "blocked": [{"destination": "cs", "invented": "ann"}],
        "replays": [{"id": 1, "invented": "ann"}],
    }
    assert open_status(status) == {
        "connections": [],
        "blocked": [{"destination": "cs"}],
        "replays": [{"id": 1}],
    }


def test_the_description_has_the_open_status_as_it_is_cut() -> None:
    schemas: dict[str, Any] = document()["components"]["schemas"]
    parts = {name: _example(schema) for name, schema in schemas["OpenStatus"]["properties"].items()}
    assert open_status({**parts, "unmapped": {}}) == parts
    assert set(schemas["OpenStatus"]["required"]) == set(parts)
    assert json.dumps(parts["blocked"]).count("detail") == 0


def _example(schema: dict[str, Any]) -> Any:
    """Something with every property that a schema of a list of objects has."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array":
        return [_example(schema["items"])]
    return dict.fromkeys(schema.get("properties", {}), 0)
