"""The tenant's fields: read, held against the settings, and what plans make of them."""

from typing import Any

import pytest

from gainstage.destination import Finding, Planned, Request, Response
from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.operation import Upsert
from gainstage.outcome import Rejected
from gainstage.schema import Field, Item, Object, Schema
from gainstage.testing.driving import deliver, event_of
from tests.destinations.sandboxed import Sandbox, cs_settings, everything_arrived

CS = registry.load("gainsight_cs")
AT_US = 1_772_323_200_000_000
TIERS = (Item("Gold", "1I00G"), Item("Silver", "1I00S"))
EMAIL = Field("Email", "EMAIL", length=50, required=True)
BUILT_IN = {
    table.title: tuple(Field(row.name, "STRING") for row in table.fields if row.name != "Email")
    for table in CS.mappings[:2]
}


def schema(*company: Field, person: tuple[Field, ...] = (), link: tuple[Field, ...] | None = None) -> Schema:
    """Every built-in field as text, with others instead or beside them."""
    objects = []
    for name, more in (("Company", company), ("Person", (EMAIL, *person))):
        given = {field.name: field for field in (*BUILT_IN[name], *more)}
        objects.append(Object(name, tuple(given.values()), name))
    if link is not None:
        objects.append(Object("company_person", link, "Company Person"))
    return Schema(tuple(objects), at_us=AT_US)


def without(known: Schema, kind: str, *names: str) -> Schema:
    """The same, but for some fields of an object."""
    objects = [
        Object(one.name, tuple(f for f in one.fields if f.name not in names), one.label)
        if one.name == kind
        else one
        for one in known.objects
    ]
    return Schema(tuple(objects), at_us=AT_US)


def configured(**settings: Any) -> Any:
    return CS.settings(domain="acme", access_key="key", **settings)


def examined(known: Schema, **settings: Any) -> list[tuple[str, str, str]]:
    assert CS.doctor is not None
    return [(one.level, one.setting, one.message) for one in CS.doctor.examine(configured(**settings), known)]


def group(known: Schema | None, settings: Any | None = None, **traits: Any) -> Planned:
    message = {
        "type": "group",
        "traits": {"name": "Acme", **traits},
        "context": {"traits": {"email": "a@b.test"}},
    }
    return CS.plan(settings or configured(), event_of(message), Identity(), known)


def fields(planned: Planned, place: int = 0) -> dict[str, Any]:
    assert isinstance(planned.plan, tuple), planned.plan
    upsert = planned.plan[place]
    assert isinstance(upsert, Upsert)
    return upsert.fields


# what the doctor finds


def test_settings_that_go_with_the_fields_leave_nothing_to_say() -> None:
    known = schema(Field("Tier__gc", "PICKLIST", items=TIERS), link=(Field("Role", "STRING"),))
    mapped = {"company_fields": {"tier": "Tier__gc"}, "company_person_fields": {"role": "Role"}}
    assert examined(known, **mapped, field_rules={"TIER__gc": "if_empty", "ARR": "never"}) == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Plan_Tier", "Company has no field Plan_Tier at this tenant; did you mean Plan_Tier__gc?"),
        ("PlanTeir__gc", "Company has no field PlanTeir__gc at this tenant; did you mean Plan_Tier__gc?"),
        ("Wholly_Else__gc", "Company has no field Wholly_Else__gc at this tenant."),
        ("Nps", "The field Nps of Company is read-only at this tenant."),
        ("Closed__gc", "The field Closed__gc of Company is read-only at this tenant."),
    ],
)
def test_a_mapped_field_that_cannot_be_written_is_an_error(written: str, told: str) -> None:
    closed = Field("Closed__gc", "STRING", createable=False, updateable=False)
    known = schema(Field("Plan_Tier__gc", "STRING"), Field("Nps", "NUMBER", read_only=True), closed)
    ((level, setting, message),) = examined(known, company_fields={"tier": written})
    assert (level, setting) == ("error", "company_fields")
    assert message == f"`tier` goes to {written}. {told} Such events fail without a call."


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (Field("Tier__GC", "STRING"), "which the tenant spells Tier__GC"),
        (Field("Tier__gc", "STRING", updateable=False), "which is set for new records only"),
        (Field("Tier__gc", "STRING", createable=False), "which cannot be set for new records"),
        (Field("Tier__gc", "LOOKUP"), "takes ids of Gainsight (GSIDs) and nothing else"),
    ],
)
def test_what_may_go_wrong_is_a_warning(field: Field, told: str) -> None:
    ((level, setting, message),) = examined(schema(person=(field,)), person_fields={"tier": "Tier__gc"})
    assert (level, setting) == ("warning", "person_fields")
    assert message.startswith("`tier` goes to Tier__gc") and told in message


def test_an_id_that_gainsight_looks_up_is_no_matter() -> None:
    known = schema(Field("Csm", "LOOKUP"), Field("ParentCompany", "LOOKUP"))
    mapped = {"company_fields": {"owner": "Csm", "parent": "ParentCompany"}}
    assert len(examined(known, **mapped)) == 2
    assert examined(known, **mapped, csm_lookup="email", parent_lookup="name") == []


def test_links_are_checked_where_company_person_is_described() -> None:
    mapped = {"company_person_fields": {"role": "Rolle"}}
    ((level, _, message),) = examined(schema(), **mapped)
    assert level == "warning" and "not known here" in message
    ((level, setting, message),) = examined(schema(link=(Field("Role"),)), **mapped)
    assert (level, setting) == ("error", "company_person_fields") and "did you mean Role?" in message


def test_a_key_has_a_type_that_keys_may_have() -> None:
    settings = {
        "company_fields": {"id": "Ext__gc"},
        "company_match": ["gsid", "sfdcAccountId", "Ext__gc", "name"],
    }
    known = schema(Field("Ext__gc", "NUMBER"), Field("SfdcAccountId", "SFDCID"))
    assert examined(known, **settings) == []
    ((level, setting, message),) = examined(schema(Field("Ext__gc", "PICKLIST")), **settings)
    assert (level, setting) == ("warning", "company_match") and message.startswith("Ext__gc is a PICKLIST")


def test_a_rule_for_a_field_that_is_not_there_protects_nothing() -> None:
    found = examined(schema(Field("ARR__gc")), field_rules={"Arr_gc": "never", "Nothing__gc": "always"})
    assert [(level, setting) for level, setting, _ in found] == [
        ("error", "field_rules"),
        ("warning", "field_rules"),
    ]
    assert "`never` holds for nothing" in found[0][2]


def test_built_in_fields_that_the_tenant_lacks_are_named_once_with_the_way_out() -> None:
    known = without(schema(), "Company", "TickerSymbol", "Tags")
    ((level, setting, message),) = examined(known)
    assert (level, setting) == ("warning", "field_rules")
    assert "Tags, TickerSymbol" in message
    assert examined(known, field_rules={"TickerSymbol": "never", "Tags": "never"}) == []


def test_a_list_of_one_object_says_what_it_does_not_know() -> None:
    assert {message for _, _, message in examined(Schema((schema().objects[0],)))} == {
        "The fields of Person are not known here: nothing of them could be checked."
    }


def test_every_field_in_use_is_named_with_its_source_and_setting() -> None:
    assert CS.doctor is not None
    uses = CS.doctor.uses(configured(person_fields={"plan": "Plan__gc"}, field_rules={"Arr": "never"}))
    found = {(use.object, use.field): (use.source, use.setting) for use in uses}
    assert found["Person", "Plan__gc"] == ("`plan`", "person_fields")
    assert found["Company", "Employees"] == ("`employees`", "")
    assert ("Company", "Arr") not in found


# plans


def test_values_take_the_form_of_the_tenants_types() -> None:
    known = schema(
        Field("RenewalDate", "DATE"), Field("Arr", "CURRENCY"), Field("Tier__gc", "PICKLIST", items=TIERS),
        Field("Since__gc", "DATETIME"), Field("Employees", "NUMBER"),
        link=(Field("IsPrimaryCompany", "BOOLEAN"), Field("From__gc", "DATE")),
    )  # fmt: skip
    settings = configured(
        company_fields={"tier": "Tier__gc", "since": "Since__gc"},
        company_person_fields={"main": "IsPrimaryCompany", "from": "From__gc"},
    )
    given = {
        "renewalDate": "2026-03-01T00:00:00Z", "arr": "$1,234.50", "tier": "gold", "since": "2026-03-01",
        "employees": "1,234,567", "main": "yes", "from": 1_772_323_200,
    }  # fmt: skip
    planned = group(known, settings, **given)
    assert fields(planned) == {
        "Name": "Acme", "RenewalDate": "2026-03-01", "Arr": 1234.5, "Tier__gc": "Gold",
        "Since__gc": 1_772_323_200_000, "Employees": 1_234_567,
    }  # fmt: skip
    link = "companies[name:Acme]"
    assert fields(planned, 1) | {
        f"{link}.IsPrimaryCompany": True,
        f"{link}.From__gc": "2026-03-01",
    } == fields(planned, 1)
    as_it_came = group(None, settings, renewalDate="2026-03-01T00:00:00Z", tier="gold")
    assert fields(as_it_came)["RenewalDate"] == "2026-03-01T00:00:00Z", "without the fields, Gainsight judges"


def test_a_value_that_does_not_fit_fails_the_event_with_trait_field_and_need() -> None:
    known = schema(Field("Tier__gc", "PICKLIST", items=TIERS), Field("Industry", "STRING", length=4))
    plan = group(known, configured(company_fields={"tier": "Tier__gc"}), tier="Lead", industry="Steel").plan
    assert isinstance(plan, Rejected)
    assert (plan.code, plan.fields) == ("value_invalid", ("Industry", "Tier__gc"))
    assert plan.detail == (
        "The trait `industry` is 'Steel'; the field Industry needs at most 4 characters, and it has 5. "
        "The trait `tier` is 'Lead'; the field Tier__gc needs one of its items: Gold, Silver."
    )


@pytest.mark.parametrize("traits", [{"name": "x" * 300}, {"role": "x" * 300}])
def test_names_and_link_fields_have_their_length_too(traits: dict[str, str]) -> None:
    known = schema(Field("Name", "STRING", length=255), link=(Field("Role", "STRING", length=255),))
    plan = group(known, configured(company_person_fields={"role": "Role"}), **traits).plan
    assert isinstance(plan, Rejected) and "at most 255 characters, and it has 300" in plan.detail


def test_a_key_that_does_not_fit_is_told_as_that_and_not_as_missing() -> None:
    known = schema(Field("SfdcAccountId", "SFDCID"))
    plan = group(known, configured(company_match=["sfdcAccountId"]), sfdcAccountId="001").plan
    assert isinstance(plan, Rejected) and plan.code == "value_invalid"
    assert "a Salesforce id of 15 or 18 letters and digits" in plan.detail


def test_the_groups_own_id_takes_the_form_of_its_field() -> None:
    message = {
        "type": "group",
        "groupId": "0017",
        "traits": {"name": "Acme"},
        "context": {"traits": {"email": "a@b.test"}},
    }
    settings = configured(company_fields={"groupId": "Ext__gc"}, company_match=["Ext__gc", "name"])
    planned = CS.plan(settings, event_of(message), Identity(), schema(Field("Ext__gc", "NUMBER")))
    assert fields(planned)["Ext__gc"] == 17
    plan = CS.plan(settings, event_of(message), Identity(), schema()).plan
    assert isinstance(plan, Rejected) and plan.code == "field_unknown" and "`company_fields`" in plan.detail


def test_an_email_that_is_none_fails_the_identify() -> None:
    message = {"type": "identify", "traits": {"email": "ann at acme", "name": "Ann"}}
    plan = CS.plan(configured(), event_of(message), Identity(), schema()).plan
    assert isinstance(plan, Rejected)
    assert plan.detail == "The trait `email` is 'ann at acme'; the field Email needs an e-mail."


def test_a_field_that_is_not_there_fails_the_event_and_names_the_setting() -> None:
    plan = group(schema(Field("Tier__gc")), configured(company_fields={"tier": "Tier"}), tier="Gold").plan
    assert isinstance(plan, Rejected)
    assert (plan.code, plan.fields) == ("field_unknown", ("Tier",))
    assert plan.detail == (
        "Company has no field Tier at this tenant; did you mean Tier__gc? "
        "Correct the setting `company_fields`, then retry. "
        "Its fields were read 2026-03-01 00:00 UTC; `gainstage fields --read` reads them anew."
    )
    assert fields(group(schema(), configured(company_fields={"tier": "Tier"}))) == {"Name": "Acme"}, (
        "no trait for it"
    )


def test_a_built_in_field_that_is_not_there_fails_the_event_until_a_rule_leaves_it_out() -> None:
    known = without(schema(), "Company", "TickerSymbol")
    plan = group(known, tickerSymbol="ACM").plan
    assert isinstance(plan, Rejected) and plan.code == "field_unknown"
    assert "`field_rules` (TickerSymbol: never)" in plan.detail
    settings = configured(field_rules={"TickerSymbol": "never"})
    assert fields(group(known, settings, tickerSymbol="ACM")) == {"Name": "Acme"}


def test_a_field_that_is_never_written_fails_nothing() -> None:
    known = schema(Field("Arr", "CURRENCY"), Field("Nps__gc", "NUMBER", read_only=True))
    settings = configured(company_fields={"nps": "Nps__gc"}, field_rules={"Arr": "never", "Nps__gc": "never"})
    assert fields(group(known, settings, arr="unknown", nps=7)) == {"Name": "Acme"}


def test_built_in_fields_are_spelt_as_the_tenant_spells_them() -> None:
    known = schema(Field("ARR", "CURRENCY"))
    known = without(known, "Company", "Arr")
    assert fields(group(known, arr="5")) == {"Name": "Acme", "ARR": 5}
    for rule in ("Arr", "ARR", "arr"):
        assert fields(group(known, configured(field_rules={rule: "never"}), arr="5")) == {"Name": "Acme"}


# reading the fields


def described(vendor: Any, settings: Any) -> list[Any]:
    """What describe yields beside its requests, and how many those were."""
    assert CS.doctor is not None
    conversation, found, calls = CS.doctor.describe(settings), [], 0
    item = next(conversation, None)
    while item is not None:
        try:
            if isinstance(item, Request):
                calls += 1
                item = conversation.send(vendor(item))
            else:
                found.append(item)
                item = next(conversation)
        except StopIteration:
            break
    return [*found, calls]


def test_the_fields_are_read_in_one_call(sandbox: Sandbox) -> None:
    field = {
        "name": "Tier__gc",
        "type": "PICKLIST",
        "label": "Tier",
        "options": [{"label": "Gold", "gsid": "1I"}],
    }
    sandbox.seed(cs={"schema": {"Company": [field, {"name": "Note__gc", "length": 7, "updateable": False}]}})
    found, calls = described(sandbox, cs_settings(sandbox))
    assert calls == 1
    assert [one.name for one in found.objects] == ["Company", "Person", "company_person"]
    company = found.object("company")
    item = Item("Gold", "1I", "Gold")
    assert company.field("Tier__gc") == Field("Tier__gc", "PICKLIST", "Tier", items=(item,))
    assert company.field("Note__gc") == Field("Note__gc", "STRING", "Note__gc", length=7, updateable=False)
    assert company.field("Name").required and company.field("Gsid").read_only
    assert company.field("Arr").decimal_places == 2


@pytest.mark.parametrize("status", ["404", "400", "200"])
def test_a_tenant_that_does_not_describe_company_person_costs_one_call_more(
    sandbox: Sandbox, status: str
) -> None:
    sandbox.behave(cs_describe_links="refuse", cs_metadata_status=status)
    found, calls = described(sandbox, cs_settings(sandbox))
    assert ([one.name for one in found.objects], calls) == (["Company", "Person"], 2)


@pytest.mark.parametrize("form", ["401_json", "400_json", "403_json", "401_html"])
def test_a_refused_key_is_told_after_one_call(sandbox: Sandbox, form: str) -> None:
    sandbox.behave(cs_auth_refusal=form, refused_keys=["key"])
    found, calls = described(sandbox, cs_settings(sandbox))
    assert calls == 1
    assert found.level == "warning" and found.message.startswith(
        "The tenant's fields could not be read (HTTP 4"
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"result":true,"data":null}', b'{"result":true,"data":[1,{"objectName":"X"}]}']
)
def test_an_answer_that_describes_nothing_is_told(sandbox: Sandbox, body: bytes) -> None:
    found, _ = described(lambda request: Response(200, {}, body), cs_settings(sandbox))
    assert isinstance(found, Finding) and found.level == "warning"


def test_without_a_key_nothing_is_asked() -> None:
    found, calls = described(None, CS.settings(domain="acme"))
    assert (found.setting, calls) == ("access_key", 0)


@pytest.mark.parametrize("picklist", ["label_or_gsid", "gsid", "label"])
@pytest.mark.parametrize("date", ["any", "text", "epoch_ms"])
def test_a_converted_event_arrives_in_either_form_of_the_vendor(
    sandbox: Sandbox, picklist: str, date: str
) -> None:
    sandbox.behave(cs_picklist=picklist, cs_date_write=date)
    options = [{"label": "Gold", "gsid": "1I00GOLD"}]
    sandbox.seed(cs={"schema": {"Company": [{"name": "Tier__gc", "type": "PICKLIST", "options": options}]}})
    settings = cs_settings(
        sandbox,
        company_fields={"tier": "Tier__gc"},
        picklist_values="gsid" if picklist == "gsid" else "label",
        date_values="epoch_ms" if date == "epoch_ms" else "text",
    )
    known, _ = described(sandbox, settings)
    planned = group(known, settings, tier="GOLD", renewalDate="2026-03-01T09:30:00+09:00", arr="1 234,50 €")
    everything_arrived(deliver(CS, settings, planned, sandbox))
    (company,) = sandbox.state["cs"]["companies"]
    assert (company["Tier__gc"], company["RenewalDate"], company["Arr"]) == (
        "1I00GOLD",
        1_772_323_200_000,
        1234.5,
    )
