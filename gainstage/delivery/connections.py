"""Connections to vendors that say quickly whether the other side has closed them, and lead where they may.

The pool asks that of every idle connection for every call; the library's own answer took half of what a call
cost, where many are open.
"""

import asyncio
import contextlib
import select
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

from gainstage.delivery.addresses import VARIABLE, Network, may_be_called
from gainstage.destination import CallFailed


class QuickStream(httpcore2.AsyncNetworkStream):
    """A connection that is looked at by its socket alone."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket | None = stream.get_extra_info("socket")

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        return QuickStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable" or self._socket is None:
            return self._stream.get_extra_info(info)
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))


class QuickBackend(httpcore2.AnyIOBackend):
    """Makes such connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return QuickStream(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class GuardedBackend(QuickBackend):
    """Connects to nothing in a private network that is not allowed.

    The name is looked up before anything is connected, and the address that was reached is looked at before
    anything is sent: in between the name may have come to mean another one.
    """

    def __init__(self, allowed: Iterable[Network]) -> None:
        super().__init__()
        self._allowed = tuple(allowed)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        with contextlib.suppress(OSError, UnicodeError, TimeoutError):  # what cannot be found fails below
            async with asyncio.timeout(timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for *_, address in found:
                self._check(host, str(address[0]))
        stream = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            self._check(host, stream.get_extra_info("server_addr")[0])
        except CallFailed:
            await stream.aclose()
            raise
        return stream

    def _check(self, host: str, address: str) -> None:
        if not may_be_called(address, self._allowed):
            raise CallFailed(
                "unreachable",
                f"{host} leads to {address}, in a private network: correct the setting, or allow the network "
                f"in the server's environment with {VARIABLE}.",
                sent=False,
            )
