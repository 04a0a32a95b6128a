"""The shapes of ASGI, as far as the tracking API uses them."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
#: The headers of a request by their names in lower case; of several of one name, the last.
RequestHeaders = Mapping[bytes, bytes]


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a request header; `name` in lower case."""
    for found, value in scope["headers"]:
        if found == name:
            return bytes(value)
    return None
