"""The way to the sandbox in process: here connections break, time limits end, and processes die."""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gainstage.clock import SECOND_US
from gainstage.destination import CallFailed, Request, Response
from gainstage.testing.clock import VirtualClock
from gainstage_sandbox.gate import ConnectionCutError
from gainstage_sandbox.limits import Limits
from tests.benchmarks.virtual import SandboxTransport
from tests.properties.case import Case, Stop

CALL_SECONDS = 15.0
#: By chance, and different each time.
REQUEST_ID = re.compile(r'"requestId":"[^"]*",?')


class Broken(Exception):
    """A promise was not kept."""


def expect(kept: bool, sentence: str) -> None:
    """Raise Broken with the sentence unless it is kept."""
    if not kept:
        raise Broken(sentence)


class Made(NamedTuple):
    """A call that the tenant carried out, or may have, and its answer where one came."""

    at: float
    request: Request
    response: Response | None


@dataclass(frozen=True)
class Attempt:
    """A call that published an event, and how it ended for us: yes, no, or lost."""

    message_id: str
    at: float
    ended: str


class WatchedLimits(Limits):
    """The tenant's limits, which count whoever comes over them."""

    exceeded = 0

    def take(self, family: str, account: str, now: float) -> int | None:
        wait = super().take(family, account, now)
        self.exceeded += wait is not None
        return wait


class TenantTransport(SandboxTransport):
    """Calls the sandbox in process. Here connections break, time limits end, and processes die."""

    def __init__(
        self, clock: VirtualClock, chance: random.Random, note: Callable[[str], None], case: Case
    ) -> None:
        super().__init__(clock, chance)
        self.answers: list[Made] = []
        self._case = case
        self.limits = self.sandbox.state.limits = WatchedLimits()
        self.attempts: list[Attempt] = []
        self.stops: list[Stop] = []
        self.asked_to_stop: Callable[[Stop], None] = lambda stop: None
        self._note = note
        self.calls = 0

    async def send(self, request: Request) -> Response:
        self.calls += 1
        number, shown = self.calls, request.body.decode()
        path = request.url.partition("://")[2].partition("/")[2]
        self._note(f"call {number}: {request.method} /{path} {shown}")
        self._stop(number, "before the call")
        ended, response = "lost", None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await self._made(request, number)
            ended = self._case.took(response)
            text = REQUEST_ID.sub("", response.body.decode(errors="replace"))
            self._note(f"call {number}: {response.status} {text[:2000]}")
            return response
        except TimeoutError as error:
            self._note(f"call {number}: no answer")
            raise CallFailed("timeout", "No answer within 15 s.", sent=True) from error
        except ConnectionCutError as error:
            self._note(f"call {number}: cut")
            raise CallFailed("unreachable", "The connection broke.", sent=True) from error
        finally:
            at, published = self._clock.elapsed_us / SECOND_US, self._case.published(request)
            self.answers.append(Made(at, request, response))
            if published is not None:
                self.attempts.append(Attempt(published, at, ended))

    async def _made(self, request: Request, number: int) -> Response:
        path, _, query = request.url.partition("://")[2].partition("/")[2].partition("?")
        seconds = min(self._chance.lognormvariate(-1.2, 0.6), 5.0)
        await self._clock.sleep(seconds / 2)
        response = await self._ask(request, f"/{path}", query)
        self._stop(number, "after the call")
        await self._clock.sleep(seconds / 2)
        return response

    def _stop(self, number: int, how: str) -> None:
        for stop in self.stops:
            if (stop.how, stop.number) == (how, number):
                self.asked_to_stop(stop)

    async def _ask(self, request: Request, path: str, query: str) -> Response:
        scope = {
            "type": "http",
            "method": request.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        }
        said: list[Any] = []
        asked = iter([{"type": "http.request", "body": request.body}])

        async def receive() -> dict[str, Any]:
            for message in asked:
                return message
            return await asyncio.Future()  # the caller stays

        async def answer(message: Any) -> None:
            said.append(message)

        await self.sandbox(scope, receive, answer)
        headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Response(said[0]["status"], headers, b"".join(part.get("body", b"") for part in said[1:]))
