"""Requests to the tracking API without a socket, and what came of them."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gainstage.connection import Source
from gainstage.event import Event, Refusal
from gainstage.ingest import TrackingApi
from gainstage.ingest.asgi import Message
from gainstage.log.contract import Entry, Log, Position
from gainstage.log.memory import MemoryLog, entries_by_source
from gainstage.normalise import normalise

NOW_US = 1_795_348_800_000_000
SITE = Source("site", "server", "site-key")
APP = Source("app", "mobile", "app-key", rate_limit=10)
WEB = Source("web", "web", "web-key", origins=("https://app.acme.com",))
OFF = Source("off", "mobile", "off-key", enabled=False)
BASIC = {"Authorization": "Basic c2l0ZS1rZXk6"}


class StandingClock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.us = NOW_US

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += int(seconds * 1_000_000)


class FailingLog(MemoryLog):
    """Answers with an exception."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def append(self, entries: Sequence[Entry]) -> Sequence[Position]:
        raise self._error


class Answered:
    """A response as the sender sees it."""

    def __init__(self, messages: list[Message]) -> None:
        start, *bodies = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(body["body"] for body in bodies)
        if self.status in (204, 304):
            assert not self.body and "content-length" not in self.headers
        else:
            assert int(self.headers["content-length"]) == len(self.body)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The refusal's code; every refusal has a message too."""
        assert self.json["message"]
        return str(self.json["code"])


class Asked:
    """A tracking API over a log in memory, and a way to ask it."""

    def __init__(self, log: Log | None = None, **options: Any) -> None:
        self.memory = MemoryLog()
        self.clock = StandingClock()
        self.sources: Mapping[str, Source] = {"site": SITE, "app": APP, "web": WEB, "off": OFF}
        self.api = TrackingApi(log or self.memory, self.clock, lambda: self.sources, **options)

    async def ask(
        self,
        path: str,
        body: object = b"",
        headers: Mapping[str, str] = BASIC,
        *,
        method: str = "POST",
        query: str = "",
        pieces: int = 1,
        ends: Callable[[], Awaitable[Message]] | None = None,
        client: str = "192.0.2.1",
    ) -> Answered:
        """Send one request; the body whole, or in pieces."""
        messages = await self.messages(
            path, body, headers, method=method, query=query, pieces=pieces, ends=ends, client=client
        )
        return Answered(messages)

    async def messages(
        self,
        path: str,
        body: object,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        query: str = "",
        pieces: int = 1,
        ends: Callable[[], Awaitable[Message]] | None = None,
        client: str = "192.0.2.1",
    ) -> list[Message]:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        size = max(1, -(-len(text) // pieces))
        parts = [text[start : start + size] for start in range(0, len(text), size)] or [b""]
        sent: list[Message] = []

        async def receive() -> Message:
            if not parts:
                assert ends is not None, "read beyond the end of the body"
                return await ends()
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts) or ends is not None}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "client": (client, 50_000),
            "server": ("127.0.0.1", 8080),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await self.api(scope, receive, send)
        return sent

    def entries(self, source: str = "site") -> list[Entry]:
        """What was kept."""
        return entries_by_source(self.memory).get(source, [])

    def events(self, source: str = "site") -> list[Event]:
        """What was kept, where nothing of it is refused."""
        return [result for result in self.results(source) if isinstance(result, Event)]

    def results(self, source: str = "site") -> list[Event | Refusal]:
        """What becomes of what was kept."""
        return [normalise(str(place), entry) for place, entry in enumerate(self.entries(source))]

    def outcomes(self, source: str = "site") -> list[str]:
        """The kinds of the events and the codes of the refusals."""
        return [result.kind if isinstance(result, Event) else result.code for result in self.results(source)]
