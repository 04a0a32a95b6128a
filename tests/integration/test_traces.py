"""An event's path as a trace at a real collector: spans of both processes, and nothing of anybody in them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gainstage.app.spans import OpenTelemetry
from gainstage.operating import Traces
from gainstage.tracing import TraceId
from gainstage_sandbox import Running
from tests.integration.conftest import MakeWorld
from tests.world import SECRETS, WRITE_KEY, configured, cs, wait_for

KEY = "key-of-the-collector"


class Collector:
    """Takes spans by OTLP over HTTP, or sends them on to another address."""

    def __init__(self, status: int = 200, location: str = "") -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces" and self.headers["x-key"] == KEY
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                collector.bodies.append(b"GET")
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[Any]:
        """Every span, with the process that made it."""
        found = []
        for body in tuple(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = attributes(resource.resource)["service.name"]
                found += [(service, span) for scope in resource.scope_spans for span in scope.spans]
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def attributes(of: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_an_events_path_is_one_trace_across_processes_without_anybodys_data(
    make_world: MakeWorld, sandbox: Running, collector: Collector
) -> None:
    configuration = configured(cs(sandbox.url))
    configuration["traces"] = {"endpoint": collector.url, "headers": {"x-key": KEY}}
    world = make_world(configuration)
    world.start()
    who = {"userId": "person-id-1", "traits": {"email": "ann.lee@person.example", "name": "Secretname"}}
    world.take(
        {"type": "identify", "messageId": "private-message-id", **who}, {"type": "track", "event": "x"}
    )
    wait_for(lambda: {span.name for _, span in collector.spans()} == {"accept", "route", "deliver"})
    world.stop()
    delivered = {span.trace_id for _, span in collector.spans() if span.name == "deliver"}
    (trace_id,) = delivered
    spans = {span.name: (service, span) for service, span in collector.spans() if span.trace_id == trace_id}
    assert {name: service for name, (service, _) in spans.items()} == {
        "accept": "gainstage-tracking", "route": "gainstage-delivery", "deliver": "gainstage-delivery",
    }  # fmt: skip
    root = spans["accept"][1]
    assert not root.parent_span_id
    assert {spans[name][1].parent_span_id for name in ("route", "deliver")} == {root.span_id}
    assert attributes(root) == {"gainstage.source": "site", "gainstage.batch": 2}
    assert attributes(spans["route"][1]) == {
        "gainstage.source": "site", "gainstage.kind": "identify", "gainstage.outcome.cs": "pending",
    }  # fmt: skip
    assert attributes(spans["deliver"][1]) == {
        "gainstage.destination": "cs", "gainstage.object": "person", "gainstage.outcome": "delivered",
        "gainstage.code": "", "http.response.status_code": 200,
    }  # fmt: skip
    assert len([span for _, span in collector.spans() if span.name == "accept"]) == 2
    for private in ("person-id-1", "ann.lee", "Secretname", "private-message-id", WRITE_KEY, *SECRETS):
        assert all(private.encode() not in body for body in collector.bodies), private


def test_a_collector_that_is_away_keeps_nothing_from_its_way(make_world: MakeWorld, sandbox: Running) -> None:
    configuration = configured(cs(sandbox.url))
    configuration["traces"] = {"endpoint": "http://127.0.0.1:9"}
    world = make_world(configuration)
    world.start()
    who = {"userId": "u1", "traits": {"email": "ann.lee@person.example"}}
    world.take({"type": "identify", **who})
    wait_for(lambda: world.counts("cs")["delivered"] == 1)
    world.stop()
    assert "Traceback" not in world.said()
    assert "ann.lee" not in world.said()


def test_a_collector_in_a_private_network_is_named_once_and_keeps_nothing_from_its_way(
    make_world: MakeWorld, sandbox: Running
) -> None:
    configuration = configured(cs(sandbox.url))
    configuration["traces"] = {"endpoint": "https://10.255.255.1:4318", "headers": {"x-key": KEY}}
    world = make_world(configuration)
    world.environment = {"NO_PROXY": "*"}  # where a proxy leads is the proxy's to watch
    world.start()
    for number in range(3):
        world.take({"type": "identify", "userId": "u1", "traits": {"email": "ann.lee@person.example"}})
        wait_for(lambda number=number: world.counts("cs")["delivered"] == number + 1)  # type: ignore[misc]
    wait_for(lambda: world.said().count("traces_refused") == 2, what="a line of each process that traces")
    world.stop()
    assert world.said().count("traces_refused") == 2
    assert world.said().count("GAINSTAGE_ALLOWED_NETWORKS") >= 2
    assert "Traceback" not in world.said() and KEY not in world.said()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_collector_that_sends_spans_elsewhere_is_not_followed(status: int) -> None:
    """The key of the collector is for the collector."""
    other = Collector()
    first = Collector(status, f"http://localhost:{other.url.rpartition(':')[2]}/v1/traces")
    spans = OpenTelemetry(Traces(f"{first.url}/v1/traces", {"x-key": KEY}), "tracking")
    spans.add(TraceId.of(1, 0), "accept", {}, 1, 2, root=True)
    spans.close()
    first.close()
    other.close()
    assert len(first.bodies) == 1 and not other.bodies
