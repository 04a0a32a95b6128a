"""The published SDKs, unmodified, posting while the server is killed: they retry by themselves."""

import threading
from typing import Any

from rudderstack.analytics.client import Client as RudderStack
from segment.analytics.client import Client as Segment

from tests.torture.load import Message, Sent, email_of
from tests.world import WRITE_KEY

EVENTS = 40
PAUSE_SECONDS = 0.05


class SdkSender(threading.Thread):
    """One user of each SDK; what an SDK sent without reporting an error counts as acknowledged."""

    def __init__(self, server: str, sent: Sent) -> None:
        super().__init__(name="sdks", daemon=True)
        self._server, self._sent = server, sent
        self.given_up: set[str] = set()

    def run(self) -> None:
        for name, kind in (("segment", Segment), ("rudderstack", RudderStack)):
            client = kind(
                WRITE_KEY, host=self._server, on_error=self._failed, upload_interval=0.1, upload_size=5
            )
            for number in range(EVENTS):
                self._send(client, name, number)
            client.flush()
            client.join()

    def finish(self) -> None:
        """Wait for both; then everything but what they gave up must be kept."""
        self.join()
        posted = {one for one in self._sent.messages if one.startswith(("segment-", "rudderstack-"))}
        self._sent.acknowledged.update(posted - self.given_up)

    def _send(self, client: Any, name: str, number: int) -> None:
        made: Message = {
            "type": "track",
            "messageId": f"{name}-{number:06d}",
            "userId": f"{name}-u",
            "event": "Used",
            "properties": {"id": f"{name}-{number:06d}", "number": number},
            "context": {"traits": {"email": email_of(f"{name}-u")}},
        }
        self._sent.messages[made["messageId"]] = made
        client.track(
            user_id=made["userId"],
            event="Used",
            properties=dict(made["properties"]),
            context=dict(made["context"]),
            message_id=made["messageId"],
        )
        threading.Event().wait(PAUSE_SECONDS)

    def _failed(self, _error: Exception, items: list[Message]) -> None:
        self.given_up.update(item["messageId"] for item in items)
