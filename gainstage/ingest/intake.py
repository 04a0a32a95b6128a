"""From a request to the log: who sends, whether it may, what it brings, and what to answer if that fails."""

import logging

from gainstage.clock import MINUTE_US, SECOND_US, Clock
from gainstage.connection import Source
from gainstage.ingest.answers import (
    ORIGIN_NOT_ALLOWED,
    SECRET_WRITE_KEY,
    SOURCE_DISABLED,
    SUCCESS,
    Answer,
    Refused,
    rate_limited,
    succeed,
    unavailable,
)
from gainstage.ingest.appends import Appends
from gainstage.ingest.asgi import Receive, RequestHeaders, Scope, Send
from gainstage.ingest.body import BodyReader, Disconnected, inflated
from gainstage.ingest.cors import readable_by
from gainstage.ingest.counts import Counts
from gainstage.ingest.credentials import Credentials, basic_user, query_key, text_key
from gainstage.ingest.decoding import Decode, Decoded, undecodable
from gainstage.ingest.pixel import GIF, decode_pixel
from gainstage.ingest.pressure import Pressure
from gainstage.ingest.proxies import Proxies
from gainstage.ingest.rate import RateLimits
from gainstage.ingest.token_secret import SecretUnavailable
from gainstage.ingest.tokens import AccessTokens
from gainstage.log.contract import Log, LogUnavailable
from gainstage.meter import DISK_BOUNDS
from gainstage.tracing import Attributes, TraceId, Tracing

FAULTS_REMEMBERED = 100

_log = logging.getLogger("gainstage.ingest")


class Intake:
    """Takes events and answers once the log has them."""

    def __init__(
        self,
        log: Log,
        clock: Clock,
        credentials: Credentials,
        tokens: AccessTokens,
        counts: Counts,
        proxies: Proxies,
        pressure: Pressure,
        tracing: Tracing,
        appends: Appends,
    ) -> None:
        self._log = log
        self._clock = clock
        self._credentials = credentials
        self._tokens = tokens
        self._counts = counts
        self._proxies = proxies
        self._pressure = pressure
        self._tracing = tracing
        self._appends = appends
        self._rates = RateLimits()
        self._bodies = BodyReader()
        self._received_us = 0
        self._reported_us: dict[tuple[str, ...], int] = {}

    async def track(
        self, decode: Decode, too_large_status: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a request whose body holds events."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        source: Source | None = None
        try:
            if user := basic_user(headers):  # who is turned away here has not had its body read
                source = self._credentials.source(user)
                self._admit(source, origin, headers)
            body = await self._bodies.read(headers, receive)
            decoded = self._decoded(decode, body, source, headers)
            if source is None:
                source = self._source_in(decoded, scope)
                self._admit(source, origin, headers)
            await self._keep(decoded, source, scope)
        except Disconnected:
            return
        except Exception as error:
            answer = self.refusal(error, source)
            if answer.status == 413:
                answer = answer.with_status(too_large_status)
        else:
            if origin is None:
                await succeed(send)
                return
            answer = SUCCESS
        await answer(send, readable_by(origin))

    async def show_pixel(self, surroundings: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose query holds an event: with the image, whatever became of the event."""
        source: Source | None = None
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        try:
            if scope["method"] == "GET":
                decoded = decode_pixel(scope.get("query_string", b""), surroundings)
                source = self._credentials.public_source(text_key(decoded.write_key))
                self._admit(source, origin, headers)
                await self._keep(decoded, source, scope)
        except Exception as error:
            self.refusal(error, source)
        await GIF(send, readable_by(origin))

    def refusal(self, error: Exception, source: Source | None) -> Answer:
        """The answer to a request that this ended, counted; what is our fault is logged."""
        if isinstance(error, Refused):
            answer = error.answer
        elif isinstance(error, LogUnavailable):
            self.report("log_unavailable", problem=str(error))
            answer = unavailable("the log cannot take events now")
        elif isinstance(error, SecretUnavailable):
            self.report("token_secret_unavailable", problem=str(error))
            answer = unavailable("tokens cannot be checked now")
        else:
            self.report("request_failed", error, reason=type(error).__name__)
            answer = unavailable("something went wrong here")
        name = source.name if source else ""
        self._counts.refused[answer.code, name] += 1
        _log.debug("request_refused", extra={"code": answer.code, "source": name})
        return answer

    def report(self, event: str, error: Exception | None = None, **fields: str) -> None:
        """Log a fault once a minute at most, not with every request that meets it."""
        now_us, fault = self._clock.now_us(), (event, *fields.values())
        if now_us < self._reported_us.get(fault, -MINUTE_US) + MINUTE_US:
            return
        if len(self._reported_us) >= FAULTS_REMEMBERED:
            self._reported_us.clear()
        self._reported_us[fault] = now_us
        _log.error(event, extra=fields, exc_info=error)

    def _decoded(self, decode: Decode, body: bytes, known: Source | None, headers: RequestHeaders) -> Decoded:
        try:
            return decode(inflated(body))
        except Refused as refused:
            # RudderStack's older mobile SDKs repeat a 400 every second for ever: their body is kept as it is.
            if refused.answer.status == 400 and known is not None and b"anonymousid" in headers:
                return undecodable(body)
            raise

    def _source_in(self, decoded: Decoded, scope: Scope) -> Source:
        if key := text_key(decoded.write_key):
            return self._credentials.source(key)
        return self._credentials.public_source(query_key(scope))

    def _admit(self, source: Source, origin: bytes | None, headers: RequestHeaders) -> None:
        """Let a source pass, or say why it may not send now."""
        if origin is not None:
            check_origin(source, origin)
        if source.oauth is not None:
            self._tokens.check(source.oauth, headers)
        if not source.enabled:
            raise Refused(SOURCE_DISABLED)
        if self._pressure.refusal is not None:
            raise Refused(self._pressure.refusal)
        if source.rate_limit is not None:
            wait_seconds = self._rates.wait_seconds(source, self._clock.now_us())
            if wait_seconds:
                raise Refused(rate_limited(source.name, wait_seconds))

    async def _keep(self, decoded: Decoded, source: Source, scope: Scope) -> None:
        if self._proxies and (ip := self._proxies.client(scope)):
            decoded.note_address(ip, client_side=source.kind != "server")
        received_us = self._received_us = max(self._clock.now_us(), self._received_us + 1)
        entries = decoded.entries(source.name, received_us)
        if source.rate_limit is not None:
            self._rates.take(source, len(entries), received_us)
        try:
            await self._log.append(entries)
        except LogUnavailable as error:
            self._appends.failed(str(error))
            raise
        if entries:
            self._appends.succeeded()
        kept_us = self._clock.now_us()
        self._counts.meter.observe("append", DISK_BOUNDS, (kept_us - received_us) / SECOND_US)
        if (spans := self._tracing.spans) is not None:
            about: Attributes = {"gainstage.source": source.name, "gainstage.batch": len(entries)}
            for entry in entries:
                event = TraceId.of(entry.received_us, entry.place)
                spans.add(event, "accept", about, received_us, kept_us, root=True)
        self._counts.accepted[source.name] += len(entries)
        self._counts.accepted_bytes[source.name] += sum([len(entry.body) for entry in entries])


def check_origin(source: Source, origin: bytes) -> None:
    """Whether a page of this origin may use this source.

    Raises:
        Refused: the key is a server's, which no page should know, or the source names other origins.
    """
    if source.kind == "server":
        raise Refused(SECRET_WRITE_KEY)
    if source.origins and origin.decode("latin-1") not in source.origins:
        raise Refused(ORIGIN_NOT_ALLOWED)
