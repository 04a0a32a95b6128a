"""The body of a request to the tracking API: read with the limits of `gainstage.body`, inflated with a limit.

Nothing is trusted but the bytes.
"""

import zlib

from gainstage.body import READ_SECONDS, Disconnected, Fault, Reader, Unread
from gainstage.ingest.answers import Refused, refusal, unavailable
from gainstage.ingest.asgi import Receive, RequestHeaders

__all__ = ["BODY_BYTES", "BodyReader", "Disconnected", "inflated"]

#: What a body may hold, compressed or not, in bytes. Segment's limit is 500 KB, RudderStack's 4 MB.
BODY_BYTES = 4 * 1024 * 1024
#: What bodies that arrive in pieces may hold together; more is refused until some are done.
READING_BYTES = 256 * 1024 * 1024

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


ANSWERS = {
    Fault.TOO_LARGE: TOO_LARGE,
    Fault.FAR_TOO_LARGE: FAR_TOO_LARGE,
    Fault.TOO_SLOW: TOO_SLOW,
    Fault.TOO_MANY: unavailable("too many large requests at once"),
    Fault.INVALID_LENGTH: INVALID_LENGTH,
}


class BodyReader:
    """Reads bodies and bounds what all of them hold together."""

    def __init__(self) -> None:
        self._reader = Reader(BODY_BYTES, READING_BYTES)

    async def read(self, headers: RequestHeaders, receive: Receive) -> bytes:
        """The body as it came.

        Raises:
            Refused: too large, too slow, or too many at once.
            Disconnected: nobody is there to be answered.
        """
        try:
            self._reader.check(headers.get(b"content-length"))
            message = await receive()  # mostly it is all there is, and a timer would cost more than the rest
            if message["type"] != "http.request":
                raise Disconnected
            body = bytes(message.get("body", b""))
            if message.get("more_body", False):
                return await self._reader.rest(body, receive)
        except Unread as unread:
            raise Refused(ANSWERS[unread.fault]) from None
        if len(body) > BODY_BYTES:
            raise Refused(TOO_LARGE)
        return body


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
