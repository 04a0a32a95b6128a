"""Events by the pages: looked through, tried, sent, mended, sent again."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import PHONE, Reader, admit, reading
from tests.messages import group, identify, track
from tests.world import WORDS, World, configured, cs, fetch, px, wait_for


def counts(world: World, destination: str) -> dict[str, Any]:
    """What became of events there, asked over HTTP: an event loop runs in this thread."""
    rows = fetch(f"{world.address}/status")["connections"]
    return next((row for row in rows if row["destination"] == destination), dict.fromkeys(WORDS, 0))


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    """A server that some events have gone through: delivered, parked without an e-mail, failed, refused."""
    made = make_world(configured(cs(sandbox.url), px(sandbox.url)))
    made.start()
    for role in ("admin", "editor", "viewer"):
        admit(made, f"{role}@acme.com", role)
    made.take(
        identify("ann", "ann-1", email="ann@acme.com", firstName="Ann"),
        group("ann", "Acme", "ann-2", known=False),
        track("ann", "Used", "ann-3", format="pdf"),
        track("ann", "Never Mapped", "ann-4"),
        {"type": "identify", "userId": "bob", "messageId": "bob-1", "traits": {"firstName": "Bob"}},
        {"type": "identify", "userId": "cleo", "messageId": "cleo-1", "traits": {"firstName": "Cleo"}},
        {"type": "order", "userId": "dan", "messageId": "dan-1"},
    )
    wait_for(lambda: counts(made, "cs")["delivered"] == 3 and counts(made, "cs")["parked"] == 2)
    wait_for(lambda: counts(made, "px")["pending"] == 0 and counts(made, "px")["delivered"] >= 3)
    return made


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


def test_what_comes_shows_by_itself_until_it_is_paused(admin: Reader, world: World) -> None:
    page = admin.open("/events?event=Came+Just+Now")
    expect(page.locator("#events tbody tr")).to_have_count(0)
    world.take(track("ann", "Came Just Now", "now-1"))
    expect(page.locator("#events tbody tr")).to_have_count(1, timeout=30_000)
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_role("link", name="Live")).to_be_visible()
    expect(page.locator("#events[hx-get]")).to_have_count(0)
    admin.check()


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
    for name, is_all in (("Export all as CSV", True), ("CSV", False)):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).first.click()
        text = Path(download.value.path()).read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(text.splitlines()))
        found = {row["message id"]: row["outcome"] for row in rows}
        assert found == listed if is_all else found.items() < listed.items()
        assert is_all or len({row["reason"] for row in rows}) == 1


def test_a_parked_event_is_corrected_by_the_pages_and_delivered(
    admin: Reader, world: World, sandbox: Running
) -> None:
    page = admin.open("/fix")
    cause = page.get_by_role("region", name="no e-mail at cs")
    expect(cause).to_contain_text("Identify the user with an e-mail")
    people = cause.locator("dd").first
    expect(people).to_have_text("2")
    # As the overview counts: what met no destination has failed at none.
    expect(page.get_by_text("1 could not be read and met no destination")).to_be_visible()
    admin.picture("fix-full")
    cause.get_by_role("link", name="Look and correct").click()
    page.get_by_role("row", name=re.compile("bob")).get_by_role("link").click()
    admin.check()
    page.locator("#correct > summary").click()
    page.get_by_text("Or correct the whole message").click()
    page.get_by_role("textbox", name="The message").fill("{")
    page.get_by_role("button", name="Correct the message and try again").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no JSON")
    page.get_by_label("E-mail of the user").fill("bob@acme.com")
    page.get_by_label("Value of another one").first.fill("gold")
    page.get_by_role("button", name="Correct and try again").click()
    expect(page.get_by_role("alert")).to_contain_text("Name the value 'gold'")
    page.get_by_label("Name of another one").first.fill("plan")
    expect(page.get_by_label("E-mail of the user")).to_have_value("bob@acme.com")
    admin.check()
    admin.picture("event-correct")
    page.get_by_role("button", name="Correct and try again").click()
    expect(page.get_by_text("It is corrected and tried again now.")).to_be_visible()
    expect(page.get_by_role("region", name="cs")).to_contain_text("delivered", timeout=30_000)
    expect(page.get_by_text(re.compile("Corrected by hand [0-9-]+ [0-9:]+ UTC"))).to_be_visible()
    expect(page.get_by_role("heading", name="As corrected")).to_be_visible()
    (bob,) = (one for one in sandbox.state.snapshot()["cs"]["people"] if one["Email"] == "bob@acme.com")
    assert bob["FirstName"] == "Bob"
    page.goto(f"{admin.address}/fix")
    expect(people).to_have_text("1")
    world.take(identify("cleo", "cleo-2", email="cleo@acme.com"))  # the news that it waits for
    wait_for(lambda: counts(world, "cs")["parked"] == 0)
    page.goto(f"{admin.address}/fix")
    expect(cause).to_have_count(0)
    unmapped = page.get_by_role("region", name="event not mapped at cs")
    expect(unmapped).to_be_visible()
    unmapped.get_by_text("Give up", exact=True).click()
    admin.check()
    unmapped.get_by_role("button", name="Give up for good").click()
    expect(page.get_by_role("status")).to_contain_text("given up for good")
    expect(unmapped).to_have_count(0)


def test_the_tester_shows_requests_sends_nothing_and_then_sends(admin: Reader, sandbox: Running) -> None:
    page = admin.open("/tester")
    page.get_by_role("link", name="group", exact=True).click()
    page.get_by_role("button", name="Show what would be sent").click()
    expect(page.get_by_role("region", name="cs")).to_contain_text("Company")
    page.get_by_role("textbox", name="The message").fill(
        '{"type": "identify", "userId": "eve", "traits": {"email": "eve@acme.com", "lastName": "Moss"}}'
    )
    page.get_by_role("button", name="Show what would be sent").click()
    at_cs = page.get_by_role("region", name="cs")
    expect(at_cs).to_contain_text("/v1.0/api/people")
    at_cs.get_by_text("Headers").click()
    expect(at_cs).to_contain_text("***")
    admin.check()
    admin.picture("tester-tried")
    people = sandbox.state.snapshot()["cs"]["people"]
    assert "eve@acme.com" not in {one["Email"] for one in people}
    page.get_by_role("button", name="Send it for real").click()
    expect(page.get_by_role("region", name="cs")).to_contain_text("It arrived.", timeout=30_000)
    admin.check()
    people = sandbox.state.snapshot()["cs"]["people"]
    assert "eve@acme.com" in {one["Email"] for one in people}


def test_history_is_looked_at_sent_again_and_followed(admin: Reader) -> None:
    page = admin.open("/replay")
    page.get_by_label("Received since").fill("1h")
    page.get_by_role("checkbox", name="px").check()
    page.get_by_role("button", name="Show what it would come to").click()
    dry = page.get_by_role("region", name="What it would come to")
    expect(dry).to_contain_text("would be sent")
    expect(page.get_by_role("checkbox", name="px")).to_be_checked()
    admin.check()
    admin.picture("replay-dry-run")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name=re.compile("Replay 1"))).to_be_visible()
    expect(page.locator("#progress")).to_contain_text("done", timeout=30_000)
    expect(page.locator("#progress")).to_contain_text("100 % of the history read")
    admin.check()
    admin.picture("replay-done")
    page.goto(f"{admin.address}/replay")
    page.get_by_label("Received since").fill("later")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("is no time")
    expect(page.get_by_role("row", name=re.compile("to px"))).to_contain_text("done")


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
