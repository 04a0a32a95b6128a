"""Sends the story: through the published SDK packages as they are, and one message by hand."""

import base64
import json
import os
import urllib.request
from collections.abc import Iterable
from typing import Any

from gainstage.demo.processes import direct
from gainstage.demo.settings import SOURCE_OF, WRITE_KEYS
from gainstage.demo.story import Call
from gainstage.errors import UsageError

PACKAGES = {"segment": "segment-analytics-python", "rudderstack": "rudder-sdk-python"}
SECONDS = 10


class Traffic:
    """The clients of both SDKs, pointed at one server."""

    def __init__(self, server: str) -> None:
        os.environ.update(direct())
        segment, rudderstack = _clients()
        self._server = server
        self._errors: list[Exception] = []
        self._clients = {
            "segment": segment(WRITE_KEYS["website"], host=server, on_error=self._failed),
            "rudderstack": rudderstack(WRITE_KEYS["backend"], host=server, on_error=self._failed),
        }

    def send(self, calls: Iterable[Call]) -> None:
        """Make the calls and return when the server has taken all of them."""
        for call in calls:
            if call.sender == "raw":
                self._post(call)
                continue
            client = self._clients[call.sender]
            getattr(client, call.kind)(user_id=call.user, message_id=call.message_id, **_copied(call.given))
        for client in self._clients.values():
            client.flush()
        if self._errors:
            raise UsageError(f"The server did not take what an SDK sent: {self._errors[0]}.")

    def close(self) -> None:
        """End the threads of the SDKs."""
        for client in self._clients.values():
            client.join()

    def _failed(self, error: Exception, _items: object) -> None:
        self._errors.append(error)

    def _post(self, call: Call) -> None:
        message = {"type": call.kind, "messageId": call.message_id, **call.given}
        key = WRITE_KEYS[SOURCE_OF[call.sender]]
        headers = {
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
        }
        body = json.dumps({"batch": [message]}).encode()
        request = urllib.request.Request(f"{self._server}/v1/batch", body, headers)
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass


def _copied(given: Any) -> Any:
    """The SDKs write into what they are given; the story stays as it is."""
    return json.loads(json.dumps(given))


def _clients() -> tuple[Any, Any]:
    try:
        from rudderstack.analytics.client import Client as RudderStackClient
        from segment.analytics.client import Client as SegmentClient
    except ImportError:
        names = " ".join(PACKAGES.values())
        raise UsageError(
            f"The demo sends through the real SDKs, which are missing: pip install {names}"
        ) from None
    return SegmentClient, RudderStackClient
