"""Messages as SDKs and broken senders write them become events, or are refused by name."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainstage.event import EVENT_BYTES, Event, Refusal
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings, identifier, normalise, with_address
from gainstage.normalise.json_text import LEVELS
from gainstage.normalise.times import instant_of, iso_of
from gainstage.reason import REASONS

RECEIVED = datetime(2026, 11, 22, 12, 0, 0, 250_000, UTC)
RECEIVED_US = 1_795_348_800_250_000
HOUR = timedelta(hours=1)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry(message: object, around: Surroundings = Surroundings(), received_us: int = RECEIVED_US) -> Entry:
    body = message if isinstance(message, bytes) else msgspec.json.encode(message)
    return Entry("site", "", received_us, 3, around.encoded(), body)


def event(message: object, around: Surroundings = Surroundings()) -> Event:
    result = normalise("0-7", entry(message, around))
    assert isinstance(result, Event), result
    return result


def refusal(message: object, around: Surroundings = Surroundings()) -> Refusal:
    result = normalise("0-7", entry(message, around))
    assert isinstance(result, Refusal), result
    return result


TRACK: dict[str, Any] = {"type": "track", "userId": "ann", "event": "Report Exported"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("message", "code"),
        [
            (b"", "event_not_json"),
            (b'{"type":', "event_not_json"),
            (b'{"userId":"\xff"}', "event_not_json"),
            (b"1" * 5000, "event_not_json"),
            (b"-" + b"1" * 4300, "event_not_json"),
            ([TRACK], "event_not_object"),
            ("track", "event_not_object"),
            (None, "event_not_object"),
            ({**TRACK, "properties": {"long": "x" * EVENT_BYTES}}, "event_too_large"),
            (b'{"a":' * (LEVELS + 1) + b"1" + b"}" * (LEVELS + 1), "event_too_deep"),
            (b"[" * 10_000 + b"]" * 10_000, "event_too_deep"),
            ({"userId": "ann"}, "type_missing"),
            ({**TRACK, "type": ""}, "type_missing"),
            ({**TRACK, "type": "Track"}, "type_unknown"),
            ({**TRACK, "type": ["track"]}, "type_unknown"),
            ({**TRACK, "type": 5}, "type_unknown"),
            ({**TRACK, "userId": None}, "id_missing"),
            ({**TRACK, "userId": " \t", "anonymousId": ""}, "id_missing"),
            ({"type": "alias", "previousId": "old"}, "id_missing"),
            ({**TRACK, "userId": ["ann"]}, "id_invalid"),
            ({**TRACK, "anonymousId": {"id": 1}}, "id_invalid"),
            ({**TRACK, "userId": True}, "id_invalid"),
            ({**TRACK, "messageId": {}}, "id_invalid"),
            ({"type": "group", "userId": "ann", "groupId": [1]}, "id_invalid"),
            ({"type": "track", "userId": "ann"}, "event_name_missing"),
            ({**TRACK, "event": "  "}, "event_name_missing"),
            ({**TRACK, "event": 5}, "event_name_invalid"),
            ({**TRACK, "properties": []}, "properties_invalid"),
            ({"type": "page", "userId": "ann", "properties": "x"}, "properties_invalid"),
            ({"type": "identify", "userId": "ann", "traits": "x"}, "traits_invalid"),
            ({"type": "identify", "userId": "ann", "context": {"traits": 1}}, "traits_invalid"),
            ({"type": "group", "userId": "ann", "traits": [1]}, "traits_invalid"),
            ({**TRACK, "context": "x"}, "context_invalid"),
        ],
    )
    def test_says_by_code_what_is_wrong(self, message: object, code: str) -> None:
        refused = refusal(message)
        assert refused.code == code
        assert REASONS[code].word == "failed"
        assert refused.detail.endswith(".")
        assert refused.received_us == RECEIVED_US
        assert refused.message_id == "gainstage-0-7"

    def test_names_the_message_where_it_can_be_read(self) -> None:
        assert refusal({"messageId": "m1", "type": "track"}).message_id == "m1"
        assert refusal({"messageId": "m2", "long": "x" * EVENT_BYTES}).message_id == "m2"

    def test_a_long_value_is_cut_in_the_sentence(self) -> None:
        assert len(refusal({**TRACK, "type": "x" * 1000}).detail) < 100


class TestIds:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [("ann", "ann"), (" ann ", " ann "), (5, "5"), (5.0, "5"), (5.5, "5.5"), (1e20, str(10**20)),
         (0, "0"), (-1, "-1"), ("", ""), ("  ", ""), (None, "")],
    )  # fmt: skip
    def test_are_strings(self, value: object, expected: str) -> None:
        assert identifier(value) == expected

    @pytest.mark.parametrize("value", [True, False, [], {}, [1]])
    def test_are_no_objects_lists_or_truth_values(self, value: object) -> None:
        with pytest.raises(TypeError):
            identifier(value)

    def test_stand_in_the_message_as_strings(self) -> None:
        result = event({"type": "group", "userId": 7, "anonymousId": None, "groupId": 8.0, "messageId": 9})
        assert (result.user_id, result.anonymous_id, result.group_id, result.message_id) == (
            "7",
            "",
            "8",
            "9",
        )
        assert result.message["userId"] == "7"
        assert result.message["groupId"] == "8"
        assert result.message["messageId"] == "9"
        assert result.message["anonymousId"] is None

    def test_a_group_without_group_id_is_taken(self) -> None:
        assert event({"type": "group", "userId": "ann"}).group_id == ""

    def test_an_alias_needs_only_its_two_ids(self) -> None:
        result = event({"type": "alias", "userId": "new", "previousId": "old"})
        assert (result.user_id, result.previous_id) == ("new", "old")

    @pytest.mark.parametrize("given_id", [None, "", "   "])
    def test_a_message_without_id_gets_the_same_one_on_every_read(self, given_id: str | None) -> None:
        results = {event({**TRACK, "messageId": given_id}).message_id for _ in range(3)}
        assert results == {"gainstage-0-7"}
        other = normalise("0-8", entry(TRACK))
        assert isinstance(other, Event)
        assert other.message_id == "gainstage-0-8"

    def test_a_long_message_id_is_cut(self) -> None:
        assert event({**TRACK, "messageId": "x" * 300}).message_id == "x" * 100


class TestTraits:
    def test_of_an_identify_are_the_root_over_the_context(self) -> None:
        result = event(
            {
                "type": "identify",
                "userId": "ann",
                "traits": {"email": "root", "plan": None},
                "context": {"traits": {"email": "context", "plan": "pro", "name": "Ann"}},
            }
        )
        assert result.traits == {"email": "root", "plan": None, "name": "Ann"}
        assert result.context_traits == {"email": "context", "plan": "pro", "name": "Ann"}

    def test_of_a_group_are_the_groups_alone(self) -> None:
        result = event(
            {
                "type": "group",
                "userId": "ann",
                "groupId": "g",
                "traits": {"name": "Acme"},
                "context": {"traits": {"name": "Ann"}},
            }
        )
        assert result.traits == {"name": "Acme"}
        assert result.context_traits == {"name": "Ann"}

    def test_of_a_track_are_context_only(self) -> None:
        result = event({**TRACK, "traits": {"x": 1}, "context": {"traits": {"email": "a@b.c"}}})
        assert result.traits == {}
        assert result.context_traits == {"email": "a@b.c"}
        assert result.message["traits"] == {"x": 1}

    def test_odd_context_traits_of_a_track_are_noted(self) -> None:
        result = event({**TRACK, "context": {"traits": "x"}})
        assert result.context_traits == {}
        assert result.notes


class TestSurroundings:
    def test_say_nothing_as_nothing(self) -> None:
        assert Surroundings().encoded() == b""

    def test_the_message_wins_and_objects_join_one_level_deep(self) -> None:
        around = Surroundings(
            context={"ip": "1", "app": {"name": "a", "deep": {"x": 1}}, "traits": {"email": "e"}},
            integrations={"All": False, "Gainsight": True},
            channel="server",
        )
        own = {"ip": "2", "app": {"version": "3", "deep": {"y": 2}}}
        result = event({**TRACK, "context": own, "integrations": {"Gainsight": False}}, around)
        assert result.context == {
            "ip": "2",
            "app": {"name": "a", "version": "3", "deep": {"y": 2}},
            "traits": {"email": "e"},
        }
        assert result.message["context"] == result.context
        assert result.context_traits == {"email": "e"}
        assert result.integrations == {"All": False, "Gainsight": False}
        assert result.message["channel"] == "server"
        again = event(TRACK, around)
        assert again.context == around.context

    def test_the_senders_address_fills_an_ip_that_is_absent(self) -> None:
        around = Surroundings(ip="203.0.113.9", context={"app": {"name": "a"}})
        result = event(TRACK, around)
        assert result.context == result.message["context"] == {"app": {"name": "a"}, "ip": "203.0.113.9"}
        assert around.context == {"app": {"name": "a"}}
        assert event({**TRACK, "context": {"ip": None}}, around).context["ip"] == "203.0.113.9"
        assert event({**TRACK, "context": {"ip": "::1"}}, around).context["ip"] == "::1"
        told = Surroundings(ip="203.0.113.9", context={"ip": "198.51.100.1"})
        assert event(TRACK, told).context["ip"] == "198.51.100.1"

    @pytest.mark.parametrize(
        ("direct", "filled"), [(True, True), (False, False), ("true", False), (1, False)]
    )
    def test_a_servers_address_fills_it_only_where_the_message_comes_from_a_device(
        self, direct: object, filled: bool
    ) -> None:
        around = Surroundings(direct_ip="203.0.113.9")
        assert ("ip" in event({**TRACK, "context": {"direct": direct}}, around).context) == filled
        assert "context" not in event(TRACK, around).message

    def test_an_address_joins_what_else_is_said(self) -> None:
        for around in (Surroundings(), Surroundings(sent_at="x", channel="web")):
            text = with_address(around.encoded(), "ip", "203.0.113.9")
            result = normalise("0-7", Entry("site", "", RECEIVED_US, 0, text, msgspec.json.encode(TRACK)))
            assert isinstance(result, Event)
            assert result.context == {"ip": "203.0.113.9"}
            assert result.message.get("channel") == around.channel

    def test_the_type_of_the_path_wins(self) -> None:
        result = event({**TRACK, "type": "identify"}, Surroundings(type="track"))
        assert result.kind == result.message["type"] == "track"

    def test_unusable_ones_are_left_out(self) -> None:
        result = event(TRACK, Surroundings(context="x", integrations=5, sent_at=[1]))
        assert result.context == {}
        assert result.integrations == 5


class TestMessage:
    def test_keeps_what_came_and_loses_the_write_key(self) -> None:
        result = event({**TRACK, "writeKey": "secret", "unknown": {"a": [1]}, "_metadata": {"bundled": []}})
        assert "secret" not in str(result)
        assert result.message["unknown"] == {"a": [1]}
        assert result.message["_metadata"] == {"bundled": []}
        assert result.message["receivedAt"] == iso(RECEIVED)

    def test_names(self) -> None:
        assert event(TRACK).name == "Report Exported"
        assert event({"type": "page", "userId": "ann", "name": "Home"}).name == "Home"
        assert event({"type": "screen", "userId": "ann"}).name == ""
        odd = event({"type": "screen", "userId": "ann", "name": 5})
        assert odd.name == ""
        assert odd.notes

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            (rb'"caf\ud83d"', "caf\ufffd"),
            (rb'"\ud83d\ude00"', "\U0001f600"),
            (rb'"a\u0000b"', "a\0b"),
            ('"\u00e9"'.encode(), "\u00e9"),
        ],
    )
    def test_reads_every_character(self, body: bytes, name: str) -> None:
        result = event(b'{"type":"track","userId":"ann","event":%s}' % body)
        assert result.name == name
        assert msgspec.json.encode(result.message)

    def test_reads_numbers_that_are_none(self) -> None:
        numbers = b'{"a":NaN,"b":-Infinity,"c":1e999,"d":2.5}'
        result = event(b'{"type":"track","userId":"ann","event":"e","properties":%s}' % numbers)
        assert result.properties == {"a": None, "b": None, "c": None, "d": 2.5}
        assert result.notes

    def test_the_last_of_a_doubled_key_counts(self) -> None:
        assert event(b'{"type":"track","userId":"a","userId":"b","event":"e"}').user_id == "b"

    def test_place_and_source_come_from_the_entry(self) -> None:
        result = event(TRACK)
        assert (result.source, result.place, result.received_us) == ("site", 3, RECEIVED_US)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-11-22T12:00:00.250Z", RECEIVED),
            ("2026-11-22T12:00:00.25Z", RECEIVED),
            ("2026-11-22T12:00:00.250000+00:00", RECEIVED),
            ("2026-11-22T12:00:00.250000999Z", RECEIVED),
            ("2026-11-22T12:00:00.250", RECEIVED),
            ("2026-11-22 12:00:00.250", RECEIVED),
            ("2026-11-22t12:00:00.250z", RECEIVED),
            ("2026-11-22T17:30:00.250+05:30", RECEIVED),
            ("2026-11-22T17:30:00.250+0530", RECEIVED),
            ("2026-11-22T04:00:00.250-08:00", RECEIVED),
            ("20261122T120000.250Z", RECEIVED),
            ("2026-11-22T12:00Z", RECEIVED.replace(microsecond=0)),
            ("1969-12-31T23:59:59.999Z", datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
        ],
    )
    def test_every_way_to_write_an_instant(self, text: str, expected: datetime) -> None:
        assert instant_of(text) == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert event({**TRACK, "timestamp": text}).time_us == instant_of(text)

    @pytest.mark.parametrize(
        "text",
        ["2026-11-22", "2026-11-22T12", "yesterday", "12:00:00", "2026-13-45T99:00:00Z", 1_795_348_800, 1.5,
         {"a": 1}, [1], True, "x" * 500, "2026-11-22T12:00:00.250 Europe/Berlin", "+010000-01-01T00:00:00Z"],
    )  # fmt: skip
    def test_what_is_no_full_date_and_time_is_replaced_and_noted(self, text: object) -> None:
        result = event({**TRACK, "timestamp": text})
        assert result.time_us == RECEIVED_US
        assert result.message["timestamp"] == iso(RECEIVED)
        assert result.message["originalTimestamp"] == text
        assert len(result.notes) == 1

    @pytest.mark.parametrize("absent", [{}, {"timestamp": None}, {"timestamp": ""}])
    def test_no_time_at_all_is_the_time_of_receipt(self, absent: dict[str, Any]) -> None:
        result = event({**TRACK, **absent})
        assert result.time_us == RECEIVED_US
        assert result.notes == ()
        assert "originalTimestamp" not in result.message

    def test_without_sent_at_the_senders_time_is_kept(self) -> None:
        result = event({**TRACK, "timestamp": "2020-01-01T00:00:00Z"})
        assert result.message["timestamp"] == "2020-01-01T00:00:00.000Z"
        assert "originalTimestamp" not in result.message

    @pytest.mark.parametrize("field", ["timestamp", "originalTimestamp"])
    @pytest.mark.parametrize("skew", [2 * HOUR, -2 * HOUR, timedelta(days=400)])
    def test_a_clock_that_is_wrong_is_put_right(self, field: str, skew: timedelta) -> None:
        happened, sent = RECEIVED - HOUR, RECEIVED
        message = {**TRACK, field: iso(happened + skew), "sentAt": iso(sent + skew)}
        result = event(message)
        assert result.message["timestamp"] == iso(happened)
        assert result.message["originalTimestamp"] == iso(happened + skew)
        assert result.notes == ()

    def test_the_messages_own_sent_at_wins_over_the_requests(self) -> None:
        around = Surroundings(sent_at=iso(RECEIVED + HOUR))
        late = {**TRACK, "timestamp": iso(RECEIVED + HOUR)}
        assert event(late, around).time_us == RECEIVED_US
        assert event(late, around).message["sentAt"] == iso(RECEIVED + HOUR)
        own = event({**late, "sentAt": iso(RECEIVED + 2 * HOUR)}, around)
        assert own.message["timestamp"] == iso(RECEIVED - HOUR)

    @pytest.mark.parametrize("absent", [None, ""])
    def test_a_sent_at_that_is_null_or_empty_is_none_of_its_own(self, absent: str | None) -> None:
        around = Surroundings(sent_at=iso(RECEIVED + HOUR))
        result = event({**TRACK, "timestamp": iso(RECEIVED + HOUR), "sentAt": absent}, around)
        assert result.time_us == RECEIVED_US
        assert result.message["sentAt"] == iso(RECEIVED + HOUR)

    def test_a_timestamp_that_cannot_be_read_leaves_the_original_one(self) -> None:
        message = {
            "timestamp": "noon",
            "originalTimestamp": iso(RECEIVED + HOUR),
            "sentAt": iso(RECEIVED + 2 * HOUR),
        }
        assert event({**TRACK, **message}).message["timestamp"] == iso(RECEIVED - HOUR)

    def test_a_sent_at_that_cannot_be_read_corrects_nothing(self) -> None:
        message = {**TRACK, "timestamp": iso(RECEIVED - HOUR), "sentAt": "noon"}
        assert event(message).message["timestamp"] == iso(RECEIVED - HOUR)

    def test_a_time_corrected_before_is_kept(self) -> None:
        message = {
            **TRACK,
            "timestamp": iso(RECEIVED - HOUR),
            "originalTimestamp": iso(RECEIVED + HOUR),
            "sentAt": iso(RECEIVED + 3 * HOUR),
        }
        assert event(message).message["timestamp"] == iso(RECEIVED - HOUR)

    def test_more_than_a_day_after_receipt_is_absurd(self) -> None:
        assert event({**TRACK, "timestamp": iso(RECEIVED + 23 * HOUR)}).notes == ()
        result = event({**TRACK, "timestamp": iso(RECEIVED + 25 * HOUR)})
        assert result.time_us == RECEIVED_US
        assert result.notes
        wild = event({**TRACK, "timestamp": iso(RECEIVED), "sentAt": "1970-01-01T00:00:00Z"})
        assert wild.time_us == RECEIVED_US

    def test_before_the_first_year_is_no_date(self) -> None:
        result = event({**TRACK, "timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"})
        assert result.time_us == RECEIVED_US
        assert result.notes

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_writing_and_reading_an_instant_agree(self, moment: datetime) -> None:
        instant_us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert instant_of(moment.isoformat()) == instant_us
        assert instant_of(iso_of(instant_us)) == instant_us // 1000 * 1000

    @given(st.integers(0, 86_400), st.timedeltas(timedelta(days=-1000), timedelta(days=1000)))
    def test_the_age_of_an_event_survives_any_skew(self, age_seconds: int, skew: timedelta) -> None:
        sent = RECEIVED + skew
        happened = sent - timedelta(seconds=age_seconds)
        result = event({**TRACK, "timestamp": happened.isoformat(), "sentAt": sent.isoformat()})
        assert result.time_us == RECEIVED_US - age_seconds * 1_000_000


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


class TestWireForms:
    """What the server and web SDKs put on the wire."""

    library = {"library": {"name": "analytics-python", "version": "2.4.0"}}

    def test_segment_python(self) -> None:
        result = event(
            {
                "integrations": {},
                "anonymousId": None,
                "timestamp": "2026-11-22T11:59:59.123456+00:00",
                "context": self.library,
                "type": "identify",
                "userId": "ann",
                "traits": {"email": "ann@acme.com"},
                "messageId": "5a4c9c3e-7c64-4a0e-9c0b-0d4d8a5b8f5e",
            },
            Surroundings(sent_at="2026-11-22T12:00:00.250000+00:00"),
        )
        assert result.traits == {"email": "ann@acme.com"}
        assert result.message["timestamp"] == "2026-11-22T11:59:59.123Z"

    def test_segment_node(self) -> None:
        result = event(
            {
                "timestamp": "2026-11-22T12:59:59.250Z",
                "integrations": {},
                "userId": "ann",
                "type": "page",
                "name": "Home",
                "category": "Docs",
                "properties": {"category": "Docs"},
                "context": {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}},
                "messageId": "node-next-1795348799250-5a4c9c3e-7c64-4a0e-9c0b-0d4d8a5b8f5e",
                "_metadata": {"nodeVersion": "22.1.0", "jsRuntime": "node"},
            },
            Surroundings(sent_at="2026-11-22T13:00:00.250Z"),
        )
        assert result.message["timestamp"] == "2026-11-22T11:59:59.250Z"
        assert (result.name, result.properties) == ("Home", {"category": "Docs"})

    def test_rudderstack_python_has_traits_in_the_context(self) -> None:
        result = event(
            {
                "integrations": {"All": True},
                "anonymousId": None,
                "timestamp": "2026-11-22T11:59:59.123456+00:00",
                "context": {**self.library, "traits": {"email": "ann@acme.com"}},
                "type": "identify",
                "userId": "ann",
                "channel": "server",
                "messageId": "m",
            },
            Surroundings(sent_at="2026-11-22T12:00:00.250000+00:00"),
        )
        assert result.traits == {"email": "ann@acme.com"}
        assert result.message["channel"] == "server"

    def test_rudderstack_node_has_its_time_in_original_timestamp(self) -> None:
        result = event(
            {
                "userId": "ann",
                "traits": {"email": "ann@acme.com"},
                "context": {**self.library, "traits": {"email": "ann@acme.com"}},
                "type": "identify",
                "channel": "server",
                "originalTimestamp": "2026-11-22T13:59:59.250Z",
                "sentAt": "2026-11-22T14:00:00.250Z",
                "messageId": "m",
            },
            Surroundings(sent_at="2026-11-22T14:00:00.250Z"),
        )
        assert result.traits == {"email": "ann@acme.com"}
        assert result.message["timestamp"] == "2026-11-22T11:59:59.250Z"
        assert result.message["originalTimestamp"] == "2026-11-22T13:59:59.250Z"

    def test_segment_web_in_standard_mode_has_its_own_sent_at(self) -> None:
        result = event(
            {
                "timestamp": "2026-11-22T12:59:59.250Z",
                "sentAt": "2026-11-22T13:00:00.250Z",
                "integrations": {"Segment.io": True},
                "userId": None,
                "anonymousId": "x",
                "type": "group",
                "groupId": "acme",
                "traits": {"name": "Acme"},
                "context": {"page": {"path": "/", "referrer": ""}, "timezone": "Europe/Berlin"},
                "messageId": "ajs-next-1795348799250-5a4c9c3e-7c64-4a0e-9c0b-0d4d8a5b8f5e",
                "writeKey": "k",
                "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
            },
            Surroundings(type="group"),
        )
        assert (result.user_id, result.anonymous_id, result.group_id) == ("", "x", "acme")
        assert result.message["timestamp"] == "2026-11-22T11:59:59.250Z"

    def test_segment_web_in_a_batch_has_the_batchs_sent_at(self) -> None:
        result = event(
            {
                "timestamp": "2026-11-22T12:59:59.250Z",
                "integrations": {},
                "anonymousId": "x",
                "type": "track",
                "event": "Clicked",
                "writeKey": "k",
            },
            Surroundings(sent_at="2026-11-22T13:00:00.250Z"),
        )
        assert result.message["timestamp"] == "2026-11-22T11:59:59.250Z"
        assert "writeKey" not in result.message

    def test_rudderstack_web_has_an_empty_user_and_its_traits_in_the_context(self) -> None:
        result = event(
            {
                "type": "identify",
                "channel": "web",
                "context": {
                    "traits": {"email": "ann@acme.com"},
                    "sessionId": 1795348799250,
                    "sessionStart": True,
                    "timezone": "GMT+0530",
                    "page": {"referrer": "$direct", "initial_referrer": "$direct"},
                    "externalId": [{"type": "contract", "id": "c-1"}],
                },
                "originalTimestamp": "2026-11-22T10:59:59.250Z",
                "sentAt": "2026-11-22T11:00:00.250Z",
                "integrations": {"All": True},
                "anonymousId": "x",
                "userId": "",
                "groupId": "",
                "messageId": "m",
            },
            Surroundings(sent_at="2030-01-01T00:00:00.000Z"),
        )
        assert (result.user_id, result.anonymous_id, result.group_id) == ("", "x", "")
        assert result.traits == {"email": "ann@acme.com"}
        assert result.message["timestamp"] == "2026-11-22T11:59:59.250Z"
        assert result.message["channel"] == "web"
        assert result.context["externalId"] == [{"type": "contract", "id": "c-1"}]
