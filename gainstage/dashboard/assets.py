"""The files that pages load. Their address names their content, so that browsers may keep them for good."""

from hashlib import sha256
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
#: Who never asks again: what is at such an address does not change.
KEPT = b"public, max-age=31536000, immutable"


def version() -> str:
    """Names the content of all files."""
    digest = sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


class Assets:
    """Answers at `/static/VERSION/...`."""

    def __init__(self) -> None:
        #: What stands before the names of files.
        self.path = f"/static/{version()}"
        self._files: ASGIApp = GZipMiddleware(StaticFiles(directory=FOLDER), minimum_size=1024)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def sent(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))  # type: ignore[call-overload]
                message["headers"] = [
                    *headers,
                    (b"cache-control", KEPT),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._files(scope, receive, sent)  # type: ignore[arg-type]
