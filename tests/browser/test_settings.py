"""Settings: users and their roles, one's own password, tokens, the audit log; and what a viewer may not."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import PASSWORD, PHONE, Reader, admit, reading
from tests.messages import identify
from tests.world import World, configured, cs, fetch, wait_for

ANOTHER = "another staple horse"


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    made = make_world(configured(cs(sandbox.url)))
    made.start()
    for role in ("admin", "viewer"):
        admit(made, f"{role}@acme.com", role)
    return made


@pytest.fixture(scope="module")
def admin(browser: Browser, world: World) -> Iterator[Reader]:
    with reading(browser, world.address) as found:
        found.log_in("admin@acme.com")
        yield found


def test_an_admin_lets_somebody_in_who_changes_the_password_and_is_let_go(
    admin: Reader, browser: Browser, world: World
) -> None:
    page = admin.open("/settings/users")
    page.get_by_label("Name").fill("ben@acme.com")
    page.get_by_role("region", name="Let somebody in").get_by_label("Role").select_option("editor")
    page.get_by_label("First password").fill("short")
    page.get_by_role("button", name="Let them in").click()
    expect(page.get_by_role("alert")).to_contain_text("12 characters")
    admin.check()
    expect(page.get_by_label("Name")).to_have_value("ben@acme.com")
    page.get_by_label("First password").fill(PASSWORD)
    page.get_by_role("button", name="Let them in").click()
    expect(page.get_by_role("status").first).to_contain_text("ben@acme.com may log in as editor.")
    with reading(browser, world.address, PHONE, dark=True) as ben:
        ben.log_in("ben@acme.com")
        own = ben.open("/settings")
        own.get_by_label("Current password").fill("not my password")
        own.get_by_label("New password", exact=True).fill(ANOTHER)
        own.get_by_label("New password again").fill(ANOTHER)
        own.get_by_role("button", name="Change the password").click()
        expect(own.get_by_role("alert")).to_contain_text("The current password is wrong")
        ben.check()
        own.get_by_label("Current password").fill(PASSWORD)
        own.get_by_label("New password", exact=True).fill(ANOTHER)
        own.get_by_label("New password again").fill(ANOTHER)
        own.get_by_role("button", name="Change the password").click()
        expect(own.get_by_role("status").first).to_contain_text("The password is changed.")
        expect(own.get_by_text("this one")).to_be_visible()
        page.get_by_label("Change ben@acme.com").click()
        page.get_by_role("listitem").filter(has_text="ben@acme.com").get_by_role(
            "button", name="Disable"
        ).click()
        expect(page.get_by_role("status").first).to_contain_text("ben@acme.com cannot log in any more.")
        admin.check()
        ben.page.goto(f"{world.address}/overview")
        expect(ben.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_last_admin_stays(admin: Reader) -> None:
    page = admin.open("/settings/users")
    page.get_by_label("Change admin@acme.com").click()
    page.get_by_role("listitem").filter(has_text="admin@acme.com").get_by_role(
        "button", name="Disable"
    ).click()
    expect(page.get_by_role("alert")).to_contain_text("admin")
    admin.check()
    expect(page.get_by_role("heading", name="Users")).to_be_visible()


def make_token(admin: Reader, name: str) -> str:
    page = admin.open("/settings/tokens")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Make it").click()
    return page.locator("pre code").inner_text()


def test_a_token_is_shown_once_and_lets_a_program_in_until_it_is_removed(admin: Reader, world: World) -> None:
    page, token = admin.page, make_token(admin, "reports")
    admin.check()
    headers = {"Authorization": f"Bearer {token}"}
    asked = admin.context.request
    assert asked.get(f"{world.address}/api/attention", headers=headers).status == 200
    assert asked.post(f"{world.address}/api/check", headers=headers).status == 403, "it is a viewer's"
    page = admin.open("/settings/tokens")
    assert token not in page.content()
    made = page.get_by_role("listitem").filter(has_text="reports")
    made.get_by_text("Remove", exact=True).click()
    made.get_by_role("button", name="Remove the token").click()
    expect(page.get_by_role("status").first).to_contain_text("The token reports is removed")
    with pytest.raises(Exception, match="401"):
        fetch(f"{world.address}/api/attention")


def test_what_was_done_is_in_the_audit_log_with_who_and_no_secret(admin: Reader) -> None:
    make_token(admin, "noted")
    page = admin.open("/settings/audit?action=token.add")
    row = page.get_by_role("row").filter(has_text="token.add").first
    expect(row).to_contain_text("admin@acme.com")
    expect(row).to_contain_text("done")
    expect(row).to_contain_text("API token made")
    page = admin.open("/settings/audit?since=nonsense")
    expect(page.get_by_role("alert")).to_contain_text("is no time")
    assert PASSWORD not in admin.open("/settings/audit").content()


def test_an_admin_sets_alerts_and_retention_and_is_told_what_cannot_be(admin: Reader) -> None:
    page = admin.open("/settings/server")
    alerts = page.get_by_role("region", name="Alerts")
    alerts.get_by_label("Oldest pending").fill("often")
    alerts.get_by_role("button", name="Save").click()
    expect(alerts.get_by_role("alert")).to_be_visible()
    expect(alerts.get_by_label("Oldest pending")).to_have_value("often")
    admin.check()
    alerts.get_by_label("Webhook").fill("notaurl")
    alerts.get_by_role("button", name="Save").click()
    expect(alerts.get_by_text("Fill it in again")).to_be_visible()
    expect(alerts.get_by_label("Webhook")).to_have_value("")
    assert "notaurl" not in page.content()
    alerts.get_by_label("Oldest pending").fill("2h")
    alerts.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Alerts: saved")
    expect(alerts.get_by_label("Oldest pending")).to_have_value("2h")
    retention = page.get_by_role("region", name="Retention")
    retention.get_by_label("Events", exact=True).fill("5000000")
    retention.get_by_label("Gigabytes").first.fill("null")
    retention.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Retention: saved")
    expect(retention.get_by_label("Events", exact=True)).to_have_value("5000000")
    expect(retention.get_by_label("Gigabytes").first).to_have_value("null")
    about = admin.context.request.get(f"{admin.address}/api/about").json()
    assert about["retention"]["log"]["bytes"] is None
    admin.check()
    admin.picture("settings-server-set")
    page.get_by_role("region", name="Canary").get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("region", name="Canary").get_by_role("button", name="Turn off")).to_be_visible()
    page.get_by_role("region", name="Canary").get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("status").first).to_contain_text("Canary: the defaults hold again.")


def test_a_viewer_sees_no_actions_and_is_refused_by_the_server_when_trying(
    browser: Browser, world: World
) -> None:
    with reading(browser, world.address) as viewer:
        viewer.log_in("viewer@acme.com")
        page = viewer.open("/settings")
        tabs = page.get_by_role("navigation", name="Settings").get_by_role("link").all_inner_texts()
        assert tabs == ["You", "Alerts and retention", "Configuration"]
        csrf = page.locator("input[name=csrf]").first.get_attribute("value") or ""
        asked, mine = viewer.context.request, {"csrf": csrf}
        for path in ("users", "tokens", "audit"):
            answer = asked.get(f"{world.address}/settings/{path}", headers={"Accept": "text/html"})
            assert answer.status == 403 and "needs the role admin" in answer.text()
        add = {**mine, "do": "add", "name": "eve@acme.com", "role": "admin", "password": PASSWORD}
        assert asked.post(f"{world.address}/settings/users", form=add).status == 403
        raise_ = {**mine, "do": "role", "name": "viewer@acme.com", "role": "admin"}
        assert asked.post(f"{world.address}/settings/users", form=raise_).status == 403
        assert asked.post(f"{world.address}/settings/tokens", form={**add, "name": "eve"}).status == 403
        names = [one["actor"] for one in _refused(world)]
        assert names.count("viewer@acme.com") >= 3, "what was tried is noted"


def _refused(world: World) -> list[dict[str, str]]:
    found = world.report("audit", "--outcome", "refused")
    rows: list[dict[str, str]] = found["entries"] if isinstance(found, dict) else found
    return rows


def test_a_person_is_forgotten_after_a_look_at_who_is_meant_and_let_in_again(
    admin: Reader, browser: Browser, world: World
) -> None:
    world.take(
        identify("gone-1", "gone-m1", email="gone@acme.com"),
        identify("gone-1", "gone-m2", email="gone@acme.com"),
    )
    wait_for(
        lambda: [row for row in fetch(f"{world.address}/status")["connections"] if row["delivered"] >= 2]
    )
    page = admin.open("/settings/forget")
    page.get_by_label("E-mail, user id or anonymous id").fill("GONE@acme.com")
    page.get_by_role("button", name="Look who is meant").click()
    meant = page.get_by_role("region", name="Who is meant")
    expect(meant).to_contain_text("gone-1")
    expect(meant).to_contain_text("2 messages")
    assert "gone" not in page.url.partition("#")[0]
    admin.check()
    admin.picture("settings-forget-found")
    meant.get_by_role("button", name="Forget this person for good").click()
    expect(page.get_by_role("status").first).to_contain_text("has begun")
    requests = page.get_by_role("region", name="Requests")
    expect(requests.get_by_text("done", exact=True)).to_be_visible(timeout=60_000)
    expect(requests).to_contain_text("2 messages")
    assert "gone@acme.com" not in page.content()
    admin.check()
    admin.picture("settings-forget-done")
    requests.locator("summary", has_text="Let in again").click()
    page.get_by_role("button", name="Let them in again").click()
    expect(page.get_by_role("status").first).to_contain_text("let in again")
    with reading(browser, world.address, PHONE) as viewer:
        viewer.log_in("viewer@acme.com")
        expect(viewer.open("/settings").get_by_role("link", name="Forget a person")).to_have_count(0)
        viewer.page.goto(f"{world.address}/settings/forget")
        expect(viewer.page.get_by_text("needs the role admin")).to_be_visible()
