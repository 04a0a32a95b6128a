"""How pages get their figures: by requests to the management API, within the process.

A page knows nothing that the API does not tell, and may nothing that the caller may not: the request that
asks for the page lends its cookie or token to each of them, so that roles, the CSRF token and the audit log
are looked after in one place.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message

#: Headers of the page's request that say who asks, from where, and how the server was reached.
LENT = frozenset(
    (b"cookie", b"authorization", b"user-agent", b"host", b"origin", b"sec-fetch-site", b"forwarded")
)
#: How the API writes the configuration for people.
YAML = "application/yaml"
#: What belongs to the application that answers the page.
OF_THE_PAGE = ("app", "router", "endpoint", "path_params", "state", "session", "auth", "user")


class Refused(Exception):
    """The API said no: its status, code and sentence; `more` is what else stands in the error."""

    def __init__(self, status: int, error: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(str(error.get("message", "")))
        self.status, self.headers = status, headers
        self.code = str(error.get("code", ""))
        self.message = str(error.get("message", ""))
        self.more = {key: value for key, value in error.items() if key not in ("code", "message")}


class Told:
    """What the API answered."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in headers}
        self.body = body
        written = self.headers.get("content-type", "").startswith(YAML)
        self.content: Any = msgspec.json.decode(body) if body and not written else None


class Api:
    """Asks the management API in the name of whoever asked for a page."""

    def __init__(self, management: ASGIApp, request: Request) -> None:
        self._management = management
        self._scope = request.scope

    async def get(self, path: str, **query: Any) -> Any:
        """The document at a path. None in the query stands for nothing, a list for several of a name.

        Raises:
            Refused: there is none, or not for this caller.
        """
        return (await self.ask("GET", path, query=query)).content

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        csrf: str | None = None,
        accept: str | None = None,
    ) -> Told:
        """What it answers to one request; `csrf` is the token that the page's form had, `accept` the form of
        the answer where it is not to be JSON.

        Raises:
            Refused: it was not done.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        scope = self._scope_of(method, path, query or {}, content, csrf)
        if accept is not None:
            scope["headers"].append((b"accept", accept.encode()))
        status, headers, parts, asked = 500, list[tuple[bytes, bytes]](), list[bytes](), False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", ()))
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._management(scope, receive, send)
        told = Told(status, headers, b"".join(parts))
        if status >= 400:
            error = told.content.get("error", told.content) if isinstance(told.content, dict) else {}
            raise Refused(status, error, told.headers)
        return told

    def _scope_of(
        self, method: str, path: str, query: Mapping[str, Any], content: bytes, csrf: str | None
    ) -> dict[str, Any]:
        headers = [
            (name, value)
            for name, value in self._scope["headers"]
            if name in LENT or name.startswith(b"x-forwarded-")
        ]
        if content:
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        if csrf is not None:
            headers.append((b"x-csrf-token", csrf.encode("utf-8")))
        scope = {name: value for name, value in self._scope.items() if name not in OF_THE_PAGE}
        return scope | {
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "root_path": "",
            "query_string": urlencode(_stated(query), doseq=True).encode(),
            "headers": headers,
        }


def _stated(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None and value != ""}
