"""Spans for a collector, by OpenTelemetry's SDK, where it is installed and somebody asked for traces.

The SDK gathers them in a bounded queue and sends them from a thread of its own: a collector that is away
costs spans and nothing else.
"""

import os
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import structlog

from gainstage import __version__
from gainstage.delivery.addresses import allowed_networks
from gainstage.operating import Traces
from gainstage.tracing import Attributes, Spans, TraceId, Tracing

SEND_EVERY_MILLISECONDS = 1_000
SEND_SECONDS = 5.0
#: How long a process that ends waits for its last spans.
CLOSE_SECONDS = 2.0

logger = structlog.get_logger(__name__)


def follow_traces(tracing: Tracing, role: str) -> Callable[[Traces | None], None]:
    """What puts a configuration's `traces` in force; `role` names the process in them."""
    now: Traces | None = None

    def change(wanted: Traces | None) -> None:
        nonlocal now
        if wanted == now:
            return
        now, before = wanted, tracing.spans
        tracing.spans = _opened(wanted, role) if wanted is not None else None
        if before is not None:
            threading.Thread(target=before.close, daemon=True).start()

    return change


def _opened(traces: Traces, role: str) -> Spans | None:
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        remedy = "Install gainstage with its extra `traces`: pip install 'gainstage[traces]'."
        logger.warning("traces_unavailable", remedy=remedy)
        return None
    return OpenTelemetry(traces, role)


class OpenTelemetry:
    """Makes spans with the ids that every process derives from the event. The collector is where calls to
    vendors may go, too: in no private network but those that the environment allows.

    Raises:
        UsageError: the environment names no networks where it should.
    """

    def __init__(self, traces: Traces, role: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        from gainstage.app.collector import session_of

        self._percent, self._problem = traces.sample_percent, ""
        self._ids = _ids()
        resource = Resource.create({"service.name": f"gainstage-{role}", "service.version": __version__})
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(
            traces.endpoint,
            headers=dict(traces.headers),
            timeout=SEND_SECONDS,
            session=session_of(allowed_networks(os.environ), self._refused),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=SEND_EVERY_MILLISECONDS)
        )
        self._tracer = self._provider.get_tracer("gainstage", __version__)

    def _refused(self, problem: str) -> None:
        """Say once why nothing is sent."""
        if problem != self._problem:
            self._problem = problem
            logger.warning("traces_refused", problem=problem)

    def wants(self, event: TraceId) -> bool:
        return event.is_sampled(self._percent)

    def add(
        self,
        event: TraceId,
        name: str,
        attributes: Attributes,
        from_us: int,
        to_us: int,
        *,
        root: bool = False,
    ) -> None:
        from opentelemetry import trace

        if not self.wants(event):
            return
        if root:
            self._ids.given = event
            context = trace.set_span_in_context(trace.INVALID_SPAN)
        else:
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            parent = trace.SpanContext(event.trace, event.root, is_remote=True, trace_flags=flags)
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        span = self._tracer.start_span(
            name, context=context, attributes=dict(attributes), start_time=from_us * 1_000
        )
        span.end(max(from_us, to_us) * 1_000)
        self._ids.given = None

    def close(self) -> None:
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Random ids, but for the first span of an event."""

        given: TraceId | None = None

        def generate_trace_id(self) -> int:
            return self.given.trace if self.given is not None else super().generate_trace_id()

        def generate_span_id(self) -> int:
            return self.given.root if self.given is not None else super().generate_span_id()

    return Ids()
