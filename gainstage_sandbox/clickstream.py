"""The clickstream endpoint of Segment's own Gainsight destination: one whole message a call."""

from __future__ import annotations

from typing import Any

from gainstage_sandbox.calls import Answer, Call, Route, json_answer
from gainstage_sandbox.state import State

REPLIES: dict[str, Any] = {
    "success": {"success": True},
    "failure": {"success": False},
    "list": [{"success": True}],
}


def clickstream_failure(status: int, sentence: str) -> Answer:
    return json_answer(status, {"success": False, "error": sentence})


def key_fits(state: State, key: str) -> bool:
    if state.behaviour.word("clickstream_key_length") == "36" and len(key) != 36:
        return False
    return state.behaviour.accepts(key, "clickstream_access_keys")


def post_message(state: State, call: Call) -> Answer:
    if state.behaviour.word("clickstream_service") == "gone":
        return clickstream_failure(410, "Gone")
    message = call.json_object()
    if not isinstance(message.get("type"), str):
        return clickstream_failure(400, "The message has no type")
    form = state.behaviour.word("clickstream_reply")
    if form != "failure":
        state.messages.append(message)
    return Answer(200) if form == "empty" else json_answer(200, REPLIES[form])


CLICKSTREAM_ROUTES = (
    Route(
        "clickstream",
        "POST",
        "/clickstream/segmentio/event",
        post_message,
        login="clickstream",
        family="clickstream",
    ),
)
