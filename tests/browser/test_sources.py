"""A source from its making to its first event, and its write key changed without loss, by pages alone."""

import json
import urllib.request
from base64 import b64encode
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import PHONE, Reader, admit, reading
from tests.messages import identify
from tests.world import WRITE_KEY, World, configured, cs, wait_for


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    made = make_world(configured(cs(sandbox.url)))
    made.start()
    admit(made, "admin@acme.com", "admin")
    admit(made, "viewer@acme.com", "viewer")
    return made


@pytest.fixture(scope="module")
def admin(browser: Browser, world: World) -> Iterator[Reader]:
    with reading(browser, world.address) as reader:
        reader.log_in("admin@acme.com")
        yield reader


def is_taken(world: World, key: str, user: str) -> bool:
    """Whether the server takes an event with this write key."""
    body = json.dumps({"batch": [identify(user)]}).encode()
    headers = {"Authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}"}
    request = urllib.request.Request(f"{world.address}/v1/batch", body, headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refused:
        refused.close()
        return False


def test_a_source_is_made_its_key_is_shown_once_and_its_first_event_is_waited_for(
    admin: Reader, world: World
) -> None:
    page = admin.open("/sources/new")
    page.get_by_role("button", name="Make the source").click()
    expect(page.locator(".invalid-feedback").first).to_contain_text("lower-case letters")
    admin.check()
    expect(
        page.get_by_text("What it sends goes to cs at once, since that takes every source.")
    ).to_be_visible()
    page.get_by_label("Name", exact=True).fill("backend")
    page.get_by_label("Kind").select_option("server")
    page.get_by_role("button", name="Make the source").click()
    key = page.locator("#write-key").inner_text().strip()
    assert len(key) == 32 and "it is not shown again" in page.content()
    expect(page.locator("pre", has_text="@segment/analytics-node")).to_contain_text(key)
    expect(page.locator("pre", has_text="@segment/analytics-node")).to_contain_text(world.address)
    admin.check()
    admin.picture("source-new-key")
    page.reload()  # posts the form again
    expect(page.get_by_role("alert")).to_contain_text("There is a source backend already")
    admin.check()
    page.get_by_role("link", name="Open backend").click()
    expect(page.get_by_text("It feeds cs.")).to_be_visible()
    assert key not in page.content()
    expect(page.get_by_text("Waiting for the first event.")).to_be_visible()
    admin.picture("source-waiting")
    wait_for(lambda: is_taken(world, key, "first"))
    expect(page.get_by_text("Events arrive.")).to_be_visible(timeout=20_000)  # by itself
    page.get_by_text("Rotate", exact=True).click()
    page.get_by_role("button", name="Make a new key").click()
    new = page.locator("#write-key").inner_text().strip()
    assert new not in ("", key)
    wait_for(lambda: is_taken(world, new, "second"))
    assert is_taken(world, key, "third")
    page.reload()  # posts the form again
    expect(page.get_by_role("status").first).to_contain_text("renewed already")
    expect(page.get_by_role("row", name="former")).to_have_count(1)
    assert is_taken(world, new, "after the reload") and page.url.endswith("/sources/backend")
    row = page.get_by_role("row", name="former")
    row.get_by_text("Remove", exact=True).click()
    row.get_by_role("button", name="Remove the former key").click()
    expect(page.get_by_role("status").first).to_contain_text("taken no more")
    wait_for(lambda: not is_taken(world, key, "fourth"))
    assert is_taken(world, new, "fifth")
    admin.check()
    admin.picture("source")
    assert new not in page.content()


def test_a_web_source_shows_its_key_and_every_snippet_has_it_and_the_address(
    admin: Reader, world: World
) -> None:
    page = admin.open("/sources/new")
    page.get_by_label("Name", exact=True).fill("website")
    page.get_by_label("Origins").fill("https://app.acme.com")
    page.get_by_role("button", name="Make the source").click()
    key = page.locator("#write-key").inner_text().strip()
    page = admin.open("/sources/website")
    codes = page.locator("details pre").all_text_contents()
    assert len(codes) == 3 and all(key in code and world.address in code for code in codes)
    expect(page.get_by_label("Origins")).to_have_value("https://app.acme.com")
    page.get_by_label("Origins").fill("no origin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("must be an origin")
    page.get_by_text("Remove", exact=True).click()
    page.get_by_role("button", name="Remove website").click()
    expect(page.get_by_role("link", name="website")).to_have_count(0)
    admin.check()


def test_a_source_of_the_file_is_shown_to_a_viewer_on_a_phone_without_its_key(
    browser: Browser, world: World
) -> None:
    with reading(browser, world.address, PHONE, dark=True) as reader:
        reader.log_in("viewer@acme.com")
        page = reader.open("/sources")
        reader.picture("sources")
        page = reader.open("/sources/site")
        reader.picture("source-of-the-file")
        expect(page.get_by_text("It stands in the configuration file")).to_be_visible()
        expect(page.get_by_role("button", name="Save")).to_have_count(0)
        assert WRITE_KEY not in page.content()
        page = reader.open("/sources/new")
        expect(page.get_by_text("Ask an admin")).to_be_visible()
        expect(page.get_by_label("Name", exact=True)).to_have_count(0)
