"""CSMs and parents that Gainsight looks up, through the whole server."""

from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.integration.test_vendor_faults import calls, settled
from tests.messages import group
from tests.world import configured, cs

BOTH = {"csm_lookup": "email", "parent_lookup": "name"}


def companies(sandbox: Running) -> dict[str, dict[str, object]]:
    return {row["Name"]: row for row in sandbox.state.cs.companies.rows.values()}


def test_an_unknown_csm_fails_its_event_alone_and_goes_once_the_user_is_there(
    make_world: MakeWorld, sandbox: Running
) -> None:
    users = sandbox.state.cs.tables["gsuser"]
    ann = users.put({"Email": "ann@vendor.test"}, 0)["Gsid"]
    world = make_world(configured(cs(sandbox.url, **BOTH)))
    world.start()
    world.take(
        *(group(f"u{number}", f"Company {number}", csm="ann@vendor.test") for number in range(20)),
        group("u3", "Company 3", "employees", employees=7),
        group("u3", "Company 3", "bad", csm="bob@vendor.test"),
        group("u21", "Company 21", "orphan", parentCompany="Nowhere"),
    )
    settled(world, "cs", delivered=21, failed=2)
    # Not before its parent is there, which was taken apart for the bad event: no parent is made for a child.
    world.take(group("u20", "Company 20", "child", parentCompany="Company 3"))
    settled(world, "cs", delivered=22, failed=2)
    rows = companies(sandbox)
    assert {row.get("Csm") for name, row in rows.items() if name not in ("Company 3", "Company 20")} == {ann}
    assert rows["Company 3"]["Employees"] == 7
    assert rows["Company 20"]["ParentCompany"] == rows["Company 3"]["Gsid"]
    assert rows.keys() == {f"Company {number}" for number in range(21)}
    for message, told in (
        ("bad", "Gainsight has no user with the e-mail 'bob@vendor.test' (for the field Csm)."),
        ("orphan", "Gainsight has no company named 'Nowhere' (for the field ParentCompany)."),
    ):
        [row] = world.report("trace", message)["destinations"]
        assert (row["outcome"], row["reason"]) == ("failed", "lookup_unmatched")
        assert told in row["detail"]
    bob = users.put({"Email": "bob@vendor.test"}, 0)["Gsid"]
    world.report("dead", "retry", "bad")
    settled(world, "cs", delivered=23, failed=1)
    assert companies(sandbox)["Company 3"]["Csm"] == bob


def test_a_csm_that_is_there_costs_no_call_the_second_time(make_world: MakeWorld, sandbox: Running) -> None:
    sandbox.state.cs.tables["gsuser"].put({"Email": "ann@vendor.test"}, 0)
    world = make_world(configured(cs(sandbox.url, **BOTH)))
    world.start()
    world.take(group("u1", "Acme", csm="ann@vendor.test"))
    settled(world, "cs", delivered=1)
    before = len(calls(sandbox))
    world.take(group("u1", "Acme", "again", csm="ann@vendor.test"))
    settled(world, "cs", delivered=2)
    assert len(calls(sandbox)) == before
    [row] = world.report("trace", "again")["destinations"]
    assert (row["outcome"], row["reason"]) == ("delivered", "unchanged")


def test_fields_of_a_link_from_several_events_arrive_together(
    make_world: MakeWorld, sandbox: Running
) -> None:
    fields = {"role": "Role", "title": "Title", "primary": "IsPrimaryCompany"}
    world = make_world(configured(cs(sandbox.url, company_person_fields=fields)))
    world.start()
    world.take(
        group("u1", "Acme", role="Admin", title="CTO"),
        group("u1", "Acme", title="CEO", primary=True),
        group("u1", "Acme"),
    )
    settled(world, "cs", delivered=3)
    [link] = sandbox.state.cs.links.rows.values()
    assert (link["Role"], link["Title"], link["IsPrimaryCompany"]) == ("Admin", "CEO", True)


def test_no_event_is_blamed_for_a_name_that_an_older_one_gave(
    make_world: MakeWorld, sandbox: Running
) -> None:
    """One of the group calls is refused and Gainsight does not say which; only the first one has the name."""
    sandbox.state.behaviour.set({"cs_lookup_error": "unnamed", "cs_lookup_case": "exact"})
    sandbox.state.cs.tables["gsuser"].put({"Email": "ann@vendor.test"}, 0)
    settings = {
        "company_match": ["Ext__gc"],
        "company_fields": {"groupId": "Ext__gc", "employees": "Employees"},
    }
    world = make_world(configured(cs(sandbox.url, csm_lookup="email", **settings)))
    world.start()
    nameless = {"name": None}
    world.take(
        group("u1", "Acme", "named"),
        group("u2", "Acme", "bad", csm="ANN@VENDOR.TEST", **nameless),
        group("u3", "Acme", "innocent", employees=7, **nameless),
    )
    settled(world, "cs", delivered=2, failed=1)
    [row] = world.report("trace", "bad")["destinations"]
    assert (row["outcome"], row["reason"]) == ("failed", "value_invalid")
    [acme] = companies(sandbox).values()
    assert (acme["Name"], acme["Employees"]) == ("Acme", 7)
