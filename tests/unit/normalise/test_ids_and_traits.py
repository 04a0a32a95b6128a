"""What is refused by name, who an event is about, and what it says of them."""

import pytest

from gainstage.event import EVENT_BYTES, Event
from gainstage.normalise import identifier, normalise
from gainstage.normalise.json_text import LEVELS
from gainstage.reason import REASONS
from tests.unit.normalise.messages import RECEIVED_US, TRACK, entry, event, refusal


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
