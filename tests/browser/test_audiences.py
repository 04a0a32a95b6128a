"""An audience from its definition in the builder to its value in the sandbox, by the pages alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gainstage_sandbox import Running
from tests.browser.conftest import MakeWorld
from tests.browser.reader import DESK, PHONE, Reader, admit, reading
from tests.messages import identify, track
from tests.world import World, configured, cs, wait_for

#: In milliseconds, how long a busy machine may compute a size.
SECONDS = 60_000
FIELDS = {"big_buyers": "Buyer__gc", "spent_lately": "Spent__gc"}
FROM_FILE = {
    "name": "Gone quiet",
    "where": {
        "all": [
            {"event": "Logged In", "count": {"at_least": 5}, "between": ["14d", "60d"]},
            {"not": {"event": "Logged In", "within": "14d"}},
        ]
    },
    "destinations": ["cs"],  # where its key is mapped to no field
}


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, sandbox: Running) -> World:
    made = make_world({**configured(cs(sandbox.url, person_fields=FIELDS)), "audiences": [FROM_FILE]})
    made.start()
    for role in ("editor", "viewer"):
        admit(made, f"{role}@acme.com", role)
    for number in range(1, 4):
        user = f"u{number}"
        made.take(
            identify(user, plan="pro"), *(track(user, "Order Completed", revenue=10) for _ in range(number))
        )
    wait_for(lambda: archived(made) == 9)
    return made


def archived(world: World) -> int:
    """By a process of its own: beside a browser an event loop runs in this one."""
    kept = json.loads(world.run("status", "--json").stdout)["kept"]["history"] or {}
    return int(kept.get("events", 0))


@pytest.fixture
def editor(browser: Browser, world: World) -> Iterator[Reader]:
    with reading(browser, world.address) as reader:
        reader.log_in("editor@acme.com")
        yield reader


def people(sandbox: Running) -> dict[str, Any]:
    return {row["Email"]: row for row in sandbox.state.cs.people.rows.values()}


def build(page: Page, name: str = "Big buyers") -> None:
    """An audience of two conditions, one with a property."""
    page.get_by_label("Name", exact=True).fill(name)
    event = page.get_by_role("group", name="Event", exact=True)
    event.get_by_label("Event", exact=True).fill("Order Completed")
    event.get_by_label("At least … times").fill("2")
    event.get_by_label("In the last").fill("30x")
    event.get_by_role("button", name="Only with a property").click()
    part = page.get_by_role("group", name="Property 1")
    part.get_by_label("Property", exact=True).fill("revenue")
    part.get_by_label("Must be").select_option("greater_than")
    part.get_by_label("Value").fill("5")
    page.get_by_label("What to add").select_option("trait")
    page.get_by_role("button", name="Add a condition").click()
    trait = page.get_by_role("group", name="Trait of the person")
    trait.get_by_label("Trait", exact=True).fill("plan")
    trait.get_by_label("Value").fill("pro")
    page.get_by_label("cs (").check()


def test_an_audience_goes_from_the_builder_to_its_value_in_gainsight(
    editor: Reader, sandbox: Running
) -> None:
    page = editor.open("/audiences")
    editor.picture("audiences")
    page.get_by_role("link", name="New audience").click()
    editor.check()
    build(page)
    page.get_by_role("button", name="Show the size").last.click()
    expect(page.get_by_text("Must be a time such as 30d")).to_be_visible(timeout=SECONDS)
    editor.check()
    editor.picture("audience-builder-problem")
    page.get_by_label("In the last").fill("30d")
    page.get_by_role("button", name="Show the size").last.click()
    expect(page.locator("#size .h1")).to_have_text("2", timeout=SECONDS)
    expect(page.locator("#made-key")).to_have_text("big_buyers")
    editor.check()
    editor.picture("audience-builder")
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("heading", name="Big buyers")).to_be_visible()
    wait_for(lambda: sum("Buyer__gc" in row for row in people(sandbox).values()) == 2)
    expect(page.locator("#size-now")).to_have_text("2", timeout=SECONDS)
    expect(page.get_by_text("Performed “Order Completed” where “revenue” is above 5")).to_be_visible()
    expect(page.get_by_role("cell", name="u3")).to_be_visible()
    editor.check()
    editor.picture("audience")


def test_an_audience_is_changed_held_and_taken_out(editor: Reader) -> None:
    page = editor.open("/audiences/new")
    build(page, "Great buyers")
    page.get_by_label("In the last").fill("30d")
    page.get_by_role("button", name="Show the size").last.click()
    expect(page.get_by_text("Nothing of it would arrive at cs.")).to_be_visible(timeout=SECONDS)
    editor.check()
    page.get_by_role("button", name="Put it in force").click()
    page.get_by_role("link", name="Map it").click()
    row = page.get_by_role("textbox", name="Person fields, trait 3").or_(
        page.get_by_role("combobox", name="Person fields, trait 3")
    )
    expect(row).to_have_value("great_buyers")
    page = editor.open("/audiences/great_buyers")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").first).to_contain_text("is paused")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Compute now").click()
    expect(page.get_by_role("status").first).to_contain_text("is computed now")
    page.get_by_role("link", name="Edit").click()
    editor.check()
    event = page.get_by_role("group", name="Event", exact=True)
    expect(event.get_by_label("At least … times")).to_have_value("2")
    event.get_by_label("At least … times").fill("3")
    event.get_by_label("At least … times").blur()
    expect(page.locator("#size .h1")).to_have_text("1", timeout=SECONDS)  # without any button
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_text("at least 3 times")).to_be_visible()
    page.locator("summary", has_text="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status").first).to_contain_text("Its key is not given again")
    page.goto(f"{editor.address}/audiences/new")
    build(page, "Great buyers")
    page.get_by_label("In the last").fill("30d")
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("alert").first).to_contain_text("is not given again")


def test_a_computed_trait_is_built_on_a_phone_without_a_script(
    browser: Browser, world: World, sandbox: Running
) -> None:
    with reading(browser, world.address, PHONE, dark=True, script=False) as reader:
        reader.log_in("editor@acme.com")
        page = reader.page
        page.goto(f"{world.address}/audiences/new?kind=computed_trait")
        page.get_by_label("Name", exact=True).fill("Spent lately")
        page.get_by_label("Value", exact=True).select_option("sum")
        page.get_by_label("Property", exact=True).fill("revenue")
        page.get_by_label("Of the event").fill("Order Completed")
        page.get_by_role("button", name="Only with a property").click()
        page.get_by_role("button", name="Put it in force").click()
        expect(page.get_by_text("Please fill this in.")).to_be_visible()
        reader.picture("computed-trait-builder-problem")
        page.get_by_role("button", name="Remove this property").click()
        page.get_by_label("cs (").check()
        page.get_by_role("button", name="Show the size").last.click()
        expect(page.locator("#size .h1")).to_be_in_viewport()
        page.get_by_role("button", name="Put it in force").click()
        expect(page.get_by_text("The sum of “revenue” over the events")).to_be_visible()
        wait_for(lambda: sorted(row.get("Spent__gc", 0) for row in people(sandbox).values()) == [10, 20, 30])
        page.reload()
        reader.picture("computed-trait")


def test_groups_sequences_and_other_audiences_are_built(editor: Reader) -> None:
    page = editor.open("/audiences/new")
    page.get_by_label("Name", exact=True).fill("Stuck")
    page.get_by_role("button", name="Remove this condition").click()
    expect(page.get_by_role("group", name="Event", exact=True)).to_have_count(0)
    for kind, group in (("sequence", "Sequence of events"), ("any", "Group"), ("audience", "Other audience")):
        page.get_by_label("What to add").first.select_option(kind)
        page.get_by_role("button", name="Add a condition").first.click()
        expect(page.get_by_role("group", name=group)).to_have_count(2 if kind == "any" else 1)
    page.get_by_role("button", name="Another step").click()
    expect(page.get_by_role("group", name="Step 3")).to_be_visible()
    editor.check()
    for number, name in enumerate(("Signed Up", "Invited", "Accepted"), 1):
        page.get_by_role("group", name=f"Step {number}").get_by_label("Event", exact=True).fill(name)
    page.get_by_label("It", exact=True).select_option("no")
    page.get_by_label("Audience", exact=True).select_option("gone_quiet")
    page.get_by_label("Whether it holds").last.select_option("no")
    editor.picture("audience-builder-sequence")
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_text("Did one after another")).to_be_visible()
    expect(page.get_by_text("then no “Accepted”")).to_be_visible()
    expect(page.get_by_text("Not a member of the audience gone_quiet")).to_be_visible()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_what_stands_in_the_file_is_shown_and_changed_by_nobody_here(
    browser: Browser, world: World, size: tuple[int, int]
) -> None:
    with reading(browser, world.address, size) as reader:
        reader.log_in("editor@acme.com")
        page = reader.open("/audiences/gone_quiet")
        expect(page.get_by_text("stands in the configuration file").first).to_be_visible()
        expect(page.get_by_role("link", name="Edit")).to_have_count(0)
        expect(page.get_by_role("heading", name="Nothing of it arrives at cs")).to_be_visible()
        mapping = page.get_by_role("link", name="Map it")
        expect(mapping).to_have_attribute("href", "/destinations/cs/mapping?identify=gone_quiet")
        reader.picture("audience-of-the-file")
        page.goto(f"{world.address}/audiences/gone_quiet/edit")
        expect(page).to_have_url(f"{world.address}/audiences/gone_quiet")


def test_who_may_only_look_defines_nothing(browser: Browser, world: World) -> None:
    with reading(browser, world.address) as reader:
        reader.log_in("viewer@acme.com")
        page = reader.open("/audiences")
        expect(page.get_by_role("link", name="New audience")).to_have_count(0)
        page = reader.open("/audiences/new")
        expect(page.get_by_text("needs the role editor")).to_be_visible()
