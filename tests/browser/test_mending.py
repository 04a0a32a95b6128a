"""Events by the pages, dealt with: sent, mended, sent again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.happened import counts, happened
from tests.browser.reader import Reader, reading
from tests.messages import identify, track
from tests.world import World, wait_for


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    return happened(make_world, sandbox)


@pytest.fixture(scope="module")
def admin(browser: Browser, world: World) -> Iterator[Reader]:
    """An admin who is logged in."""
    with reading(browser, world.address) as reader:
        reader.log_in("admin@acme.com")
        yield reader


def test_what_comes_shows_by_itself_until_it_is_paused(admin: Reader, world: World) -> None:
    page = admin.open("/events?event=Came+Just+Now")
    expect(page.locator("#events tbody tr")).to_have_count(0)
    world.take(track("ann", "Came Just Now", "now-1"))
    expect(page.locator("#events tbody tr")).to_have_count(1, timeout=30_000)
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_role("link", name="Live")).to_be_visible()
    expect(page.locator("#events[hx-get]")).to_have_count(0)
    admin.check()


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
