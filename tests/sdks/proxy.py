"""A proxy between an SDK and gainstage that misbehaves by a script, and remembers what passed.

It stands for the network: everything that the script does not touch goes to the real server as it came.
"""

import gzip
import http.client
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

SECONDS = 60.0
#: What belongs to one connection and is not handed on.
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
NOBODY = "Basic bm9ib2R5Og=="


@dataclass(frozen=True)
class Refuse:
    """The proxy answers; the server never sees the request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoseAnswer:
    """The server takes the request and answers; the connection is cut before the SDK hears it."""


@dataclass(frozen=True)
class PassOn:
    """Nothing happens to it."""


Step = Refuse | LoseAnswer | PassOn


@dataclass(frozen=True)
class Passed:
    """A request, and what was done with it."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    step: Step
    #: What the SDK was answered, or would have been.
    status: int

    @property
    def json(self) -> Any:
        """The body, inflated where it was gzipped."""
        packed = self.headers.get("Content-Encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)


def carries_events(method: str, path: str) -> bool:
    """Whether a request is one that the script is about: neither preflight nor settings."""
    return method == "POST" and not path.endswith("/v1/m")


class ScriptedProxy:
    """Passes requests on to a server; the script's steps go to those that carry events, in their order.

    `otherwise` is what happens once the script is used up, and may be changed at any time.
    """

    def __init__(self, port: int, script: Iterable[Step] = (), otherwise: Step | None = None) -> None:
        self.script = deque(script)
        self.otherwise: Step = otherwise or PassOn()
        self.passed: list[Passed] = []
        self._port = port
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "ScriptedProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[Passed]:
        """The requests that carried events."""
        with self._changed:
            return [one for one in self.passed if carries_events(one.method, one.path)]

    def wait_for(self, enough: Callable[[list[Passed]], bool]) -> list[Passed]:
        """The requests that carried events, once they are enough."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.events), SECONDS), self.events
        return self.events

    # for the handler, in its thread

    def next_step(self, method: str, path: str) -> Step:
        if not carries_events(method, path):
            return PassOn()
        with self._changed:
            return self.script.popleft() if self.script else self.otherwise

    def note(self, one: Passed) -> None:
        with self._changed:
            self.passed.append(one)
            self._changed.notify_all()

    def ask(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> "_Answer":
        """What the real server answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in OF_THE_CONNECTION:
                    connection.putheader(name, value)
            if body or method == "POST":
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in OF_THE_CONNECTION]
        return _Answer(answer.status, kept, content)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    content: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], proxy: ScriptedProxy) -> None:
        super().__init__(place, _Handler)
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what these tests are about, and no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        proxy, headers = self.server.proxy, list(self.headers.items())
        body = _body(self.rfile, self.headers)
        step = proxy.next_step(self.command, self.path)
        if isinstance(step, Refuse):
            answer = _Answer(step.status, [*step.headers.items(), *self._browser_rules()], b"not now")
        else:
            answer = proxy.ask(self.command, self.path, headers, body)
        if not isinstance(step, LoseAnswer):
            self._send(answer)
        else:
            self.close_connection = True
        seen = dict(self.headers.items())
        proxy.note(Passed(time.monotonic(), self.command, self.path, seen, body, step, answer.status))

    do_GET = do_POST = do_OPTIONS = do_HEAD = _serve  # noqa: N815

    def _browser_rules(self) -> list[tuple[str, str]]:
        """By which a page of another origin may read a refusal: what the server says with its own."""
        origin = self.headers.get("Origin")
        if origin is None:
            return []
        asked = [("Host", self.headers["Host"]), ("Origin", origin), ("Authorization", NOBODY)]
        refused = self.server.proxy.ask(self.command, self.path, asked, b"{}")
        assert refused.status == 401, refused
        return [
            (name, value) for name, value in refused.headers if name.lower().startswith("access-control-")
        ]

    def _send(self, answer: _Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test says what matters."""


def _body(file: BinaryIO, headers: Any) -> bytes:
    if "chunked" not in headers.get("Transfer-Encoding", "").lower():
        return file.read(int(headers.get("Content-Length", 0)))
    chunks = []
    while size := int(file.readline().split(b";")[0], 16):
        chunks.append(file.read(size))
        file.readline()
    while file.readline().strip():
        pass
    return b"".join(chunks)
