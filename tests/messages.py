"""Short ways to write the messages of tests."""

import itertools
from typing import Any

_numbers = itertools.count(1)

Message = dict[str, Any]


def identify(user: str, message_id: str | None = None, **traits: Any) -> Message:
    """An identify; the user's e-mail is made from the id unless `email` is given (None leaves it out)."""
    traits = {"email": f"{user}@world.example", **traits}
    given = {name: value for name, value in traits.items() if value is not None}
    return _message("identify", user, message_id, traits=given)


def group(
    user: str, company: str, message_id: str | None = None, *, known: bool = True, **traits: Any
) -> Message:
    """A group; `known` puts the user's e-mail into the context."""
    context = {"traits": {"email": f"{user}@world.example"}} if known else {}
    return _message(
        "group", user, message_id, groupId=company, traits={"name": company, **traits}, context=context
    )


def track(user: str, event: str = "Used", message_id: str | None = None, **properties: Any) -> Message:
    """A track."""
    return _message("track", user, message_id, event=event, properties=properties)


def _message(kind: str, user: str, message_id: str | None, **given: Any) -> Message:
    return {"type": kind, "messageId": message_id or f"m{next(_numbers)}", "userId": user, **given}
