"""What the batch around a message adds to it, and how the message is kept."""

import msgspec
import pytest

from gainstage.event import Event
from gainstage.log.contract import Entry
from gainstage.normalise import Surroundings, normalise, with_address
from tests.unit.normalise.messages import RECEIVED, RECEIVED_US, TRACK, event, iso


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
