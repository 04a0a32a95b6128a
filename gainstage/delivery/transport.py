"""The only place that speaks HTTP to vendors."""

import asyncio
import os
import ssl
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2

from gainstage.delivery.addresses import allowed_networks
from gainstage.delivery.call import ANSWER_BYTES, CALL_SECONDS
from gainstage.delivery.connections import GuardedBackend, QuickBackend
from gainstage.destination import CallFailed, Request, Response

#: Answers come as they are: what was packed small could be any size.
OWN_HEADERS = {"user-agent": "gainstage", "accept-encoding": "identity"}


class Transport(Protocol):
    """Makes one call."""

    async def send(self, request: Request) -> Response:
        """The vendor's answer, whatever its status.

        Raises:
            CallFailed: no usable answer came.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class HttpTransport:
    """Calls over HTTP/1.1 with kept connections, from one pool; others for each proxy, and without TLS.

    Never follows a redirect, verifies TLS, limits time and size, and calls nothing in a private network but
    what the environment allows (`GAINSTAGE_ALLOWED_NETWORKS`). Proxies are those of the environment
    (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`); where they lead is theirs to watch.

    Raises:
        UsageError: the environment names no networks where it should.
    """

    def __init__(self, *, call_seconds: float = CALL_SECONDS, connections: int = 64) -> None:
        self._call_seconds = call_seconds
        # Who cannot be reached is found out before the call's time is over: nothing can have been sent then.
        limits = {"connect": 2 / 3, "pool": 2 / 3, "read": 1.0, "write": 1.0}
        self._timeouts = {"timeout": {name: call_seconds * part for name, part in limits.items()}}
        self._settings: dict[str, Any] = {
            "max_connections": connections,
            "max_keepalive_connections": connections,
            "keepalive_expiry": 5.0,
        }
        self._guarded = GuardedBackend(allowed_networks(os.environ))
        self._proxies = getproxies()
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}

    async def send(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._call_seconds):
                return await self._send(request)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.PoolTimeout) as error:
            host = urlsplit(request.url).hostname
            raise CallFailed(
                "unreachable", f"{host} cannot be reached ({_reason(error)}).", sent=False
            ) from error
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise CallFailed("timeout", f"No answer within {self._call_seconds:g} s.", sent=True) from error
        except (httpcore2.UnsupportedProtocol, ValueError) as error:
            raise CallFailed("unreachable", f"The address cannot be called ({error}).", sent=False) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError) as error:
            raise CallFailed("unreachable", f"The connection broke ({_reason(error)}).", sent=True) from error

    async def _send(self, request: Request) -> Response:
        headers = {**OWN_HEADERS, **request.headers}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with self._pool(request.url).stream(
            request.method, request.url, headers=raw, content=request.body, extensions=self._timeouts
        ) as answer:
            body = bytearray()
            async for part in answer.aiter_stream():
                body += part
                if len(body) > ANSWER_BYTES:
                    raise CallFailed("answer_unreadable", "The answer is larger than 8 MB.", sent=True)
            told = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in answer.headers}
            return Response(answer.status, told, bytes(body))

    def _pool(self, url: str) -> httpcore2.AsyncConnectionPool:
        """The connections that lead to an address: direct ones, or those of a proxy."""
        proxy, parts = "", urlsplit(url)
        if self._proxies:
            proxy = self._proxies.get(parts.scheme) or self._proxies.get("all") or ""
            if proxy and proxy_bypass(parts.hostname or ""):
                proxy = ""
        key = proxy or parts.scheme
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = self._new_pool(proxy, parts.scheme)
        return pool

    def _new_pool(self, proxy: str, scheme: str) -> httpcore2.AsyncConnectionPool:
        if not proxy and scheme == "http":  # as to the sandbox
            return httpcore2.AsyncConnectionPool(**self._settings, network_backend=self._guarded)
        # Only here, and not for each transport: to load the certificates takes forty milliseconds.
        settings = {**self._settings, "ssl_context": ssl.create_default_context()}
        if not proxy:
            return httpcore2.AsyncConnectionPool(**settings, network_backend=self._guarded)
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        kind = httpcore2.AsyncSOCKSProxy if parts.scheme.startswith("socks") else httpcore2.AsyncHTTPProxy
        return kind(proxy_url=address, proxy_auth=login, **settings, network_backend=QuickBackend())

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
