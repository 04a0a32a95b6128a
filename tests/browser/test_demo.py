"""A server that is part of the demo says so on every page, and offers its sandbox; no other one does."""

from collections.abc import Iterator

import pytest
import yaml
from playwright.sync_api import Browser, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import DESK, PHONE, Reader, admit, reading
from tests.world import SECRETS, World, configured, cs

GONE = "Demo: all of this is gone when the demo is stopped."


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    made = make_world(configured(cs(sandbox.url)))
    made.options = ("--demo", sandbox.url)
    made.start()
    admit(made, "admin@acme.com", "admin")
    return made


@pytest.fixture(scope="module")
def admin(browser: Browser, world: World) -> Iterator[Reader]:
    with reading(browser, world.address, DESK) as found:
        found.open("/login")
        expect(found.page.get_by_role("note", name="Demo")).to_contain_text(GONE)
        found.check()
        found.log_in("admin@acme.com")
        yield found


def test_each_page_of_a_demo_says_that_nothing_stays_and_leads_to_the_settings_as_a_file(
    admin: Reader,
) -> None:
    for path in ("/overview", "/destinations", "/nowhere"):
        page = admin.page
        page.goto(f"{admin.address}{path}")
        expect(page.get_by_role("note", name="Demo")).to_contain_text(GONE)
    page = admin.open("/overview")
    admin.check()
    page.get_by_role("note", name="Demo").get_by_role("link").click()
    expect(page.get_by_role("heading", name="Start your own server")).to_be_visible()
    admin.check()
    admin.picture("demo-configuration")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the configuration").click()
    assert waiting.value.suggested_filename == "gainstage.yaml"
    text = waiting.value.path().read_text(encoding="utf-8")
    assert [one["name"] for one in yaml.safe_load(text)["destinations"]] == ["cs"]
    assert not any(secret in text for secret in SECRETS)
    assert "${CS_ACCESS_KEY}" in text
    expect(page.get_by_text("CS_ACCESS_KEY", exact=True)).to_be_visible()


def test_a_new_destination_of_a_demo_can_lead_to_its_sandbox(admin: Reader, sandbox: Running) -> None:
    page = admin.open("/destinations/new?type=gainsight_cs")
    expect(page.get_by_text("To try this without Gainsight")).to_contain_text(sandbox.url)
    page.get_by_label("Name", exact=False).first.fill("mine")
    page.get_by_role("button", name="Fill it in").click()
    expect(page.get_by_label("API address")).to_have_value(sandbox.url)
    expect(page.get_by_label("Name", exact=False).first).to_have_value("mine")
    admin.check()
    admin.picture("demo-wizard")
    token = page.locator("input[name=csrf]").first.get_attribute("value") or ""
    asked = admin.context.request.delete(f"{admin.address}/api/sandbox", headers={"X-CSRF-Token": token})
    assert asked.status == 422
    assert "ends when the demo is stopped" in asked.json()["error"]["message"]


def test_a_server_that_is_no_demo_does_not_say_so_and_its_viewers_can_download_the_configuration(
    browser: Browser, make_world: MakeWorld, sandbox: Running
) -> None:
    world = make_world(configured(cs(sandbox.url)))
    world.start()
    admit(world, "viewer@acme.com", "viewer")
    with reading(browser, world.address, PHONE, dark=True) as viewer:
        viewer.log_in("viewer@acme.com")
        page = viewer.open("/settings/configuration")
        expect(page.get_by_role("note", name="Demo")).to_have_count(0)
        expect(page.get_by_role("heading", name="Use it on another server")).to_be_visible()
        viewer.check()
        answer = viewer.context.request.get(f"{world.address}/settings/configuration/gainstage.yaml")
        assert answer.headers["content-disposition"] == 'attachment; filename="gainstage.yaml"'
        assert [one["name"] for one in yaml.safe_load(answer.text())["sources"]] == ["site"]
        expect(page.get_by_text("without one Gainsight itself is called")).to_have_count(0)
        page = viewer.page
        page.goto(f"{world.address}/destinations/new?type=gainsight_cs")
        expect(page.get_by_role("heading", name="Set up")).to_be_visible()
        expect(page.get_by_text("To try this without Gainsight")).to_have_count(0)
