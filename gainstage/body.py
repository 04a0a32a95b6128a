"""The body of a request, read with a limit of its size and its time, and of what all of them hold together.

Nothing of answers lives here: `Unread` says what was wrong, and whoever is asked has words of its own for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum, auto
from typing import Any

#: How long a sender may take for its body.
READ_SECONDS = 60.0
#: A refused body up to this size is read and dropped, so that its sender can read the answer in peace.
DROPPED_BYTES = 64 * 1024 * 1024

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Fault(Enum):
    """Why a body was not read."""

    TOO_LARGE = auto()
    #: So large, or not at its end yet, that the connection is better closed than read on.
    FAR_TOO_LARGE = auto()
    TOO_SLOW = auto()
    TOO_MANY = auto()
    INVALID_LENGTH = auto()


class Unread(Exception):
    """The body was not read to its end, and nothing of it is kept."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault


class Disconnected(Exception):
    """The sender went away before its body was complete."""


class Reader:
    """Reads bodies of up to `most_bytes`; those that arrive in pieces hold up to `together_bytes` at once."""

    def __init__(self, most_bytes: int, together_bytes: int) -> None:
        self._most_bytes, self._together_bytes = most_bytes, together_bytes
        self._held_bytes = 0

    async def read(self, length: bytes | None, receive: Receive) -> bytes:
        """The body as it came; `length` is what Content-Length says of it.

        Raises:
            Unread: its length is none, or it is too large, too slow, or one of too many at once.
            Disconnected: nobody is there to be answered.
        """
        self.check(length)
        return await self.rest(b"", receive)

    def check(self, length: bytes | None) -> None:
        """Return unless Content-Length says already that the body cannot be read.

        Raises:
            Unread: it does.
        """
        if length is None:
            return
        if not length.isdigit():
            raise Unread(Fault.INVALID_LENGTH)
        if len(length) > 15 or int(length) > max(DROPPED_BYTES, self._most_bytes):
            raise Unread(Fault.FAR_TOO_LARGE)
        if int(length) > self._most_bytes:
            raise Unread(Fault.TOO_LARGE)

    async def rest(self, first: bytes, receive: Receive) -> bytes:
        """The body whose first piece was received, with all that comes after it.

        Raises:
            Unread, Disconnected: as `read` does.
        """
        body, held_bytes, more = bytearray(first), 0, True
        try:
            async with asyncio.timeout(READ_SECONDS):
                while more:
                    self._held_bytes += len(body) - held_bytes
                    held_bytes = len(body)
                    if self._held_bytes > self._together_bytes:
                        raise Unread(Fault.TOO_MANY)
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Disconnected
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._most_bytes:
                        raise Unread(Fault.FAR_TOO_LARGE if more else Fault.TOO_LARGE)
        except TimeoutError:
            raise Unread(Fault.TOO_SLOW) from None
        finally:
            self._held_bytes -= held_bytes
        return bytes(body)
