"""Runs the sandbox: in the foreground for people, in a background thread for tests."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from gainstage_sandbox.app import create_app
from gainstage_sandbox.gate import Sandbox, Sleep
from gainstage_sandbox.state import State

START_SECONDS = 20.0


class ListenError(Exception):
    """The address is taken or not ours; the text is one clear sentence."""


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    app: Sandbox

    @property
    def state(self) -> State:
        """What the vendors hold; read it, or change it while no call is under way."""
        return self.app.state


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ListenError(f"The sandbox cannot listen on {host}:{port}: {reason}.") from error
    return sock


def serve(
    host: str = "127.0.0.1", port: int = 8090, *, on_start: Callable[[str], None] | None = None
) -> None:
    """Run until interrupted. Raises ListenError when the address cannot be had."""
    sock = listen(host, port)
    url = _url(host, sock)
    if on_start is not None:
        on_start(url)
    else:
        print(f"Gainsight sandbox at {url} (page and control under {url}/__sandbox__/)", file=sys.stderr)
    try:
        _server(create_app()).run(sockets=[sock])
    except KeyboardInterrupt:
        pass
    finally:
        sock.close()


@contextmanager
def running(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Sleep = asyncio.sleep,
) -> Iterator[Running]:
    """A sandbox on a free port in a background thread, stopped at the end of the block."""
    app = create_app(clock, sleep)
    sock = listen(host, port)
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="sandbox", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("The sandbox did not start.")
            time.sleep(0.005)
        yield Running(_url(host, sock), app)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        sock.close()


def _server(app: Sandbox) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="critical",
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _url(host: str, sock: socket.socket) -> str:
    port = sock.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
