"""Spans go to no collector in a private network that is not allowed."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from gainstage.app.collector import PrivateNetwork, session_of
from gainstage.app.spans import OpenTelemetry
from gainstage.delivery.addresses import VARIABLE, allowed_networks
from gainstage.operating import Traces
from gainstage.tracing import TraceId

TRACES = "/v1/traces"


class Dialled:
    """Says which addresses were connected to, and ends every connection at once."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []

    def __call__(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        self.addresses.append(address)
        raise OSError("nobody is there")


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialled]:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Dialled()
    monkeypatch.setattr("urllib3.util.connection.create_connection", made)
    yield made


def send(url: str, allowed: str = "") -> None:
    with session_of(allowed_networks({VARIABLE: allowed}), lambda problem: None) as session:
        session.post(url, b"spans", timeout=2)


def named(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Have every name lead to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254", "https://10.0.0.1:4318", "http://[fd00::1]:4318", "https://[::]"]
)
def test_a_collector_in_a_private_network_is_not_connected_to(url: str, dialled: Dialled) -> None:
    with pytest.raises(PrivateNetwork, match=rf"in a private network: correct `traces.endpoint`.*{VARIABLE}"):
        send(url + TRACES)
    assert not dialled.addresses


def test_a_name_that_leads_into_a_private_network_is_not_connected_to(
    dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(PrivateNetwork, match=r"collector\.example leads to 10\.0\.0\.1"):
        send(f"https://collector.example{TRACES}")
    assert not dialled.addresses


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:4318", ""),
        ("http://localhost:4318", ""),
        ("https://8.8.8.8:4318", ""),
        ("https://10.1.2.3:4318", "10.1.0.0/16"),
    ],
)
def test_this_machine_the_internet_and_networks_that_are_allowed_are_connected_to(
    url: str, allowed: str, dialled: Dialled
) -> None:
    with pytest.raises(requests.ConnectionError):
        send(url + TRACES, allowed)
    assert {port for _, port in dialled.addresses} == {4318}


def test_a_collector_that_changes_its_mind_hears_nothing(
    dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It led to the internet when it was looked up, and to a private address when it was connected."""

    class Socket:
        closed, heard = False, b""

        def getpeername(self) -> tuple[str, int]:
            return ("192.168.1.1", 443)

        def sendall(self, data: bytes) -> None:
            self.heard += data

        def close(self) -> None:
            self.closed = True

    met = Socket()
    named(monkeypatch, "8.8.8.8")
    monkeypatch.setattr("urllib3.util.connection.create_connection", lambda *_, **__: met)
    for scheme in ("http", "https"):
        met.closed = False
        with pytest.raises(PrivateNetwork, match=r"leads to 192\.168\.1\.1"):
            send(f"{scheme}://collector.example{TRACES}")
        assert met.closed and not met.heard


def test_where_a_proxy_leads_is_the_proxys_to_watch(
    dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.8:3128")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(requests.ConnectionError):
        send(f"https://collector.example{TRACES}")
    assert set(dialled.addresses) == {("10.0.0.8", 3128)}


def test_spans_that_are_not_sent_for_it_are_told_of_once_with_what_to_do(
    dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    spans = OpenTelemetry(Traces(f"https://10.0.0.1:4318{TRACES}", {"x-key": "secret"}), "tracking")
    now_us = time.time_ns() // 1_000
    with capture_logs() as said:
        for place in range(2):
            spans.add(TraceId.of(now_us, place), "accept", {}, now_us, now_us + 1, root=True)
            spans._provider.force_flush()
    spans.close()
    (line,) = [one for one in said if one["event"] == "traces_refused"]
    assert line["log_level"] == "warning" and VARIABLE in line["problem"] and "10.0.0.1" in line["problem"]
    assert "secret" not in str(said) and not dialled.addresses
