"""From a message as it came to an `Event`, or to the reason why it is none. Pure: the same on every read.

The forms are those of Segment's and RudderStack's SDKs; where they differ (traits, times), both are read.
What can be put right is put right and noted; only what no destination could use is refused.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from gainstage.event import ASSIGNED_ID, EVENT_BYTES, KINDS, MESSAGE_ID_CHARACTERS, Event, Refusal
from gainstage.log.contract import Entry
from gainstage.normalise.json_text import LEVELS, TooDeep, Unreadable, decode, message_id_in
from gainstage.normalise.surroundings import (
    NOTHING,
    Surroundings,
    is_damaged,
    is_edited,
    merged,
    priority_of,
    run_of,
    surroundings_of,
    with_address,
    with_edit,
)
from gainstage.normalise.times import iso_of, when

__all__ = [
    "Surroundings",
    "identifier",
    "is_edited",
    "iso_of",
    "normalise",
    "priority_of",
    "run_of",
    "with_address",
    "with_edit",
]

Message = dict[str, Any]


class Refused(Exception):
    """A code of the closed list and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def normalise(position_id: str, entry: Entry) -> Event | Refusal:
    """The event that an entry holds, or why it holds none.

    `position_id` names where the entry stands; a message that has no id of its own gets one made from it.
    """
    assigned = f"{ASSIGNED_ID}{position_id}"[:MESSAGE_ID_CHARACTERS]
    message_id = assigned
    try:
        notes: list[str] = []
        if is_damaged(entry):
            raise Refused("entry_damaged", "The disk altered the page of the log that held the message.")
        message = _message(entry.body, notes)
        message_id = _message_id(message) or assigned
        return _event(message, message_id, entry, notes)
    except Refused as refused:
        if refused.code == "event_too_large":
            message_id = _given_id(entry.body) or assigned
        return Refusal(message_id, refused.code, refused.detail, entry.received_us)


def identifier(value: object) -> str:
    """An id as a string; "" for what counts as absent.

    Raises:
        TypeError: an object, a list or a truth value.
    """
    if type(value) is str:
        return value if value and not value.isspace() else ""
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return str(int(value)) if value.is_integer() else repr(value)
    raise TypeError("not an id")


def _message(body: bytes, notes: list[str]) -> Message:
    if len(body) > EVENT_BYTES:
        raise Refused("event_too_large", f"The message has {len(body)} bytes; the limit is {EVENT_BYTES}.")
    try:
        message = decode(body, notes)
    except TooDeep:
        raise Refused("event_too_deep", f"The message is nested more than {LEVELS} levels deep.") from None
    except Unreadable as error:
        raise Refused("event_not_json", f"The message cannot be read: {error}.") from None
    if type(message) is not dict:
        raise Refused("event_not_object", "The message is not a JSON object.")
    return message


def _event(message: Message, message_id: str, entry: Entry, notes: list[str]) -> Event:
    around = surroundings_of(entry.surroundings) if entry.surroundings else NOTHING
    notes.extend(around.edits)
    message.pop("writeKey", None)
    message["messageId"] = message_id
    kind = message["type"] = _kind(message, around)
    ids = [_id(message, name) for name in ("userId", "anonymousId", "groupId", "previousId")]
    if not ids[0] and not ids[1]:
        raise Refused("id_missing", "Neither `userId` nor `anonymousId` is there.")
    context = _context(message, around)
    context_traits = _context_traits(context, kind, notes)
    integrations = _integrations(message, around)
    if around.channel is not None:
        message.setdefault("channel", around.channel)
    traits = _object(message, "traits", "traits_invalid") if kind in _WITH_TRAITS else {}
    if kind == "identify" and context_traits:
        traits = {**context_traits, **traits}
    properties = _object(message, "properties", "properties_invalid") if kind in _WITH_PROPERTIES else {}
    name = _NAMES[kind](message, notes) if kind in _NAMES else ""
    time_us = when(message, around.sent_at, entry.received_us, notes)
    message["receivedAt"] = iso_of(entry.received_us)
    return Event(
        kind=kind,
        message_id=message_id,
        source=entry.source,
        user_id=ids[0],
        anonymous_id=ids[1],
        group_id=ids[2],
        previous_id=ids[3],
        name=name,
        traits=traits,
        context_traits=context_traits,
        properties=properties,
        context=context,
        integrations=integrations,
        time_us=time_us,
        received_us=entry.received_us,
        place=entry.place,
        message=message,
        notes=tuple(notes),
    )


def _given_id(body: bytes) -> str:
    """The message's own id where it is too large to be read whole."""
    try:
        return identifier(message_id_in(body))[:MESSAGE_ID_CHARACTERS]
    except (TypeError, Unreadable):
        return ""


def _message_id(message: Message) -> str:
    try:
        return identifier(message.get("messageId"))[:MESSAGE_ID_CHARACTERS]
    except TypeError:
        raise Refused("id_invalid", "`messageId` is an object, a list or a truth value.") from None


def _kind(message: Message, around: Surroundings) -> str:
    kind = around.type or message.get("type")
    if kind is None or kind == "":
        raise Refused("type_missing", "The message has no `type`.")
    if kind not in KINDS:
        raise Refused("type_unknown", f"`type` is {_shown(kind)}.")
    return str(kind)


def _id(message: Message, name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    try:
        found = identifier(value)
    except TypeError:
        raise Refused("id_invalid", f"`{name}` is an object, a list or a truth value.") from None
    if found:
        message[name] = found
    return found


def _object(message: Message, name: str, code: str) -> dict[str, Any]:
    value = message.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise Refused(code, f"`{name}` is {_shown(value)}, not an object.")
    return value


def _context(message: Message, around: Surroundings) -> dict[str, Any]:
    context = _object(message, "context", "context_invalid")
    if type(around.context) is dict:
        context = merged(around.context, context)
    ip = around.ip or (around.direct_ip if context.get("direct") is True else "")
    if ip and not context.get("ip"):
        context["ip"] = ip
    if context:
        message["context"] = context
    return context


def _context_traits(context: dict[str, Any], kind: str, notes: list[str]) -> dict[str, Any]:
    value = context.get("traits")
    if type(value) is dict:
        return value
    if value is not None:
        if kind == "identify":
            raise Refused("traits_invalid", f"`context.traits` is {_shown(value)}, not an object.")
        notes.append("`context.traits` is not an object and was not read.")
    return {}


def _integrations(message: Message, around: Surroundings) -> Any:
    integrations = message.get("integrations")
    if around.integrations is not None:
        if integrations is None:
            integrations = around.integrations
        elif type(integrations) is dict and type(around.integrations) is dict:
            integrations = {**around.integrations, **integrations}
        message["integrations"] = integrations
    return integrations


def _track_name(message: Message, notes: list[str]) -> str:
    name = message.get("event")
    if name is None or name == "":
        raise Refused("event_name_missing", "The track call has no `event`.")
    if type(name) is not str:
        raise Refused("event_name_invalid", f"`event` is {_shown(name)}, not a string.")
    if name.isspace():
        raise Refused("event_name_missing", "`event` is nothing but white space.")
    return name


def _page_name(message: Message, notes: list[str]) -> str:
    name = message.get("name")
    if type(name) is str or name is None:
        return name or ""
    notes.append("`name` is not a string and was not read.")
    return ""


def _shown(value: object) -> str:
    """A value for a sentence: its kind, or itself where it is short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."


_WITH_TRAITS = frozenset({"identify", "group"})
_WITH_PROPERTIES = frozenset({"track", "page", "screen"})
_NAMES: dict[str, Callable[[Message, list[str]], str]] = {
    "track": _track_name,
    "page": _page_name,
    "screen": _page_name,
}
