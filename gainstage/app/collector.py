"""Connections to a collector of spans: into no private network that is not allowed.

OpenTelemetry sends by `requests`, so the library for calls to vendors and its guard are not on its way. Who
may edit settings names the collector, as they name the vendor's host: what holds there
(`gainstage.delivery.addresses`) holds here.
"""

import socket
from collections.abc import Callable, Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from gainstage.delivery.addresses import VARIABLE, Network, may_be_called


class PrivateNetwork(Exception):
    """The collector's address leads where nothing may be sent; the sentence says what to do."""


def session_of(allowed: Iterable[Network], refused: Callable[[str], None]) -> requests.Session:
    """A session that connects to nothing in a private network but what is allowed.

    Its calls raise PrivateNetwork where they would, and `refused` is told the sentence. A proxy of the
    environment is connected to wherever it stands, and where it leads is its own matter.
    """
    session = requests.Session()
    adapter = _Guarded(tuple(allowed), refused)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


class _Guarded(HTTPAdapter):
    """Makes its own connections with a look at where they lead; those to proxies as ever."""

    def __init__(self, allowed: tuple[Network, ...], refused: Callable[[str], None]) -> None:
        self._pools, self._refused = _pools(allowed), refused
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def send(self, *arguments: Any, **named: Any) -> requests.Response:
        try:
            return super().send(*arguments, **named)
        except PrivateNetwork as error:
            self._refused(str(error))
            raise


def _pools(allowed: tuple[Network, ...]) -> dict[str, type[HTTPConnectionPool]]:
    """The kinds of pools, by the scheme of an address."""

    def check(host: str, address: str) -> None:
        if not may_be_called(address, allowed):
            raise PrivateNetwork(
                f"{host} leads to {address}, in a private network: correct `traces.endpoint`, or allow the "
                f"network in the server's environment with {VARIABLE}."
            )

    def checked(connection: HTTPConnection, connect: Any) -> socket.socket:
        """The socket of a connection. The name is looked up before anything is connected, and the address
        that was reached is looked at before anything is sent: in between it may have come to mean another.
        """
        host = connection.host
        for *_, address in _found(host, connection.port):
            check(host, str(address[0]))
        made: socket.socket = connect()
        try:
            check(host, str(made.getpeername()[0]))
        except PrivateNetwork:
            made.close()
            raise
        return made

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _found(host: str, port: int) -> list[Any]:
    """What a name leads to; nothing where it cannot be found, which connecting says better."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
