"""Whatever a sender writes becomes an event or is refused, and nothing makes it fail."""

import json
from datetime import datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gainstage.event import Event, Refusal
from gainstage.normalise import Surroundings, normalise
from gainstage.reason import REASONS
from tests.unit.normalise.messages import TRACK, entry

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda m: m.isoformat() + "Z") | values
objects = st.dictionaries(st.sampled_from(["traits", "ip", "a", "b"]), values, max_size=3)
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]) | values},
    optional={
        "userId": st.text(max_size=5) | values,
        "anonymousId": st.text(max_size=5) | values,
        "groupId": st.text(max_size=5) | values,
        "previousId": values,
        "messageId": st.text(max_size=5) | values,
        "event": st.text(max_size=5) | values,
        "name": values,
        "traits": objects | values,
        "properties": objects | values,
        "context": objects | values,
        "integrations": objects | values,
        "timestamp": moments,
        "originalTimestamp": moments,
        "sentAt": moments,
        "channel": values,
        "unknown": values,
    },
)
surroundings = st.builds(
    Surroundings, sent_at=moments, context=objects | values, integrations=objects | values, channel=values,
    ip=st.sampled_from(["", "203.0.113.9"]), direct_ip=st.sampled_from(["", "::1"]),
)  # fmt: skip


def written(value: object) -> bytes:
    """As a sender writes it that escapes everything, halves of surrogate pairs too."""
    return json.dumps(value).encode()


@given(messages, surroundings)
def test_every_object_becomes_an_event_or_is_refused(message: dict[str, Any], around: Surroundings) -> None:
    result = normalise("0-7", entry(written(message), around))
    assert result == normalise("0-7", entry(written(message), around))
    if isinstance(result, Refusal):
        assert result.code in REASONS
    else:
        assert result.person_id
        assert 0 < len(result.message_id) <= 100
        assert result.stamp
        assert msgspec.json.decode(msgspec.json.encode(result), type=Event) == result


@given(messages, surroundings)
def test_normalising_twice_is_as_good_as_once(message: dict[str, Any], around: Surroundings) -> None:
    once = normalise("0-7", entry(written(message), around))
    if isinstance(once, Event):
        twice = normalise("0-8", entry(once.message))
        assert isinstance(twice, Event)
        assert twice.message == once.message
        for field in (
            "kind",
            "message_id",
            "user_id",
            "anonymous_id",
            "group_id",
            "name",
            "traits",
            "properties",
        ):
            assert getattr(twice, field) == getattr(once, field)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    result = normalise("0-7", entry(body))
    assert isinstance(result, Event) or result.code in REASONS


@given(st.data())
def test_no_damage_to_a_message_makes_it_fail(data: st.DataObject) -> None:
    body = bytearray(written({**TRACK, "properties": {"a": [1, 2.5, "\ud83d", None, {"b": {}}]}}))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    result = normalise("0-7", entry(bytes(body)))
    assert isinstance(result, Event) or result.code in REASONS
