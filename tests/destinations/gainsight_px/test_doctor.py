"""The tenant's attributes held against the settings, and what plans make of them."""

from typing import Any

import pytest

from gainstage.destination import Planned
from gainstage.destinations import registry
from gainstage.event import Identity
from gainstage.operation import Upsert
from gainstage.outcome import Rejected
from gainstage.schema import Field, Object, Schema
from gainstage.testing.driving import event_of

PX = registry.load("gainsight_px")
AT_US = 1_772_323_200_000_000
LEARNT = "Its fields were read 2026-03-01 00:00 UTC; `gainstage fields --read` reads them anew."
TYPES = {"text": "STRING", "number": "NUMBER", "boolean": "BOOLEAN", "epoch_ms": "DATE_TIME"}
BUILT_IN = {
    table.into: tuple(
        Field(row.name, TYPES.get(row.convert.__name__, "STRING"), custom=False)
        for row in table.fields
        if row.at and "." not in row.name
    )
    for table in PX.mappings[:2]
}

(LAST_NAME,) = (row.source_words for row in PX.mappings[0].fields if row.name == "lastName")


def custom(name: str, type_: str = "STRING", **more: Any) -> Field:
    return Field(name, type_, custom=True, **more)


def schema(*user: Field, account: tuple[Field, ...] = ()) -> Schema:
    """Every built-in field, with others instead or beside them."""
    objects = []
    for kind, title, more in (("user", "User", user), ("account", "Account", account)):
        given = {field.name: field for field in (*BUILT_IN[kind], *more)}
        objects.append(Object(kind, tuple(given.values()), title))
    return Schema(tuple(objects), at_us=AT_US)


def configured(**settings: Any) -> Any:
    return PX.settings(**{"api_key": "key", "product_tag_key": "AP-ABC-2", **settings})


def examined(known: Schema, **settings: Any) -> list[tuple[str, str, str]]:
    assert PX.doctor is not None
    return [(one.level, one.setting, one.message) for one in PX.doctor.examine(configured(**settings), known)]


def identify(known: Schema | None, mapped: dict[str, str] | None = None, **traits: Any) -> Planned:
    settings = configured(user_attributes=mapped or {})
    return PX.plan(settings, event_of({"type": "identify", "traits": traits}), Identity(), known)


def written(planned: Planned) -> dict[str, Any]:
    """The fields that the traits led to."""
    assert isinstance(planned.plan, tuple), planned.plan
    upsert = planned.plan[0]
    assert isinstance(upsert, Upsert)
    own = ("identifyId", "type", "propertyKeys")
    return {name: value for name, value in upsert.fields.items() if name not in own}


# what the doctor finds


def test_settings_that_go_with_the_attributes_leave_nothing_to_say() -> None:
    known = schema(custom("plan_tier"), account=(custom("seats", "NUMBER"),))
    assert examined(known, user_attributes={"plan": "plan_tier"}, account_attributes={"n": "seats"}) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("plan_teir", "User has no field plan_teir at this tenant; did you mean plan_tier?"),
        ("planTier", "User has no field planTier at this tenant; did you mean plan_tier?"),
        ("Tier of plan", "User has no field Tier of plan at this tenant: "
         "that is how the vendor shows plan_tier, so write plan_tier."),
        ("custom.tier01", "User has no field custom.tier01 at this tenant: "
         "that is how the vendor shows plan_tier, so write plan_tier."),
        ("wholly_else", "User has no field wholly_else at this tenant."),
        ("goner", "User has no field goner at this tenant."),
        ("off", "The field off of User is disabled at this tenant."),
        ("OFF", "The field off of User is disabled at this tenant."),
        ("gone", "The field gone of User is deleted at this tenant."),
        ("title", "title is a built-in field of User, not a custom attribute: events bring it as `title`."),
        ("Title", "title is a built-in field of User, not a custom attribute: events bring it as `title`."),
        ("lastName", "lastName is a built-in field of User, not a custom attribute: "
         f"events bring it as {LAST_NAME}."),
        ("globalId", "globalId is a built-in field of User, not a custom attribute: events cannot write it."),
        ("TWIN", "User has several fields of this name but for case: write one of Twin, twin."),
    ],
)  # fmt: skip
def test_a_mapped_attribute_that_cannot_be_written_is_an_error(name: str, told: str) -> None:
    known = schema(
        custom("plan_tier", label="Tier of plan", alias="custom.tier01"),
        custom("off", state="DISABLED"), custom("gone", state="DELETED"), custom("Twin"), custom("twin"),
        Field("globalId", "STRING", custom=False),
    )  # fmt: skip
    ((level, setting, message),) = examined(known, user_attributes={"tier": name})
    assert (level, setting) == ("error", "user_attributes")
    assert message == f"`tier` goes to {name}. {told} Such events fail without a call."
    plan = identify(known, {"tier": name}, tier="Gold").plan
    assert isinstance(plan, Rejected)
    assert (plan.code, plan.fields) == ("field_unknown", (f"customAttributes.{name}",))
    assert plan.detail == f"{told} Correct the setting `user_attributes`, then retry. {LEARNT}"
    assert written(identify(known, {"tier": name}, title="CTO")) == {"title": "CTO"}, "no trait for it"


def test_attributes_of_accounts_are_examined_by_those_of_accounts() -> None:
    known = schema(custom("tier"))
    ((_, setting, message),) = examined(known, account_attributes={"tier": "tier"})
    assert setting == "account_attributes" and "Account has no field tier" in message


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (custom("Plan_Tier"), "which the tenant spells Plan_Tier: it is sent so; write it so."),
        (custom("plan_tier", "LIST"), "of the type LIST, which is not known here: values go as they come."),
    ],
)
def test_what_may_go_wrong_is_a_warning(field: Field, told: str) -> None:
    ((level, setting, message),) = examined(schema(field), user_attributes={"plan": "plan_tier"})
    assert (level, setting) == ("warning", "user_attributes")
    assert message == f"`plan` goes to plan_tier, {told}"


def test_built_in_fields_that_are_switched_off_are_named_once() -> None:
    off = [Field(name, "STRING", state="DISABLED", custom=False) for name in ("gender", "role")]
    ((level, setting, message),) = examined(schema(*off))
    assert (level, setting) == ("warning", "")
    assert message.startswith(
        "Switched off at this tenant, and so left out of what is sent: gender, role of User."
    )


def test_built_in_fields_of_another_type_are_named_once() -> None:
    other = (Field("score", "STRING", custom=False), Field("signUpDate", "NUMBER", custom=False))
    ((level, _, message),) = examined(schema(*other))
    assert level == "warning"
    assert message == (
        "Of another type than Gainsight PX documents: signUpDate is NUMBER, sent as DATE_TIME, "
        "score is STRING, sent as NUMBER (User)."
    )


def test_built_in_fields_that_are_not_listed_are_told_and_sent() -> None:
    lacking = Schema(
        tuple(
            Object(
                one.name, tuple(field for field in one.fields if field.name not in ("title", "sfdcContactId"))
            )
            for one in schema().objects
        )
    )
    assert examined(lacking) == [
        ("ok", "", "Not listed at this tenant, and sent where events have them: title of User.")
    ]
    given = {"title": "CTO", "sfdcContactId": "003"}
    assert written(identify(lacking, **given)) == given


def test_a_list_of_one_object_says_what_it_does_not_know() -> None:
    known = Schema((schema(custom("tier")).objects[0],))
    sentence = "The fields of Account are not known here: nothing of them could be checked."
    assert examined(known) == [("warning", "", sentence)]
    assert examined(known, account_attributes={"a": "b"}) == [("warning", "account_attributes", sentence)]


def test_every_field_in_use_is_named_with_its_source_and_setting() -> None:
    assert PX.doctor is not None
    uses = PX.doctor.uses(configured(user_attributes={"plan": "plan_tier"}))
    found = {(use.object, use.field): (use.source, use.setting) for use in uses}
    assert found["user", "plan_tier"] == ("`plan`", "user_attributes")
    assert found["user", "lastName"] == (LAST_NAME, "")
    assert found["account", "id"] == ("groupId", "")


# plans


def test_values_take_the_form_of_their_attributes_type() -> None:
    known = schema(
        custom("tier"), custom("seats", "NUMBER"), custom("beta", "BOOLEAN"), custom("since", "DATE_TIME"),
        custom("list", "LIST"),
    )  # fmt: skip
    mapped = {name: name for name in ("tier", "seats", "beta", "since", "list")}
    given = {"tier": 3, "seats": "1,234.5", "beta": "yes", "since": "2026-03-01", "list": "as it comes"}
    assert written(identify(known, mapped, **given)) == {
        "customAttributes.tier": "3",
        "customAttributes.seats": 1234.5,
        "customAttributes.beta": True,
        "customAttributes.since": 1_772_323_200_000,
        "customAttributes.list": "as it comes",
    }
    as_it_came = written(identify(None, mapped, **given))
    assert as_it_came == {f"customAttributes.{name}": value for name, value in given.items()}


def test_a_value_that_does_not_fit_fails_the_event_with_trait_attribute_and_need() -> None:
    known = schema(custom("seats", "NUMBER"), custom("since", "DATE_TIME"))
    plan = identify(known, {"n": "seats", "from": "since"}, **{"n": "many", "from": "soon"}).plan
    assert isinstance(plan, Rejected)
    assert (plan.code, set(plan.fields)) == (
        "value_invalid",
        {"customAttributes.seats", "customAttributes.since"},
    )
    assert "The trait `n` is 'many'; the field customAttributes.seats needs a plain number" in plan.detail
    assert "The trait `from` is 'soon'; the field customAttributes.since needs a date" in plan.detail


def test_the_groups_traits_take_the_form_of_the_accounts_attributes() -> None:
    known = schema(custom("seats", "STRING"), account=(custom("seats", "NUMBER"),))
    settings = configured(account_attributes={"seats": "seats"})
    message = {"type": "group", "groupId": "g", "traits": {"seats": "12"}}
    assert written(PX.plan(settings, event_of(message), Identity(), known))["customAttributes.seats"] == 12
    message["traits"] = {"seats": "some"}
    plan = PX.plan(settings, event_of(message), Identity(), known).plan
    assert isinstance(plan, Rejected) and plan.code == "value_invalid"


def test_names_are_sent_as_the_tenant_spells_them() -> None:
    known = schema(custom("Plan_Tier", "NUMBER"), custom("Off", state="DISABLED"), custom("off"))
    planned = identify(known, {"plan": "plan_tier", "o": "OFF"}, plan="5", o="x")
    assert written(planned) == {"customAttributes.Plan_Tier": 5, "customAttributes.off": "x"}


def test_of_two_traits_for_one_attribute_in_two_spellings_the_first_wins() -> None:
    planned = identify(schema(custom("tier")), {"a": "TIER", "b": "tier"}, a="1", b="2")
    assert written(planned) == {"customAttributes.tier": "1"}


def test_a_built_in_field_keeps_its_form_whatever_type_it_is_listed_with() -> None:
    known = schema(Field("gender", "STRING", custom=False), Field("score", "STRING", custom=False))
    assert written(identify(known, gender="f", score="7")) == {"gender": "FEMALE", "score": 7}


def test_built_in_fields_that_are_switched_off_are_left_out_and_counted() -> None:
    known = schema(*(Field(name, state="DISABLED", custom=False) for name in ("score", "role", "lastName")))
    planned = identify(known, score="no number", role="admin", name="Ann Lee", title="CTO")
    assert written(planned) == {"title": "CTO", "firstName": "Ann"}
    assert planned.unmapped == ("score", "role"), "the name is read still"


def test_the_link_of_a_user_and_the_name_of_an_account_are_sent_whatever_the_list_says() -> None:
    off = Field("accountId", state="DISABLED", custom=False)
    known = schema(off, account=(Field("name", state="DELETED", custom=False),))
    assert written(identify(known, accountId="g")) == {"accountId": "g"}
    message = {"type": "group", "groupId": "g", "traits": {"name": "Acme"}}
    assert written(PX.plan(configured(), event_of(message), Identity(), known))["name"] == "Acme"
    assert not [one for one in examined(known) if "Switched off" in one[2]]


def test_a_custom_attribute_named_as_a_built_in_field_says_nothing_of_that() -> None:
    known = schema(custom("role", "NUMBER", state="DISABLED"), custom("score", "STRING"))
    assert examined(known) == []
    assert written(identify(known, role="admin", score="7")) == {"role": "admin", "score": 7}


def test_traits_that_nothing_maps_are_counted_by_name() -> None:
    mapped = {"address.zip": "zip", "plan": "tier"}
    planned = identify(
        schema(custom("zip"), custom("tier")), mapped,
        email="a@b.test", name="Ann", coordinates={"latitude": 1.5}, latitude=1.5, address={"zip": "7"},
        plan="x", company={"id": "c"}, location={"city": "Oslo"}, city="Oslo", avatar="u", nothing=None,
    )  # fmt: skip
    assert planned.unmapped == ("company", "location", "avatar")
