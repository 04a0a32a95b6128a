"""The tracking API as an ASGI application: paths, the order of checks, and the yes after the log's yes.

No framework stands on this path: a request costs little more than its body. Everything else that the process
serves is handed in as `fallback`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

import msgspec

from gainstage.clock import MINUTE_US, Clock
from gainstage.connection import Source
from gainstage.event import KINDS
from gainstage.ingest.answers import (
    NOT_FOUND,
    Answer,
    Refused,
    rate_limited,
    refusal,
    succeed,
    unavailable,
)
from gainstage.ingest.asgi import Application, Receive, Scope, Send, header
from gainstage.ingest.body import BodyReader, Disconnected, inflated
from gainstage.ingest.counts import Counts
from gainstage.ingest.credentials import Credentials, basic_user, query_key, text_key
from gainstage.ingest.decoding import Decoded, decode_batch, decode_single, undecodable
from gainstage.ingest.rate import RateLimits
from gainstage.log.contract import Log, LogUnavailable
from gainstage.normalise import Surroundings

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
Decode = Callable[[bytes], Decoded]
#: The parts that cannot be used now and why, one sentence each; empty when all can.
Readiness = Callable[[], Awaitable[Mapping[str, str]]]

BATCH_PATHS = ("/v1/batch", "/v1/import")
LIVE = Answer(200, b'{"status":"live"}')
READY = Answer(200, b'{"status":"ready"}')
FAULTS_REMEMBERED = 100

_log = logging.getLogger("gainstage.ingest")


class Route(NamedTuple):
    """What answers at a path."""

    methods: frozenset[str]
    handle: Handler


async def always_ready() -> Mapping[str, str]:
    """The readiness of a process that has nothing to wait for."""
    return {}


class TrackingApi:
    """Takes what SDKs send and answers once the log has it.

    `sources` gives the configured sources by name; a changed configuration is a new mapping. `fallback`
    serves every path that is not in `routes`.
    """

    def __init__(
        self,
        log: Log,
        clock: Clock,
        sources: Callable[[], Mapping[str, Source]],
        *,
        counts: Counts | None = None,
        ready: Readiness = always_ready,
        fallback: Application | None = None,
    ) -> None:
        self.counts = counts or Counts()
        self._log = log
        self._clock = clock
        self._ready = ready
        self._fallback = fallback
        self._credentials = Credentials(sources)
        self._rates = RateLimits()
        self._bodies = BodyReader()
        self._received_us = 0
        self._reported_us: dict[str, int] = {}
        self.routes: dict[str, Route] = {
            "/health": Route(frozenset(("GET", "HEAD")), self._answer_health),
            "/ready": Route(frozenset(("GET", "HEAD")), self._answer_ready),
        }
        for path in BATCH_PATHS:
            self.routes[path] = self._tracking(decode_batch)
        for kind in KINDS:
            around = Surroundings(type=kind).encoded()
            self.routes[f"/v1/{kind}"] = self._tracking(partial(decode_single, surroundings=around))

    def _tracking(self, decode: Decode) -> Route:
        return Route(frozenset(("POST",)), partial(self._track, decode))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if self._fallback is not None:
                await self._fallback(scope, receive, send)
            return
        route = self.routes.get(scope["path"]) or self.routes.get(_plain(scope["path"]))
        if route is None:
            await (self._fallback or not_found)(scope, receive, send)
        elif scope["method"] not in route.methods:
            await _wrong_method(route)(send)
        else:
            await route.handle(scope, receive, send)

    async def _track(self, decode: Decode, scope: Scope, receive: Receive, send: Send) -> None:
        source = ""
        try:
            found: Source | None = None
            if user := basic_user(scope):  # who is turned away here has not had its body read
                found = self._credentials.source(user)
                source = found.name
                self._check_rate(found)
            body = await self._bodies.read(scope, receive)
            decoded = self._decoded(decode, body, found, scope)
            if found is None:
                found = self._credentials.source(text_key(decoded.write_key) or query_key(scope))
                source = found.name
                self._check_rate(found)
            await self._keep(decoded, found)
        except Disconnected:
            return
        except Refused as refused:
            answer = refused.answer
        except LogUnavailable as error:
            self._report(str(error))
            answer = unavailable("the log cannot take events now")
        except Exception as error:
            self._report(f"{type(error).__name__} while taking events", error)
            answer = unavailable("something went wrong here")
        else:
            await succeed(send)
            return
        self.counts.refused[answer.code, source] += 1
        await answer(send)

    def _decoded(self, decode: Decode, body: bytes, known: Source | None, scope: Scope) -> Decoded:
        try:
            return decode(inflated(body))
        except Refused as refused:
            # RudderStack's older mobile SDKs repeat a 400 every second for ever: their body is kept as it is.
            if (
                refused.answer.status == 400
                and known is not None
                and header(scope, b"anonymousid") is not None
            ):
                return undecodable(body)
            raise

    def _check_rate(self, source: Source) -> None:
        wait_seconds = self._rates.wait_seconds(source, self._clock.now_us())
        if wait_seconds:
            raise Refused(rate_limited(source.name, wait_seconds))

    async def _keep(self, decoded: Decoded, source: Source) -> None:
        received_us = self._received_us = max(self._clock.now_us(), self._received_us + 1)
        entries = decoded.entries(source.name, received_us)
        self._rates.take(source, len(entries), received_us)
        await self._log.append(entries)
        self.counts.accepted[source.name] += len(entries)
        self.counts.accepted_bytes[source.name] += sum([len(entry.body) for entry in entries])

    def _report(self, sentence: str, error: Exception | None = None) -> None:
        """Log a fault once a minute at most, not with every request that meets it."""
        now_us = self._clock.now_us()
        if now_us < self._reported_us.get(sentence, -MINUTE_US) + MINUTE_US:
            return
        if len(self._reported_us) >= FAULTS_REMEMBERED:
            self._reported_us.clear()
        self._reported_us[sentence] = now_us
        _log.error("%s", sentence, exc_info=error)

    async def _answer_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        await LIVE(send)

    async def _answer_ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            problems = await self._ready()
        except Exception as error:
            self._report(f"{type(error).__name__} while asking what is ready", error)
            problems = {"process": "It cannot be told what is ready."}
        if problems:
            body = msgspec.json.encode({"status": "unavailable", "problems": dict(problems)})
            await Answer(503, body)(send)
        else:
            await READY(send)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """The end of every path that nothing serves."""
    await NOT_FOUND(send)


def _plain(path: str) -> str:
    """A path without doubled and trailing slashes, which some SDKs and most proxies make."""
    return "/" + "/".join(part for part in path.split("/") if part)


def _wrong_method(route: Route) -> Answer:
    allowed = ", ".join(sorted(route.methods))
    return refusal(405, "method_not_allowed", f"use {allowed}", allow=allowed)
