"""What browsers must hear before a page of another origin may send events and read the answers.

Every origin may: which ones a source takes events from is decided once its key is known, and that must
be readable. An SDK that cannot read an answer takes it for a broken network and comes again.
"""

from gainstage.ingest.answers import Answer, Headers
from gainstage.ingest.asgi import Scope, header

METHODS = b"GET, POST, OPTIONS"
#: How long a browser may remember the answer to a preflight; Chromium takes two hours at most.
REMEMBERED_SECONDS = 7200

_READABLE: Headers = (
    (b"access-control-allow-credentials", b"true"),
    # Without this the web SDKs cannot see how long they are asked to wait.
    (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset"),
    (b"vary", b"Origin"),
)


def readable_by(origin: bytes | None) -> Headers:
    """The headers with which a page of this origin can read an answer; none where no page asks."""
    return () if origin is None else ((b"access-control-allow-origin", origin), *_READABLE)


def preflight(scope: Scope, methods: frozenset[str]) -> Answer:
    """Yes to whatever headers are asked for: the SDKs' lists grow with their versions.

    `methods` are those of the path.
    """
    wanted = header(scope, b"access-control-request-headers")
    headers: Headers = (
        *readable_by(header(scope, b"origin")),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-max-age", b"%d" % REMEMBERED_SECONDS),
        (b"allow", ", ".join(sorted({*methods, "OPTIONS"})).encode()),
    )
    if wanted is not None:
        headers = (*headers, (b"access-control-allow-headers", wanted))
    return Answer(204, b"", headers)
