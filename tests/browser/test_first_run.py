"""From an empty folder to an event that arrived, by the pages alone."""

from playwright.sync_api import Browser, expect

from tests.browser.conftest import MakeWorld
from tests.browser.reader import DESK, PASSWORD, PHONE, admit, invitation, reading
from tests.world import World, fetch


def test_from_an_empty_folder_to_an_event_that_arrived(browser: Browser, make_world: MakeWorld) -> None:
    world = make_world({})
    world.start()
    with reading(browser, world.address, DESK) as reader:
        page = reader.open(invitation(world))
        page.get_by_label("Your name").fill("ann@acme.com")
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_label("Password again").fill(PASSWORD)
        page.get_by_role("button", name="Make the first admin").click()
        page.get_by_role("link", name="Begin").click()
        expect(page.get_by_role("heading", name="First steps")).to_be_visible()
        reader.check()
        reader.picture("welcome")
        page.get_by_role("button", name="Start with the sandbox").click()
        page.get_by_label("E-mail").fill("grace@example.com")
        page.get_by_role("button", name="Send the event").click()
        expect(page.get_by_text("It has arrived.")).to_be_visible(timeout=60_000)
        expect(page.locator("#arrival")).to_contain_text("grace@example.com")
        reader.check()
        reader.picture("welcome-arrived")
        sandbox = reader.context.request.get(f"{world.address}/api/sandbox").json()["address"]
    people = fetch(f"{sandbox}/__sandbox__/state")["cs"]["people"]
    assert "grace@example.com" in str(people)
    _goes_on_after_a_restart(browser, world, sandbox)


def _goes_on_after_a_restart(browser: Browser, world: World, sandbox: str) -> None:
    world.stop()
    world.start()
    admit(world, "viewer@acme.com", "viewer")
    with reading(browser, world.address, PHONE, dark=True) as reader:
        reader.log_in("ann@acme.com")
        page = reader.page
        for _ in range(50):
            page.goto(f"{world.address}/welcome")
            if page.get_by_role("button", name="Send the event").is_visible():
                break
        reader.check()
        page.get_by_role("button", name="Send the event").click()
        expect(page.get_by_text("It has arrived.")).to_be_visible(timeout=60_000)
        assert reader.context.request.get(f"{world.address}/api/sandbox").json() == {"address": sandbox}
    with reading(browser, world.address) as viewer:
        viewer.log_in("viewer@acme.com")
        page = viewer.open("/welcome")
        expect(page.get_by_role("button", name="Start with the sandbox")).to_have_count(0)
        csrf = page.locator("input[name=csrf]").first.get_attribute("value") or ""
        answer = viewer.context.request.post(f"{world.address}/welcome", form={"csrf": csrf, "do": "make"})
        assert answer.status == 403, "the server refuses it too"
