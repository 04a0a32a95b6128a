"""Events by the pages, looked at: nothing here changes what the others of this file see."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.happened import happened
from tests.browser.reader import PHONE, Reader, reading
from tests.world import World


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    return happened(make_world, sandbox)


@pytest.fixture(scope="module")
def admin(browser: Browser, world: World) -> Iterator[Reader]:
    """An admin who is logged in."""
    with reading(browser, world.address) as reader:
        reader.log_in("admin@acme.com")
        yield reader


def test_events_are_found_by_person_outcome_and_what_they_are(admin: Reader) -> None:
    page = admin.open("/events")
    rows = page.locator("#events tbody tr")
    expect(rows).to_have_count(7)
    expect(rows.first).to_contain_text("unknown type")
    admin.picture("events-full")
    page.get_by_label("Search by").select_option("E-mail")
    page.get_by_label("Search for").fill("ANN@acme.com")
    page.get_by_label("Type").select_option("track")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(2)
    admin.check()
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Outcome").select_option("parked")
    page.get_by_label("Destination").select_option("cs")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("no e-mail")
    page.goto(f"{admin.address}/events?event=Nothing+Of+It")
    expect(page.get_by_text("No event fits")).to_be_visible()
    admin.check()


def test_the_filters_keep_what_a_link_asked_for_and_tell_reasons_apart(admin: Reader) -> None:
    page = admin.open("/events?source=gainstage:audiences")
    expect(page.get_by_label("Source").locator("option:checked")).to_have_text("(audiences)")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "source=gainstage%3Aaudiences" in page.url
    for outcome in ("Parked", "Failed"):
        group = page.get_by_label("Reason").locator(f"optgroup[label={outcome}]")
        reasons = group.locator("option").all_text_contents()
        assert "several companies match" in reasons and reasons == sorted(reasons, key=str.casefold)


def test_an_events_page_shows_its_life_and_secrets_masked(admin: Reader) -> None:
    page = admin.open("/events?event=used")
    page.locator("#events tbody a").first.click()
    expect(page.get_by_role("heading", name="Used")).to_be_visible()
    at_cs = page.get_by_role("region", name="cs")
    expect(at_cs).to_contain_text("It arrived.")
    at_cs.locator("summary").first.click()
    expect(at_cs).to_contain_text("What was answered")
    page.locator("#today > summary").click()
    expect(page.locator("#today")).to_contain_text("POST")
    admin.check()
    admin.picture("event")
    page.goto(f"{admin.address}/events/nobody-knows")
    expect(page.get_by_text("There is no event nobody-knows")).to_be_visible()


def test_an_events_page_tells_what_was_known_of_its_person_where_the_event_says_nothing_itself(
    admin: Reader,
) -> None:
    page = admin.open("/events/ann-3")
    facts = page.locator("dl").first
    expect(facts).to_contain_text("Acmeknown from earlier events")
    expect(facts).to_contain_text("ann@acme.comknown from earlier events")
    page.get_by_role("link", name="of this company").click()
    expect(page.locator("#events tbody tr", has_text="Never Mapped")).to_have_count(1)
    page = admin.open("/events/ann-2")
    expect(facts).to_contain_text("ann@acme.com")
    expect(facts).not_to_contain_text("Acmeknown")


def test_a_cause_names_its_events_and_leads_to_where_they_are_mapped(admin: Reader) -> None:
    page = admin.open("/fix")
    cause = page.locator(".cause", has_text="Never Mapped")
    expect(cause).to_contain_text("Never Mapped (1)")
    cause.get_by_role("link", name="Map it at cs").click()
    names = [one.input_value() for one in page.get_by_label(re.compile("^Events, track name")).all()]
    assert {"Never Mapped", "Came Just Now"} & set(names)
    admin.check()


def test_names_tell_how_often_they_came_and_what_each_destination_makes_of_them(admin: Reader) -> None:
    page = admin.open("/events")
    page.get_by_role("link", name="Event names").click()
    row = page.get_by_role("row", name="Never Mapped")
    expect(row).to_contain_text("event not mapped")
    expect(page.get_by_role("row", name="Used", exact=False).first).to_contain_text("format")
    admin.check()
    admin.picture("names-full")
    row.get_by_role("link", name="map it").click()
    names = [one.input_value() for one in page.get_by_label(re.compile("^Events, track name")).all()]
    assert "Never Mapped" in names


def test_a_question_that_is_opened_by_keyboard_can_be_read(admin: Reader) -> None:
    page = admin.open("/fix")
    page.get_by_role("button", name="Try again").first.focus()
    asks = page.locator("summary", has_text="Give up").first
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(asks).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Give up for good").first).to_be_visible()
    admin.check()


def test_what_did_not_arrive_is_exported_all_of_it_or_by_its_cause(admin: Reader) -> None:
    page = admin.open("/fix")
    dead = admin.context.request.get(f"{admin.address}/api/dead").json()["events"]
    listed = {one["message_id"]: one["outcome"] if one["destination"] else "refused" for one in dead}
    assert listed["ann-4"] == "failed" and listed["dan-1"] == "refused"
    for name, is_all in (("Export all events", True), ("CSV", False)):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).first.click()
        text = Path(download.value.path()).read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(text.splitlines()))
        found = {row["message id"]: row["outcome"] for row in rows}
        assert found == listed if is_all else found.items() < listed.items()
        assert is_all or len({row["reason"] for row in rows}) == 1
    with page.expect_download() as download:
        page.get_by_role("link", name="Export the counts", exact=True).click()
    counted = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert sum(int(row["events"]) for row in counted) == len(dead)


def test_a_viewer_looks_and_changes_nothing_also_on_a_phone_without_a_script(
    browser: Browser, world: World
) -> None:
    with reading(browser, world.address, PHONE, script=False, dark=True) as reader:
        reader.log_in("viewer@acme.com")
        page = reader.page
        page.goto(f"{world.address}/tester")
        page.get_by_role("button", name="Show what would be sent").click()
        expect(page.get_by_role("region", name="cs")).to_contain_text("ada@example.com")
        for path in ("/events", "/fix", "/tester", "/replay", "/events/ann-4"):
            page.goto(world.address + path)
            expect(
                page.get_by_role("button", name=re.compile("Try again|Send it|Begin|Give up"))
            ).to_have_count(0)
        answer = reader.context.request.post(f"{world.address}/fix", form={"do": "retry", "csrf": "x"})
        assert answer.status == 403


def test_what_happened_fits_a_phone(browser: Browser, world: World) -> None:
    with reading(browser, world.address, PHONE, dark=True) as reader:
        reader.log_in("editor@acme.com")
        for path, name in (("/events", "events-full"), ("/events/ann-3", "event"), ("/fix", "fix-full")):
            page = reader.open(path)
            expect(page.get_by_text("That did not work")).to_have_count(0)
            reader.picture(name)
