"""A destination from the catalog to its first event, by pages alone; a mapping is tried before it holds."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import PHONE, Reader, admit, reading
from tests.messages import group, identify, track
from tests.world import SECRETS, World, configured, cs, fetch, wait_for

#: By type: what an admin enters beside the name, and where the sandbox shows that it arrived.
ENTERED = {
    "gainsight": {"Access key": SECRETS[0]},
    "gainsight_cs": {
        "Domain": "world",
        "Access key": SECRETS[1],
        "Shared secret": SECRETS[2],
        "Tenant id": "world-tenant",
        "Topic name": "usage",
    },
    "gainsight_px": {"API key": SECRETS[3], "Product tag key": "AP-WORLD00001-2"},
}
TIER = {"name": "Plan_Tier__gc", "label": "Plan Tier", "type": "STRING"}


def counted(world: World, destination: str, word: str) -> int:
    """By the page for programs: Playwright's event loop lets nothing of ours run in this thread."""
    rows = fetch(f"{world.address}/status")["connections"]
    return sum(row[word] for row in rows if row["destination"] == destination)


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    """A server with a source, a destination of the file, and events that came already."""
    fetch(f"{sandbox.url}/__sandbox__/seed", {"cs": {"schema": {"Person": [TIER]}}})
    made = make_world(configured(cs(sandbox.url)))
    made.start()
    admit(made, "admin@acme.com", "admin")
    admit(made, "viewer@acme.com", "viewer")
    made.take(
        identify("ann", plan="Gold", seats=12),
        identify("bob", plan="Silver"),
        group("ann", "Acme", industry="Games"),
        track("ann", "Report Exported", format="pdf"),
    )
    wait_for(lambda: counted(made, "cs", "received") == 4)
    return made


@pytest.fixture(scope="module")
def admin(browser: Browser, world: World) -> Iterator[Reader]:
    with reading(browser, world.address) as reader:
        reader.log_in("admin@acme.com")
        yield reader


def fill(page: Page, name: str, values: dict[str, str], sandbox: Running) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    for label, value in {**values, "API address": sandbox.url}.items():
        page.get_by_label(label, exact=True).fill(value)


def test_the_catalog_finds_all_three_told_apart_by_edition_and_audiences_by_what_others_call_them(
    admin: Reader,
) -> None:
    page = admin.open("/catalog?search=gainsight")
    titles = page.get_by_role("heading", level=2)
    expect(titles).to_have_text(["Gainsight (clickstream)", "Gainsight CS", "Gainsight PX"])
    expect(page.get_by_text("Gainsight PX, for product experience")).to_be_visible()
    rows = page.get_by_role("table", name="Where Gainsight CS works").get_by_role("row")
    expect(rows.nth(1)).to_have_text("cloud yes yes yes")
    expect(rows.nth(2)).to_have_text("device no no no")
    for word in ("Personas", "Engage"):
        page.get_by_label("Search the catalog").fill(word)
        page.get_by_role("button", name="Search").click()
        expect(titles).to_have_text(["Audiences and computed traits"])
    admin.open("/catalog?search=marketo")
    expect(page.get_by_text("Nothing fits marketo")).to_be_visible()
    admin.picture("catalog-nothing")


@pytest.mark.parametrize("kind", list(ENTERED))
def test_the_wizard_sets_a_destination_up_by_pages_alone(
    admin: Reader, world: World, sandbox: Running, kind: str
) -> None:
    name = f"by-pages-{kind.replace('_', '-')}"
    page = admin.open(f"/destinations/new?type={kind}")
    page.get_by_role("button", name="Save and check the credentials").click()
    expect(page.get_by_role("alert")).to_contain_text("to correct")
    expect(page.locator(".invalid-feedback").first).to_be_visible()
    admin.check()
    admin.picture(f"wizard-{kind}-refused")
    fill(page, name, ENTERED[kind], sandbox)
    page.get_by_role("button", name="Save and check the credentials").click()
    expect(page).to_have_url(f"{world.address}/destinations/{name}/setup/check")
    # Segment's endpoint has no call that only reads: what is said there is that nothing can be told.
    told = "Cannot be checked before" if kind == "gainsight" else "Fine"
    expect(page.get_by_text(told).first).to_be_visible()
    admin.check()
    admin.picture(f"wizard-{kind}-check")
    page.get_by_role("link", name="Go on with the mapping").click()
    admin.check()
    admin.picture(f"wizard-{kind}-map")
    page.get_by_role("button", name="Save and look at real events").click()
    expect(page.get_by_text("how each would end")).to_be_visible()
    admin.check()
    admin.picture(f"wizard-{kind}-preview")
    assert not any(secret in page.content() for secret in SECRETS)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("status").first).to_contain_text("set up and switched on")
    expect(page.get_by_text("working", exact=True)).to_be_visible()
    admin.check()
    admin.picture(f"destination-{kind}")
    world.take(identify(f"first-{kind}"))
    wait_for(lambda: counted(world, name, "delivered") == 1)


def test_a_mapping_is_offered_what_was_sent_previewed_difference_by_difference_and_then_saved(
    admin: Reader, browser: Browser, world: World, sandbox: Running
) -> None:
    page = admin.open("/destinations/new?type=gainsight_cs")
    fill(page, "mapped", ENTERED["gainsight_cs"], sandbox)
    page.get_by_role("button", name="Save and check the credentials").click()
    expect(page.get_by_text("Fine").first).to_be_visible()
    page = admin.open("/destinations/mapped")
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("link", name="Mapping").click()
    offered = page.locator("#offer-identify option")
    assert {"plan", "seats", "email"} <= {one.get_attribute("value") for one in offered.all()}
    fields = {one.get_attribute("value") for one in page.locator("#offer-Person option").all()}
    assert "Plan_Tier__gc" in fields
    page.get_by_label("Person fields, trait 1", exact=True).fill("plan")
    page.get_by_label("Person fields, Gainsight field 1", exact=True).fill("Plan_Teir__gc")
    page.get_by_role("button", name="Preview over the last events").click()
    changes = page.locator("#comparison")
    expect(changes).to_contain_text("did you mean Plan_Tier__gc")
    admin.check()
    page.get_by_label("Person fields, Gainsight field 1", exact=True).fill("Plan_Tier__gc")
    page.get_by_role("button", name="Preview over the last events").click()
    expect(changes).not_to_contain_text("did you mean")
    expect(changes).to_contain_text("would be different")
    expect(changes.get_by_role("heading", level=2)).to_be_in_viewport()
    expect(changes.get_by_role("row", name="Plan_Tier__gc not sent")).to_have_count(1)
    page.locator("details.difference").nth(1).locator("summary").click()
    expect(changes.locator("ins")).to_have_text(["Silver", "Gold"])
    admin.check()
    admin.picture("mapping-preview")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("person_fields")).to_have_count(0)
    page.get_by_role("link", name="Mapping").click()
    page.get_by_label("Person fields, trait 1", exact=True).fill("plan")
    page.get_by_label("Person fields, Gainsight field 1", exact=True).fill("Plan Tier")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[role=alert]").nth(1)).to_contain_text("is no Gainsight field name")
    admin.check()
    page.get_by_label("Person fields, Gainsight field 1", exact=True).fill("Plan_Tier__gc")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    expect(page.get_by_label("Person fields, Gainsight field 1", exact=True)).to_have_value("Plan_Tier__gc")
    page.get_by_role("link", name="History").click()
    change = page.get_by_role("row", name="admin@acme.com").filter(has_text="person_fields").first
    expect(change).to_contain_text("Settings changed")
    expect(change).to_contain_text("person_fields.plan: not set became Plan_Tier__gc")
    admin.check()
    admin.picture("destination-history")
    with reading(browser, world.address, PHONE) as phone:
        phone.log_in("admin@acme.com")
        changes = phone.open("/destinations/mapped/history")
        expect(changes.get_by_text("person_fields.plan").first).to_be_in_viewport()
        phone.picture("destination-history")
    page = admin.open("/destinations/mapped")
    page.get_by_text("Fields of Person, and what fills them").click()
    expect(page.get_by_role("row", name="Plan_Tier__gc")).to_contain_text("plan by Person fields")
    admin.check()
    admin.picture("destination-fields")
    world.take(identify("cyd", plan="Bronze", shoe_size=9))
    wait_for(
        lambda: any(one.get("Plan_Tier__gc") == "Bronze" for one in sandbox.state.snapshot()["cs"]["people"])
    )
    page = admin.open("/destinations/mapped/mapping")
    page.get_by_label("Person fields, trait 2", exact=True).fill("typed")
    page.get_by_role("button", name="Map shoe_size").click()
    expect(page.get_by_label("Person fields, trait 2", exact=True)).to_have_value("typed")
    expect(page.get_by_label("Person fields, trait 3", exact=True)).to_have_value("shoe_size")
    expect(page.get_by_label("Person fields, Gainsight field 3", exact=True)).to_be_focused()
    admin.check()


def test_a_list_of_fields_is_taken_where_they_cannot_be_read_and_forgotten(admin: Reader) -> None:
    page = admin.open("/destinations/cs")
    given = page.locator("summary", has_text="Where they cannot be read")
    given.click()
    page.get_by_label("List of fields").fill("object,name\nPerson,Email")
    page.get_by_role("button", name="Take this list").click()
    expect(page.get_by_role("alert").first).to_contain_text("is no list of fields")
    given.click()
    page.get_by_label("List of fields").fill(
        "object,name,type\nPerson,Email,EMAIL\nPerson,Shoe_Size__gc,NUMBER"
    )
    page.get_by_role("button", name="Take this list").click()
    expect(page.get_by_role("status").first).to_contain_text("The list is taken")
    expect(page.get_by_text("2 of Person")).to_be_visible()
    given.click()
    admin.check()
    page.locator("summary", has_text="Forget what is known").click()
    page.get_by_role("button", name="Forget the fields").click()
    expect(page.get_by_text("They are not known yet")).to_be_visible()


def test_what_the_file_has_can_be_looked_at_and_tried_and_not_changed(admin: Reader) -> None:
    page = admin.open("/destinations/cs/mapping")
    expect(page.get_by_text("It stands in the configuration file")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    page.get_by_label("Person fields, trait 1", exact=True).fill("seats")
    page.get_by_label("Person fields, Gainsight field 1", exact=True).fill("Plan_Tier__gc")
    page.get_by_role("button", name="Preview over the last events").click()
    expect(page.locator("#comparison")).to_contain_text("would be different")
    page = admin.open("/destinations/cs/settings")
    parts = page.locator("fieldset.form-part > legend").all_text_contents()
    assert parts == ["Connection", "Companies", "Values", "Delivery"]
    expect(page.get_by_role("group", name="Connection").get_by_label("API address")).to_be_visible()
    expect(page.get_by_text("or a field that Company fields fills")).to_be_visible()
    page = admin.open("/destinations/cs")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def test_a_destination_is_paused_resumed_and_removed_with_a_question_before(
    admin: Reader, world: World, sandbox: Running
) -> None:
    page = admin.open("/destinations/new?type=gainsight_px")
    fill(page, "held", ENTERED["gainsight_px"], sandbox)
    page.get_by_role("button", name="Save and check the credentials").click()
    page.get_by_role("link", name="Correct the settings").click()
    admin.check()
    page.get_by_label("API key", exact=True).fill(" ")
    page.get_by_label("API address", exact=True).fill("nowhere")
    page.get_by_role("button", name="Save and check the credentials").click()
    expect(page.get_by_role("alert").first).to_contain_text("to correct")
    page.get_by_label("API address", exact=True).fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Save and check the credentials").click()
    expect(page.get_by_role("listitem").filter(has_text="cannot be reached")).to_contain_text("API address")
    page.get_by_role("link", name="Correct the settings").click()
    page.get_by_label("API address", exact=True).fill(sandbox.url)
    page.get_by_role("button", name="Save and check the credentials").click()
    expect(page).to_have_url(f"{world.address}/destinations/held/setup/check")
    expect(page.get_by_text("Fine").first).to_be_visible()
    page = admin.open("/destinations/held")
    expect(page.get_by_text(re.compile("^Checked "))).to_be_visible()  # what the wizard was told is here, too
    expect(page.get_by_role("link", name="Go on setting it up")).to_be_visible()
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").first).to_contain_text("held is paused")
    admin.check()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("working", exact=True)).to_be_visible()
    page.get_by_text("Remove", exact=True).click()
    page.get_by_role("button", name="Remove held").click()
    expect(page).to_have_url(f"{world.address}/destinations")
    expect(page.get_by_role("link", name="held")).to_have_count(0)


def test_the_wizard_fits_a_phone_leads_back_and_switches_on_nothing_that_is_on(
    browser: Browser, world: World
) -> None:
    with reading(browser, world.address, PHONE) as reader:
        reader.log_in("admin@acme.com")
        page = reader.open("/destinations/new?type=gainsight_px")
        reader.picture("wizard-new")
        page = reader.open("/destinations/cs/setup/preview")
        expect(page.get_by_role("button", name="Switch it on")).to_have_count(0)
        reader.picture("wizard-preview")
        page.get_by_role("link", name="Mapping", exact=True).click()
        expect(page).to_have_url(f"{world.address}/destinations/cs/setup/map")
        page = reader.open("/destinations/cs/setup/preview")
        page.get_by_role("link", name="It is switched on: back to cs").click()
        expect(page).to_have_url(f"{world.address}/destinations/cs")
        page = reader.open("/destinations")
        reader.picture("destinations")
        for count in page.locator("td[data-label=pending]").all():
            place = count.bounding_box()
            assert place is not None and place["x"] + place["width"] <= PHONE[0]


def test_a_viewer_sees_settings_and_changes_nothing_on_a_phone_too(browser: Browser, world: World) -> None:
    with reading(browser, world.address, PHONE, dark=True) as reader:
        reader.log_in("viewer@acme.com")
        for path in ("", "/settings", "/mapping", "/history"):
            page = reader.open(f"/destinations/cs{path}")
            reader.picture(f"destination-cs{path.replace('/', '-')}")
            expect(page.get_by_role("button", name="Save")).to_have_count(0)
            expect(page.get_by_role("button", name="Pause")).to_have_count(0)
        reader.open("/catalog")
        expect(page.get_by_role("link", name="Set up")).to_have_count(0)
