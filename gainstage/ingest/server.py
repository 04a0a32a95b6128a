"""The HTTP server under the application: uvicorn with httptools and uvloop, and the limits it lacks."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gainstage.errors import UsageError
from gainstage.ingest.asgi import Application

#: SDKs send a few hundred bytes of headers; RudderStack's server takes up to 512 KB.
HEAD_BYTES = 64 * 1024
CONNECTIONS_AT_MOST = 8192
KEEP_ALIVE_SECONDS = 75
#: How long requests under way may take when the server stops.
FINISH_SECONDS = 20
BACKLOG = 2048


class AddressUnavailable(UsageError):
    """The server cannot listen where it was told to."""


async def serve(app: Application, host: str, port: int, *, started: Callable[[str], None]) -> None:
    """Serve until cancelled, then take no new connection and finish the requests under way.

    `started` is called with the address (`http://host:port`) once connections are accepted; port 0 takes a
    free one. Signals are left to the caller.

    Raises:
        AddressUnavailable: the port is in use or the address is not this machine's.
    """
    listening = listen(host, port)
    server = _Server(_config(app), lambda: started(_address(listening)))
    running = asyncio.create_task(server.serve([listening]))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        await running
        raise
    finally:
        listening.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the address.

    Raises:
        AddressUnavailable: the port is in use or the address is not this machine's.
    """
    listening: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise AddressUnavailable(_why(host, port, error)) from error
    return listening


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use; stop what uses it or choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} of {host} is not for this user; choose one above 1023 with --port."
    return f"{host}:{port} is no address to listen at ({error.strerror}); choose another with --host."


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(app: Application) -> uvicorn.Config:
    # A request that the parser refuses is the sender's fault and no news.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        loop="none",
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS_AT_MOST,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )


class _Server(uvicorn.Server):
    """Says when it has started, and leaves signals to whoever runs the rest of the process."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(HttpToolsProtocol):
    """Bounds what a request may hold before its body; the parser itself would collect headers for ever."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Headers too large.")

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()
