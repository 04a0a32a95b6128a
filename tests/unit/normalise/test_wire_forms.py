"""What the server and web SDKs put on the wire becomes the same events."""

from gainstage.normalise import Surroundings
from tests.unit.normalise.messages import event


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
