"""What answers at `/api/sandbox`: the stand-in for Gainsight beside this server."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from gainstage.errors import UsageError
from gainstage.management.answers import document
from gainstage.management.questions import Nothing, query


class Sandbox(Protocol):
    """The sandbox of a server."""

    address: str | None

    async def start(self) -> str:
        """See that it runs; its address."""
        ...

    async def stop(self) -> None:
        """End it."""
        ...


class SandboxViews:
    """The views on it; there is none where nobody could start it."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self._sandbox = sandbox

    async def show(self, request: Request) -> Response:
        """Where it answers, if it runs."""
        query(request, Nothing)
        return document({"address": self._sandbox.address if self._sandbox else None})

    async def start(self, request: Request) -> Response:
        """See that it runs."""
        query(request, Nothing)
        if self._sandbox is None:
            raise UsageError("There is no server that could start it: run `gainstage sandbox`.")
        return document({"address": await self._sandbox.start()})

    async def stop(self, request: Request) -> Response:
        """End it, and what it holds with it."""
        query(request, Nothing)
        if self._sandbox is not None:
            await self._sandbox.stop()
        return document({"address": None})
