"""Every request that the sandbox saw, with what it answered: bounded in number and in bytes."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

MAX_ENTRIES = 100_000
MAX_BYTES = 256 * 1024 * 1024
MASK = "***"
SECRET_HEADERS = frozenset(
    {
        "accesskey",
        "authentication",
        "authorization",
        "cookie",
        "proxy-authorization",
        "sharedsecret",
        "x-aptrinsic-api-key",
    }
)
OVERHEAD_BYTES = 600


@dataclass(slots=True)
class Entry:
    n: int
    at: float
    api: str
    method: str
    raw_path: str
    route: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    status: int | None = None
    """None until answered, and for ever when the connection was cut instead."""
    response: bytes = b""
    fault: str | None = None
    secret_response: bool = False

    @property
    def bytes(self) -> int:
        return OVERHEAD_BYTES + len(self.body) + len(self.response)

    def view(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "at": self.at,
            "api": self.api,
            "method": self.method,
            "path": unquote(self.raw_path),
            "query": self.query,
            "headers": _masked(self.headers),
            "body": readable(self.body),
            "status": self.status,
            "response": MASK if self.secret_response else readable(self.response),
            "fault": self.fault,
        }


class Journal:
    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        self.total = 0
        self._bytes = 0
        self._entries: deque[Entry] = deque()
        self._by_api: Counter[str] = Counter()
        self._by_route: Counter[tuple[str, str]] = Counter()
        self._by_status: Counter[str] = Counter()

    def open(
        self,
        at: float,
        api: str,
        method: str,
        raw_path: str,
        route: str,
        query: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> Entry:
        """Note a request as it arrives, so that one that hangs is seen too."""
        self.total += 1
        self._by_api[api] += 1
        self._by_route[method, route] += 1
        entry = Entry(self.total, at, api, method, raw_path, route, query, headers, body)
        self._entries.append(entry)
        self._bytes += entry.bytes
        self._trim()
        return entry

    def close(self, entry: Entry, status: int | None, response: bytes, fault: str | None) -> None:
        """Note how it ended; status None says that the connection was cut."""
        kept = bool(self._entries) and entry.n >= self._entries[0].n
        entry.status, entry.response, entry.fault = status, response, fault
        self._by_status[str(status) if status is not None else "cut"] += 1
        if kept:
            self._bytes += len(response)
            self._trim()

    def entries(self, after: int = 0, api: str | None = None, limit: int | None = None) -> list[Entry]:
        """Oldest first; `after` is the number of the last one already known."""
        chosen = []
        for entry in reversed(self._entries):
            if entry.n <= after:
                break
            chosen.append(entry)
        chosen.reverse()
        if api is not None:
            chosen = [entry for entry in chosen if entry.api == api]
        return chosen if limit is None else chosen[:limit]

    def latest(self, count: int) -> list[Entry]:
        """Newest first."""
        newest: list[Entry] = []
        for entry in reversed(self._entries):
            if len(newest) == count:
                break
            newest.append(entry)
        return newest

    def summary(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "kept": len(self._entries),
            "by_api": dict(self._by_api),
            "by_route": {f"{method} {route}": n for (method, route), n in self._by_route.items()},
            "by_status": dict(self._by_status),
        }

    def _trim(self) -> None:
        while len(self._entries) > self.max_entries or (
            self._bytes > self.max_bytes and len(self._entries) > 1
        ):
            self._bytes -= self._entries.popleft().bytes


def readable(body: bytes) -> Any:
    """JSON where it is JSON, text otherwise, None when empty."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode(errors="replace")


def _masked(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    shown = {}
    for name, value in headers:
        key = name.decode("latin-1").lower()
        shown[key] = MASK if key in SECRET_HEADERS else value.decode("latin-1")
    return shown
