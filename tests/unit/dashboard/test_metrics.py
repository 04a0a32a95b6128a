"""The metrics are those of the documents."""

import re
from collections import Counter
from typing import Any

import httpx2
import pytest

from gainstage.dashboard.application import pages
from gainstage.dashboard.metrics import METRICS, Vitals
from gainstage.ingest import Counts
from gainstage.log.contract import Load
from gainstage.meter import DISK_BOUNDS, Histogram, Meter
from tests.project.sources import ROOT

pytestmark = pytest.mark.anyio

ROW = re.compile(
    r"^\| `(?P<name>gainstage_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \| [^|]+ \|$", re.MULTILINE
)
TYPE = re.compile(r"^# TYPE (?P<name>\S+) (?P<kind>\S+)$", re.MULTILINE)


class Quiet:
    """A status without anything in it."""

    async def status_now(self, now_us: int) -> dict[str, Any]:
        return {"connections": [], "budgets": [], "blocked": [], "oldest_pending_seconds": None}


class Delivery:
    """A delivery process with figures."""

    def __init__(self) -> None:
        self.meter, self.under_way, self.restarts, self.still_seconds = Meter(), Counter(cs=2), 3, 0.5


async def served(**options: Any) -> str:
    """What /metrics answers."""
    transport = httpx2.ASGITransport(pages(Quiet(), Counts(), **options))
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
        return (await client.get("/metrics")).text


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of every metric of the table."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = list(ROW.finditer(text))
    assert len({row["name"] for row in rows}) == len(rows)
    return {row["name"]: (row["kind"], tuple(re.findall(r"`(\w+)`", row["labels"]))) for row in rows}


async def test_every_served_metric_is_documented_and_nothing_else() -> None:
    kinds = {match["name"]: match["kind"] for match in TYPE.finditer(await served())}
    assert {name: kind for name, (kind, _) in documented().items()} == kinds


def test_the_documented_labels_are_those_of_the_metrics() -> None:
    for metric in METRICS:
        name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
        assert documented()[name] == (metric.kind, metric.labels)


async def test_histograms_are_cumulative_and_end_with_everything() -> None:
    delivery, commits = Delivery(), Histogram.of(DISK_BOUNDS)
    delivery.meter.observe("call", (0.5, 1.0), 0.4, "cs")
    delivery.meter.observe("call", (0.5, 1.0), 0.6, "cs")
    delivery.meter.observe("call", (0.5, 1.0), 9.0, "cs")
    commits.observe(0.002)
    text = await served(vitals=Vitals(delivery, lambda: Load(1, 2, 3, commits), lambda: (10, 20)))
    assert 'gainstage_call_seconds_bucket{destination="cs",le="0.5"} 1.0' in text
    assert 'gainstage_call_seconds_bucket{destination="cs",le="1.0"} 2.0' in text
    assert 'gainstage_call_seconds_bucket{destination="cs",le="+Inf"} 3.0' in text
    assert 'gainstage_call_seconds_sum{destination="cs"} 10.0' in text
    assert "gainstage_log_commit_seconds_count 1.0" in text
    assert "gainstage_disk_free_bytes 10.0" in text
    assert "gainstage_delivery_restarts_total 3.0" in text


@pytest.mark.parametrize(("problems", "told"), [({}, "1.0"), ({"log": "Full."}, "0.0")])
async def test_whether_a_server_is_ready_is_a_metric(problems: dict[str, str], told: str) -> None:
    async def ready() -> dict[str, str]:
        return problems

    assert f"gainstage_ready {told}" in await served(ready=ready)
