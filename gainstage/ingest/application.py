"""The tracking API as an ASGI application: which path is answered by what.

No framework stands on this path: a request costs little more than its body. Everything else that the process
serves is handed in as `fallback`. Which maker's SDK calls is never asked: one answer is right for all.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from gainstage.clock import Clock
from gainstage.connection import Source
from gainstage.event import KINDS
from gainstage.ingest.answers import NOT_FOUND, SUCCESS
from gainstage.ingest.appends import Appends
from gainstage.ingest.asgi import Application, Receive, Scope, Send, header
from gainstage.ingest.browser_settings import BrowserSettings
from gainstage.ingest.clients import Clients
from gainstage.ingest.cors import preflight, readable_by
from gainstage.ingest.counts import Counts
from gainstage.ingest.credentials import Credentials
from gainstage.ingest.decoding import Decode, decode_batch, decode_single
from gainstage.ingest.front import Front
from gainstage.ingest.intake import Intake
from gainstage.ingest.oauth import TokenEndpoint
from gainstage.ingest.pressure import Pressure
from gainstage.ingest.probes import VERSION, Readiness, always_ready, health, readiness
from gainstage.ingest.routing import GET, POST, Paths, Route, varying, wrong_method
from gainstage.ingest.token_secret import TokenSecret, passing_secret
from gainstage.ingest.tokens import AccessTokens
from gainstage.log.contract import Log
from gainstage.normalise import Surroundings
from gainstage.tracing import Tracing

#: RudderStack's calls beyond Segment's kinds: kept, and explained as what no destination takes.
OTHER_KINDS = ("merge", "audiencelist")
BATCH_PATHS = ("/v1/batch", "/v1/import", "/beacon/v1/batch")
#: Where Segment's SDKs for browsers and apps send batches. The one for Swift drops what is refused with 400
#: and nothing else, so a body that is too large is told that here, and 413 everywhere else.
SEGMENT_BATCH_PATH = "/v1/b"
#: What SDKs tell about themselves.
DISCARDED_PATHS = ("/v1/m", "/rsaMetrics")
SEGMENT_PIXELS = KINDS
#: Who asks whether the process lives waits no longer than this for what else there is to say.
HEALTH_SECONDS = 1.0
RUDDER_PIXELS = ("track", "page")


def _always() -> bool:
    return True


class TrackingApi:
    """Takes what SDKs send and answers once the log has it.

    `sources` gives the configured sources by name; a changed configuration is a new mapping. While `complete`
    says no, one of them cannot be read and an unknown key may be its. `fallback` serves every path that is
    not in `routes`. `token_secret` signs access tokens; by default they end with the process. While
    `pressure` is too high senders are asked to wait. `appends` is told what comes of every append.
    """

    def __init__(
        self,
        log: Log,
        clock: Clock,
        sources: Callable[[], Mapping[str, Source]],
        *,
        complete: Callable[[], bool] = _always,
        front: Front | None = None,
        counts: Counts | None = None,
        ready: Readiness = always_ready,
        fallback: Application | None = None,
        token_secret: TokenSecret | None = None,
        pressure: Pressure | None = None,
        tracing: Tracing | None = None,
        appends: Appends | None = None,
    ) -> None:
        front = front or Front()
        self.counts = counts or Counts()
        self._ready = ready
        self._fallback = fallback
        credentials = Credentials(sources, complete, self.counts.old_keys)
        clients = Clients(sources)
        tokens = AccessTokens(clients, clock, token_secret or passing_secret())
        self._intake = Intake(
            log,
            clock,
            credentials,
            tokens,
            self.counts,
            front.proxies,
            pressure or Pressure(),
            tracing or Tracing(),
            appends or Appends(),
        )
        self._tokens = TokenEndpoint(
            clients, tokens, complete, front.public_address, clock, self.counts, self._intake.report
        )
        self._settings = BrowserSettings(credentials, front.public_address, clock, self._intake.refusal)
        self._script = front.analytics_js
        #: Every path of the tracking API. A part that varies is written `{name}`.
        self.routes: dict[str, Route] = {**self._event_routes(), **self._other_routes()}
        self._paths = Paths(self.routes, front.public_address.prefix if front.public_address else "")

    def _event_routes(self) -> dict[str, Route]:
        routes = {path: self._tracking(decode_batch) for path in BATCH_PATHS}
        routes[SEGMENT_BATCH_PATH] = self._tracking(decode_batch, too_large_status=400)
        for kind in (*KINDS, *OTHER_KINDS):
            around = Surroundings(type=kind).encoded()
            single = self._tracking(partial(decode_single, surroundings=around))
            routes[f"/v1/{kind}"] = single
            if kind in KINDS:
                routes[f"/v1/{kind[0]}"] = single
        for kind in SEGMENT_PIXELS:
            routes[f"/v1/pixel/{kind}"] = self._pixel(Surroundings(type=kind))
        for kind in RUDDER_PIXELS:
            around_it = Surroundings(type=kind, channel="web", integrations={"All": True})
            routes[f"/pixel/v1/{kind}"] = self._pixel(around_it)
        return routes

    def _other_routes(self) -> dict[str, Route]:
        settings = self._settings
        routes = {path: Route(POST, _discard, shared=True) for path in DISCARDED_PATHS}
        return routes | {
            "/v1/projects/{writeKey}/settings": Route(GET, settings.answer_segment, shared=True),
            "/token": Route(POST, self._tokens.answer),
            "/sourceConfig": Route(GET, settings.answer_rudder, shared=True),
            "/analytics.js/v1/{writeKey}/analytics.min.js": Route(GET, self._answer_script, shared=True),
            "/analytics-next/bundles/{name}": Route(GET, self._answer_script_part, shared=True),
            "/health": Route(GET, self._answer_health),
            "/ready": Route(GET, self._answer_ready),
            "/version": Route(GET, _answer_version),
        }

    def _tracking(self, decode: Decode, *, too_large_status: int = 413) -> Route:
        return Route(POST, partial(self._intake.track, decode, too_large_status), shared=True)

    def _pixel(self, surroundings: Surroundings) -> Route:
        return Route(GET, partial(self._intake.show_pixel, surroundings.encoded()), shared=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if self._fallback is not None:
                await self._fallback(scope, receive, send)
            return
        route = self.routes.get(scope["path"]) or self._paths.find(scope)
        if route is None:
            await (self._fallback or not_found)(self._paths.inside(scope), receive, send)
        elif scope["method"] in route.methods:
            await route.handle(scope, receive, send)
        elif not route.shared:
            await wrong_method(route)(send)
        elif scope["method"] == "OPTIONS":
            await preflight(scope, route.methods)(send)
        else:
            await wrong_method(route)(send, readable_by(header(scope, b"origin")))

    async def _answer_script(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._script.script(scope)(send, readable_by(header(scope, b"origin")))

    async def _answer_script_part(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._script.part(varying(scope, "name"), scope)
        await answer(send, readable_by(header(scope, b"origin")))

    async def _answer_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            problems = await asyncio.wait_for(self._problems(), HEALTH_SECONDS)
        except TimeoutError:  # a disk that hangs: the process is alive all the same
            problems = {"log": "The log does not answer in time."}
        await health(problems)(send)

    async def _answer_ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        await readiness(await self._problems())(send)

    async def _problems(self) -> Mapping[str, str]:
        try:
            return await self._ready()
        except Exception as error:
            self._intake.report("readiness_failed", error, reason=type(error).__name__)
            return {"process": "It cannot be told what is ready."}


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """The end of every path that nothing serves."""
    await NOT_FOUND(send)


async def _discard(scope: Scope, receive: Receive, send: Send) -> None:
    """Yes to what SDKs tell about themselves; nobody reads it."""
    await SUCCESS(send, readable_by(header(scope, b"origin")))


async def _answer_version(scope: Scope, receive: Receive, send: Send) -> None:
    await VERSION(send)
