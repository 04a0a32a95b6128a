"""The overview: its figures are those of the status, and each leads to the events behind it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import DESK, PHONE, Reader, admit, reading
from tests.messages import group, identify, track
from tests.world import World, configured, cs, fetch, px, wait_for

SHOWN = ("received", "delivered", "filtered", "failed", "parked", "pending")


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    """A server that has delivered, filtered, failed and parked."""
    made = make_world(configured(cs(sandbox.url), px(sandbox.url)))
    made.start()
    admit(made, "ann@acme.com", "viewer")
    for number in range(12):
        made.take(identify(f"u{number}", plan="pro"), track(f"u{number}"), track(f"u{number}"))
    made.take(track("u1", "Unknown"), track("u2", "Unknown"), group("nobody", "Acme", known=False))

    def is_settled() -> bool:
        rows = fetch(f"{made.address}/status")["connections"]
        return len(rows) == 2 and all(row["received"] == 39 and not row["pending"] for row in rows)

    wait_for(is_settled)
    return made


@pytest.fixture(scope="module")
def reader(browser: Browser, world: World) -> Iterator[Reader]:
    with reading(browser, world.address) as found:
        found.log_in("ann@acme.com")
        yield found


def rows_of(table: Locator) -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]


@pytest.mark.parametrize("period", ["24h", "all"])
def test_the_figures_of_the_overview_are_those_of_the_status_to_the_event(
    reader: Reader, world: World, period: str
) -> None:
    status: Any = world.report("status", "--json")
    page = reader.open(f"/overview?period={period}")
    table = page.get_by_role("region", name="Connections").get_by_role("table")
    shown = [[cell.replace(",", "") for cell in row] for row in rows_of(table)]
    said = [
        [row["source"], row["destination"], *(str(row[w]) for w in SHOWN)] for row in status["connections"]
    ]
    assert shown == said, "everything came while the server ran"
    for word in SHOWN:
        card = page.locator(".card-sm", has=page.get_by_text(word, exact=True)).first
        total = sum(row[word] for row in status["connections"])
        expect(card.locator(".h1")).to_have_text(f"{total:,}")


def test_figures_lead_to_the_events_behind_them_and_causes_to_what_mends_them(reader: Reader) -> None:
    page = reader.open("/overview?period=7d&destination=cs")
    failed = (
        page.get_by_role("region", name="Connections").get_by_role("row", name="site cs").get_by_role("link")
    )
    addresses = [link.get_attribute("href") or "" for link in failed.all()]
    assert any("outcome=failed" in one and "destination=cs" in one and "since=" in one for one in addresses)
    attention = page.get_by_role("region", name="What needs attention")
    unmapped = attention.get_by_role("link", name=re.compile("not mapped at cs"))
    expect(unmapped).to_have_attribute("href", "/fix?destination=cs&reason=event_unmapped")
    expect(attention).to_contain_text("Add it under Events, then retry.")
    expect(attention.get_by_role("link", name="cs has no field for some traits")).to_be_visible()


def test_every_chart_has_its_figures_as_a_table_and_every_budget_its_outlook(reader: Reader) -> None:
    page = reader.open("/overview?period=1h")
    charts = page.locator("figure.chart-figure")
    assert charts.count() >= 4
    for chart in charts.all():
        chart.locator("summary").click()
        expect(chart.get_by_role("table")).to_be_visible()
    outcomes = page.get_by_role("region", name="What became of events").get_by_role("table")
    counted = sum(int(cells[1].replace(",", "")) for cells in rows_of(outcomes) if cells[1].isdigit())
    assert counted == 39 * 2 - 3, "all that was delivered"
    budget = page.get_by_role("region", name=re.compile("Budget of world"))
    expect(budget).to_contain_text("Expected by midnight UTC")
    expect(budget.get_by_role("link", name="cs")).to_be_visible()


def test_the_overview_is_there_as_json_too(reader: Reader, world: World) -> None:
    asked = reader.context.request
    told = asked.get(f"{world.address}/overview", headers={"Accept": "application/json"}).json()
    assert told["figures"]["totals"]["received"] == 78
    assert {one["kind"] for one in told["attention"]} >= {"failed", "parked", "unmapped"}


def test_an_empty_server_says_how_to_begin_and_a_quiet_one_that_all_is_well(
    browser: Browser, make_world: MakeWorld
) -> None:
    world = make_world(configured())
    world.start()
    admit(world, "ann@acme.com", "admin")
    with reading(browser, world.address, PHONE, dark=True) as found:
        found.log_in("ann@acme.com")
        page = found.open("/overview")
        expect(page.get_by_text("Nothing has come yet")).to_be_visible()
        expect(page.get_by_text("All is well")).to_be_visible()
        found.picture("overview-empty")
    assert fetch(f"{world.address}/health")["status"] == "live"


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_overview_looks_right_on_a_desk_and_a_phone(
    browser: Browser, world: World, size: tuple[int, int]
) -> None:
    with reading(browser, world.address, size, dark=size == PHONE) as found:
        found.log_in("ann@acme.com")
        found.open("/overview?period=1h")
        found.picture("overview-full")
