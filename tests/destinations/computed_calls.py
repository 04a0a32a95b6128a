"""Calls of audiences and computed traits, as they come out of the log."""

from typing import Any

from gainstage.computed import COMPUTED_SOURCE
from gainstage.event import Event
from gainstage.testing.driving import event_of


def identify(key: str, value: Any, *, user: str = "u-1", email: str = "") -> Event:
    """What a computation says of a person."""
    return _call("identify", key, value, {"email": email} if email else {}, userId=user)


def group(key: str, value: Any, *, account: str = "g-1", name: str = "Acme") -> Event:
    """What a computation says of an account."""
    given = {"traits": {"name": name}}
    return _call("group", key, value, {}, groupId=account, anonymousId=f"account:{account}", **given)


def _call(kind: str, key: str, value: Any, context_traits: dict[str, Any], **given: Any) -> Event:
    traits = {**given.pop("traits", {}), key: value}
    personas = {"computation_class": "audience", "computation_key": key}
    context = {"personas": personas, "traits": context_traits}
    return event_of({"type": kind, "traits": traits, "context": context, **given}, source=COMPUTED_SOURCE)
