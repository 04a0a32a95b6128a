"""The script of Segment's HTML snippet, from the npm package that the operator points at; not ours."""

import gzip
from hashlib import sha256
from pathlib import Path

from gainstage.errors import UsageError
from gainstage.ingest.answers import Answer, refusal
from gainstage.ingest.asgi import Scope, header

#: The script is 115 KB in 2026.
SCRIPT_BYTES = 8 * 1024 * 1024

NOT_CONFIGURED = refusal(
    404,
    "analytics_js_not_configured",
    "no script is served here: start `gainstage serve` with --analytics-js and a copy of the npm package",
)
NO_SUCH_PART = refusal(404, "not_found", "the npm package has no such part of analytics.js")

_HEADERS = (
    (b"cache-control", b"public, max-age=300"),
    # For pages that only load what says that it may be loaded.
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"vary", b"Accept-Encoding, Origin"),
    (b"x-content-type-options", b"nosniff"),
)


class AnalyticsJs:
    """`standalone.js` of `@segment/analytics-next`, and the parts beside it that it loads when needed."""

    def __init__(self, script: Path | None = None) -> None:
        """Read everything once.

        Raises:
            UsageError: the script cannot be read.
        """
        self._script: _File | None = None
        self._parts: dict[str, _File] = {}
        if script is not None:
            self._script = _File(_content(script))
            for part in sorted(script.parent.glob("*.bundle.*.js")):
                self._parts[part.name] = _File(_content(part))

    def script(self, scope: Scope) -> Answer:
        """The script itself; the same for every write key."""
        return self._script.answer(scope) if self._script else NOT_CONFIGURED

    def part(self, name: str, scope: Scope) -> Answer:
        """One of the files that the script loads."""
        if self._script is None:
            return NOT_CONFIGURED
        found = self._parts.get(name)
        return found.answer(scope) if found else NO_SUCH_PART


class _File:
    """A file in memory, plain and compressed."""

    def __init__(self, content: bytes) -> None:
        tag = b'"%s"' % sha256(content).hexdigest()[:16].encode()
        headers = (*_HEADERS, (b"etag", tag))
        kind = b"text/javascript; charset=utf-8"
        packed = gzip.compress(content, mtime=0)
        self._plain = Answer(200, content, headers, kind=kind)
        self._packed = Answer(200, packed, (*headers, (b"content-encoding", b"gzip")), kind=kind)
        self._same = Answer(304, b"", headers, kind=kind)
        self._tag = tag

    def answer(self, scope: Scope) -> Answer:
        if self._tag in (header(scope, b"if-none-match") or b""):
            return self._same
        return self._packed if b"gzip" in (header(scope, b"accept-encoding") or b"") else self._plain


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(SCRIPT_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror or error}): --analytics-js takes the file "
            "dist/umd/standalone.js of the npm package @segment/analytics-next."
        ) from None
    if len(content) > SCRIPT_BYTES:
        raise UsageError(f"{path} is larger than 8 MB: --analytics-js takes the package's standalone.js.")
    return content
