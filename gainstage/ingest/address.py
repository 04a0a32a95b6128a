"""Where SDKs reach this server: what the settings that browsers and apps fetch must tell them."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from gainstage.errors import UsageError
from gainstage.ingest.asgi import Scope, header

_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class Address(NamedTuple):
    """Scheme, host with its port, and the path before `/v1`, which may be empty."""

    scheme: str
    host: str
    prefix: str = ""


def public_address(text: str) -> Address:
    """The address that an operator names.

    Raises:
        UsageError: it is none that SDKs could be told.
    """
    wrong = UsageError(
        f"{text!r} is no address for SDKs: write --public-url https://events.acme.com, "
        "with a path behind it if the proxy has one."
    )
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:
        raise wrong from None
    prefix = "/".join(part for part in parts.path.split("/") if part)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        raise wrong
    if parts.query or parts.fragment or prefix.endswith("v1"):
        raise wrong
    return Address(parts.scheme, parts.netloc, f"/{prefix}" if prefix else "")


def address_asked(scope: Scope) -> Address:
    """How whoever asks has reached us.

    What proxies add is believed from anybody: it changes only the answer to the one who said it, and that
    answer is not for shared caches.
    """
    scheme = _first(header(scope, b"x-forwarded-proto")).lower()
    host = _first(header(scope, b"x-forwarded-host"))
    if not _HOST.fullmatch(host):
        host = _first(header(scope, b"host"))
    if not _HOST.fullmatch(host):
        name, port = scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else str(name)
    return Address(scheme if scheme == "https" else "http", host)


def _first(value: bytes | None) -> str:
    """The first of a list: what the outermost proxy said."""
    return (value or b"").decode("latin-1").partition(",")[0].strip()
