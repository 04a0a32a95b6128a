"""Requests as mobile SDKs put them on the wire, read from `wire/*.yaml` and sent over a socket as they stand.

In a head and a body `{key}`, `{basic}`, `{host}`, `{anonymous}`, `{now}`, `{run}` (its message ids' first
part) and `{length}` are filled in. A body's line breaks are there for its reader and are not sent.
"""

import base64
import gzip
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "wire"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SECONDS = 30.0
#: What Android's HTTP client puts into one chunk.
CHUNK_BYTES = 1024


@dataclass(frozen=True)
class Answered:
    """A status line, the headers and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def case(name: str) -> dict[str, Any]:
    """The requests of an SDK, what each is answered and what becomes of them."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def values(key: str, host: str) -> dict[str, str]:
    """What is filled in."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    basic, anonymous = (base64.b64encode(text.encode()).decode() for text in (f"{key}:", "4f2a"))
    run = sha256(key.encode()).hexdigest()[:8]
    return {"key": key, "host": host, "now": now, "basic": basic, "anonymous": anonymous, "run": run}


def filled(template: Any, given: Mapping[str, str]) -> Any:
    """A text, or every text in a document, with the values in their places."""
    if isinstance(template, str):
        for name, value in given.items():
            template = template.replace(f"{{{name}}}", value)
    elif isinstance(template, dict):
        return {name: filled(value, given) for name, value in template.items()}
    return template


def on_the_wire(request: Mapping[str, Any], given: Mapping[str, str]) -> bytes:
    """The bytes of a request."""
    body = "".join(line.strip() for line in filled(request.get("body", ""), given).splitlines()).encode()
    if request.get("gzip"):
        body = gzip.compress(body)
    head = filled(request["head"], {**given, "length": str(len(body))}).replace("\n", "\r\n").encode()
    return head + b"\r\n" + (_chunked(body) if b"Transfer-Encoding: chunked" in head else body)


def exchange(connection: socket.socket, sent: bytes, *, piece_bytes: int = 0) -> Answered:
    """Send a request, in pieces where asked to, and read the answer to its end."""
    size = piece_bytes or len(sent)
    for start in range(0, len(sent), size):
        connection.sendall(sent[start : start + size])
    answer = http.client.HTTPResponse(connection, method=sent.split(b" ", 1)[0].decode())
    try:
        answer.begin()
        body = answer.read()
    finally:
        answer.close()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Answered(answer.status, headers, body)


def connected(port: int) -> socket.socket:
    """A connection that sends every piece at once."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def holds(found: Any, wanted: Any) -> bool:
    """Whether an answer holds what is wanted: more keys may stand there; ANY is any text but none."""
    if wanted == "ANY":
        return isinstance(found, str) and bool(found)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and holds(found[name], value) for name, value in wanted.items()
        )
    return bool(found == wanted)


def _chunked(body: bytes) -> bytes:
    pieces = [body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
