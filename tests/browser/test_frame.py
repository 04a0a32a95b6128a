"""What holds for every page of the dashboard, and the way in."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from gainstage.dashboard.pages import ROOMS
from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import DESK, PASSWORD, PHONE, Reader, admit, invitation, reading
from tests.world import SECRETS, World, clickstream, configured, cs, px

# Never through a proxy: everything here is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
#: Every page that stands by itself, behind the log-in; what has a suffix is a file to download.
PATHS = sorted(
    path
    for room in ROOMS
    for path, views in room.routes.items()
    if "GET" in views and "{" not in path and "." not in path and path not in room.open_to_all
)


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    """A server with each kind of destination, and a user of each role."""
    made = make_world(configured(clickstream(sandbox.url), cs(sandbox.url), px(sandbox.url)))
    made.start()
    for role in ("admin", "editor", "viewer"):
        admit(made, f"{role}@acme.com", role)
    return made


@pytest.fixture(scope="module", params=["desk", "phone in the dark"])
def admin(request: pytest.FixtureRequest, browser: Browser, world: World) -> Iterator[Reader]:
    """An admin who is logged in."""
    size, dark = (DESK, False) if request.param == "desk" else (PHONE, True)
    with reading(browser, world.address, size, dark=dark) as reader:
        reader.log_in("admin@acme.com")
        yield reader


@pytest.mark.parametrize("path", PATHS)
def test_a_page_shuts_nobody_out_and_the_browser_complains_of_nothing(admin: Reader, path: str) -> None:
    page = admin.open(path)
    expect(page).not_to_have_url(f"{admin.address}/login")
    admin.picture(path.strip("/").replace("/", "-"))


@pytest.mark.parametrize("path", PATHS)
def test_a_page_holds_no_secret(admin: Reader, path: str) -> None:
    source = admin.context.request.get(admin.address + path).text()
    assert [secret for secret in SECRETS if secret in source] == []


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_shown_to_nobody_whose_session_has_ended(world: World, path: str) -> None:
    ended = urllib.request.Request(world.address + path, headers={"Cookie": "gainstage_session=ended"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        _opener.open(ended, timeout=60)
    refused.value.close()
    assert refused.value.code == 401


def test_who_asked_for_a_page_gets_it_after_logging_in(browser: Browser, world: World) -> None:
    with reading(browser, world.address) as reader:
        page = reader.page
        page.goto(f"{world.address}/overview?period=day")
        reader.check()
        page.get_by_label("Name").fill("viewer@acme.com")
        page.get_by_label("Password").fill("wrong staple horse")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
        reader.check()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{world.address}/overview?period=day")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("status")).to_contain_text("You are logged out.")
        page.goto(f"{world.address}/overview")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_logging_in_leads_to_no_other_server(browser: Browser, world: World, back: str) -> None:
    with reading(browser, world.address) as reader:
        reader.page.goto(f"{world.address}/login?back={back}")
        reader.page.get_by_label("Name").fill("viewer@acme.com")
        reader.page.get_by_label("Password").fill(PASSWORD)
        reader.page.get_by_role("button", name="Log in").click()
        expect(reader.page).to_have_url(f"{world.address}/overview")


def test_a_form_without_the_tokens_of_its_session_does_nothing(browser: Browser, world: World) -> None:
    with reading(browser, world.address) as reader:
        reader.log_in("viewer@acme.com")
        answer = reader.context.request.post(f"{world.address}/logout", form={"csrf": "guessed"})
        assert answer.status == 403
        expect(reader.open("/overview").get_by_role("heading", name="Overview")).to_be_visible()


def test_the_menu_and_the_colours_work_without_a_script(browser: Browser, world: World) -> None:
    with reading(browser, world.address, PHONE, script=False) as reader:
        reader.log_in("viewer@acme.com")
        page = reader.page
        expect(page.get_by_role("link", name="Overview")).to_be_hidden()
        page.locator("label[for=menu-switch]").click()
        expect(page.get_by_role("link", name="Overview")).to_be_visible()
        page.get_by_role("button", name="Dark").click()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_page_is_there_as_json_for_whoever_takes_no_html(browser: Browser, world: World) -> None:
    with reading(browser, world.address) as reader:
        reader.log_in("viewer@acme.com")
        asked = reader.context.request
        told = asked.get(f"{world.address}/overview", headers={"Accept": "application/json"}).json()
        status = asked.get(f"{world.address}/api/status").json()
        assert told["figures"]["now"]["connections"] == status["connections"] != []


def test_the_first_admin_is_made_with_the_token_that_the_server_printed(
    browser: Browser, make_world: MakeWorld
) -> None:
    world = make_world(configured())
    world.start()
    with reading(browser, world.address) as reader:
        page = reader.open("/")
        expect(page).to_have_url(f"{world.address}/setup")
        reader.picture("setup")
        page = reader.open(invitation(world))
        page.get_by_label("Your name").fill("ann@acme.com")
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_label("Password again").fill("something else entirely")
        page.get_by_role("button", name="Make the first admin").click()
        expect(page.get_by_role("alert")).to_contain_text("The two passwords differ.")
        reader.check()
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_label("Password again").fill(PASSWORD)
        page.get_by_role("button", name="Make the first admin").click()
        expect(page.get_by_text("ann@acme.com")).to_be_visible()
        page.goto(f"{world.address}/setup")
        expect(page).to_have_url(f"{world.address}/login")


def test_behind_a_proxy_at_a_path_of_its_own_everything_is_below_it(
    browser: Browser, make_world: MakeWorld
) -> None:
    world = make_world(configured())
    world.options = ("--public-url", f"{world.address}/staged")
    world.start()
    admit(world, "ann@acme.com", "admin")
    with reading(browser, f"{world.address}/staged") as reader:
        asked: list[str] = []
        reader.page.on("request", lambda request: asked.append(request.url))
        reader.log_in("ann@acme.com")
        expect(reader.page).to_have_url(f"{reader.address}/overview")
        for path in PATHS:
            reader.open(path)
            links = reader.page.locator("a[href^='/'], form[action^='/']").all()
            leading = [link.get_attribute("href") or link.get_attribute("action") or "" for link in links]
            assert [link for link in leading if not link.startswith("/staged/")] == [], path
        assert [url for url in asked if not url.startswith(f"{reader.address}/")] == []
