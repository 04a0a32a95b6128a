"""`company_match`: a company is found by several keys, and is one whatever it was met under.

The real engine and store under a virtual clock, the sandbox as the vendor.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gainstage.event import Identity
from gainstage.testing.driving import event_of
from tests.benchmarks.virtual import World
from tests.destinations.sandboxed import CS

SETTINGS = {
    "domain": "acme",
    "access_key": "key",
    "company_match": ["gsid", "sfdcAccountId", "Ext__gc", "name"],
    "company_fields": {"groupId": "Ext__gc", "tier": "Tier__gc"},
}
G1, G2 = "1P02" + "A" * 32, "1P02" + "B" * 32
SF1, SF2 = "0015000000Gv7qJ", "0015000000Gv7qK"
numbers = itertools.count()


def group(number: int, **traits: Any) -> dict[str, Any]:
    """A group call of a user; `groupId` and `email` go where they belong."""
    about = {"groupId": str(traits.pop("groupId", "")) or None}
    email = traits.pop("email", f"user{number}@acme.test")
    return {
        "type": "group",
        "userId": f"u-{number}",
        "messageId": f"m-{next(numbers)}",
        "traits": traits,
        "context": {"traits": {"email": email}},
        **{name: value for name, value in about.items() if value is not None},
    }


class Scene:
    """What a tenant holds in the end, and what was asked of it."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.world = World(folder, {**SETTINGS, **(settings or {})}, seed=1)
        self.sandbox = self.world.transport.sandbox.state

    def seed(self, *companies: dict[str, Any]) -> None:
        self.sandbox.seed({"cs": {"companies": list(companies)}})

    def play(self, *batches: Sequence[dict[str, Any]], seconds: float = 60) -> None:
        """The messages of each batch at once, a while between the batches."""

        async def living() -> None:
            self.world.start()
            at = (
                (n * seconds + 1, msgspec.json.encode(one))
                for n, batch in enumerate(batches)
                for one in batch
            )
            await self.world.live(at, seconds * (len(batches) + 1), ())
            await self.world.stop()

        self.world.clock.run(living())

    @property
    def companies(self) -> list[dict[str, Any]]:
        """The tenant's companies, without what Gainsight fills."""
        filled = ("CreatedDate", "ModifiedDate", "CreatedBy", "ModifiedBy")
        found = self.sandbox.snapshot()["cs"]["companies"]
        return [{name: value for name, value in row.items() if name not in filled} for row in found]

    @property
    def company(self) -> dict[str, Any]:
        """The only one."""
        (found,) = self.companies
        return found

    def members(self, gsid: str) -> int:
        """How many people are linked to a company."""
        return sum(link["Company_ID"] == gsid for link in self.sandbox.snapshot()["cs"]["associations"])

    def calls(self, kind: str) -> int:
        return sum(one == kind for _, one in self.world.transport.made)

    def outcomes(self, messages: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
        """Word, code and detail of each message's event."""
        self.world.open()
        try:
            with self.world.store.reading() as reading:
                rows = [
                    reading.deliveries(reading.events(one["messageId"])[0]["id"], 0)[0] for one in messages
                ]
            return [(row.word, row.code, row.detail) for row in rows]
        finally:
            self.world.close()


def all_delivered(scene: Scene, messages: Sequence[dict[str, Any]]) -> bool:
    return {word for word, _, _ in scene.outcomes(messages)} == {"delivered"}


def test_a_hundred_groups_for_one_new_company_at_once_create_it_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    ways = [{"name": "Acme"}, {"name": "Acme", "sfdcAccountId": SF1}, {"name": "Acme", "groupId": 7}]
    messages = [group(n, employees=n, **ways[n % 3]) for n in range(100)]
    scene.play(messages)
    assert all_delivered(scene, messages)
    assert scene.company["SfdcAccountId"] == SF1 and scene.company["Ext__gc"] == "7"
    assert scene.company["Employees"] == 99
    assert scene.members(scene.company["Gsid"]) == 100
    assert scene.calls("company writes") == 1


def test_what_is_met_under_several_keys_is_one_company_with_the_newest_of_each_field(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    first = [group(1, name="Acme", employees=1, industry="Tools")]
    second = [group(2, name="Acme", sfdcAccountId=SF1, employees=2)]
    third = [group(3, sfdcAccountId=SF1, employees=3), group(4, name="Acme", summary="Anvils")]
    scene.play(first, second, third)
    assert all_delivered(scene, first + second + third)
    found = scene.company
    assert (found["Employees"], found["Industry"], found["Summary"]) == (3, "Tools", "Anvils")
    assert scene.members(found["Gsid"]) == 4


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_keys_that_lead_to_one_company_at_gainsight_are_joined_whatever_the_order(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme", "SfdcAccountId": SF1 + "AAR", "Ext__gc": "7"})
    ways = [{"sfdcAccountId": SF1}, {"name": "Acme"}, {"groupId": 7}]
    messages = [group(n, employees=n, tier=f"t{n}", **ways[way]) for n, way in enumerate(order)]
    scene.play(messages)
    assert all_delivered(scene, messages)
    assert (scene.company["Employees"], scene.company["Tier__gc"]) == (2, "t2")
    assert scene.members(G1) == 3
    assert scene.company["Name"] == "Acme"


@pytest.mark.parametrize("seconds", [20, 60])
def test_late_news_under_another_key_does_not_go_over_newer_values(tmp_path: Path, seconds: float) -> None:
    """Known by its Salesforce id first; the older values come by name, before it is known to be one."""
    scene = Scene(tmp_path, {"company_match": ["sfdcAccountId", "name"], "company_fields": {}})
    scene.seed({"Gsid": G1, "Name": "Acme", "SfdcAccountId": SF1})
    new = [group(1, sfdcAccountId=SF1, employees=9)]
    old = [{**group(2, name="Acme", employees=1, users=4), "timestamp": "2026-01-01T00:00:00Z"}]
    scene.play(new, old, seconds=seconds)
    assert (scene.company["Employees"], scene.company["Users"]) == (9, 4)


def test_by_a_stronger_key_a_company_is_renamed_and_by_its_old_name_it_is_not(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.play(
        [group(1, name="Acme", sfdcAccountId=SF1)],
        [group(2, name="Acme Inc", sfdcAccountId=SF1)],
        [group(3, name="Acme", employees=3)],
    )
    assert (scene.company["Name"], scene.company["Employees"]) == ("Acme Inc", 3)


def test_two_companies_of_one_name_are_told_apart_and_the_name_alone_is_quarantined(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    apart = [
        group(1, name="Acme", sfdcAccountId=SF1, employees=1),
        group(2, name="Acme", sfdcAccountId=SF2, employees=2),
    ]
    by_name = group(3, name="Acme", employees=3)
    scene.play(apart, [by_name])
    assert {(one["SfdcAccountId"], one["Employees"]) for one in scene.companies} == {(SF1, 1), (SF2, 2)}
    ((word, code, detail),) = scene.outcomes([by_name])
    assert (word, code) == ("parked", "company_ambiguous")
    assert all(one["Gsid"] in detail for one in scene.companies)


def test_a_company_with_another_value_of_a_stronger_key_is_no_match_by_name(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme", "SfdcAccountId": SF1})
    scene.play([group(1, name="Acme", sfdcAccountId=SF2, employees=5)])
    assert {(one["SfdcAccountId"], one.get("Employees")) for one in scene.companies} == {
        (SF1, None),
        (SF2, 5),
    }


def test_a_company_without_the_stronger_key_is_found_by_name_and_gets_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme"})
    scene.play([group(1, name="Acme", sfdcAccountId=SF1, groupId="ext-1")])
    assert (scene.company["Gsid"], scene.company["SfdcAccountId"], scene.company["Ext__gc"]) == (
        G1,
        SF1,
        "ext-1",
    )


@pytest.mark.parametrize("trait", ["gsid", "Gsid", "GSID"])
def test_a_gsid_finds_its_company_and_an_unknown_one_never_makes_a_new_one(
    tmp_path: Path, trait: str
) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme"}, {"Gsid": G2, "Name": "Other"})
    good = group(1, **{trait: G1}, employees=5)
    absent = group(2, **{trait: "1P02" + "Z" * 32}, name="Other", employees=6)
    scene.play([good, absent])
    assert [(one["Gsid"], one.get("Employees")) for one in scene.companies] == [(G1, 5), (G2, None)]
    assert [outcome[:2] for outcome in scene.outcomes([good, absent])] == [
        ("delivered", ""), ("failed", "company_absent"),
    ]  # fmt: skip


@pytest.mark.parametrize("seeded", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_unknown_gsid_fails_its_own_event_and_no_other_that_means_the_company_by_name(
    tmp_path: Path, order: tuple[int, ...], seeded: bool
) -> None:
    scene = Scene(tmp_path)
    if seeded:
        scene.seed({"Gsid": G1, "Name": "Acme"})
    messages = [
        group(0, name="Acme", gsid="1P02" + "Z" * 32, users=9),
        group(1, name="Acme", employees=5),
        group(2, name="Acme"),
    ]
    scene.play(*([messages[n]] for n in order))
    assert scene.outcomes(messages[:1])[0][:2] == ("failed", "company_absent")
    assert all_delivered(scene, messages[1:])
    assert (scene.company["Name"], scene.company["Employees"], scene.company.get("Users")) == (
        "Acme",
        5,
        None,
    )


def test_an_unknown_gsid_fails_its_own_event_also_among_others_that_go_together(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    good = [group(n, name="Acme", employees=n) for n in range(5)]
    bad = group(9, name="Acme", gsid="1P02" + "Z" * 32, users=9)
    scene.play([bad, *good])
    assert all_delivered(scene, good) and scene.outcomes([bad])[0][:2] == ("failed", "company_absent")
    assert (scene.company["Employees"], scene.company.get("Users")) == (4, None)


def test_of_two_companies_of_one_name_one_is_the_one_that_has_no_stronger_key_yet(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme"})
    messages = [
        group(1, name="Acme", sfdcAccountId=SF1, employees=1),
        group(2, name="Acme", sfdcAccountId=SF2, employees=2),
    ]
    scene.play(messages)
    assert all_delivered(scene, messages)
    assert {(one["SfdcAccountId"], one["Employees"]) for one in scene.companies} == {(SF1, 1), (SF2, 2)}
    assert G1 in {one["Gsid"] for one in scene.companies}


def test_the_second_company_of_a_name_is_not_held_back_by_the_first_ones_bad_values(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme"})
    bad = group(1, name="Acme", sfdcAccountId=SF1, arr="1,000")
    good = group(2, name="Acme", sfdcAccountId=SF2, employees=2)
    scene.play([bad, good])
    assert scene.outcomes([bad])[0][0] == "failed" and all_delivered(scene, [good])
    assert scene.calls("company look-ups") < 12
    assert [one["Employees"] for one in scene.companies if one.get("SfdcAccountId") == SF2] == [2]


def test_a_company_found_by_its_name_is_told_apart_by_the_stronger_key_that_gainsight_has(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    scene.seed({"Gsid": G1, "Name": "Acme", "SfdcAccountId": SF1})
    messages = [group(1, name="Acme", employees=1), group(2, name="Acme", sfdcAccountId=SF2, employees=2)]
    scene.play(messages[:1], messages[1:])
    assert all_delivered(scene, messages)
    assert {(one["SfdcAccountId"], one["Employees"]) for one in scene.companies} == {(SF1, 1), (SF2, 2)}


def test_a_look_up_that_gainsight_refuses_without_a_name_fails_its_event_and_holds_nothing_up(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, {"csm_lookup": "email"})
    switches = {"cs_lookup_error": "unnamed", "cs_lookup_code": "GSOBJ_1011", "cs_lookup_case": "exact"}
    scene.sandbox.behaviour.set(switches)
    scene.sandbox.seed({"cs": {"objects": {"gsuser": [{"Email": "ann@vendor.test"}]}}})
    scene.seed({"Gsid": G1, "Name": "Acme", "SfdcAccountId": SF1})
    bad, good = group(1, sfdcAccountId=SF1, csm="ANN@VENDOR.TEST"), group(2, sfdcAccountId=SF1, employees=2)
    scene.play([bad], [good])
    assert scene.outcomes([bad])[0][:2] == ("failed", "lookup_unmatched")
    assert all_delivered(scene, [good]) and scene.company["Employees"] == 2


def test_several_matches_by_any_key_are_for_the_admin_to_decide(tmp_path: Path) -> None:
    for choice, expected in (("quarantine", "parked"), ("error", "failed"), ("first", "delivered")):
        scene = Scene(tmp_path / choice, {"company_on_ambiguous": choice})
        scene.seed({"Gsid": G1, "Name": "A", "Ext__gc": "7"}, {"Gsid": G2, "Name": "B", "Ext__gc": "7"})
        message = group(1, name="C", groupId=7, employees=5)
        scene.play([message])
        ((word, _, detail),) = scene.outcomes([message])
        assert word == expected
        assert len(scene.companies) == 2, "never created on ambiguity"
        assert word == "delivered" or (G1 in detail and G2 in detail)


def test_a_new_company_without_a_name_is_not_made(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    message = group(1, sfdcAccountId=SF1, employees=5)
    scene.play([message])
    assert scene.companies == []
    assert scene.outcomes([message])[0][:2] == ("failed", "name_missing")


def test_events_without_a_name_fail_without_being_taken_apart_and_the_next_one_with_a_name_takes_all_along(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, {"company_match": ["sfdcAccountId"]})
    early = [group(n, sfdcAccountId=SF1, employees=n) for n in range(8)]
    late = [group(8, name="Acme", sfdcAccountId=SF1), group(9, sfdcAccountId=SF1, employees=9)]
    scene.play(early, late)
    assert {outcome[:2] for outcome in scene.outcomes(early)} == {("failed", "name_missing")}
    assert all_delivered(scene, late)
    assert (scene.company["Name"], scene.company["Employees"]) == ("Acme", 9)
    assert scene.calls("company look-ups") <= len(early) + 1


def test_nothing_is_made_where_creating_is_switched_off(tmp_path: Path) -> None:
    scene = Scene(tmp_path, {"create_companies": False})
    message = group(1, name="Acme", sfdcAccountId=SF1)
    scene.play([message])
    assert scene.companies == []
    assert scene.outcomes([message])[0][:2] == ("failed", "company_absent")


def test_the_short_and_the_long_form_of_a_salesforce_id_are_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.play([group(1, name="Acme", sfdcAccountId=SF1)], [group(2, sfdcAccountId=SF1 + "AAR", employees=2)])
    assert scene.company["Employees"] == 2


def test_a_company_that_was_deleted_at_gainsight_is_found_anew_by_its_other_keys(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.play([group(1, name="Acme", sfdcAccountId=SF1, employees=1)])
    table = scene.sandbox.cs.companies
    table.rows.clear()
    scene.seed({"Gsid": G2, "Name": "Acme", "SfdcAccountId": SF1})
    scene.world.open()
    scene.play([group(2, sfdcAccountId=SF1, employees=2)])
    assert (scene.company["Gsid"], scene.company["Employees"]) == (G2, 2)


def test_a_company_renamed_at_gainsight_that_comes_by_both_names_is_one(tmp_path: Path) -> None:
    """With names alone: both records turn out to have one GSID, and the newer values stay."""
    scene = Scene(tmp_path, {"company_match": ["name"], "company_fields": {}})
    scene.play([group(1, name="Acme", employees=9)])
    (row,) = scene.sandbox.cs.companies.rows.values()
    row["Name"] = "Acme Inc"
    scene.world.open()
    late = {**group(2, name="Acme Inc", employees=1, users=4), "timestamp": "2026-01-01T00:00:00Z"}
    scene.play([late], [group(3, name="Acme", summary="Anvils")])
    found = scene.company
    assert (found["Employees"], found["Users"], found["Summary"]) == (9, 4, "Anvils")
    assert scene.members(found["Gsid"]) == 3


def test_a_group_without_any_of_the_keys_fails_and_says_so() -> None:
    settings = CS.settings(domain="acme", access_key="key", company_match=["sfdcAccountId"])
    planned = CS.plan(settings, event_of(group(1, name="Acme")), Identity())
    assert planned.plan.code == "key_missing"  # type: ignore[union-attr]
    assert "sfdcAccountId" in planned.plan.detail  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", [[], ["name", "name"], ["Ext__gc"], ["Name"], "name"])
def test_company_match_takes_only_keys_that_events_can_bring(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="company_match"):
        CS.settings(domain="acme", company_match=wrong)


def test_an_event_by_name_keeps_its_name_when_the_events_beside_it_fail_and_others_claim_it(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    bad = group(1, name="Acme", sfdcAccountId=SF1, originalContractDate=210318)
    by_name = group(2, name="Acme", employees=2)
    other = group(3, name="Acme", sfdcAccountId=SF2)
    scene.play([bad, by_name, other])
    words = [word for word, _, _ in scene.outcomes([bad, by_name, other])]
    assert words == ["failed", "delivered", "delivered"]
