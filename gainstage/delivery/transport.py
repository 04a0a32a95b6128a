"""The only place that speaks HTTP to vendors."""

import asyncio
import ssl
from typing import Protocol

import httpx2

from gainstage.destination import CallFailed, Request, Response

#: A call's time limit, from connecting to the last byte.
CALL_SECONDS = 15.0
#: The largest answer that is read; more counts as unreadable.
ANSWER_BYTES = 8 * 1024 * 1024


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
    """Calls over HTTP/1.1 with kept connections.

    Never follows a redirect, verifies TLS, limits time and size.
    """

    def __init__(self, *, call_seconds: float = CALL_SECONDS, connections: int = 64) -> None:
        self._call_seconds = call_seconds
        self._client = httpx2.AsyncClient(
            timeout=call_seconds,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            verify=ssl.create_default_context(),
        )

    async def send(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._call_seconds):
                return await self._send(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            host = httpx2.URL(request.url).host
            raise CallFailed(
                "unreachable", f"{host} cannot be reached ({_reason(error)}).", sent=False
            ) from error
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise CallFailed("timeout", f"No answer within {self._call_seconds:g} s.", sent=True) from error
        except httpx2.InvalidURL as error:
            raise CallFailed("unreachable", f"The address cannot be called ({error}).", sent=False) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise CallFailed("unreachable", f"The connection broke ({_reason(error)}).", sent=True) from error

    async def _send(self, request: Request) -> Response:
        headers = {"user-agent": "gainstage", **request.headers}
        async with self._client.stream(
            request.method, request.url, headers=headers, content=request.body
        ) as answer:
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > ANSWER_BYTES:
                    raise CallFailed("answer_unreadable", "The answer is larger than 8 MB.", sent=True)
            return Response(
                answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body)
            )

    async def close(self) -> None:
        await self._client.aclose()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
