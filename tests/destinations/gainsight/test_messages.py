"""What of a message reaches the clickstream endpoint: all of it, if it is meant, with the right account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.connection import Connected
from gainstage.delivery.identity import learn, resolve
from gainstage.destinations import registry
from gainstage.operation import Append
from gainstage.outcome import Filtered
from gainstage.store import Store
from gainstage.store.contract import Intake
from gainstage.testing.driving import event_of, works_of
from gainstage.testing.hostile import json_values

CLICKSTREAM = registry.load("gainsight")
KEY = "0123456789abcdef0123456789abcdef0123"
README = Path(__file__).parents[3] / "gainstage/destinations/gainsight/README.md"
#: What may differ between a message as it was sent and as it arrives; the README says how.
SET_HERE = {"messageId", "timestamp", "originalTimestamp", "receivedAt"}
IDS = ("userId", "anonymousId", "groupId")

objects = st.dictionaries(st.text(max_size=8), json_values, max_size=5)
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(("identify", "group", "track")), "userId": st.text("abc", min_size=1)},
    optional={
        "anonymousId": st.none() | st.text("abc"),
        "groupId": st.none() | st.text("abc"),
        "traits": st.none() | objects,
        "properties": st.none() | objects,
        "context": st.none() | objects.filter(lambda one: not {"traits", "direct"} & one.keys()),
        "integrations": json_values,
        "version": json_values,
        "_metadata": json_values,
        "channel": st.text(),
        "sentAt": st.just("2026-01-01T12:00:00Z"),
        "originalTimestamp": st.just("2026-01-01T11:00:00Z"),
        "something": json_values,
    },
)


def configured(**given: Any) -> Any:
    return CLICKSTREAM.settings(access_key=KEY, **given)


def sent(message: dict[str, Any], intake: Intake | None = None, **given: Any) -> Any:
    """The message as the endpoint gets it, or the plan where it gets none."""
    with Store.passing() as transaction:
        known = intake or transaction.intake
        event = event_of(message)
        identity = resolve(known, event)
        learn(known, event)
        planned = CLICKSTREAM.plan(configured(**given), event, identity, None)
    if not isinstance(planned.plan, tuple):
        return planned.plan
    (work,) = works_of(planned, {})
    exchange = CLICKSTREAM.exchange(configured(**given), [work])
    request = next(exchange)
    return json.loads(request.body)  # type: ignore[union-attr]


@pytest.fixture
def intake() -> Iterator[Intake]:
    with Store.passing() as transaction:
        yield transaction.intake


# the whole message


@settings(deadline=None)
@given(messages)
def test_every_field_that_was_sent_arrives_as_it_was_whatever_it_holds(message: dict[str, Any]) -> None:
    message = {"event": "Used", "messageId": "m-1", **message}
    arrived = sent(message, remember_account=False)
    assert {name: arrived[name] for name in message if name not in SET_HERE} == {
        name: value for name, value in message.items() if name not in SET_HERE
    }
    assert arrived["messageId"] == "m-1"
    assert arrived.keys() - message.keys() <= SET_HERE
    assert arrived["originalTimestamp" if "originalTimestamp" in arrived else "timestamp"]


def test_traits_of_any_name_form_and_depth_arrive_and_nulls_too() -> None:
    traits = {
        "accountId": None, "odd trait ": {"deep": [{"er": None}, [], {}]}, "": "", "big": 2**70,
        "tiny": 1.5e-7, "emoji": "\U0001f600", "no": False, "zero": 0,
    }  # fmt: skip
    for kind in ("identify", "group"):
        assert sent({"type": kind, "groupId": "g", "traits": traits})["traits"] == traits


def test_a_time_that_needs_no_correction_stays_under_the_name_it_was_sent_by() -> None:
    arrived = sent({"type": "identify", "originalTimestamp": "2026-01-01T11:00:00.000Z"})
    assert arrived["originalTimestamp"] == arrived["timestamp"] == "2026-01-01T11:00:00.000Z"


def test_ids_are_text_and_the_write_key_is_left_out() -> None:
    arrived = sent({"type": "group", "userId": 7, "anonymousId": 8, "groupId": 9, "writeKey": "secret"})
    assert [arrived[name] for name in IDS] == ["7", "8", "9"] and "writeKey" not in arrived


def test_the_readme_lists_what_is_set_here() -> None:
    text = README.read_text(encoding="utf-8")
    section = text.partition("## What arrives")[2].partition("\n## ")[0]
    listed = (
        *SET_HERE,
        *IDS,
        "writeKey",
        "sentAt",
        "type",
        "context",
        "integrations",
        "channel",
        "accountId",
    )
    assert [name for name in listed if f"`{name}`" not in section] == []


@pytest.mark.parametrize("kind", ["page", "screen", "alias"])
def test_other_kinds_are_of_no_use(kind: str) -> None:
    plan = sent({"type": kind, "previousId": "x", "name": "Home"})
    assert isinstance(plan, Filtered) and plan.code == "type_unsupported"


def test_messages_go_in_the_lane_of_their_user() -> None:
    for message, key in (
        ({"type": "track", "event": "a", "anonymousId": "d"}, "u-1"),
        ({"type": "track", "event": "a", "userId": None, "anonymousId": "d"}, "d"),
    ):
        (operation,) = CLICKSTREAM.plan(configured(), event_of(message), resolve_nothing(), None).plan  # type: ignore[misc]
        assert isinstance(operation, Append) and tuple(operation.record) == ("user", key)


def resolve_nothing() -> Any:
    with Store.passing() as transaction:
        return resolve(transaction.intake, event_of({"type": "identify", "userId": "stranger"}))


# track_events


@pytest.mark.parametrize(
    ("listed", "name", "goes"),
    [
        ([], "Anything", True),
        (["Signed Up"], "Signed Up", True),
        (["Signed Up", " Padded  Name "], " Padded  Name ", True),
        (["Signed Up"], "signed up", False),
        (["Signed Up"], "Signed Up ", False),
        (["Signed Up"], "Signed  Up", False),
        (["Signed Up"], "Signed", False),
        (["Büro eröffnet"], "Büro eröffnet", True),
        (["*"], "Anything", False),
        ([""], "Anything", False),
    ],
)
def test_track_events_lists_exact_names(listed: list[str], name: str, goes: bool) -> None:
    found = sent({"type": "track", "event": name}, track_events=listed)
    assert isinstance(found, dict) is goes
    assert goes or found.code == "event_not_listed"
    for kind in ("identify", "group"):
        assert isinstance(sent({"type": kind, "groupId": "g"}, track_events=listed), dict)


@pytest.mark.parametrize(
    ("name", "meant"), [("signed up", True), ("Signed Up ", True), ("SIGNED  UP", True), ("Signed", False)]
)
def test_a_name_that_is_nearly_listed_is_told_with_the_one_that_is(name: str, meant: bool) -> None:
    found = sent({"type": "track", "event": name}, track_events=["Other", "Signed Up"])
    assert ("it has 'Signed Up'" in found.detail) is meant


# the account

IDENTIFY = {"type": "identify", "anonymousId": "d-1", "traits": {"accountId": "acct-1"}}
GROUP = {"type": "group", "anonymousId": "d-1", "groupId": "acct-1"}


@pytest.mark.parametrize("before", [IDENTIFY, GROUP], ids=["identify", "group"])
@pytest.mark.parametrize(
    "who",
    [{}, {"userId": None, "anonymousId": "d-1"}, {"anonymousId": "d-2"}],
    ids=["user", "device", "elsewhere"],
)
def test_later_tracks_of_the_user_carry_the_account(
    intake: Intake, before: dict[str, Any], who: dict[str, Any]
) -> None:
    assert sent(before, intake).get("properties") is None
    track = {"type": "track", "event": "Used", "properties": {"plan": "pro"}, **who}
    assert sent(track, intake)["properties"] == {"plan": "pro", "accountId": "acct-1"}
    assert sent({**track, "properties": None}, intake)["properties"] == {"accountId": "acct-1"}
    assert sent(track, intake, remember_account=False)["properties"] == {"plan": "pro"}
    assert "properties" not in sent({"type": "track", "event": "Used", **who}, intake, remember_account=False)


def test_another_user_gets_no_account(intake: Intake) -> None:
    sent(IDENTIFY, intake)
    assert sent({"type": "track", "event": "Used", "userId": "u-2"}, intake).get("properties") is None


def test_the_newest_account_is_remembered(intake: Intake) -> None:
    sent(IDENTIFY, intake)
    sent({"type": "group", "groupId": "acct-2", "messageId": "m-2"}, intake)
    assert sent({"type": "track", "event": "Used"}, intake)["properties"] == {"accountId": "acct-2"}
    sent({"type": "identify", "traits": {"name": "Ann"}, "messageId": "m-3"}, intake)
    assert sent({"type": "track", "event": "Used"}, intake)["properties"] == {"accountId": "acct-2"}


@pytest.mark.parametrize(
    ("own", "arrives"), [("own", "own"), (7, 7), (0, 0), (False, False), ({"a": 1}, {"a": 1})]
)
def test_an_account_of_the_event_wins(intake: Intake, own: Any, arrives: Any) -> None:
    sent(IDENTIFY, intake)
    found = sent({"type": "track", "event": "Used", "properties": {"accountId": own}}, intake)
    assert found["properties"] == {"accountId": arrives}


@pytest.mark.parametrize("own", [None, ""])
def test_an_empty_account_of_the_event_is_none(intake: Intake, own: Any) -> None:
    sent(IDENTIFY, intake)
    track = {"type": "track", "event": "Used", "properties": {"accountId": own}}
    assert sent(track, intake)["properties"] == {"accountId": "acct-1"}
    assert sent(track, intake, remember_account=False)["properties"] == {"accountId": own}


def test_identify_and_group_are_never_given_an_account(intake: Intake) -> None:
    sent(IDENTIFY, intake)
    for message in (
        {"type": "identify", "traits": {"name": "Ann"}},
        {"type": "group", "groupId": "g", "traits": {}},
    ):
        arrived = sent(message, intake)
        assert arrived["traits"] == message["traits"] and "properties" not in arrived


# the integrations object


@pytest.mark.parametrize(
    ("integrations", "goes"),
    [
        (None, True),
        ({"Gainsight": True}, True),
        ({"Gainsight": {"option": 1}}, True),
        ({"Gainsight": False}, False),
        ({"Gainsight": False, "All": True}, False),
        ({"All": False}, False),
        ({"All": False, "Gainsight": True}, True),
        ({"All": False, "Gainsight": {}}, True),
        ({"All": False, "gainsight": True}, False),
        ({"gainsight": False}, True),
        ({"GainSight": False, "All": True}, True),
        ({"Gainsight ": False}, True),
    ],
)
def test_gainsight_in_the_integrations_object_decides_and_letter_case_counts(
    integrations: Any, goes: bool
) -> None:
    kinds = frozenset(CLICKSTREAM.kinds)
    connected = Connected("clickstream", CLICKSTREAM, configured(), frozenset({"test"}), kinds)
    for kind in ("identify", "group", "track"):
        message = {"type": kind, "event": "Used", "groupId": "g", "integrations": integrations}
        refusal = connected.refuses(event_of(message))
        assert (refusal is None) is goes
        assert refusal is None or refusal.code == "integrations"
