"""Which addresses calls may go to."""

import socket
from ipaddress import ip_network
from typing import Any

import pytest

from gainstage.delivery import transport as transports
from gainstage.delivery.addresses import VARIABLE, allowed_networks, may_be_called
from gainstage.delivery.connections import GuardedBackend
from gainstage.delivery.transport import HttpTransport
from gainstage.destination import CallFailed, Request
from gainstage.errors import UsageError

PRIVATE = (
    "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "fd00::1", "fe80::1%eth0", "::", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe",
    "2002:0a00:0001::1", "fec0::1",
)  # fmt: skip
OTHERS = ("8.8.8.8", "2600::1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::808:808")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_called_unless_their_network_is_allowed(address: str) -> None:
    assert not may_be_called(address)
    assert may_be_called(address, (ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.mark.parametrize("address", OTHERS)
def test_the_internet_and_this_machine_are_called(address: str) -> None:
    assert may_be_called(address)


def test_networks_are_read_from_the_environment() -> None:
    allowed = allowed_networks({VARIABLE: "10.1.2.3/16, fd00::/8 192.168.1.7"})
    assert [str(network) for network in allowed] == ["10.1.0.0/16", "fd00::/8", "192.168.1.7/32"]
    assert may_be_called("10.1.9.9", allowed) and not may_be_called("10.2.0.1", allowed)
    assert allowed_networks({}) == ()


def test_what_is_no_network_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "10.0.0.0/8,office")
    with pytest.raises(UsageError, match=rf"{VARIABLE} holds 'office', which is no network: write"):
        HttpTransport()


async def call(url: str) -> str:
    """Why a call was not made."""
    transport = HttpTransport(call_seconds=2)
    try:
        with pytest.raises(CallFailed) as failed:
            await transport.send(Request("PUT", url, {"Accesskey": "k"}, b"{}"))
    finally:
        await transport.close()
    assert not failed.value.sent
    return failed.value.detail


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest", "https://10.0.0.1:8443/", "http://[fd00::1]/"]
)
async def test_a_call_into_a_private_network_is_not_begun(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connected(*_: Any, **__: Any) -> None:
        raise AssertionError("it was connected")

    monkeypatch.setattr("httpcore2.AnyIOBackend.connect_tcp", connected)
    told = await call(url)
    assert "in a private network: correct the setting, or allow the network" in told and VARIABLE in told


async def test_a_name_that_leads_into_a_private_network_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All its addresses are looked at: a connection might take any of them."""

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert "rebound.example leads to 10.0.0.1" in await call("https://rebound.example/")


async def test_a_name_that_changes_its_mind_hears_nothing() -> None:
    """It led to the internet when it was looked up, and to a private address when it was connected."""

    class Stream:
        closed = False

        def get_extra_info(self, name: str) -> tuple[str, int]:
            assert name == "server_addr"
            return ("192.168.1.1", 443)

        async def aclose(self) -> None:
            self.closed = True

    stream = Stream()

    async def connected(*_: Any, **__: Any) -> Stream:
        return stream

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("gainstage.delivery.connections.QuickBackend.connect_tcp", connected)
        with pytest.raises(CallFailed, match=r"leads to 192\.168\.1\.1"):
            await GuardedBackend(()).connect_tcp("does-not-exist.invalid", 443, 0.5)
    assert stream.closed


def test_where_a_proxy_leads_is_the_proxys_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies stand in private networks; whoever runs this names them."""
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.8:3128")
    monkeypatch.setattr(transports, "proxy_bypass", lambda host: False)
    pool = HttpTransport()._pool("https://acme.gainsightcloud.com/")
    assert not isinstance(pool._network_backend, GuardedBackend)
