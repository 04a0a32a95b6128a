"""Calls over real sockets: what is told apart when they fail, and which connections they use."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gainstage.delivery.call import ANSWER_BYTES
from gainstage.delivery.transport import HttpTransport
from gainstage.destination import CallFailed, Request, Response

pytestmark = pytest.mark.anyio

Talk = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Said: Yes\r\n\r\n{}"


class Vendor:
    """A server that answers every request as it is told, and remembers connections and requests."""

    def __init__(self, talk: Talk) -> None:
        self.talk, self.connections = talk, 0
        self.heads: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                self.heads.append(head)
                await self.talk(await reader.readexactly(length), reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def vendor(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[Vendor]:
    made = Vendor(talk)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.url = f"{'https' if context else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


async def says_yes(body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(YES)


def saying(answer: bytes) -> Talk:
    async def talk(body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    return talk


async def ask(url: str, transport: HttpTransport | None = None, body: bytes = b"{}") -> Response:
    made = transport or HttpTransport(call_seconds=2)
    try:
        return await made.send(Request("PUT", url, {"Accesskey": "k"}, body))
    finally:
        if transport is None:
            await made.close()


async def failure(url: str, **options: float) -> CallFailed:
    transport = HttpTransport(call_seconds=options.get("seconds", 2))
    with pytest.raises(CallFailed) as failed:
        await ask(url, transport)
    await transport.close()
    return failed.value


async def test_an_answer_comes_with_its_status_headers_and_body() -> None:
    async with vendor(says_yes) as there:
        answer = await ask(f"{there.url}/v1/a?b=c")
        assert (answer.status, answer.headers["x-said"], answer.body) == (200, "Yes", b"{}")
        (head,) = there.heads
        assert head.startswith(b"PUT /v1/a?b=c HTTP/1.1\r\n")
        assert b"\r\nAccesskey: k\r\n" in head and b"\r\nContent-Length: 2\r\n" in head


async def test_connections_are_kept_and_one_that_the_vendor_closed_is_not_used_again() -> None:
    closing = [False, True, False]

    async def talk(body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(YES)
        if closing.pop(0):
            await writer.drain()
            writer.close()

    async with vendor(talk) as there:
        transport = HttpTransport(call_seconds=2)
        await ask(there.url, transport)
        await ask(there.url, transport)
        assert there.connections == 1
        await asyncio.sleep(0.05)  # the end of the connection is on its way
        assert (await ask(there.url, transport)).status == 200
        assert there.connections == 2
        await transport.close()


async def test_no_redirect_is_followed() -> None:
    there_url = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with vendor(saying(there_url)) as there:
        answer = await ask(there.url)
        assert (answer.status, answer.headers["location"], len(there.heads)) == (302, "/elsewhere", 1)


async def test_a_call_that_cannot_have_arrived_is_told_from_one_that_may() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    refused = await failure(f"http://127.0.0.1:{port}/")
    assert (refused.code, refused.sent) == ("unreachable", False)
    assert "127.0.0.1 cannot be reached" in refused.detail
    async with vendor(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{")) as there:
        cut = await failure(there.url)
        assert (cut.code, cut.sent) == ("unreachable", True)
    async with vendor(saying(b"no HTTP at all\r\n\r\n")) as there:
        nonsense = await failure(there.url)
        assert (nonsense.code, nonsense.sent) == ("unreachable", True)


async def test_a_call_ends_at_its_time_limit_however_slowly_the_answer_drips() -> None:
    async def drip(body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1_000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with vendor(drip) as there:
        late = await failure(there.url, seconds=0.4)
        assert (late.code, late.sent, late.detail) == ("timeout", True, "No answer within 0.4 s.")


async def test_more_than_eight_megabytes_are_not_read() -> None:
    size = ANSWER_BYTES + 1
    async with vendor(saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b" " * size)) as there:
        large = await failure(there.url)
        assert (large.code, large.sent) == ("answer_unreadable", True)


async def test_an_address_that_is_none_is_not_called() -> None:
    none = await failure("ftp://127.0.0.1/")
    assert (none.code, none.sent) == ("unreachable", False)


async def test_a_vendor_that_does_not_finish_the_handshake_was_sent_nothing() -> None:
    async with vendor(says_yes) as there:  # waits for the end of a head that does not come
        silent = await failure(there.url.replace("http:", "https:"), seconds=0.6)
        assert (silent.code, silent.sent, there.heads) == ("unreachable", False, [])


async def test_calls_without_tls_load_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", None)
    async with vendor(says_yes) as there:
        assert (await ask(there.url)).status == 200


async def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "certificate.pem"))
    async with vendor(says_yes, context) as there:
        untrusted = await failure(there.url)
        assert (untrusted.code, untrusted.sent, there.heads) == ("unreachable", False, [])


def self_signed(path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
        )
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


@pytest.mark.parametrize(
    ("names", "proxied"),
    [
        (("HTTP_PROXY",), True),
        (("ALL_PROXY",), True),
        (("HTTPS_PROXY",), False),
        (("HTTP_PROXY", "NO_PROXY"), False),
    ],
)
async def test_proxies_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], proxied: bool
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    async with vendor(says_yes) as proxy, vendor(says_yes) as there:
        for name in names:
            address = proxy.url.replace("http://", "http://ann:pass%20word@")
            monkeypatch.setenv(name, "127.0.0.1" if name == "NO_PROXY" else address)
        assert (await ask(f"{there.url}/x")).status == 200
        assert (len(proxy.heads), len(there.heads)) == ((1, 0) if proxied else (0, 1))
        if proxied:
            assert proxy.heads[0].startswith(f"PUT {there.url}/x HTTP/1.1".encode())
            assert b"Proxy-Authorization: Basic YW5uOnBhc3Mgd29yZA==" in proxy.heads[0]
