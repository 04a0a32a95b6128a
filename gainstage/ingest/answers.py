"""What the tracking API says back. SDKs read the status; some drop, repeat or stop by the text as well.

Every refusal is JSON with `code` and `message`: RudderStack's SDK for Python repeats a 4xx that lacks either.
Nothing answers with a redirect, since the SDKs follow one with a bodyless GET and call that success.
"""

import msgspec

from gainstage.ingest.asgi import Send

Headers = tuple[tuple[bytes, bytes], ...]

#: How long to stay away when the fault is ours, in seconds.
UNAVAILABLE_SECONDS = 5


_BODYLESS = frozenset((204, 304))


class Answer(msgspec.Struct, frozen=True):
    """A whole response, encoded once."""

    status: int
    body: bytes
    headers: Headers = ()
    #: Why, as a metric label; "" for a yes.
    code: str = ""
    kind: bytes = b"application/json"

    def with_status(self, status: int) -> "Answer":
        """The same answer under another status."""
        return msgspec.structs.replace(self, status=status)

    async def __call__(self, send: Send, more: Headers = ()) -> None:
        """Send it, with more headers."""
        headers = [*self.headers, *more]
        if self.status not in _BODYLESS:
            headers += [(b"content-type", self.kind), (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Refused(Exception):
    """The request ends here with this answer, and nothing of it is kept."""

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


def overloaded(wait_seconds: int) -> Answer:
    """There is no room for more now. 429 and not 503: more SDKs obey the wait, and count no try for it."""
    wait = str(wait_seconds)
    message = "no events are taken for a while, so that none is lost; keep them and come again"
    return refusal(429, "overloaded", message, retry_after=wait, x_ratelimit_reset=wait)


INVALID_WRITE_KEY = refusal(401, "invalid_write_key", "invalid write key")
MISSING_WRITE_KEY = refusal(
    401, "missing_write_key", "no write key: send it as the user of Basic authentication, or as writeKey"
)
#: 403, which every SDK for browsers takes as final: a page that may not send must not come again and again.
SECRET_WRITE_KEY = refusal(
    403,
    "secret_write_key",
    "the write key of a server is a secret: browsers and addresses take one of a web or mobile source",
)
ORIGIN_NOT_ALLOWED = refusal(
    403,
    "origin_not_allowed",
    "this origin is not among the `origins` of the write key's source",
)
NOT_FOUND = refusal(404, "not_found", "no such path")
SUCCESS = Answer(200, b'{"success":true}')
#: A yes, since RudderStack's SDKs for apps stop or repeat for ever on anything else; nothing is kept.
SOURCE_DISABLED = Answer(200, SUCCESS.body, code="source_disabled")

_SUCCESS_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"16")],
}
_SUCCESS_BODY = {"type": "http.response.body", "body": SUCCESS.body, "more_body": False}


async def succeed(send: Send) -> None:
    """Exactly 200: some SDKs repeat 202 and 204."""
    await send(_SUCCESS_START)
    await send(_SUCCESS_BODY)
