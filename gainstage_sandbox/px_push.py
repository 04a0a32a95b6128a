"""PX's ingestion endpoint for Segment: a raw message becomes a user, an account or an event."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from gainstage_sandbox.calls import Answer, Call, Route, json_answer
from gainstage_sandbox.cs_values import epoch_ms
from gainstage_sandbox.state import State

USER_TRAITS = {
    "email": "email",
    "firstName": "firstName",
    "first_name": "firstName",
    "lastName": "lastName",
    "last_name": "lastName",
    "title": "title",
    "phone": "phone",
}
ACCOUNT_TRAITS = {"name": "name", "industry": "industry", "website": "website", "plan": "plan"}


def tag_key_of(call: Call) -> str:
    """The user name of the Basic credentials, or an empty text."""
    kind, _, encoded = call.header("authorization").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def push_auth_failure(key: str) -> Answer:
    reason = "Unknown subscription for " + key if key.startswith("AP-") else "not a valid API key structure"
    return json_answer(401, {"message": f"Unable to authenticate key '{key}': {reason}"})


def post_push(state: State, call: Call) -> Answer:
    message = call.json()
    if not isinstance(message, dict) or not message:
        return json_answer(400, {"message": "The body must be a Segment message."})
    message_id = message.get("messageId")
    if isinstance(message_id, str) and state.behaviour.word("px_push_message_id") == "deduplicate":
        if message_id in state.px.pushed:
            return json_answer(200, {})
        state.px.pushed.add(message_id)
    _take(state, message, tag_key_of(call), call.now)
    return json_answer(200, {})


def _take(state: State, message: dict[str, Any], tag_key: str, now: float) -> None:
    user = message.get("userId") or message.get("anonymousId")
    kind = message.get("type")
    traits = message.get("traits")
    traits = traits if isinstance(traits, dict) else {}
    if kind in ("identify", "group") and user:
        record: dict[str, Any] = {"identifyId": str(user), "propertyKeys": [tag_key]}
        if kind == "identify":
            record |= _fields(traits, USER_TRAITS)
        elif message.get("groupId"):
            record["accountId"] = str(message["groupId"])
        state.px.put("user", record, now)
    if kind == "group" and message.get("groupId"):
        account = {
            "id": str(message["groupId"]),
            "propertyKeys": [tag_key],
            **_fields(traits, ACCOUNT_TRAITS),
        }
        state.px.put("account", account, now)
    if kind in ("track", "page", "screen") and str(user) not in state.px.denied:
        state.px.store_event(_event(message, str(user), tag_key, now))


def _event(message: dict[str, Any], user: str, tag_key: str, now: float) -> dict[str, Any]:
    moment = epoch_ms(message.get("timestamp"))
    event = {
        "eventType": "SEGMENT_IO",
        "eventName": message.get("event") or message.get("name") or message.get("type"),
        "identifyId": user,
        "propertyKey": tag_key,
        "userType": "USER" if message.get("userId") else "VISITOR",
        "date": moment if moment is not None else int(now * 1000),
        "attributes": message.get("properties") or {},
    }
    return event | ({"eventId": message["messageId"]} if message.get("messageId") else {})


def _fields(traits: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names[trait]: value for trait, value in traits.items() if trait in names and value is not None}


PUSH_ROUTES = (Route("px", "POST", "/rte/segmentio/v1/push", post_push, login="px_push", family="px_push"),)
