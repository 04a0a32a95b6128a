"""The ASGI application: vendors' paths with their faults and journal; the control paths are handed on."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gainstage_sandbox.calls import Answer, Call, html_answer
from gainstage_sandbox.faults import Fault
from gainstage_sandbox.state import State
from gainstage_sandbox.vendors import answer, default_answer, route_of

CONTROL_PREFIX = "/__sandbox__"
CUTTING = frozenset({"reset", "hang", "lost_answer", "cut_body"})
ANSWERING = frozenset({"status", "html", "empty_body"})
Sleep = Callable[[float], Awaitable[None]]


class ConnectionCutError(ConnectionResetError):
    """Raised where there is no socket to cut: under a test transport."""


class Sandbox:
    """The application; `state` is what the vendors hold."""

    def __init__(self, state: State, control: ASGIApp, sleep: Sleep = asyncio.sleep) -> None:
        self.state = state
        self._control = control
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = path == "/" or path == CONTROL_PREFIX or path.startswith(CONTROL_PREFIX + "/")
        if scope["type"] != "http" or ours:
            await self._control(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive, self.state.limits.max_body_bytes)
        if body is None:
            return
        raw_path = scope.get("raw_path") or scope["path"].encode()
        call = Call(
            scope["method"],
            raw_path.decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body,
            self.state.clock(),
        )
        api, route, call.params = route_of(call.method, call.raw_path)
        journal = self.state.journal
        template = route.template if route else "(unknown path)"
        entry = journal.open(
            call.now,
            api,
            call.method,
            call.raw_path,
            template,
            call.query_string,
            scope["headers"],
            body[: self.state.limits.max_body_bytes],
        )
        entry.secret_response = template.endswith("/oauth/token")
        fault = self.state.faults.choose(api, call.method, call.path, body)
        if fault is not None and fault.fault == "delay":
            await self._sleep(fault.seconds)
            call.now = self.state.clock()
        try:
            made = answer(self.state, api, route, call) if _is_processed(fault) else None
        except Exception:
            journal.close(entry, 500, b"The sandbox itself failed.", "sandbox_failure")
            raise
        if fault is not None:
            made = _faulty(fault, api, made)
        if fault is not None and fault.fault in CUTTING:
            journal.close(entry, None, b"", fault.fault)
            await self._cut(fault, made, receive, send)
            return
        assert made is not None
        journal.close(entry, made.status, made.body, fault.fault if fault else None)
        await _send(made, send)

    async def _cut(self, fault: Fault, made: Answer | None, receive: Receive, send: Send) -> None:
        if fault.fault == "hang":
            await self._hang(fault.seconds, receive)
        if fault.fault == "cut_body" and made is not None:
            await _send_half(made, send)
        await cut_connection(receive, send, hard=fault.fault == "reset")

    async def _hang(self, seconds: float, receive: Receive) -> None:
        """Wait, but not longer than the caller does."""
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        waited = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait((gone, waited), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, waited):
                task.cancel()
            await asyncio.gather(gone, waited, return_exceptions=True)


def _is_processed(fault: Fault | None) -> bool:
    return fault is None or fault.processed or fault.fault in ("delay", "lost_answer", "cut_body")


def _faulty(fault: Fault, api: str, made: Answer | None) -> Answer | None:
    """The answer that the fault puts in the place of the vendor's; success in the place of no refusal."""
    confirms = fault.fault in ANSWERING and (fault.status or 200) < 300
    if made is not None and confirms and _refuses(made):
        return made
    if fault.fault == "html":
        return _with_headers(
            html_answer(fault.status or 200, "Service page", "Please try again later."), fault
        )
    if fault.fault == "empty_body":
        return _with_headers(Answer(fault.status or 200), fault)
    if fault.fault == "status":
        status = fault.status or 500
        injected = default_answer(api, status)
        injected.status = status
        if fault.answer is not None:
            injected.body = fault.answer_bytes
            injected.content_type = "text/plain" if isinstance(fault.answer, str) else "application/json"
        return _with_headers(injected, fault)
    return made


def _refuses(made: Answer) -> bool:
    """Whether what was asked was not done: by the status, or by the envelope of CS."""
    if made.status >= 300:
        return True
    try:
        envelope = json.loads(made.body)
    except ValueError:
        return False
    return isinstance(envelope, dict) and envelope.get("result") is False


def _with_headers(made: Answer, fault: Fault) -> Answer:
    for name, value in fault.headers.items():
        if name.lower() == "content-type":
            made.content_type = value
        else:
            made.headers[name] = value
    return made


async def _read_body(receive: Receive, most: int) -> bytes | None:
    """The body, cut just above the limit; None when the caller went away."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk: bytes = message.get("body", b"")
        if size <= most:
            chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _send(made: Answer, send: Send) -> None:
    body = b"" if made.status in (204, 304) else made.body
    await send({"type": "http.response.start", "status": made.status, "headers": _headers(made)})
    await send({"type": "http.response.body", "body": body})


async def _send_half(made: Answer, send: Send) -> None:
    """The head announces the whole body, of which only half comes; an empty one is announced as a byte."""
    if not made.body:
        made.body = b"{}"
        made.status = 200 if made.status == 204 else made.status
    await send({"type": "http.response.start", "status": made.status, "headers": _headers(made)})
    half = made.body[: len(made.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


def _headers(made: Answer) -> list[tuple[bytes, bytes]]:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in made.headers.items()]
    if made.status in (204, 304):
        return headers
    if made.body:
        headers.append((b"content-type", made.content_type.encode()))
    headers.append((b"content-length", str(len(made.body)).encode()))
    return headers


async def cut_connection(receive: Receive, send: Send, *, hard: bool) -> None:
    """Close the socket under the server; `hard` resets it (RST) rather than closing it."""
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionCutError("The sandbox cut the connection, as a fault rule asked.")
    if hard:
        with suppress(OSError, AttributeError):
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
