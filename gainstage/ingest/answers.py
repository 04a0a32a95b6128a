"""What the tracking API says back. SDKs read the status; some drop, repeat or stop by the text as well.

Every refusal is JSON with `code` and `message`: RudderStack's SDK for Python repeats a 4xx that lacks either.
Nothing answers with a redirect, since the SDKs follow one with a bodyless GET and call that success.
"""

import msgspec

from gainstage.ingest.asgi import Send

#: How long to stay away when the fault is ours, in seconds.
UNAVAILABLE_SECONDS = 5


class Answer(msgspec.Struct, frozen=True):
    """A whole response, encoded once."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    #: Why, as a metric label; "" for a yes.
    code: str = ""

    async def __call__(self, send: Send) -> None:
        """Send it."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body)),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Refused(Exception):
    """The request ends here with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """A refusal as JSON; header names are written with underscores."""
    extra = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Answer(status, msgspec.json.encode({"code": code, "message": message}), extra, code)


def unavailable(message: str) -> Answer:
    """The fault is ours: keep the events and come again."""
    return refusal(503, "unavailable", message, retry_after=str(UNAVAILABLE_SECONDS))


def rate_limited(source: str, wait_seconds: int) -> Answer:
    """The source sends more events a second than it may."""
    wait = str(wait_seconds)
    message = f"more events than the rate limit of source {source} allows"
    return refusal(429, "rate_limited", message, retry_after=wait, x_ratelimit_reset=wait)


INVALID_WRITE_KEY = refusal(401, "invalid_write_key", "invalid write key")
MISSING_WRITE_KEY = refusal(
    401, "missing_write_key", "no write key: send it as the user of Basic authentication, or as writeKey"
)
NOT_FOUND = refusal(404, "not_found", "no such path")

_SUCCESS_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"16")],
}
_SUCCESS_BODY = {"type": "http.response.body", "body": b'{"success":true}', "more_body": False}


async def succeed(send: Send) -> None:
    """Exactly 200: some SDKs repeat 202 and 204."""
    await send(_SUCCESS_START)
    await send(_SUCCESS_BODY)
