"""What the management API says: JSON documents, JSON Lines, and refusals in one form."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response

from gainstage.errors import ConfigurationError
from gainstage.log.contract import LogUnavailable
from gainstage.sqlite import StorageUnavailable

#: How long to stay away when the fault is ours, in seconds.
UNAVAILABLE_SECONDS = 5

_log = logging.getLogger("gainstage.management")


class Problem(Exception):
    """The request ends here: a status, a code for programs and a sentence for people.

    `more` stands beside them in the error; names of headers are written with underscores.
    """

    def __init__(
        self, status: int, code: str, message: str, more: Mapping[str, Any] | None = None, **headers: str
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.more = more or {}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(self) -> Response:
        """As it is sent."""
        error = {"code": self.code, "message": self.message, **self.more}
        return document({"error": error}, self.status, self.headers)


def document(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON document. Nobody keeps it: it is of this moment, and may hold personal data."""
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(encoded(content), status, kept, "application/json")


def encoded(content: Any) -> bytes:
    """JSON on one line; escaped where a text of an event is no text of Unicode."""
    try:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(content, separators=(",", ":"), default=str).encode()


def told(error: ConfigurationError) -> tuple[str, Mapping[str, Any]]:
    """A configuration that cannot be used: one sentence, and every problem beside it."""
    count = "1 problem" if len(error.problems) == 1 else f"{len(error.problems)} problems"
    more: dict[str, Any] = {"problems": list(error.problems)}
    if error.places:
        more["places"] = [{"place": place, "message": message} for place, message in error.places]
    return f"{error.name} cannot be used: {count} to correct.", more


class Lines(Response):
    """Lines, sent while they are made: `more` makes the next of them, b"" at the end, then `close`.

    JSON Lines where no other media type is named.
    """

    media_type = "application/x-ndjson"

    def __init__(
        self,
        more: Callable[[], Awaitable[bytes]],
        close: Callable[[], Awaitable[None]],
        media_type: str | None = None,
    ) -> None:
        super().__init__(None, headers={"Cache-Control": "no-store"}, media_type=media_type)
        del self.headers["content-length"]
        self._more, self._close = more, close

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.create_task(_gone(receive))
        try:
            while scope["method"] != "HEAD" and not gone.done() and (lines := await self._more()):
                await send({"type": "http.response.body", "body": lines, "more_body": True})
        except (StorageUnavailable, LogUnavailable) as error:
            _log.error("data_unavailable", extra={"problem": str(error)})
            return  # the server cuts the connection, so that nobody takes this for the whole
        finally:
            gone.cancel()
            await self._close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Any) -> None:
    """Return when nobody listens any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
