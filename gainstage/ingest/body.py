"""The body of a request: read with a limit, inflated with a limit. Nothing is trusted but the bytes."""

import asyncio
import zlib

from gainstage.ingest.answers import Refused, refusal, unavailable
from gainstage.ingest.asgi import Receive, RequestHeaders

#: What a body may hold, compressed or not, in bytes. Segment's limit is 500 KB, RudderStack's 4 MB.
BODY_BYTES = 4 * 1024 * 1024
#: How long a sender may take for its body.
READ_SECONDS = 60.0
#: What bodies that arrive in pieces may hold together; more is refused until some are done.
READING_BYTES = 256 * 1024 * 1024
#: A refused body up to this size is read and dropped, so that its sender can read the answer in peace.
DROPPED_BYTES = 64 * 1024 * 1024

GZIP_MAGIC = b"\x1f\x8b"
MEMBERS_AT_MOST = 100
_GZIP_WINDOW = 31

TOO_LARGE = refusal(413, "body_too_large", f"the body is larger than {BODY_BYTES} bytes")
FAR_TOO_LARGE = refusal(
    413, "body_too_large", f"the body is larger than {BODY_BYTES} bytes", connection="close"
)
TOO_SLOW = refusal(
    408, "body_too_slow", f"the body took longer than {READ_SECONDS:.0f} s", connection="close"
)
INVALID_LENGTH = refusal(400, "invalid_length", "Content-Length is not a number", connection="close")
BROKEN_GZIP = refusal(400, "invalid_gzip", "the body starts like gzip and cannot be inflated")


class Disconnected(Exception):
    """The sender went away before its body was complete."""


class BodyReader:
    """Reads bodies and bounds what all of them hold together."""

    def __init__(self) -> None:
        self._reading_bytes = 0

    async def read(self, headers: RequestHeaders, receive: Receive) -> bytes:
        """The body as it came.

        Raises:
            Refused: too large, too slow, or too many at once.
            Disconnected: nobody is there to be answered.
        """
        _check_length(headers.get(b"content-length"))
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        body = bytes(message.get("body", b""))
        if message.get("more_body", False):
            body = await self._rest(body, receive)
        if len(body) > BODY_BYTES:
            raise Refused(TOO_LARGE)
        return body

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        body = bytearray(first)
        charged_bytes = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Disconnected
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    self._reading_bytes += len(body) - charged_bytes
                    charged_bytes = len(body)
                    if len(body) > BODY_BYTES:
                        raise Refused(FAR_TOO_LARGE if more else TOO_LARGE)
                    if self._reading_bytes > READING_BYTES:
                        raise Refused(unavailable("too many large requests at once"))
        except TimeoutError:
            raise Refused(TOO_SLOW) from None
        finally:
            self._reading_bytes -= charged_bytes
        return bytes(body)


def _check_length(value: bytes | None) -> None:
    """Refuse by Content-Length, before anything is read."""
    if value is None:
        return
    if not value.isdigit():
        raise Refused(INVALID_LENGTH)
    if len(value) > 15 or int(value) > DROPPED_BYTES:
        raise Refused(FAR_TOO_LARGE)
    if int(value) > BODY_BYTES:
        raise Refused(TOO_LARGE)


def inflated(body: bytes) -> bytes:
    """The body without its compression; gzip is told by its first bytes, whatever the headers say.

    Raises:
        Refused: broken gzip, or more than BODY_BYTES inside.
    """
    if not body.startswith(GZIP_MAGIC):
        return body
    parts: list[bytes] = []
    left_bytes = BODY_BYTES
    for _ in range(MEMBERS_AT_MOST):
        stream = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = stream.decompress(body, left_bytes + 1)
        except zlib.error:
            raise Refused(BROKEN_GZIP) from None
        left_bytes -= len(part)
        if left_bytes < 0:
            raise Refused(TOO_LARGE)
        parts.append(part)
        if not stream.eof:
            raise Refused(BROKEN_GZIP)
        body = stream.unused_data.lstrip(b"\0")
        if not body:
            return b"".join(parts)
    raise Refused(BROKEN_GZIP)
